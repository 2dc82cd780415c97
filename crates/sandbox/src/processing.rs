//! What is made of the results of a run: the report (the report reference).
//!
//! One module for each top-level key, listed in [`MODULES`]. A module that fails leaves its empty value and an error in the
//! report; the others go on. Everything that is read here may have been written by a sample.

use std::io;
use std::path::Path;

use serde_json::{Map, Value as Json, json};
use store::sandbox::Task;

use crate::page;
use crate::results::{Folder, REPORT};
use crate::samples::Samples;

pub mod behavior;
mod debug;
mod dropped;
mod file_object;
mod info;
mod joined;
mod metadata;
pub mod network;
mod procmemory;
mod screenshots;
mod strings;
mod target;
mod text;

pub use text::{CUT, shown};

/// What modules look at.
pub struct Case<'a> {
    pub task: &'a Task,
    pub folder: &'a Folder,
    pub samples: &'a Samples,
}

impl Case<'_> {
    /// A path as reports name it: its end is the name of the member in an archive of all results.
    pub fn shown_path(&self, name: &str) -> String {
        format!("analyses/{}/{name}", self.task.id)
    }
}

/// One part of the report.
pub struct Module {
    pub key: &'static str,
    pub run: fn(&Case<'_>) -> io::Result<Json>,
    /// What is in the report when the module fails.
    pub empty: fn() -> Json,
}

/// All parts, in the order of the report.
const MODULES: &[Module] = &[
    info::MODULE,
    target::MODULE,
    behavior::MODULE,
    network::MODULE,
    dropped::MODULE,
    procmemory::MODULE,
    screenshots::MODULE,
    strings::MODULE,
    metadata::MODULE,
];

/// Makes the report and writes it in one step, as JSON and as a page; gives what went wrong.
pub fn process(case: &Case<'_>) -> io::Result<Vec<String>> {
    let (mut report, mut errors) = (Map::new(), case.task.errors.clone());
    let before = errors.len();
    for module in MODULES {
        let value = (module.run)(case).unwrap_or_else(|error| {
            tracing::warn!(target: "sandbox", task = case.task.id, module = module.key, %error, "a part of the report failed");
            errors.push(format!("processing of {} failed: {error}", module.key));
            (module.empty)()
        });
        // A part that was not asked for is absent.
        if !value.is_null() {
            report.insert(module.key.to_owned(), value);
        }
    }
    joined::complete(&mut report);
    report.insert("signatures".into(), Json::Array(Vec::new()));
    report.insert("debug".into(), debug::of(case, &errors)?);
    // Before the report, so that whoever finds that finds its page, and it can tell that there is none.
    if let Err(error) = page::write(case.folder, &report) {
        tracing::warn!(target: "sandbox", task = case.task.id, %error, "the page of a report was not written");
        errors.push(format!("the page of the report was not written: {error}"));
        report["debug"]["errors"] = json!(errors);
    }
    write(case.folder.path(), &Json::Object(report))?;
    Ok(errors.split_off(before))
}

fn write(folder: &Path, report: &Json) -> io::Result<()> {
    let path = folder.join(REPORT);
    let dir = path.parent().unwrap_or(folder);
    let file = tempfile::NamedTempFile::new_in(dir)?;
    let mut out = io::BufWriter::new(file.as_file());
    serde_json::to_writer_pretty(&mut out, report)?;
    io::Write::flush(&mut out)?;
    drop(out);
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
