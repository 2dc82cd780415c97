//! Golden diagnostics: each `diagnostics/NAME.vql` is refused with exactly the text of `NAME.txt`.
//!
//! The text is the one-line form, then the rendered excerpt. Files whose names start with `lambda-` hold a lambda,
//! all others a program. `UPDATE_GOLDEN=1 cargo test -p vql --test diagnostics` writes the texts anew: read the diff.

use std::fs;
use std::path::{Path, PathBuf};
use vql::diagnostic::Code;
use vql::parser;

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let entries = fs::read_dir(folder).expect("the folder of cases");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "vql"));
    paths.sort();
    paths
}

fn refusal(path: &Path) -> (Code, String) {
    let name = path.file_name().and_then(|n| n.to_str()).expect("a plain name");
    let source = fs::read_to_string(path).expect("a readable case");
    let error = if name.starts_with("lambda-") {
        parser::parse_lambda(&source).map(drop).expect_err(name)
    } else {
        parser::parse(&source).map(drop).expect_err(name)
    };
    (error.code, format!("{error}\n\n{}\n", error.render(&source, name)))
}

#[test]
fn diagnostics_match_their_golden_texts() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for path in cases() {
        let (_, text) = refusal(&path);
        let golden = path.with_extension("txt");
        if update {
            fs::write(&golden, text).expect("a writable folder");
        } else if fs::read_to_string(&golden).ok().as_deref() != Some(&text) {
            wrong.push(format!("{}\n{text}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "these differ (UPDATE_GOLDEN=1 accepts them):\n{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_case() {
    // Too long and too large for a file of their own; tested beside the parser.
    let elsewhere = [Code::TooLong, Code::TooLarge];
    let seen: Vec<Code> = cases().iter().map(|path| refusal(path).0).collect();
    let missing: Vec<_> = Code::ALL.iter().filter(|c| !seen.contains(c) && !elsewhere.contains(c)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
