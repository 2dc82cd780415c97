//! `host(name=, type=, server=)`: what the domain name system says.

use std::net::IpAddr;

use simple_dns::TYPE;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Stop, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::reason;
use crate::net::dial::{Dialler, host_port};
use crate::net::dns::{self, Record, Server};
use crate::net::task;

const NAME: usize = 0;
const SERVER: usize = 1;
const TYPE_ARG: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "host",
        doc: "Looks a host name up, or an address for its names; NULL when there are none.",
        category: Category::Network,
        args: &[
            Arg::required("name", Type::Str, "The name; for PTR an address."),
            Arg::optional(
                "server",
                Type::Str,
                "The name server to ask, perhaps with a port; this machine's by default.",
            ),
            Arg::optional("type", Type::Str, "A, AAAA, CNAME, MX, NS, TXT or PTR.").with_default("\"A\""),
            Arg::optional("prefer_go", Type::Bool, "Has no effect here."),
            Arg::optional(
                "tracker_only",
                Type::Bool,
                "Only look at names seen on this machine: there are none, so NULL.",
            ),
        ],
        permissions: &[Permission::MachineState],
        version: 2,
        examples: &[Example::new("This machine", "host(name='localhost')", r#"["127.0.0.1"]"#)],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

const TRACKER_ONLY: usize = 4;

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let name = args.string(NAME)?;
    let server = args.string(SERVER)?;
    let kind = kind(&args.string(TYPE_ARG)?)?;
    if args.bool(TRACKER_ONLY) {
        return Ok(Value::Null);
    }
    let dialler = Dialler::new(args.scope)?;
    let is_local = server.is_empty() && matches!(kind, TYPE::A | TYPE::AAAA);
    let server = match server.as_str() {
        "" => Server::System,
        server => host_port(server, Some(53)).map(|(host, port)| Server::Named(host, port))?,
    };
    let shown = name.clone();
    let found = task::wait(args.scope, async move {
        match is_local {
            true => system(&name, kind).await,
            false => dns::ask(&dialler, &server, &asked(&name, kind), kind).await,
        }
    });
    match found {
        Ok(Ok(records)) => Ok(value(records, kind)),
        Ok(Err(e)) => Err(Error::new(format!("{shown}: {}", reason(&e)))),
        Err(Stop::Failed(e)) => Err(e),
        Err(Stop::Done) => Ok(Value::Null),
    }
}

fn kind(name: &str) -> Result<TYPE, Error> {
    Ok(match name.to_ascii_uppercase().as_str() {
        "" | "A" => TYPE::A,
        "AAAA" => TYPE::AAAA,
        "CNAME" => TYPE::CNAME,
        "MX" => TYPE::MX,
        "NS" => TYPE::NS,
        "TXT" => TYPE::TXT,
        "PTR" => TYPE::PTR,
        other => {
            return Err(Error::new(format!(
                "type should be A, AAAA, CNAME, MX, NS, TXT or PTR, not {other}"
            )));
        }
    })
}

/// What to ask for: of an address, the name it has its names under.
fn asked(name: &str, kind: TYPE) -> String {
    match name.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) if kind == TYPE::PTR => dns::reverse(address),
        _ => name.to_owned(),
    }
}

/// As programs of this machine look names up: its files count as well.
async fn system(name: &str, kind: TYPE) -> std::io::Result<Vec<Record>> {
    let addresses = tokio::net::lookup_host((name, 0)).await?;
    let mut found = Vec::new();
    for address in addresses.map(|a| a.ip()).filter(|a| a.is_ipv4() == (kind == TYPE::A)) {
        let record = Record::Text(address.to_string());
        if !found.contains(&record) {
            found.push(record);
        }
    }
    Ok(found)
}

fn value(records: Vec<Record>, kind: TYPE) -> Value {
    if records.is_empty() {
        return Value::Null;
    }
    let mut values = records.into_iter().map(|record| match record {
        Record::Text(host) if kind == TYPE::NS => Value::dict([("Host", host.into())]),
        Record::Text(text) => Value::from(text),
        Record::Mx { host, preference } => {
            Value::dict([("Host", host.into()), ("Pref", Value::Int(preference.into()))])
        }
    });
    match kind {
        // A name is another name for one only.
        TYPE::CNAME => values.next().unwrap_or_default(),
        _ => Value::list(values.collect()),
    }
}
