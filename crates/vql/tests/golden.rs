//! Runs the golden suite: every file under `tests/golden`, many cases each. The format of the files is described
//! in `golden/README.md`. `GOLDEN=words` runs only the cases whose place or title holds these words.

use std::fmt::Write as _;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use regex::Regex;
use vql::call::{Flow, Sink, Stop};
use vql::cancel::Cancel;
use vql::host::{Host, Level, Spill};
use vql::json::{self, JsonOptions};
use vql::permission::{Permission, Permissions};
use vql::plan::Statement;
use vql::registry::Registry;
use vql::schema::Name;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Time, Value};

/// What a case may take unless it says otherwise.
const TIMEOUT: Duration = Duration::from_secs(20);

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

/// What a run gave.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// One for each SELECT: its rows as texts.
    results: Vec<Vec<String>>,
    logs: Vec<String>,
    /// Place and message.
    error: Option<(String, String)>,
    timed_out: bool,
}

struct TestHost {
    logs: Arc<Mutex<Vec<String>>>,
}

impl Host for TestHost {
    fn log(&self, level: Level, message: &str) {
        let line = match level {
            Level::Default => message.to_string(),
            level => format!("{}:{message}", level.name()),
        };
        self.logs.lock().push(line);
    }

    fn now(&self) -> Time {
        "2024-05-01T10:00:00Z".parse().unwrap_or_default()
    }

    fn spill(&self) -> io::Result<Box<dyn Spill>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    fn world(&self) -> &(dyn std::any::Any + Send + Sync) {
        &()
    }
}

struct Collect {
    rows: Vec<String>,
    max_rows: usize,
    options: JsonOptions,
}

impl Sink for Collect {
    fn row(&mut self, row: &mut Row) -> Flow {
        let mut text = Vec::new();
        json::write_row(row, &mut text, &self.options);
        self.rows.push(String::from_utf8(text).expect("JSON is UTF-8"));
        if self.rows.len() >= self.max_rows { Err(Stop::Done) } else { Ok(()) }
    }

    fn value(&mut self, _value: Value) -> Flow {
        panic!("the outermost SELECT emits rows only");
    }
}

fn run(case: &Case, cancel: &Cancel) -> Outcome {
    let registry = Arc::new(Registry::pure());
    let logs = Arc::new(Mutex::new(Vec::new()));
    let mut outcome = Outcome::default();
    let program = match Program::compile(&case.program, &registry) {
        Ok(program) => program,
        Err(e) => {
            outcome.error = Some((format!("{}:{}", e.line, e.column), e.to_string()));
            return outcome;
        }
    };
    let host = Arc::new(TestHost { logs: logs.clone() });
    let rights = if case.no_rights { Permissions::of(&[Permission::AnyQuery]) } else { Permissions::all() };
    let mut env = Row::default();
    for (name, value) in &case.env {
        let value = match value {
            EnvValue::Text(text) => Value::from(text.as_str()),
            EnvValue::Json(text) => json::parse(text.as_bytes()).expect("@json holds JSON"),
        };
        env.set(&Name::new(name), value);
    }
    let session = Session::new(Arc::new(Context::new(registry, host, rights)), env, cancel.clone());
    for statement in &program.statements {
        match statement {
            Statement::Let(l) => session.define(l),
            Statement::Select(select) => {
                let options = JsonOptions { zone: session.scope().zones().print };
                let mut sink =
                    Collect { rows: Vec::new(), max_rows: case.max_rows.unwrap_or(100_000), options };
                if let Err(Stop::Failed(e)) = session.select(select, &mut sink) {
                    logs.lock().push(format!("FAILED:{e}"));
                }
                outcome.results.push(sink.rows);
            }
        }
    }
    session.close();
    outcome.logs = std::mem::take(&mut *logs.lock());
    outcome
}

/// Runs a case on a thread of its own, so that a panic or an endless loop fails only this case.
fn run_guarded(case: &Case) -> Result<Outcome, String> {
    let cancel = Cancel::new();
    let (sender, receiver) = mpsc::channel();
    let (own, flag) = (case.clone(), cancel.clone());
    let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let outcome = run(&own, &flag);
        let _ = sender.send(outcome);
    });
    let worker = worker.map_err(|e| e.to_string())?;
    let mut timed_out = false;
    let mut answer = receiver.recv_timeout(case.timeout.unwrap_or(TIMEOUT));
    if matches!(answer, Err(mpsc::RecvTimeoutError::Timeout)) {
        timed_out = true;
        cancel.cancel();
        answer = receiver.recv_timeout(Duration::from_secs(5));
    }
    match answer {
        Ok(outcome) => Ok(Outcome { timed_out, ..outcome }),
        Err(mpsc::RecvTimeoutError::Timeout) => Err("does not end, not even when cancelled".to_string()),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = worker.join().err();
            let what = panic.as_ref().and_then(|p| {
                p.downcast_ref::<String>()
                    .cloned()
                    .or_else(|| p.downcast_ref::<&str>().map(|s| s.to_string()))
            });
            Err(format!("panicked: {}", what.unwrap_or_default()))
        }
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
    let next = std::sync::atomic::AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..std::thread::available_parallelism().map_or(4, |n| n.get() * 2) {
            threads.spawn(|| {
                while let Some((i, case)) = Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                    .and_then(|i| Some((i, cases.get(i)?)))
                {
                    let diff = match run_guarded(case) {
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
    println!("{} cases, {failed} failed, {known} known to differ", cases.len());
    assert!(failed == 0, "{} cases, {failed} failed, {known} known to differ", cases.len());
}
