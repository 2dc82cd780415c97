//! `rsyslog(hostname=, message=, …)`: a message for a syslog server.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Stop, Type};
use vql::permission::Permission;
use vql::value::{Value, convert};

use crate::accessor::reason;
use crate::net::dial::Dialler;
use crate::net::syslog::{Lines, Message, Place, Protocol};
use crate::net::task;
use crate::net::tls::Trust;

const HOSTNAME: usize = 0;
const PORT: usize = 1;
const PROTOCOL: usize = 2;
const MESSAGE: usize = 3;
const FACILITY: usize = 4;
const SEVERITY: usize = 5;
const TIMESTAMP: usize = 6;
const SOURCE_HOSTNAME: usize = 7;
const APP_NAME: usize = 8;
const PROC_ID: usize = 9;
const SD_ID: usize = 10;
const ARGS: usize = 11;
const ROOT_CA: usize = 12;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "rsyslog",
        doc: "Sends a message to a syslog server (RFC 5424) and gives TRUE.",
        category: Category::Network,
        args: &[
            Arg::required("hostname", Type::Str, "The server."),
            Arg::optional("port", Type::Uint, "Its port; 6514 for tls.").with_default("514"),
            Arg::optional("protocol", Type::Str, "udp, tcp or tls.").with_default("\"udp\""),
            Arg::required("message", Type::Str, "What to say."),
            Arg::optional("facility", Type::Int, "The facility, 0 to 23.").with_default("1"),
            Arg::optional("severity", Type::Int, "The severity, 0 (the worst) to 7.").with_default("6"),
            Arg::optional("timestamp", Type::Time, "The time of the message; now by default."),
            Arg::optional("source_hostname", Type::Str, "The host that the message is from."),
            Arg::optional("app_name", Type::Str, "The application that the message is from."),
            Arg::optional("proc_id", Type::Str, "Its process."),
            Arg::optional("sd_id", Type::Str, "The name of the structured data."),
            Arg::optional("args", Type::Dict, "The pairs of the structured data."),
            Arg::optional("root_ca", Type::Str, "PEM certificates to trust besides."),
        ],
        permissions: &[Permission::Network],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (place, message) = (place(args)?, message(args)?.encode());
    let (dialler, lines) = (Dialler::new(args.scope)?, args.scope.kept::<Lines>());
    let sent = task::wait(args.scope, async move { lines.send(&dialler, &place, &message).await });
    match sent {
        Ok(Ok(())) => Ok(Value::Bool(true)),
        Ok(Err(e)) => Err(Error::new(reason(&e))),
        Err(Stop::Failed(e)) => Err(e),
        Err(Stop::Done) => Ok(Value::Null),
    }
}

fn place(args: &Args<'_>) -> Result<Place, Error> {
    let protocol = match args.string(PROTOCOL)?.to_ascii_lowercase().as_str() {
        "" | "udp" => Protocol::Udp,
        "tcp" => Protocol::Tcp,
        "tls" => Protocol::Tls,
        other => return Err(Error::new(format!("protocol should be udp, tcp or tls, not {other}"))),
    };
    let usual = if protocol == Protocol::Tls { 6514 } else { 514 };
    let port = match args.uint(PORT, 0)? {
        0 => usual,
        port => u16::try_from(port).map_err(|_| Error::new(format!("{port} is no port")))?,
    };
    let trust = Trust { root_ca: args.string(ROOT_CA)?, ..Trust::default() };
    Ok(Place { protocol, host: args.string(HOSTNAME)?, port, trust })
}

fn message(args: &Args<'_>) -> Result<Message, Error> {
    let number = |slot, usual, most: i64| match args.int(slot, usual)? {
        n if (0..=most).contains(&n) => Ok(n as u8),
        n => Err(Error::new(format!("{} should be 0 to {most}, not {n}", args.signature.args[slot].name))),
    };
    let time = args.time(TIMESTAMP)?.unwrap_or_else(|| args.scope.host().now());
    let pairs = args.dict(ARGS)?.map(|d| d.snapshot()).unwrap_or_default();
    let text = |v: &Value| convert::to_text(v).to_str_lossy().into_owned();
    Ok(Message {
        facility: number(FACILITY, 1, 23)?,
        severity: number(SEVERITY, 6, 7)?,
        // The standard allows six digits of a second.
        timestamp: format!("{time:.6}"),
        hostname: args.string(SOURCE_HOSTNAME)?,
        app_name: args.string(APP_NAME)?,
        proc_id: args.string(PROC_ID)?,
        sd_id: args.string(SD_ID)?,
        pairs: pairs.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        text: args.string(MESSAGE)?,
    })
}
