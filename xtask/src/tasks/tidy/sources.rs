//! What every source file keeps to.

use super::{File, Problem, problem};

const MOST_LINES: usize = 800;

/// Crates that see bytes only; what they need of the world they are handed.
const PURE: &[&str] = &["crates/vql/src/", "crates/forensics/src/"];
const WORLD: &[&str] =
    &["std::fs", "std::net", "std::process", "tokio", "SystemTime", "Instant", "Timestamp::now"];

/// Split so that this file does not name them.
const UNFINISHED: &[&str] = &[concat!("to", "do!"), concat!("unimple", "mented!"), concat!("db", "g!")];
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/")];

/// Folders whose files are data: kept to the byte. So is whatever the tests of a crate read.
const DATA: &[&str] = &["fixtures", "golden", "testdata", "corpus"];

pub fn check(files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files {
        let is_data = file.path.split('/').any(|part| DATA.contains(&part)) || is_read_by_tests(file);
        if file.is_generated() || is_data {
            continue;
        }
        every_text(file, &mut problems);
        if file.is_rust() {
            rust(file, &mut problems);
        }
    }
    problems
}

fn is_read_by_tests(file: &File) -> bool {
    file.path.starts_with("crates/")
        && file.path.contains("/tests/")
        && !file.is_rust()
        && !file.path.ends_with(".md")
}

fn every_text(file: &File, problems: &mut Vec<Problem>) {
    for (at, line) in file.text.lines().enumerate() {
        if line.ends_with([' ', '\t']) {
            problems.push(problem(&file.path, at + 1, "remove the space at the end of the line"));
        }
        for path in MACHINE_PATHS.iter().filter(|path| has_path(line, path)) {
            problems.push(problem(
                &file.path,
                at + 1,
                format!("`{path}` is a path of one machine; name it from the repository's root"),
            ));
        }
    }
}

fn rust(file: &File, problems: &mut Vec<Problem>) {
    if !file.text.starts_with("//!") {
        let line = if file.name() == "tests.rs" {
            "//! What the tests here promise."
        } else {
            "//! What this module is for."
        };
        problems.push(problem(
            &file.path,
            1,
            format!("add a module doc as the first line, such as `{line}`"),
        ));
    }
    let count = file.text.lines().count();
    if count > MOST_LINES {
        let advice = "split it; tests that are longer than the code go to <name>/tests.rs";
        problems.push(problem(
            &file.path,
            MOST_LINES + 1,
            format!("{count} lines, at most {MOST_LINES}: {advice}"),
        ));
    }
    // Tests may measure time and read samples.
    let is_pure = file.name() != "tests.rs" && PURE.iter().any(|folder| file.path.starts_with(folder));
    for (at, line) in file.text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for name in UNFINISHED.iter().filter(|name| has_word(code, name)) {
            problems.push(problem(
                &file.path,
                at + 1,
                format!("`{name}` is for work in progress; finish it or return an error"),
            ));
        }
        if !is_pure {
            continue;
        }
        let grouped = code.trim_start().starts_with("use std::{")
            && ["fs", "net", "process"].iter().any(|name| has_word(code, name));
        let named = WORLD.iter().find(|name| has_word(code, name)).copied().or(grouped.then_some("std::{…}"));
        if let Some(name) = named {
            problems.push(problem(
                &file.path,
                at + 1,
                format!("`{name}` in a pure crate; ask the host for it (vql::host::Host)"),
            ));
        }
    }
}

/// Whether `word` stands in `code` and is neither part of a longer name nor a text of its own.
fn has_word(code: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        let is_text = before.ends_with('"') && after.starts_with('"');
        !is_text && !before.ends_with(is_name) && (word.ends_with('!') || !after.starts_with(is_name))
    })
}

/// Whether an absolute path starts so; `https://host/…` and `./…` are not absolute paths.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-}~*)".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(&[File { path: path.into(), text: text.into() }]).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_file_opens_with_its_doc() {
        assert_eq!(messages("crates/x/src/a.rs", "//! Doc.\nfn main() {}\n"), [""; 0]);
        assert_eq!(messages("crates/x/src/a.rs", "fn main() {}\n").len(), 1);
        assert_eq!(messages("crates/x/src/a.rs", "// @generated by something\nfn main() {}\n"), [""; 0]);
    }

    #[test]
    fn long_files_and_loose_ends_are_told() {
        assert_eq!(messages("a.rs", &format!("//! Doc.\n{}", "\n".repeat(800))).len(), 1);
        assert_eq!(messages("a.md", "text \n"), ["a.md:1: remove the space at the end of the line"]);
        assert_eq!(messages("fixtures/a.txt", "text \n"), [""; 0]);
        for name in UNFINISHED {
            assert_eq!(messages("a.rs", &format!("//! Doc.\nfn f() {{ {name}(1) }}\n")).len(), 1, "{name}");
        }
    }

    #[test]
    fn pure_crates_name_no_world() {
        let pure = |code: &str| messages("crates/vql/src/a.rs", &format!("//! Doc.\n{code}\n")).len();
        assert_eq!(pure("use std::fs::File;"), 1);
        assert_eq!(pure("use std::{fs, io};"), 1);
        assert_eq!(pure("let a = Instant::now();"), 1);
        assert_eq!(pure("let a = self.instant(); // as an Instant"), 0);
        assert_eq!(pure("let a = map[\"Instant\"];"), 0);
        assert_eq!(pure("struct InstantLike; use std::io;"), 0);
        assert_eq!(messages("crates/plugins/src/a.rs", "//! Doc.\nuse std::fs;\n"), [""; 0]);
    }

    #[test]
    fn paths_of_a_machine_are_told() {
        for path in MACHINE_PATHS {
            assert_eq!(messages("a.md", &format!("see `{path}x`\n")).len(), 1);
            assert_eq!(messages("a.md", &format!("see https://host.example{path}x\n")), [""; 0]);
        }
    }
}
