//! How fast `glob()` finds entries, next to `find` on the same tree, which both have walked before.
//!
//! `cargo run --release -p plugins --example glob_speed -- /usr` runs it. What is found is written, as text here and as JSON there,
//! and thrown away.

mod measure;

use std::process::{Command, Stdio};

use measure::{Best, figure, in_turn, query, wall, written};

/// Turns that each takes.
const ROUNDS: usize = 15;

/// How many entries `find` sees, the start left out.
fn count(root: &str) -> u64 {
    let output = Command::new("find").args([root, "-mindepth", "1", "-printf", "x"]).output();
    output.expect("find is installed").stdout.len() as u64
}

fn find(root: &str) -> u64 {
    Command::new("find").arg(root).stdout(Stdio::null()).status().expect("find is installed");
    0
}

fn report(what: &str, best: Best) {
    println!("{what:75} {:>8} rows {:>8.1} ms", best.count, best.seconds * 1e3);
}

fn main() {
    let root = std::env::args().nth(1).unwrap_or_else(|| "/usr".to_owned());
    let paths = format!("SELECT OSPath FROM glob(globs='{root}/**', nosymlink=TRUE)");
    let links = format!("SELECT OSPath FROM glob(globs='{root}/**')");
    let names = format!("SELECT Name FROM glob(globs='{root}/**', nosymlink=TRUE)");
    let number = format!("SELECT count() FROM glob(globs='{root}/**', nosymlink=TRUE) GROUP BY 1");
    let facts = format!("SELECT OSPath, Size, Mtime FROM glob(globs='{root}/**', nosymlink=TRUE)");
    let some = format!("SELECT OSPath FROM glob(globs='{root}/**/*.so*', nosymlink=TRUE)");
    let best = in_turn(
        ROUNDS,
        wall,
        &[
            &|| find(&root),
            &|| written(&paths),
            &|| written(&names),
            &|| query(&number),
            &|| written(&facts),
            &|| written(&some),
            &|| written(&links),
        ],
    );
    let entries = count(&root);
    report(&format!("find {root}"), Best { count: entries, ..best[0] });
    for (source, best) in [&paths, &names, &number, &facts, &some, &links].into_iter().zip(&best[1..]) {
        report(source, *best);
    }
    assert_eq!((best[1].count, best[2].count), (entries, entries), "glob and find see the same entries");
    // As many times as fast as find: a rate, since more is better.
    for (name, glob) in [("paths", best[1]), ("names", best[2]), ("count", best[3])] {
        figure(&format!("glob_{name}_over_find"), best[0].seconds / glob.seconds, "x/s", 1.5);
    }
}
