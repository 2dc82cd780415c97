//! `FROM splunk_upload(query=, …)`: rows for Splunk, by its HTTP event collector.

use std::time::Duration;

use reqwest::{Method, Url};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::net::batch::{self, COLUMNS, Service, Settings};
use crate::net::dial::Dialler;
use crate::net::exchange::{Call, set_header};
use crate::net::secrets::Given;
use crate::net::tls::Trust;
use crate::net::upload::Body;

const QUERY: usize = 0;
const THREADS: usize = 1;
const URL: usize = 2;
const TOKEN: usize = 3;
const INDEX: usize = 4;
const SOURCE: usize = 5;
const SOURCETYPE: usize = 6;
const CHUNK_SIZE: usize = 7;
const SKIP_VERIFY: usize = 8;
const ROOT_CA: usize = 9;
const WAIT_TIME: usize = 10;
const HOSTNAME: usize = 11;
const TIMESTAMP_FIELD: usize = 12;
const HOSTNAME_FIELD: usize = 13;
const SECRET: usize = 14;
const MAX_RETRIES: usize = 15;
const RETRY_WAIT: usize = 16;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "splunk_upload",
        doc: "Sends the rows of a query to Splunk; a row says how each batch went.",
        category: Category::Network,
        args: &[
            Arg::required("query", Type::Query, "The rows to send."),
            Arg::optional("threads", Type::Int, "Batches under way at a time.").with_default("1"),
            Arg::optional("url", Type::Str, "The collector's URL.")
                .with_default("\"http://127.0.0.1:8088/services/collector/event\""),
            Arg::optional("token", Type::Str, "The collector's token."),
            Arg::optional("index", Type::Str, "The index; the token's own by default."),
            Arg::optional("source", Type::Str, "The source.").with_default("\"velociraptor\""),
            Arg::optional("sourcetype", Type::Str, "The type of the source.").with_default("\"vql\""),
            Arg::optional("chunk_size", Type::Int, "Rows in a batch.").with_default("1000"),
            Arg::optional("skip_verify", Type::Bool, "Accept any certificate."),
            Arg::optional("root_ca", Type::Str, "PEM certificates to trust besides."),
            Arg::optional("wait_time", Type::Int, "Seconds that a row may wait for others.")
                .with_default("2"),
            Arg::optional("hostname", Type::Str, "The host that events are of."),
            Arg::optional(
                "timestamp_field",
                Type::Str,
                "The column that holds the time of an event; now by default.",
            ),
            Arg::optional("hostname_field", Type::Str, "The column that holds the host of an event."),
            Arg::optional("secret", Type::Str, "The managed secret, of type 'Splunk Creds', to use."),
            Arg::optional("max_retries", Type::Int, "How often to try again.").with_default("5"),
            Arg::optional(
                "retry_wait",
                Type::Int,
                "Seconds before the first of these; each further wait is twice as long.",
            )
            .with_default("1"),
            Arg::optional(
                "idle_conn_timeout",
                Type::Int,
                "Has no effect: unused connections are closed after 90 s.",
            ),
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
        wait: Duration::from_secs(Settings::number(args, WAIT_TIME, 2)? as u64),
        threads: args.uint(THREADS, 1)?,
        retries: args.uint(MAX_RETRIES, 5)?.min(1000) as u32,
        retry_wait: Duration::from_secs(args.uint(RETRY_WAIT, 1)?.min(3600)),
        ..Settings::NEW
    };
    let splunk = Splunk::read(args)?;
    Dialler::new(args.scope)?.check(&splunk.trust)?;
    batch::upload(args, &args.value(QUERY), splunk, settings, sink)
}

struct Splunk {
    url: Url,
    token: String,
    trust: Trust,
    /// What every event says.
    common: Row,
    timestamp_field: String,
    hostname_field: String,
    zones: vql::time::Zones,
}

impl Splunk {
    fn read(args: &Args<'_>) -> Result<Self, Error> {
        let given = Given::read(args, "Splunk Creds", SECRET)?;
        let or = |text: String, usual: &str| if text.is_empty() { usual.to_owned() } else { text };
        let url = or(given.text(URL)?, "http://127.0.0.1:8088/services/collector/event");
        let mut common = Row::default();
        for (name, value) in [
            ("host", given.text(HOSTNAME)?),
            ("source", or(given.text(SOURCE)?, "velociraptor")),
            ("sourcetype", or(given.text(SOURCETYPE)?, "vql")),
            ("index", given.text(INDEX)?),
        ] {
            if !value.is_empty() {
                common.set(&name.into(), Value::from(value));
            }
        }
        Ok(Splunk {
            url: url.parse().map_err(|e| Error::new(format!("cannot read the url: {e}")))?,
            token: given.text(TOKEN)?,
            trust: Trust { skip_verify: given.bool(SKIP_VERIFY), root_ca: given.text(ROOT_CA)? },
            common,
            timestamp_field: args.string(TIMESTAMP_FIELD)?,
            hostname_field: given.text(HOSTNAME_FIELD)?,
            zones: args.scope.zones(),
        })
    }
}

impl Service for Splunk {
    fn encode(&self, row: &Row) -> Vec<u8> {
        let mut event = self.common.clone();
        let time = row.get_str(&self.timestamp_field).and_then(|v| vql::time::from_value(v, &self.zones));
        let time = time.unwrap_or_else(vql::value::Time::now);
        event.set(&"time".into(), Value::Float(time.as_millisecond() as f64 / 1000.0));
        if let Some(host) = row.get_str(&self.hostname_field) {
            event.set(&"host".into(), host.clone());
        }
        event.set(&"event".into(), Value::Dict(row.clone().into()));
        [batch::json(&event), b"\n".to_vec()].concat()
    }

    fn call(&self, body: Vec<u8>, _attempt: u32) -> Result<Call, Error> {
        let mut call = Call::new(Method::POST, self.url.clone());
        set_header(&mut call.headers, "Content-Type", "application/json")?;
        set_header(&mut call.headers, "Authorization", format!("Splunk {}", self.token))?;
        call.trust = self.trust.clone();
        call.body = Body::Held(body.into());
        Ok(call)
    }
}
