//! Libraries of a process (the report reference, section 4.1): files that it mapped as code.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::Call;

/// The most of one process.
const MAX_MODULES: usize = 1000;

#[derive(Default)]
pub struct Modules {
    known: HashSet<String>,
    list: Vec<Json>,
}

impl Modules {
    pub fn list(&self) -> &[Json] {
        &self.list
    }

    pub fn add(&mut self, call: &Call) {
        let is_one = call.api == "mmap" && call.succeeded() && is_code(call) && self.list.len() < MAX_MODULES;
        let Some(path) = call.text("filepath").filter(|path| is_one && !self.known.contains(*path)) else {
            return;
        };
        self.known.insert(path.to_owned());
        self.list.push(json!({
            "basename": path.rsplit('/').next().unwrap_or(path),
            "filepath": path,
            "baseaddr": format!("0x{:016x}", call.return_value),
            "imgsize": call.arguments.get("length"),
        }));
    }
}

fn is_code(call: &Call) -> bool {
    const PROT_EXEC: u64 = 4;
    call.arguments.get("protection").and_then(Json::as_u64).is_some_and(|bits| bits & PROT_EXEC != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_files_that_are_mapped_as_code_once() {
        let map = |path: &str, protection: u64, errno: &str| Call {
            api: "mmap".into(),
            arguments: json!({"filepath": path, "protection": protection, "length": 8192})
                .as_object()
                .unwrap()
                .clone(),
            return_value: 0x7000,
            errno: errno.into(),
            ..Call::default()
        };
        let calls = [
            map("/lib/libc.so.6", 1, ""),
            map("/lib/libc.so.6", 5, ""),
            map("/lib/libc.so.6", 5, ""),
            map("/lib/libm.so.6", 5, "EPERM"),
            map("", 7, ""),
        ];
        let mut modules = Modules::default();
        calls.iter().for_each(|call| modules.add(call));
        assert_eq!(
            modules.list(),
            [
                json!({"basename": "libc.so.6", "filepath": "/lib/libc.so.6", "baseaddr": "0x0000000000007000", "imgsize": 8192})
            ]
        );
    }
}
