//! `screenshots`: pictures of the screen (the report reference, section 8).

use std::io;

use serde_json::{Value as Json, json};

use super::{Case, Module};

pub const MODULE: Module = Module { key: "screenshots", run: of, empty: || json!([]) };

fn of(case: &Case<'_>) -> io::Result<Json> {
    let names =
        case.folder.entries("shots")?.into_iter().map(|entry| entry.name.to_string_lossy().into_owned());
    let pictures = names.filter(|name| name.ends_with(".jpg") && !name.ends_with("_small.jpg"));
    let shown = pictures.map(|name| json!({"path": case.shown_path(&format!("shots/{name}")), "ocr": ""}));
    Ok(shown.collect::<Vec<_>>().into())
}
