//! The licences of everything that is linked or built, against the list of allowed ones.

use serde_json::Value;

use super::{Problem, problem};

/// Keep in step with `deny.toml`.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "IJG",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

pub fn check(metadata: &Value) -> Vec<Problem> {
    let used: Vec<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|node| node["id"].as_str())
        .collect();
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        if !used.contains(&package["id"].as_str().unwrap_or_default()) {
            continue;
        }
        let name = package["name"].as_str().unwrap_or_default();
        let version = package["version"].as_str().unwrap_or_default();
        match package["license"].as_str() {
            None => problems.push(problem(
                "Cargo.lock",
                0,
                format!("{name} {version} names no licence; find another crate"),
            )),
            Some(expression) if !is_allowed(expression) => {
                let message = format!(
                    "{name} {version} has licence `{expression}`, which xtask/src/tasks/tidy/licences.rs does not allow"
                );
                problems.push(problem("Cargo.lock", 0, message));
            }
            Some(_) => {}
        }
    }
    problems
}

/// Whether the terms can be met with allowed licences: any side of an OR will do, both of an AND must.
fn is_allowed(expression: &str) -> bool {
    // Old manifests write `MIT/Apache-2.0` for a choice.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    any(&mut words) && words.is_empty()
}

fn any(words: &mut Vec<&str>) -> bool {
    let mut is_met = all(words);
    while words.last() == Some(&"OR") {
        words.pop();
        is_met |= all(words);
    }
    is_met
}

fn all(words: &mut Vec<&str>) -> bool {
    let mut is_met = one(words);
    while words.last() == Some(&"AND") {
        words.pop();
        is_met &= one(words);
    }
    is_met
}

fn one(words: &mut Vec<&str>) -> bool {
    match words.pop() {
        Some("(") => {
            let is_met = any(words);
            words.pop() == Some(")") && is_met
        }
        Some(name) if words.last() == Some(&"WITH") => {
            words.pop();
            let exception = words.pop().unwrap_or_default();
            ALLOWED.contains(&format!("{name} WITH {exception}").as_str())
        }
        Some(name) => ALLOWED.contains(&name),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn expressions_are_weighed() {
        let cases = [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-2.0", true),
            ("MIT AND GPL-2.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("ISC AND (Apache-2.0 OR ISC) AND OpenSSL", true),
            ("(GPL-2.0 OR AGPL-3.0) AND MIT", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT", true),
            ("GPL-2.0 WITH Classpath-exception-2.0", false),
            ("", false),
            ("MIT MIT", false),
        ];
        for (expression, wanted) in cases {
            assert_eq!(is_allowed(expression), wanted, "{expression}");
        }
    }
}
