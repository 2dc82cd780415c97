//! What an administrator can configure, in the list `Fleet.destinations` of the server's configuration file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serve::config::Secret;
use store::event::Position;
use store::result_log::{Log, ResultLog};

use super::Progress;
use crate::metrics::{escaped, family};

/// The longest name of a destination.
const MAX_NAME: usize = 64;

/// One destination.
#[derive(Clone, Debug, Deserialize)]
pub struct Destination {
    /// Tells it from others, also after a restart: letters, digits, `-` and `_`.
    pub name: String,
    /// Which logs it gets: `result`, `status`; both when nothing is said.
    #[serde(default)]
    logs: Option<Vec<LogName>>,
    #[serde(flatten)]
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LogName {
    Result,
    Status,
}

/// Where it is, and how it is talked to.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Kind {
    Filesystem(Files),
    Stdout {},
    Webhook(Webhook),
    Nats(Nats),
}

/// Files `fleet_result.log` and `fleet_status.log`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    pub directory: PathBuf,
    /// A file with more bytes is renamed and another begun; 0: never.
    #[serde(default)]
    pub max_bytes: u64,
    /// How many renamed files are kept; 0: all.
    #[serde(default)]
    pub max_files: usize,
    /// For how many days renamed files are kept; 0: for ever.
    #[serde(default)]
    pub max_age_days: u32,
    /// Whether renamed files are packed with gzip.
    #[serde(default)]
    pub compress: bool,
}

/// Batches as JSON to a URL.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    /// The authority to trust (PEM) instead of those of the machine.
    pub ca: Option<PathBuf>,
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Headers whose values are the first lines of files, read anew for each batch.
    #[serde(default)]
    pub header_files: BTreeMap<String, PathBuf>,
    /// The most rows in a batch.
    pub batch_rows: Option<usize>,
}

/// Messages, one a line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nats {
    pub url: String,
    /// `{log}`, `{host_id}` and `{name}` are replaced; the default is `harrier.{log}`.
    pub subject: Option<String>,
    /// The authority to trust (PEM) besides those of the machine.
    pub ca: Option<PathBuf>,
    pub user: Option<String>,
    /// The first line of these files is the password, or a token.
    pub password_file: Option<PathBuf>,
    pub token_file: Option<PathBuf>,
    /// Whether a stream has to confirm each message; true when nothing is said. Without, a message is lost that nobody listens to.
    pub jetstream: Option<bool>,
}

impl Destination {
    /// Log files in a directory, never renamed: what there is when nothing is configured.
    pub fn files(directory: PathBuf) -> Self {
        let files = Files { directory, max_bytes: 0, max_files: 0, max_age_days: 0, compress: false };
        Self { name: "files".to_owned(), logs: None, kind: Kind::Filesystem(files) }
    }

    /// Reads a list of destinations as the configuration has them.
    pub fn parse(all: Vec<serde_json::Value>) -> Result<Vec<Self>, String> {
        let parse = |(number, one): (usize, serde_json::Value)| {
            serde_json::from_value(one).map_err(|error| format!("destination {}: {error}", number + 1))
        };
        let all = all.into_iter().enumerate().map(parse).collect::<Result<Vec<Self>, _>>()?;
        check(&all)?;
        Ok(all)
    }

    /// The logs that it gets, each once.
    pub fn logs(&self) -> Vec<Log> {
        let wanted = |log: &Log| {
            self.logs.as_ref().is_none_or(|names| {
                names.iter().any(|name| {
                    matches!((name, log), (LogName::Result, Log::Result) | (LogName::Status, Log::Status))
                })
            })
        };
        Log::ALL.into_iter().filter(wanted).collect()
    }
}

impl Kind {
    pub fn is_on_network(&self) -> bool {
        matches!(self, Self::Webhook(_) | Self::Nats(_))
    }
}

/// Names tell destinations apart, also on disk.
pub fn check(all: &[Destination]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for Destination { name, .. } in all {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if name.is_empty() || name.len() > MAX_NAME || !is_plain {
            return Err(format!(
                "the name of destination {name:?} should be 1 to {MAX_NAME} letters, digits, - and _"
            ));
        }
        if !names.insert(name.to_ascii_lowercase()) {
            return Err(format!("two destinations are named {name}"));
        }
    }
    Ok(())
}

/// Numbers about all destinations.
pub fn metrics(all: &[Arc<Progress>], results: &ResultLog, out: &mut String) {
    let extents: Vec<_> = all
        .iter()
        .map(|progress| {
            results.extent(progress.log, progress.next.load(Ordering::Relaxed)).unwrap_or_default()
        })
        .collect();
    let mut write = |name: &str, kind: &str, help: &str, value: &dyn Fn(usize) -> u64| {
        family(out, name, kind, help);
        for (at, progress) in all.iter().enumerate() {
            let labels =
                format!("destination=\"{}\",log=\"{}\"", escaped(&progress.name), progress.log.name());
            let _ = writeln!(out, "{name}{{{labels}}} {}", value(at));
        }
    };
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    write("harrier_forward_lag_rows", "gauge", "Rows that a destination has yet to get.", &|at| {
        extents[at].rows
    });
    write("harrier_forward_lag_bytes", "gauge", "About how much of the disk they take.", &|at| {
        extents[at].bytes
    });
    write("harrier_forward_rows_total", "counter", "Rows that a destination took.", &|at| {
        count(&all[at].delivered)
    });
    write(
        "harrier_forward_failures_total",
        "counter",
        "Deliveries that failed and are tried again.",
        &|at| count(&all[at].failures),
    );
    let help = "Rows removed before a destination had them, since the disk budget was used up.";
    // Those that are gone already, although the destination did not come to them yet, are counted as well.
    let gone = |progress: &Progress| {
        let oldest = results.resolve(progress.log, &Position::Oldest).unwrap_or(0);
        oldest.saturating_sub(progress.next.load(Ordering::Relaxed))
    };
    write("harrier_forward_dropped_rows_total", "counter", help, &|at| {
        count(&all[at].dropped) + gone(&all[at])
    });
    let help = "Rows left out because a destination will never take them.";
    write("harrier_forward_refused_rows_total", "counter", help, &|at| count(&all[at].refused));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn destinations_are_read_and_mistakes_named() {
        let all = json!([
            {"name": "a", "kind": "filesystem", "directory": "/var/log/x", "max_bytes": 10, "logs": ["status"]},
            {"name": "b", "kind": "stdout"},
            {"name": "c", "kind": "webhook", "url": "https://x/", "headers": {"Authorization": "hidden-value"}},
            {"name": "d", "kind": "nats", "url": "nats://x"},
        ]);
        let parsed = Destination::parse(all.as_array().unwrap().clone()).unwrap();
        assert_eq!((parsed[0].logs(), parsed[1].logs()), (vec![Log::Status], Log::ALL.to_vec()));
        assert!(parsed[3].kind.is_on_network() && !format!("{parsed:?}").contains("hidden-value"));
        for (bad, why) in [
            (json!([{"name": "a", "kind": "kafka"}]), "kafka"),
            (json!([{"name": "a", "kind": "webhook"}]), "url"),
            (json!([{"name": "a", "kind": "webhook", "url": "x", "uri": "x"}]), "uri"),
            (json!([{"name": "a/b", "kind": "stdout"}]), "a/b"),
            (json!([{"name": "a", "kind": "stdout"}, {"name": "A", "kind": "stdout"}]), "two destinations"),
            (json!([{"name": "a", "kind": "stdout", "logs": ["x"]}]), "x"),
        ] {
            let error = Destination::parse(bad.as_array().unwrap().clone()).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
