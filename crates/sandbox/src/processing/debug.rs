//! `debug`: what was logged, and what went wrong (the report reference, section 8).

use std::io::{self, Read as _};

use serde_json::{Value as Json, json};

use super::{Case, text};

const MAX_LOG: u64 = 4 << 20;

/// The logs of guest and host, and all errors.
pub fn of(case: &Case<'_>, errors: &[String]) -> io::Result<Json> {
    Ok(json!({
        "log": lines(case, "analysis.log")?,
        "cuckoo": lines(case, "cuckoo.log")?,
        "errors": errors,
        "action": [],
        "dbgview": [],
    }))
}

fn lines(case: &Case<'_>, name: &str) -> io::Result<Vec<String>> {
    let Some(file) = case.folder.find(name)? else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    file.take(MAX_LOG).read_to_end(&mut bytes)?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(text::shown).collect())
}
