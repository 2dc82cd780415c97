//! `debug`: what was logged, and what went wrong (the report reference, section 8).

use std::io::{self, Read as _, Seek as _, SeekFrom};

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

/// All lines; of a log that is too long, those at its beginning and at its end.
fn lines(case: &Case<'_>, name: &str) -> io::Result<Vec<String>> {
    let Some(mut file) = case.folder.find(name)? else { return Ok(Vec::new()) };
    let left_out = file.metadata()?.len().saturating_sub(MAX_LOG);
    let mut bytes = Vec::new();
    file.by_ref().take(if left_out > 0 { MAX_LOG / 2 } else { MAX_LOG }).read_to_end(&mut bytes)?;
    if left_out > 0 {
        bytes.extend_from_slice(format!("\n[{left_out} bytes of this log are left out]\n").as_bytes());
        file.seek(SeekFrom::Current(left_out.cast_signed()))?;
        file.take(MAX_LOG / 2).read_to_end(&mut bytes)?;
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(text::shown).collect())
}
