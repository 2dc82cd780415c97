//! How fast a large file is scanned with YARA rules, next to `yr`, the command of the engine underneath.
//!
//! `cargo xtask bench yara_speed` runs it. `yr` is the one in the environment's `YR`, else on the path (`cargo install yara-x-cli`);
//! where there is none, the engine's crate takes its place, with the file held in memory. `yr` maps the file into memory and scans
//! all of it at once; `yara()` reads it in blocks that overlap. Both compile the rules each time.
//!
//! Figures are of processor time, of the program alone for `yr`.

mod measure;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use measure::{figure, in_turn, of_process_and_children, query};
use tempfile::NamedTempFile;

const SIZE: usize = 1 << 30;

/// What is repeated in the file.
const PIECE: usize = 64 << 20;

const ROUNDS: usize = 4;

/// How many times as long as the engine's own command a scan may take.
const MOST: f64 = 1.2;

fn main() {
    let (file, rules) = (large_file(), rules());
    let source = format!(
        "SELECT Rule FROM yara(rules='{rules}', files='{}', end={})",
        file.path().display(),
        2 * SIZE
    );
    let yr = std::env::var("YR").unwrap_or_else(|_| "yr".to_owned());
    let has_yr = Command::new(&yr).arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    let stored = NamedTempFile::new().expect("a temporary file is made");
    fs::write(stored.path(), &rules).expect("it is written");
    let other: &dyn Fn() -> u64 = match has_yr {
        true => &|| scanned_by(&yr, stored.path(), file.path()),
        false => &|| scanned_by_crate(&rules, file.path()),
    };
    let best = in_turn(ROUNDS, of_process_and_children, &[other, &|| query(&source)]);
    assert_eq!((best[0].count, best[1].count), (1, 1), "one thing is found");
    let rate = |seconds: f64| SIZE as f64 / 1e6 / seconds;
    let who = if has_yr { "cli" } else { "crate" };
    println!("{who}: {:.0} MB/s, yara(): {:.0} MB/s", rate(best[0].seconds), rate(best[1].seconds));
    figure(&format!("yara_over_{who}"), best[1].seconds / best[0].seconds, "x", MOST);
}

/// A hundred rules of two strings each.
fn rules() -> String {
    let rule = |i: u32| {
        format!(
            "rule R{i} {{ strings: $a = \"needle number {i}\" nocase $b = {{ 4d 5a ?? {i:02} }} condition: any of them }}"
        )
    };
    (0..100).map(rule).collect::<Vec<_>>().join("\n")
}

/// Letters in no order, and at the end what one rule looks for.
fn large_file() -> NamedTempFile {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        b'a' + ((state >> 16) % 26) as u8
    };
    let piece: Vec<u8> = (0..PIECE).map(|_| next()).collect();
    let mut file = NamedTempFile::new().expect("a temporary file is made");
    for _ in 0..SIZE / PIECE {
        file.write_all(&piece).expect("it is written");
    }
    file.write_all(b"needle number 7").expect("it is written");
    file
}

/// Lines that `yr` prints.
fn scanned_by(yr: &str, rules: &Path, file: &Path) -> u64 {
    let output = Command::new(yr)
        .args(["scan", "--threads", "1", "--disable-warnings"])
        .args([rules, file])
        .stderr(Stdio::null())
        .output()
        .expect("yr runs");
    assert!(output.status.success(), "yr scans the file");
    output.stdout.iter().filter(|c| **c == b'\n').count() as u64
}

/// Rules that match.
fn scanned_by_crate(rules: &str, file: &Path) -> u64 {
    let rules = yara_x::compile(rules).expect("the rules are well formed");
    let content = fs::read(file).expect("the file is there");
    let mut scanner = yara_x::Scanner::new(&rules);
    let results = scanner.scan(&content).expect("it is scanned");
    results.matching_rules().len() as u64
}
