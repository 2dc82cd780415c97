//! Libraries of a process (the report reference, section 4.1): files that it mapped as code.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::Call;

/// The most of one process.
const MAX_MODULES: usize = 1000;

pub fn of(calls: &[Call]) -> Vec<Json> {
    let mut known = HashSet::new();
    let mapped = calls.iter().filter(|call| call.api == "mmap" && call.succeeded() && is_code(call));
    let modules = mapped.filter_map(|call| {
        let path = call.text("filepath").filter(|path| known.insert(*path))?;
        Some(json!({
            "basename": path.rsplit('/').next().unwrap_or(path),
            "filepath": path,
            "baseaddr": format!("0x{:016x}", call.return_value),
            "imgsize": call.arguments.get("length"),
        }))
    });
    modules.take(MAX_MODULES).collect()
}

fn is_code(call: &Call) -> bool {
    const PROT_EXEC: u64 = 4;
    call.arguments.get("protection").and_then(Json::as_u64).is_some_and(|bits| bits & PROT_EXEC != 0)
}
