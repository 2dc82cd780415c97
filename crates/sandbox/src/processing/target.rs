//! `target`: what was analysed (the report reference, section 2).

use std::io;

use serde_json::{Value as Json, json};
use store::sandbox::Category;

use super::{Case, Module, file_object};

pub const MODULE: Module = Module { key: "target", run: of, empty: || json!({"category": "file"}) };

fn of(case: &Case<'_>) -> io::Result<Json> {
    let task = case.task;
    if task.category == Category::Url {
        return Ok(json!({"category": "url", "url": task.target, "human": task.target}));
    }
    let digests = &task.sample.as_ref().ok_or(io::ErrorKind::NotFound)?.digests;
    let file = case.samples.open_sample(&digests.sha256)?;
    let file = file_object::of_known(file, task.file_name(), &case.shown_path("binary"), digests)?;
    Ok(json!({"category": task.category, "file": file, "human": task.file_name()}))
}
