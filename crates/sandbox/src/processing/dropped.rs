//! `dropped`: files that the sample left (the report reference, section 6).

use std::collections::HashMap;
use std::io::{self, BufRead as _, Read as _};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Case, Module, file_object};

pub const MODULE: Module = Module { key: "dropped", run: of, empty: || json!([]) };

/// The record of where files came from.
const RECORD: &str = "files.json";
const MAX_RECORD: u64 = 64 << 20;
const MAX_FILES: usize = 10_000;

/// A line of the record.
#[derive(Deserialize)]
struct Origin {
    path: String,
    filepath: Option<String>,
    #[serde(default)]
    pids: Vec<u32>,
    /// Whether there was more of it.
    #[serde(default)]
    cut: bool,
}

fn of(case: &Case<'_>) -> io::Result<Json> {
    let origins = origins(case)?;
    let mut dropped = Vec::new();
    for folder in ["files", "package_files"] {
        for entry in case.folder.entries(folder)?.into_iter().filter(|entry| !entry.is_dir).take(MAX_FILES) {
            let name = entry.name.to_string_lossy().into_owned();
            let member = format!("{folder}/{name}");
            let Some(file) = case.folder.find(format!("{folder}/{name}"))? else { continue };
            let mut object = file_object::of(file, &name, &case.shown_path(&member))?;
            let origin = origins.get(&member);
            object["filepath"] = json!(origin.and_then(|origin| origin.filepath.as_ref()));
            object["pids"] = json!(origin.map(|origin| origin.pids.clone()).unwrap_or_default());
            if origin.is_some_and(|origin| origin.cut) {
                object["cut"] = json!(true);
            }
            dropped.push(object);
        }
    }
    Ok(dropped.into())
}

fn origins(case: &Case<'_>) -> io::Result<HashMap<String, Origin>> {
    let Some(file) = case.folder.find(RECORD)? else { return Ok(HashMap::new()) };
    let lines = io::BufReader::new(file.take(MAX_RECORD)).lines();
    let mut origins = HashMap::new();
    for line in lines {
        if let Ok(origin) = serde_json::from_str::<Origin>(&line?) {
            origins.insert(origin.path.clone(), origin);
        }
    }
    Ok(origins)
}
