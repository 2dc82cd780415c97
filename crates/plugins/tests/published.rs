//! The published names of functions, plugins and accessors, and which of them are built: the table in COMPAT.md.
//!
//! `published_names.txt` has a line for each: kind, name, our priority, and for those that are not built a verdict
//! (`planned: …` or `never: …`). The table is committed; this test fails while it is stale, and rewrites it with
//! `UPDATE_GENERATED=1`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

const BEGIN: &str = "<!-- names: written by UPDATE_GENERATED=1 cargo test -p plugins --test published -->\n";
const END: &str = "<!-- end of names -->\n";

struct Published {
    kind: &'static str,
    name: &'static str,
    priority: &'static str,
    verdict: &'static str,
    is_built: bool,
}

fn published() -> Vec<Published> {
    let registry = plugins::registry();
    let functions = registry.functions().into_iter().map(|f| ("function", f.signature.name));
    let plugin_names = registry.plugins().into_iter().map(|p| ("plugin", p.signature.name));
    let accessors = plugins::accessor::ACCESSORS.iter().map(|a| ("accessor", a.name()));
    let built: BTreeSet<(&str, &str)> = functions.chain(plugin_names).chain(accessors).collect();
    include_str!("published_names.txt")
        .lines()
        .map(|line| {
            let mut words = line.splitn(4, ' ');
            let mut word = || words.next().unwrap_or_default();
            let (kind, name, priority, verdict) = (word(), word(), word(), word());
            Published { kind, name, priority, verdict, is_built: built.contains(&(kind, name)) }
        })
        .collect()
}

fn table(all: &[Published]) -> String {
    let mut page = String::new();
    let count = |priority: &str| {
        let of: Vec<_> = all.iter().filter(|p| p.priority == priority).collect();
        format!("{} of {}", of.iter().filter(|p| p.is_built).count(), of.len())
    };
    let built = all.iter().filter(|p| p.is_built).count();
    let _ = writeln!(
        page,
        "{built} of {} published names are built: P0 (what nearly every query needs) {}, P1 (server work and forensics \
         on Linux) {}, P2 (the rest) {}.\n",
        all.len(),
        count("P0"),
        count("P1"),
        count("P2")
    );
    page.push_str("| kind | name | priority | state |\n| --- | --- | --- | --- |\n");
    for p in all {
        let state = if p.is_built { "built" } else { p.verdict };
        let _ = writeln!(page, "| {} | `{}` | {} | {state} |", p.kind, p.name, p.priority);
    }
    page
}

#[test]
fn the_table_of_published_names_is_fresh() {
    let path = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../COMPAT.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("COMPAT.md has the mark where names begin");
    let (_, tail) = rest.split_once(END).expect("COMPAT.md has the mark where names end");
    let wanted = format!("{head}{BEGIN}\n{}{END}{tail}", table(&published()));
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    } else {
        assert!(
            text == wanted,
            "COMPAT.md is stale: run UPDATE_GENERATED=1 cargo test -p plugins --test published"
        );
    }
}

#[test]
fn every_name_that_is_not_built_has_a_verdict() {
    let all = published();
    assert_eq!(all.len(), 410);
    let lacking: Vec<&str> = all
        .iter()
        .filter(|p| !p.is_built && !p.verdict.starts_with("planned: ") && !p.verdict.starts_with("never: "))
        .map(|p| p.name)
        .collect();
    assert!(lacking.is_empty(), "neither built nor judged: {}", lacking.join(" "));
}

#[test]
fn what_most_queries_need_is_built() {
    let all = published();
    let missing: Vec<&str> =
        all.iter().filter(|p| p.priority == "P0" && !p.is_built).map(|p| p.name).collect();
    assert!(missing.is_empty(), "{}", missing.join(" "));
    let p1 = all.iter().filter(|p| p.priority == "P1" && p.is_built).count();
    assert!(p1 >= 110, "{p1} of 130");
}
