//! The report as a page for people (the Cuckoo reference, section 5.8): one file that needs nothing else, to be read, kept and printed.
//!
//! It is made of the value that is written as JSON, and of the pictures which that names. Whatever a sample had a say in is a
//! [`text::Text`]: cut, with what cannot be seen made visible, and escaped by the template. There is no script in it, nothing is
//! loaded, and no address is a link.
//!
//! Lists are cut, and all texts together as well, so that the page of any report can be opened; the JSON has the rest.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};

use askama::Template;
use serde_json::{Map, Value as Json};

use crate::results::{Folder, PAGE};

mod behavior;
mod files;
mod network;
mod overview;
mod pictures;
mod table;
mod text;

use behavior::{Group, Process};
use overview::Overview;
use pictures::Picture;
use table::{List, Section};
use text::{Reader, Text};

/// Lines of the end of a log.
const MAX_LINES: usize = 150;
const MAX_ERRORS: usize = 100;
const MAX_SIGNATURES: usize = 100;
const MAX_ANOMALIES: usize = 50;

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'r> {
    overview: Overview<'r>,
    errors: List<Text<'r>>,
    signatures: List<Signature<'r>>,
    anomalies: List<Text<'r>>,
    processes: List<Process<'r>>,
    groups: Vec<Group<'r>>,
    /// What became of calls that are not told, in words.
    calls: Vec<String>,
    sections: Vec<Section<'r>>,
    pictures: List<Picture>,
    logs: Vec<Log<'r>>,
}

struct Signature<'r> {
    name: Text<'r>,
    description: Text<'r>,
    severity: Text<'r>,
}

/// The end of a log.
struct Log<'r> {
    title: &'static str,
    lines: List<Text<'r>>,
}

impl<'r> Page<'r> {
    fn of(folder: &Folder, report: &'r Map<String, Json>) -> io::Result<Self> {
        let part = |key: &str| report.get(key).unwrap_or(&Json::Null);
        let mut reader = Reader::default();
        // What matters most comes first, should there be more than the page takes.
        let overview = Overview::of(&mut reader, part("info"), part("target"), part("signatures"));
        let debug = part("debug");
        let errors = reader.list(&debug["errors"], MAX_ERRORS, Reader::text);
        let signatures = reader.list(part("signatures"), MAX_SIGNATURES, signature);
        let behavior = part("behavior");
        let anomalies = reader.list(&behavior["anomaly"], MAX_ANOMALIES, |reader, anomaly| {
            reader.joined(&[&anomaly["funcname"], &anomaly["message"]], ": ")
        });
        let logs = logs(&mut reader, debug);
        let processes = behavior::processes(&mut reader, behavior);
        let mut sections: Vec<_> = network::section(&mut reader, part("network")).into_iter().collect();
        sections.extend(files::sections(&mut reader, part("dropped"), part("procmemory")));
        let groups = behavior::groups(&mut reader, &behavior["summary"]);
        let calls = behavior::calls(behavior);
        let pictures = pictures::of(folder, part("screenshots"))?;
        Ok(Self {
            overview,
            errors,
            signatures,
            anomalies,
            processes,
            groups,
            calls,
            sections,
            pictures,
            logs,
        })
    }
}

fn signature<'r>(reader: &mut Reader, signature: &'r Json) -> Signature<'r> {
    Signature {
        name: reader.text(&signature["name"]),
        description: reader.text(&signature["description"]),
        severity: reader.text(&signature["severity"]),
    }
}

/// The log of the run; where the guest wrote that itself, the host's as well.
fn logs<'r>(reader: &mut Reader, debug: &'r Json) -> Vec<Log<'r>> {
    let mut logs = vec![Log { title: "analysis.log", lines: reader.tail(&debug["log"], MAX_LINES) }];
    let is_other = debug["cuckoo"].as_array().and_then(|lines| lines.last())
        != debug["log"].as_array().and_then(|lines| lines.last());
    if is_other {
        logs.push(Log { title: "cuckoo.log", lines: reader.tail(&debug["cuckoo"], MAX_LINES) });
    }
    logs.retain(|log| !log.lines.is_empty());
    logs
}

/// Writes the page of a report beside it, in one step. When that fails there is none: one of an earlier report would be wrong.
pub fn write(folder: &Folder, report: &Map<String, Json>) -> io::Result<()> {
    let path = folder.path().join(PAGE);
    let written = fill(folder, report).and_then(|file| file.persist(&path).map_err(|error| error.error));
    match written {
        Ok(_) => File::open(path.parent().unwrap_or(folder.path()))?.sync_all(),
        Err(error) => {
            let _ = fs::remove_file(path);
            Err(error)
        }
    }
}

fn fill(folder: &Folder, report: &Map<String, Json>) -> io::Result<tempfile::NamedTempFile> {
    let page = Page::of(folder, report)?;
    let file = tempfile::NamedTempFile::new_in(folder.path().join("reports"))?;
    let mut out = BufWriter::new(file.as_file());
    page.write_into(&mut out)?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests;
