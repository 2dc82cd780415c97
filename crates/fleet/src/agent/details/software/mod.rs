//! Installed software, one query per group of tables that come together: where one table is missing the agent would fail
//! the whole query. Names of the groups that other servers use are kept, since simulators answer by name.

use store::fleet::host::Software;

use super::{Ingest, Row, text};
use crate::agent::work::Work;

pub mod browsers;
pub mod linux;
pub mod macos;
pub mod windows;

/// The most programs that one answer may name.
const MAX_PROGRAMS: usize = 50_000;

fn wanted(work: &Work) -> bool {
    work.software
}

/// Takes rows over; they replace what is known of these sources.
fn ingest(rows: Vec<Row>, sources: &'static [&'static str], into: &mut Ingest) {
    let programs = rows.iter().filter_map(program).take(MAX_PROGRAMS);
    let kept = &mut into.more.software;
    kept.sources.extend(sources.iter().map(|source| (*source).to_owned()));
    kept.programs.extend(programs);
}

/// What has neither name nor source is nothing.
fn program(row: &Row) -> Option<Software> {
    let field = |column: &str| text(row, column).chars().filter(|c| *c != '\0').take(255).collect::<String>();
    let (name, source) = (field("name"), field("source"));
    let opened = text(row, "last_opened_at").parse::<f64>().ok().filter(|seconds| *seconds > 0.0);
    (!name.is_empty() && !source.is_empty()).then(|| Software {
        name,
        version: field("version"),
        source,
        release: field("release"),
        vendor: field("vendor"),
        arch: field("arch"),
        bundle_identifier: field("bundle_identifier"),
        last_opened_at: opened.map(|seconds| (seconds * 1e6) as i64),
    })
}
