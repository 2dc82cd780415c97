//! Runs the golden suite: every file under `tests/golden`, many cases each. The format of the files is described
//! in `golden/README.md`. `GOLDEN=words` runs only the cases whose place or title holds these words.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use regex::Regex;
use vql::json::{self, JsonOptions};
use vql::permission::{Permission, Permissions};
use vql::schema::Name;
use vql::value::Value;

use common::{Job, Outcome};

mod common;

#[derive(Clone, Debug, Default)]
struct Case {
    /// Where it is written, `operators/add.vql:12`.
    place: String,
    title: String,
    env: Vec<(String, EnvValue)>,
    max_rows: Option<usize>,
    timeout: Option<Duration>,
    any_logs: bool,
    no_rights: bool,
    /// Why the engine is known to disagree.
    differs: Option<String>,
    program: String,
    expected: Vec<Expected>,
}

#[derive(Clone, Debug)]
enum EnvValue {
    Text(String),
    Json(String),
}

#[derive(Clone, Debug)]
enum Expected {
    Rows(String),
    /// Rows in any order.
    Unordered(String),
    Log(String),
    /// Place and part of the message.
    Error(String, String),
}

impl Case {
    fn job(&self) -> Job {
        let mut job = Job::new(self.program.as_str());
        for (name, value) in &self.env {
            let value = match value {
                EnvValue::Text(text) => Value::from(text.as_str()),
                EnvValue::Json(text) => json::parse(text.as_bytes()).expect("@json holds JSON"),
            };
            job.env.set(&Name::new(name), value);
        }
        if self.no_rights {
            job.rights = Permissions::of(&[Permission::AnyQuery]);
        }
        job.max_rows = self.max_rows.unwrap_or(job.max_rows);
        job.timeout = self.timeout.unwrap_or(job.timeout);
        job
    }
}

/// The differences as `-` expected and `+` got lines; empty when all is as expected.
fn compare(case: &Case, got: &Outcome) -> String {
    let mut diff = String::new();
    if got.timed_out != case.timeout.is_some() {
        let _ = writeln!(
            diff,
            "  the case {} stopped by its time limit",
            if got.timed_out { "was" } else { "was not" }
        );
    }
    let expected_error = case.expected.iter().find_map(|e| match e {
        Expected::Error(place, text) => Some((place, text)),
        _ => None,
    });
    match (&got.error, expected_error) {
        (None, None) => {}
        (Some((place, text)), Some((p, t))) if (p == "*" || place == p) && text.contains(t.as_str()) => {
            return diff;
        }
        (error, expected) => {
            if let Some((place, text)) = expected {
                let _ = writeln!(diff, "  - error: {place} {text}");
            }
            if let Some((place, text)) = error {
                let _ = writeln!(diff, "  + error: {place} {text}");
            }
        }
    }
    compare_rows(case, got, &mut diff);
    compare_logs(case, got, &mut diff);
    diff
}

fn compare_rows(case: &Case, got: &Outcome, diff: &mut String) {
    let rows: Vec<_> =
        case.expected.iter().filter(|e| matches!(e, Expected::Rows(_) | Expected::Unordered(_))).collect();
    for i in 0..rows.len().max(got.results.len()) {
        let found = got.results.get(i).map(|rows| format!("[{}]", rows.join(",")));
        match (rows.get(i), &found) {
            (Some(Expected::Rows(wanted)), Some(found)) if wanted == found => {}
            (Some(Expected::Unordered(wanted)), Some(_)) if is_permutation(wanted, &got.results[i]) => {}
            (wanted, found) => {
                if let Some(Expected::Rows(text) | Expected::Unordered(text)) = wanted {
                    let _ = writeln!(diff, "  - {text}");
                }
                if let Some(text) = found {
                    let _ = writeln!(diff, "  + {text}");
                }
            }
        }
    }
}

/// Whether the rows, in some order, make the expected array.
fn is_permutation(wanted: &str, rows: &[String]) -> bool {
    let Ok(Value::List(items)) = json::parse(wanted.as_bytes()) else { return false };
    let mut wanted: Vec<String> = Vec::new();
    for item in items.iter() {
        let mut text = Vec::new();
        json::write_value(item, &mut text, &JsonOptions::default());
        wanted.push(String::from_utf8_lossy(&text).into_owned());
    }
    let mut rows = rows.to_vec();
    wanted.sort();
    rows.sort();
    wanted == rows
}

fn compare_logs(case: &Case, got: &Outcome, diff: &mut String) {
    let wanted: Vec<&String> = case
        .expected
        .iter()
        .filter_map(|e| match e {
            Expected::Log(line) => Some(line),
            _ => None,
        })
        .collect();
    if case.any_logs {
        for line in wanted {
            if !got.logs.iter().any(|l| log_matches(line, l)) {
                let _ = writeln!(diff, "  - log: {line}");
                let _ = writeln!(diff, "  + logs: {:?}", got.logs);
            }
        }
        return;
    }
    for i in 0..wanted.len().max(got.logs.len()) {
        match (wanted.get(i), got.logs.get(i)) {
            (Some(wanted), Some(found)) if log_matches(wanted, found) => {}
            (wanted, found) => {
                if let Some(line) = wanted {
                    let _ = writeln!(diff, "  - log: {line}");
                }
                if let Some(line) = found {
                    let _ = writeln!(diff, "  + log: {line}");
                }
            }
        }
    }
}

fn log_matches(wanted: &str, line: &str) -> bool {
    match wanted.strip_prefix('~') {
        Some(pattern) => Regex::new(pattern).expect("the pattern of a log line").is_match(line),
        None => wanted.trim_end() == line.trim_end(),
    }
}

/// Reads the cases of a file.
fn parse(place: &str, text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut part = Part::Preamble;
    for (i, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("=== ") {
            let place = format!("{place}:{}", i + 1);
            cases.push(Case { place, title: title.trim().to_string(), ..Case::default() });
            part = Part::Directives;
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if part == Part::Directives {
            if let Some(directive) = line.strip_prefix('@') {
                case.directive(directive);
                continue;
            }
            part = Part::Program;
        }
        match part {
            Part::Program if line == "---" => part = Part::Expected,
            Part::Program => {
                case.program.push_str(line);
                case.program.push('\n');
            }
            _ => case.expectation(line),
        }
    }
    for case in &mut cases {
        // The last line end belongs to the format.
        case.program.pop();
        assert!(!case.expected.is_empty() || case.program.contains("LET"), "{}: expects nothing", case.place);
    }
    cases
}

#[derive(PartialEq)]
enum Part {
    Preamble,
    Directives,
    Program,
    Expected,
}

impl Case {
    fn directive(&mut self, text: &str) {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let number = || rest.trim().parse::<f64>().unwrap_or_else(|_| panic!("{}: @{text}", self.place));
        match word {
            "env" | "json" => {
                let (name, value) = rest.split_once('=').unwrap_or_else(|| panic!("{}: @{text}", self.place));
                let (name, value) = (name.trim().to_string(), value.trim().to_string());
                let value = if word == "env" { EnvValue::Text(value) } else { EnvValue::Json(value) };
                self.env.push((name, value));
            }
            "max_rows" => self.max_rows = Some(number() as usize),
            "timeout" => self.timeout = Some(Duration::from_secs_f64(number())),
            "any_logs" => self.any_logs = true,
            "no_rights" => self.no_rights = true,
            "differs" => self.differs = Some(rest.to_string()),
            _ => panic!("{}: unknown directive @{text}", self.place),
        }
    }

    fn expectation(&mut self, line: &str) {
        let expected = if line.starts_with('[') {
            Expected::Rows(line.to_string())
        } else if let Some(rest) = line.strip_prefix("unordered: ") {
            Expected::Unordered(rest.to_string())
        } else if let Some(rest) = line.strip_prefix("log: ") {
            Expected::Log(rest.to_string())
        } else if let Some(rest) = line.strip_prefix("error: ") {
            let (place, text) = rest.split_once(' ').unwrap_or((rest, ""));
            Expected::Error(place.to_string(), text.to_string())
        } else if let Some(rest) = line.strip_prefix("  ") {
            match self.expected.last_mut() {
                Some(Expected::Rows(text) | Expected::Unordered(text)) => text.push_str(rest.trim_start()),
                _ => panic!("{}: nothing to continue: {line}", self.place),
            }
            return;
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "{}: cannot read: {line}", self.place);
            return;
        };
        self.expected.push(expected);
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).expect("the folder of golden files");
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "vql") {
            found.push(path);
        }
    }
}

#[test]
fn golden() {
    check("as written", read_cases());
}

/// Formatting a program changes nothing of what it does.
#[test]
fn golden_formatted() {
    let mut cases = read_cases();
    cases.retain(|c| !c.expected.iter().any(|e| matches!(e, Expected::Error(..))));
    for case in &mut cases {
        match vql::format::format(&case.program) {
            Ok(text) => case.program = text,
            Err(e) => panic!("{}: {e}", case.place),
        }
    }
    check("formatted", cases);
}

fn read_cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found = Vec::new();
    files(&root, &mut found);
    let words = std::env::var("GOLDEN").unwrap_or_default();
    let mut cases = Vec::new();
    for path in &found {
        let text = std::fs::read_to_string(path).expect("a golden file");
        let place = path.strip_prefix(&root).unwrap_or(path).display().to_string();
        cases.extend(parse(&place, &text));
    }
    cases.retain(|c| c.place.contains(&words) || c.title.contains(&words));
    cases
}

fn check(how: &str, cases: Vec<Case>) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(4, |n| n.get() * 2) {
            threads.spawn(|| {
                while let Some((i, case)) = Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    .and_then(|i| Some((i, cases.get(i)?)))
                {
                    let diff = match common::run(&case.job()) {
                        Ok(got) => compare(case, &got),
                        Err(e) => format!("  + {e}\n"),
                    };
                    reports.lock().push((i, diff));
                }
            });
        }
    });
    let mut reports = reports.into_inner();
    reports.sort();
    let (mut failed, mut known) = (0, 0);
    for (i, diff) in &reports {
        let case = &cases[*i];
        match (&case.differs, diff.is_empty()) {
            (None, true) => {}
            (Some(_), false) => known += 1,
            (Some(reason), true) => {
                failed += 1;
                println!("{}: {}\n  now as expected: remove @differs ({reason})\n", case.place, case.title);
            }
            (None, false) => {
                failed += 1;
                let program = case.program.trim().replace('\n', "\n  | ");
                let shown = program.get(..2000).unwrap_or(&program);
                println!("{}: {}\n  | {shown}\n{diff}", case.place, case.title);
            }
        }
    }
    println!("{} cases {how}, {failed} failed, {known} known to differ", cases.len());
    assert!(failed == 0, "{} cases {how}, {failed} failed, {known} known to differ", cases.len());
}
