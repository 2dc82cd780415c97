//! `mail()`, as a function and as a plugin: arguments, message, delivery.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder};
use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Error, Stop, Type};
use vql::value::{Row, Value, convert};

use super::dial::Dialler;
use super::secrets::Given;
use super::smtp::{self, Delivery};
use super::task;
use super::tls::Trust;
use crate::accessor::reason;

const TO: usize = 0;
const FROM: usize = 1;
const CC: usize = 2;
const SUBJECT: usize = 3;
const BODY: usize = 4;
const PERIOD: usize = 5;
const SERVER_PORT: usize = 6;
const SERVER: usize = 7;
const AUTH_USERNAME: usize = 8;
const AUTH_PASSWORD: usize = 9;
const SKIP_VERIFY: usize = 10;
const ROOT_CA: usize = 11;
const SECRET: usize = 12;
const HEADERS: usize = 13;

/// Where mail programs hand messages in.
const SUBMISSION: u16 = 587;

/// The arguments of both.
pub const ARGS: &[Arg] = &[
    Arg::required("to", Type::StrList, "Who gets it."),
    Arg::optional(
        "from",
        Type::Str,
        "Who sends it, written in back-ticks as it is a word of the language; the user of the server by default.",
    ),
    Arg::optional("cc", Type::StrList, "Who gets a copy."),
    Arg::optional("subject", Type::Str, "The subject."),
    Arg::required("body", Type::Str, "The text."),
    Arg::optional("period", Type::Int, "Seconds before this program may send another mail from here.")
        .with_default("60"),
    Arg::optional("server_port", Type::Uint, "The port of the server; 465 is encrypted from the start.")
        .with_default("587"),
    Arg::optional("server", Type::Str, "The mail server."),
    Arg::optional("auth_username", Type::Str, "Who to log in as."),
    Arg::optional("auth_password", Type::Str, "The password."),
    Arg::optional("skip_verify", Type::Bool, "Accept any certificate."),
    Arg::optional("root_ca", Type::Str, "PEM certificates to trust besides."),
    Arg::optional("secret", Type::Str, "The managed secret, of type 'SMTP Creds', to use."),
    Arg::optional("headers", Type::Dict, "Further headers, such as Content-Type."),
];

/// What a mail that was sent looks like.
pub const COLUMNS: &[&str] = &["To", "CC", "Subject", "Body", "ErrorStatus"];

/// When mails of a program were last sent, by subject and receivers.
#[derive(Default)]
struct Sent(Mutex<HashMap<String, Instant>>);

impl Sent {
    /// Whether such a mail may be sent again; counts it as sent if so.
    fn is_due(&self, key: String, period: Duration) -> bool {
        let mut sent = self.0.lock();
        sent.retain(|_, at| at.elapsed() < Duration::from_secs(86_400));
        if sent.get(&key).is_some_and(|at| at.elapsed() < period) {
            return false;
        }
        sent.insert(key, Instant::now());
        true
    }
}

/// Sends the mail of a call; what was sent, as cells of [`COLUMNS`].
pub fn send(args: &Args<'_>) -> Result<Vec<Value>, Error> {
    let given = Given::read(args, "SMTP Creds", SECRET)?;
    let (delivery, cells) = delivery(args, &given)?;
    let period = Duration::from_secs(args.uint(PERIOD, 60)?);
    let key = format!("{:?} {}", delivery.to, args.string(SUBJECT)?);
    if !args.scope.kept::<Sent>().is_due(key, period) {
        return Err(Error::new(format!("such a mail was sent less than {} s ago", period.as_secs())));
    }
    let dialler = Dialler::new(args.scope)?;
    dialler.check(&delivery.trust)?;
    match task::wait(args.scope, async move { smtp::deliver(&dialler, &delivery).await }) {
        Ok(Ok(())) => Ok(cells),
        Ok(Err(e)) => Err(Error::new(reason(&e))),
        Err(Stop::Failed(e)) => Err(e),
        Err(Stop::Done) => Err("the query is over".into()),
    }
}

/// The row of a mail that was sent.
pub fn row(args: &Args<'_>) -> Result<Row, Error> {
    let mut row = Row::default();
    for (name, value) in COLUMNS.iter().zip(send(args)?) {
        row.set(&(*name).into(), value);
    }
    Ok(row)
}

fn delivery(args: &Args<'_>, given: &Given<'_>) -> Result<(Delivery, Vec<Value>), Error> {
    let (to, cc) = (addresses(args, TO)?, addresses(args, CC)?);
    let (subject, body) = (args.string(SUBJECT)?, args.string(BODY)?);
    let user = given.text(AUTH_USERNAME)?;
    let from = match given.text(FROM)? {
        from if from.is_empty() => user.clone(),
        from => from,
    };
    let from = mailbox(&from)?;
    let server = given.text(SERVER)?;
    if server.is_empty() || to.is_empty() {
        return Err("to and server are required".into());
    }
    let port = match given.text(SERVER_PORT)?.as_str() {
        "" | "0" | "NULL" => SUBMISSION,
        port => port.parse().map_err(|_| Error::new(format!("{port} is no port")))?,
    };
    let mut builder = Message::builder().from(from.clone()).subject(&subject);
    builder = to.iter().fold(builder, |builder, to| builder.to(to.clone()));
    builder = cc.iter().fold(builder, |builder, cc| builder.cc(cc.clone()));
    let message = headers(args, builder)?.body(body.clone()).map_err(|e| Error::new(e.to_string()))?;
    let shown = |list: &[Mailbox]| Value::list(list.iter().map(|m| Value::from(m.to_string())).collect());
    let cells = vec![shown(&to), shown(&cc), subject.into(), body.into(), Value::from("OK")];
    let delivery = Delivery {
        server,
        port,
        user,
        password: given.text(AUTH_PASSWORD)?,
        trust: Trust { skip_verify: given.bool(SKIP_VERIFY), root_ca: given.text(ROOT_CA)? },
        from: from.email.to_string(),
        to: to.iter().chain(&cc).map(|m| m.email.to_string()).collect(),
        message: message.formatted(),
    };
    Ok((delivery, cells))
}

fn mailbox(text: &str) -> Result<Mailbox, Error> {
    text.trim().parse().map_err(|e| Error::new(format!("{text:?} is no mail address: {e}")))
}

fn addresses(args: &Args<'_>, slot: usize) -> Result<Vec<Mailbox>, Error> {
    args.text_list(slot)?.iter().map(|text| mailbox(&text.to_str_lossy())).collect()
}

fn headers(args: &Args<'_>, mut builder: MessageBuilder) -> Result<MessageBuilder, Error> {
    let mut content_type = ContentType::TEXT_PLAIN;
    for (name, value) in args.dict(HEADERS)?.map(|d| d.snapshot()).unwrap_or_default().iter() {
        let value = convert::to_text(value).to_str_lossy().into_owned();
        let bad = || Error::new(format!("invalid header {name}"));
        if name.as_str().eq_ignore_ascii_case("content-type") {
            content_type = ContentType::parse(&value).map_err(|_| bad())?;
            continue;
        }
        // A line break would begin another header.
        if value.contains(['\r', '\n']) {
            return Err(bad());
        }
        let name = HeaderName::new_from_ascii(name.to_string()).map_err(|_| bad())?;
        builder = builder.raw_header(HeaderValue::new(name, value));
    }
    Ok(builder.header(content_type))
}
