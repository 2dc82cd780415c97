//! `harrier query`: runs VQL here, or through a server's API.

use std::io::{self, BufWriter, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use plugins::world::World;
use proto::{VqlCollectorArgs, VqlEnv, VqlRequest};
use vql::schema::Name;
use vql::value::{Row, Value};

use super::Outcome;
use super::local::{Local, Out};
use super::output::{Format, Printer};

/// Run VQL and print the rows; log lines go to standard error.
///
/// Runs on this machine with your own rights, or on a server with --api-config. Several programs share one scope.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  harrier query 'SELECT Name, Pid FROM pslist() WHERE Name =~ \"ssh\"'
  harrier query --format jsonl 'SELECT OSPath FROM glob(globs=Pattern)' --env Pattern='/etc/*.conf'
  harrier query --api-config api_client.yaml 'SELECT * FROM watch_monitoring(artifact=\"Alerts\")'")]
pub struct Args {
    /// VQL text; each may hold many statements.
    #[arg(value_name = "VQL")]
    queries: Vec<String>,
    /// A file with VQL, run after the queries given as text.
    #[arg(long, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// How to print rows; a table on a terminal, else JSON.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// A variable for the queries.
    #[arg(long, value_name = "K=V", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// Stop after so many seconds.
    #[arg(long, value_name = "S", default_value_t = 0)]
    timeout: u64,
    /// Ask the server this file is for, instead of this machine.
    #[arg(long, value_name = "FILE", env = "HARRIER_API_CONFIG")]
    api_config: Option<PathBuf>,
    /// Log how each query runs.
    #[arg(long)]
    explain: bool,
}

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// A program and where it came from.
struct Source {
    origin: String,
    text: String,
}

pub fn run(args: Args) -> Outcome {
    let sources = sources(&args)?;
    for source in &sources {
        if let Err(error) = vql::parser::parse(&source.text) {
            eprint!("{}", error.render(&source.text, &source.origin));
            return Ok(ExitCode::FAILURE);
        }
    }
    let format = args.format.unwrap_or(if io::stdout().is_terminal() { Format::Table } else { Format::Json });
    let width = if io::stdout().is_terminal() { None } else { Some(120) };
    let printer = Printer::new(BufWriter::new(io::stdout()), format, width);
    match &args.api_config {
        Some(path) => remote(&args, path, &sources, printer),
        None => {
            let mut env = Row::default();
            for (key, value) in &args.env {
                env.set(&Name::new(key), Value::from(value.as_str()));
            }
            let local =
                Local { world: World::of_process(), env, timeout: args.timeout, explain: args.explain };
            local.run(sources.iter().map(|s| s.text.as_str()), printer)
        }
    }
}

fn sources(args: &Args) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for (i, text) in args.queries.iter().enumerate() {
        let origin = if args.queries.len() == 1 { "query".into() } else { format!("query {}", i + 1) };
        sources.push(Source { origin, text: text.clone() });
    }
    for path in &args.file {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        sources.push(Source { origin: path.display().to_string(), text });
    }
    if sources.is_empty() {
        eprintln!("harrier: nothing to run: give VQL as an argument or with --file");
        std::process::exit(2);
    }
    Ok(sources)
}

fn remote(args: &Args, path: &PathBuf, sources: &[Source], mut printer: Out) -> Outcome {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let client = serve::config::ApiClient::parse(&text).with_context(|| format!("in {}", path.display()))?;
    let request = VqlCollectorArgs {
        query: sources
            .iter()
            .map(|s| VqlRequest { name: s.origin.clone(), vql: remote_text(args, &s.text) })
            .collect(),
        env: args
            .env
            .iter()
            .map(|(k, v)| VqlEnv { key: k.clone(), value: v.clone(), ..VqlEnv::default() })
            .collect(),
        max_row: 1000,
        max_wait: 1,
        timeout: args.timeout,
        ..VqlCollectorArgs::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let channel = serve::channel::connect(&client).await?;
        let mut api = proto::api_client::ApiClient::new(channel).max_decoding_message_size(1 << 30);
        let stream = api.query(request).await.map_err(failed)?;
        print_stream(stream.into_inner(), &mut printer).await
    })?;
    Ok(ExitCode::SUCCESS)
}

fn remote_text(args: &Args, text: &str) -> String {
    if args.explain { vql::explain::requested(text) } else { text.to_owned() }
}

async fn print_stream(
    mut stream: tonic::Streaming<proto::VqlResponse>,
    printer: &mut Out,
) -> anyhow::Result<()> {
    // Packets of one statement carry its numbers; a change of them begins the next.
    let mut current = None;
    while let Some(packet) = stream.message().await.map_err(failed)? {
        if packet.response.is_empty() {
            if !is_chatter(&packet.log) {
                eprint!("{}", packet.log);
            }
            continue;
        }
        let statement = (packet.query.map(|q| (q.name, q.vql)), packet.query_id);
        if packet.part == 0 || current.as_ref() != Some(&statement) {
            if current.is_some() {
                printer.end()?;
            }
            printer.begin()?;
            current = Some(statement);
        }
        let rows: Vec<&serde_json::value::RawValue> = serde_json::from_str(&packet.response)?;
        for row in rows {
            printer.row(row.get())?;
        }
        printer.flush()?;
    }
    if current.is_some() {
        printer.end()?;
    }
    Ok(())
}

/// A refused or broken call, with its causes. A refused certificate often shows as a broken connection only.
fn failed(status: tonic::Status) -> anyhow::Error {
    let mut text = format!("{}: {}", status.code(), status.message());
    let mut cause = std::error::Error::source(&status);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    if status.message() == "transport error" {
        text += "; if the server refused this client's certificate, its log says why";
    }
    anyhow::Error::msg(text)
}

/// Log lines about the transport, which say nothing about the query.
fn is_chatter(line: &str) -> bool {
    line.starts_with("Starting query execution.")
        || (line.starts_with("Time ") && line.contains(": Sending response part "))
}
