//! `metadata`: which files the run left (the report reference, section 8).

use std::fs::File;
use std::io;

use serde_json::{Value as Json, json};

use super::{Case, Module};
use crate::results::CAPTURE;
use crate::samples::sha256;

pub const MODULE: Module = Module { key: "metadata", run: of, empty: || json!({"output": {}}) };

fn of(case: &Case<'_>) -> io::Result<Json> {
    let mut output = serde_json::Map::new();
    if let Some(file) = case.folder.find(CAPTURE)? {
        output.insert("pcap".into(), described("", CAPTURE, file)?);
    }
    for (key, folder) in [("memdumps", "memory"), ("buffers", "buffer"), ("dropped", "files")] {
        let mut all = Vec::new();
        for entry in case.folder.entries(folder)? {
            let name = entry.name.to_string_lossy();
            if let Some(file) = case.folder.find(format!("{folder}/{name}"))? {
                all.push(described(folder, &name, file)?);
            }
        }
        if !all.is_empty() {
            output.insert(key.into(), all.into());
        }
    }
    Ok(json!({"output": output}))
}

fn described(folder: &str, name: &str, file: File) -> io::Result<Json> {
    Ok(json!({"dirname": folder, "basename": name, "sha256": sha256(file)?}))
}
