//! `FROM elastic_upload(query=, …)`: rows for Elasticsearch, by its bulk API.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Method, Url};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value, convert};

use crate::net::batch::{self, COLUMNS, Service, Settings};
use crate::net::dial::Dialler;
use crate::net::exchange::{Call, basic, set_header};
use crate::net::secrets::Given;
use crate::net::tls::Trust;
use crate::net::upload::Body;

const QUERY: usize = 0;
const THREADS: usize = 1;
const INDEX: usize = 2;
const TYPE: usize = 3;
const CHUNK_SIZE: usize = 4;
const ADDRESSES: usize = 5;
const USERNAME: usize = 6;
const PASSWORD: usize = 7;
const CLOUD_ID: usize = 8;
const API_KEY: usize = 9;
const WAIT_TIME: usize = 10;
const PIPELINE: usize = 11;
const DISABLE_SSL_SECURITY: usize = 12;
const SKIP_VERIFY: usize = 13;
const ROOT_CA: usize = 14;
const MAX_MEMORY_BUFFER: usize = 15;
const ACTION: usize = 16;
const SECRET: usize = 17;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "elastic_upload",
        doc: "Sends the rows of a query to Elasticsearch; a row says how each batch went.",
        category: Category::Network,
        args: &[
            Arg::required("query", Type::Query, "The rows to send."),
            Arg::optional("threads", Type::Int, "Batches under way at a time.").with_default("1"),
            Arg::optional("index", Type::Str, "The index; a column _index of a row counts more.")
                .with_default("\"velociraptor\""),
            Arg::optional("type", Type::Str, "The type of the documents, for old servers."),
            Arg::optional("chunk_size", Type::Int, "Rows in a batch.").with_default("1000"),
            Arg::optional(
                "addresses",
                Type::StrList,
                "The servers, as URLs; when one fails the next is tried.",
            )
            .with_default("\"http://127.0.0.1:9200/\""),
            Arg::optional("username", Type::Str, "Who to log in as."),
            Arg::optional("password", Type::Str, "The password."),
            Arg::optional("cloud_id", Type::Str, "The deployment in Elastic's cloud, instead of addresses."),
            Arg::optional("api_key", Type::Str, "The key, base64, instead of a user."),
            Arg::optional("wait_time", Type::Int, "Seconds that a row may wait for others.")
                .with_default("2"),
            Arg::optional("pipeline", Type::Str, "The pipeline to use there."),
            Arg::optional("disable_ssl_security", Type::Bool, "The old name of skip_verify."),
            Arg::optional("skip_verify", Type::Bool, "Accept any certificate."),
            Arg::optional("root_ca", Type::Str, "PEM certificates to trust besides."),
            Arg::optional("max_memory_buffer", Type::Uint, "Bytes in a batch.").with_default("8388608"),
            Arg::optional("action", Type::Str, "index or create.").with_default("\"index\""),
            Arg::optional("secret", Type::Str, "The managed secret, of type 'Elastic Creds', to use."),
        ],
        permissions: &[Permission::Network],
        version: 2,
        ..Signature::NEW
    },
    columns: COLUMNS,
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let settings = Settings {
        rows: Settings::number(args, CHUNK_SIZE, 1000)?,
        bytes: Settings::number(args, MAX_MEMORY_BUFFER, Settings::NEW.bytes)?,
        wait: Duration::from_secs(Settings::number(args, WAIT_TIME, 2)? as u64),
        threads: args.uint(THREADS, 1)?,
        ..Settings::NEW
    };
    let elastic = Elastic::read(args)?;
    Dialler::new(args.scope)?.check(&elastic.trust)?;
    batch::upload(args, &args.value(QUERY), elastic, settings, sink)
}

struct Elastic {
    servers: Vec<Url>,
    authorization: Option<String>,
    trust: Trust,
    action: &'static str,
    index: String,
    kind: String,
}

impl Elastic {
    fn read(args: &Args<'_>) -> Result<Self, Error> {
        let given = Given::read(args, "Elastic Creds", SECRET)?;
        let mut addresses = given.list(ADDRESSES)?;
        let cloud = given.text(CLOUD_ID)?;
        if !cloud.is_empty() {
            addresses = vec![cloud_address(&cloud)?];
        }
        if addresses.is_empty() {
            addresses.push("http://127.0.0.1:9200/".into());
        }
        let pipeline = given.text(PIPELINE)?;
        let servers: Result<Vec<Url>, Error> = addresses.iter().map(|a| bulk(a, &pipeline)).collect();
        let (key, user) = (given.text(API_KEY)?, given.text(USERNAME)?);
        let authorization = match (key.is_empty(), user.is_empty()) {
            (false, _) => Some(format!("ApiKey {key}")),
            (true, false) => Some(basic(&user, &given.text(PASSWORD)?)),
            (true, true) => None,
        };
        let index = args.string(INDEX)?;
        Ok(Elastic {
            servers: servers?,
            authorization,
            trust: Trust {
                skip_verify: given.bool(SKIP_VERIFY) || args.bool(DISABLE_SSL_SECURITY),
                root_ca: given.text(ROOT_CA)?,
            },
            action: match args.string(ACTION)?.as_str() {
                "" | "index" => "index",
                "create" => "create",
                other => return Err(Error::new(format!("action should be index or create, not {other}"))),
            },
            index: if index.is_empty() { "velociraptor".into() } else { index },
            kind: args.string(TYPE)?,
        })
    }
}

fn bulk(address: &str, pipeline: &str) -> Result<Url, Error> {
    let bad = |e| Error::new(format!("cannot read the address {address}: {e}"));
    let mut url: Url = format!("{}/_bulk", address.trim_end_matches('/')).parse().map_err(bad)?;
    if !pipeline.is_empty() {
        url.query_pairs_mut().append_pair("pipeline", pipeline);
    }
    Ok(url)
}

/// `name:base64(domain$id$…)` as a URL.
fn cloud_address(cloud: &str) -> Result<String, Error> {
    let bad = || Error::from("cloud_id is unreadable");
    let (_, coded) = cloud.rsplit_once(':').ok_or_else(bad)?;
    let text =
        BASE64_STANDARD.decode(coded).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)?;
    let mut parts = text.split('$');
    match (parts.next(), parts.next()) {
        (Some(domain), Some(id)) if !domain.is_empty() && !id.is_empty() => {
            Ok(format!("https://{id}.{domain}"))
        }
        _ => Err(bad()),
    }
}

fn without(row: &Row, names: &[&str]) -> Row {
    let mut rest = Row::default();
    for (name, value) in row.iter().filter(|(name, _)| !names.contains(&name.as_str())) {
        rest.set(name, value.clone());
    }
    rest
}

impl Service for Elastic {
    fn encode(&self, row: &Row) -> Vec<u8> {
        let mut place = Row::default();
        let named = |row: &Row, name: &str| {
            row.get_str(name).map(|v| convert::to_text(v).to_str_lossy().into_owned())
        };
        let index = named(row, "_index").unwrap_or_else(|| self.index.clone());
        place.set(&"_index".into(), Value::from(index));
        if !self.kind.is_empty() {
            place.set(&"_type".into(), Value::from(self.kind.as_str()));
        }
        if let Some(id) = named(row, "_id") {
            place.set(&"_id".into(), Value::from(id));
        }
        let row = without(row, &["_index", "_id"]);
        let head = Value::dict([(self.action, Value::Dict(place.into()))]);
        let mut text = Vec::new();
        vql::json::write_value(&head, &mut text, &Default::default());
        [&text, &b"\n"[..], &batch::json(&row), b"\n"].concat()
    }

    fn call(&self, body: Vec<u8>, attempt: u32) -> Result<Call, Error> {
        let url = self.servers[attempt as usize % self.servers.len()].clone();
        let mut call = Call::new(Method::POST, url);
        set_header(&mut call.headers, "Content-Type", "application/x-ndjson")?;
        if let Some(authorization) = &self.authorization {
            set_header(&mut call.headers, "Authorization", authorization)?;
        }
        call.trust = self.trust.clone();
        call.body = Body::Held(body.into());
        Ok(call)
    }

    /// The server takes what it can and lists the rest.
    fn complaint(&self, answer: &[u8]) -> Option<String> {
        let Ok(Value::Dict(answer)) = vql::json::parse(answer) else { return None };
        if !matches!(answer.get_str("errors"), Some(Value::Bool(true))) {
            return None;
        }
        let Some(Value::List(items)) = answer.get_str("items") else {
            return Some("there were errors".into());
        };
        let error = |item: &Value| match item {
            Value::Dict(item) => match item.snapshot().cells.first() {
                Some(Value::Dict(outcome)) => outcome.get_str("error"),
                _ => None,
            },
            _ => None,
        };
        let errors: Vec<Value> = items.iter().filter_map(error).collect();
        let first = errors.first().map(|e| convert::to_text(e).to_str_lossy().into_owned());
        Some(format!("{} of them had errors; the first: {}", errors.len(), first.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_id_names_a_server() {
        // "us-east-1.aws.found.io$cec6f261a74bf24ce33bb8811b84294f$c6c2ca6d042249af0cc7d7a9e9625743"
        let id = "cluster:dXMtZWFzdC0xLmF3cy5mb3VuZC5pbyRjZWM2ZjI2MWE3NGJmMjRjZTMzYmI4ODExYjg0Mjk0ZiRjNmMyY2E2ZDA0MjI0OWFmMGNjN2Q3YTllOTYyNTc0Mw==";
        let wanted = "https://cec6f261a74bf24ce33bb8811b84294f.us-east-1.aws.found.io";
        assert_eq!(cloud_address(id).as_deref(), Ok(wanted));
        assert!(cloud_address("nonsense").is_err() && cloud_address("a:!!").is_err());
    }
}
