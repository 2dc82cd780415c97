//! Who may depend on whom: the table of levels in ARCHITECTURE.md against the manifests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{File, Problem, problem};

const PAGE: &str = "ARCHITECTURE.md";
/// May use everything, and be used only by tests.
const TEST_ONLY: &str = "testkit";
/// Stands beside the tower: uses none of our crates and is used by none.
const TASKS: &str = "xtask";

pub fn check(files: &[File], metadata: &Value) -> Vec<Problem> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![problem(PAGE, 0, "missing; it holds the table of levels")];
    };
    let levels = levels(&page.text);
    if levels.is_empty() {
        return vec![problem(PAGE, 0, "has no table of levels: lines such as `level 0   vql   proto`")];
    }
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if name != TASKS && name != TEST_ONLY && !levels.contains_key(name) {
            problems.push(problem(PAGE, 0, format!("add crate `{name}` to a line of the table of levels")));
            continue;
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Only our own crates are named by path.
            if dependency["path"].is_null() {
                continue;
            }
            let target = dependency["name"].as_str().unwrap_or_default();
            let is_dev = dependency["kind"] == "dev";
            if let Some(reason) = refusal(&levels, name, target, is_dev) {
                problems.push(problem(
                    format!("crates/{name}/Cargo.toml"),
                    0,
                    format!("`{name}` may not use `{target}`: {reason}"),
                ));
            }
        }
    }
    problems
}

/// The level of each crate, from lines `level N   name   name …   remark in several words`.
fn levels(page: &str) -> BTreeMap<&str, u32> {
    let mut levels = BTreeMap::new();
    for line in page.lines() {
        let Some((number, names)) =
            line.strip_prefix("level ").and_then(|rest| rest.trim_start().split_once(' '))
        else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        // A remark, if any, follows after ` -- `.
        let names = names.split(" -- ").next().unwrap_or_default();
        levels.extend(names.split_whitespace().map(|name| (name, number)));
    }
    levels
}

fn refusal(levels: &BTreeMap<&str, u32>, from: &str, to: &str, is_dev: bool) -> Option<String> {
    if from == TEST_ONLY || from == to {
        return None;
    }
    if to == TEST_ONLY {
        return (!is_dev).then(|| format!("`{TEST_ONLY}` appears only under [dev-dependencies]"));
    }
    if from == TASKS || to == TASKS {
        return Some(format!("`{TASKS}` stands alone, so that it builds in seconds"));
    }
    let (own, other) = (levels.get(from)?, levels.get(to)?);
    if other < own {
        return None;
    }
    Some(format!("it is on level {own} and `{to}` on level {other} of {PAGE}, and arrows only lead down"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_TEXT: &str =
        "level 2   plugins   serve\nlevel 1   store\nlevel 0   vql   proto -- never on each other\n";

    #[test]
    fn arrows_lead_down() {
        let levels = levels(PAGE_TEXT);
        assert_eq!(levels.len(), 5);
        let refused = |from, to, dev| refusal(&levels, from, to, dev).is_some();
        assert!(!refused("plugins", "vql", false));
        assert!(refused("plugins", "serve", false));
        assert!(refused("vql", "proto", true));
        assert!(refused("store", "serve", false));
    }

    #[test]
    fn testkit_is_for_tests() {
        let levels = levels(PAGE_TEXT);
        assert!(refusal(&levels, "serve", "testkit", false).is_some());
        assert!(refusal(&levels, "serve", "testkit", true).is_none());
        assert!(refusal(&levels, "testkit", "serve", false).is_none());
    }
}
