//! `FROM logscale_upload(query=, …)`: rows for LogScale (Humio), by its API for structured data.

use std::time::Duration;

use reqwest::{Method, Url};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value, convert};

use crate::net::batch::{self, COLUMNS, Service, Settings};
use crate::net::dial::Dialler;
use crate::net::exchange::{Call, set_header};
use crate::net::tls::Trust;
use crate::net::upload::Body;

const QUERY: usize = 0;
const APIBASEURL: usize = 1;
const INGEST_TOKEN: usize = 2;
const THREADS: usize = 3;
const HTTP_TIMEOUT: usize = 4;
const MAX_RETRIES: usize = 5;
const ROOT_CA: usize = 6;
const SKIP_VERIFY: usize = 7;
const BATCHING_TIMEOUT_MS: usize = 8;
const EVENT_BATCH_SIZE: usize = 9;
const TAG_FIELDS: usize = 10;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "logscale_upload",
        doc: "Sends the rows of a query to LogScale; a row says how each batch went.",
        category: Category::Network,
        args: &[
            Arg::required("query", Type::Query, "The rows to send."),
            Arg::required("apibaseurl", Type::Str, "Where the API begins, such as https://host/api."),
            Arg::required("ingest_token", Type::Str, "The token to send with."),
            Arg::optional("threads", Type::Int, "Batches under way at a time.").with_default("1"),
            Arg::optional("http_timeout", Type::Int, "Seconds that one request may take.").with_default("10"),
            Arg::optional("max_retries", Type::Int, "How often to try again.").with_default("7200"),
            Arg::optional("root_ca", Type::Str, "PEM certificates to trust besides."),
            Arg::optional("skip_verify", Type::Bool, "Accept any certificate."),
            Arg::optional("batching_timeout_ms", Type::Int, "Milliseconds that a row may wait for others.")
                .with_default("3000"),
            Arg::optional("event_batch_size", Type::Int, "Rows in a batch.").with_default("2000"),
            Arg::optional(
                "tag_fields",
                Type::StrList,
                "The columns to use as tags; column=name gives a tag another name.",
            ),
            Arg::optional("stats_interval", Type::Int, "Has no effect here: each batch gives a row."),
            Arg::optional("debug", Type::Bool, "Has no effect here."),
        ],
        permissions: &[Permission::Network],
        ..Signature::NEW
    },
    columns: COLUMNS,
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let settings = Settings {
        rows: Settings::number(args, EVENT_BATCH_SIZE, 2000)?,
        wait: Duration::from_millis(Settings::number(args, BATCHING_TIMEOUT_MS, 3000)? as u64),
        threads: args.uint(THREADS, 1)?,
        retries: args.uint(MAX_RETRIES, 7200)?.min(1 << 20) as u32,
        ..Settings::NEW
    };
    let base = args.string(APIBASEURL)?;
    let url = format!("{}/v1/ingest/humio-structured", base.trim_end_matches('/'));
    let tag = |text: &vql::text::Text| {
        let text = text.to_str_lossy();
        let (column, name) = text.split_once('=').unwrap_or((&text, &text));
        (column.to_owned(), name.to_owned())
    };
    let logscale = LogScale {
        url: url.parse().map_err(|e| Error::new(format!("cannot read the apibaseurl: {e}")))?,
        token: args.string(INGEST_TOKEN)?,
        timeout: Duration::from_secs(Settings::number(args, HTTP_TIMEOUT, 10)? as u64),
        trust: Trust { skip_verify: args.bool(SKIP_VERIFY), root_ca: args.string(ROOT_CA)? },
        tags: args.text_list(TAG_FIELDS)?.iter().map(tag).collect(),
        zones: args.scope.zones(),
    };
    Dialler::new(args.scope)?.check(&logscale.trust)?;
    batch::upload(args, &args.value(QUERY), logscale, settings, sink)
}

struct LogScale {
    url: Url,
    token: String,
    timeout: Duration,
    trust: Trust,
    /// Columns and the tags they give.
    tags: Vec<(String, String)>,
    zones: vql::time::Zones,
}

impl Service for LogScale {
    fn encode(&self, row: &Row) -> Vec<u8> {
        let mut tags = Row::default();
        for (column, name) in &self.tags {
            if let Some(value) = row.get_str(column) {
                tags.set(&name.as_str().into(), Value::Text(convert::to_text(value)));
            }
        }
        let of = |name: &str| row.get_str(name).and_then(|v| vql::time::from_value(v, &self.zones));
        let time = of("_ts").or_else(|| of("Timestamp")).unwrap_or_else(vql::value::Time::now);
        let event = Value::dict([
            ("timestamp", Value::from(format!("{time:.3}"))),
            ("attributes", Value::Dict(row.clone().into())),
        ]);
        let group = [("tags", Value::Dict(tags.into())), ("events", Value::list(vec![event]))];
        let Value::Dict(group) = Value::dict(group) else { return Vec::new() };
        batch::json(&group.snapshot())
    }

    fn body(&self, rows: Vec<Vec<u8>>) -> Vec<u8> {
        [&b"["[..], &rows.join(&b","[..]), b"]"].concat()
    }

    fn call(&self, body: Vec<u8>, _attempt: u32) -> Result<Call, Error> {
        let mut call = Call::new(Method::POST, self.url.clone());
        set_header(&mut call.headers, "Content-Type", "application/json")?;
        set_header(&mut call.headers, "Authorization", format!("Bearer {}", self.token))?;
        call.trust = self.trust.clone();
        call.timeout = Some(self.timeout);
        call.body = Body::Held(body.into());
        Ok(call)
    }
}
