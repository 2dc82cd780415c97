//! Plugins that watch growing files, on real files that are written, renamed and emptied meanwhile.

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use common::{Outcome, run, run_in};
use plugins::world::World;
use vql::cancel::Cancel;
use vql::permission::Permissions;

/// Longer than the time between two looks.
const A_WHILE: Duration = Duration::from_millis(700);

fn wait() {
    std::thread::sleep(A_WHILE);
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A query at work on a directory.
struct Watch {
    cancel: Cancel,
    thread: JoinHandle<Outcome>,
}

impl Watch {
    /// Starts a query with the variable `D`; what is there already was seen when this returns.
    fn start(dir: &Path, query: &str) -> Self {
        let cancel = Cancel::new();
        let (stop, query, dir) = (cancel.clone(), query.to_owned(), dir.to_str().unwrap().to_owned());
        let thread = std::thread::spawn(move || {
            run_in(World::of_process(), &query, &[("D", &dir)], Permissions::all(), stop)
        });
        wait();
        Watch { cancel, thread }
    }

    /// Ends it: rows and log.
    fn stop(self) -> Outcome {
        wait();
        self.cancel.cancel();
        self.thread.join().unwrap()
    }

    /// The lines that it gave.
    fn lines(self) -> String {
        let outcome = self.stop();
        assert!(outcome.log.is_empty(), "{:?}", outcome.log);
        let rows: Vec<serde_json::Value> = serde_json::from_str(&outcome.rows).unwrap();
        rows.iter().map(|row| row["Line"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("|")
    }
}

fn log() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, "old\n").unwrap();
    (dir, path)
}

const LINES: &str = "SELECT Line FROM watch_syslog(filename=D + '/log')";

#[test]
fn lines_come_when_they_are_complete() {
    let (dir, path) = log();
    let watch = Watch::start(dir.path(), LINES);
    append(&path, "one\ntw");
    wait();
    append(&path, "o\r\n\nthr");
    assert_eq!(watch.lines(), "one|two|");
}

#[test]
fn a_renamed_file_is_read_to_its_end() {
    let (dir, path) = log();
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    let watch = Watch::start(dir.path(), LINES);
    writer.write_all(b"one\n").unwrap();
    fs::rename(&path, dir.path().join("log.1")).unwrap();
    writer.write_all(b"two\n").unwrap();
    wait();
    // The writer goes on with the old file for a moment after the new one is there.
    fs::write(&path, "three\n").unwrap();
    wait();
    writer.write_all(b"late\n").unwrap();
    append(&path, "four\n");
    assert_eq!(watch.lines(), "one|two|three|late|four");
}

#[test]
fn a_file_that_was_emptied_begins_anew() {
    let (dir, path) = log();
    let watch = Watch::start(dir.path(), LINES);
    append(&path, "one\npart");
    wait();
    File::create(&path).unwrap();
    wait();
    append(&path, "two\n");
    assert_eq!(watch.lines(), "one|two");
}

#[test]
fn several_files_and_one_that_is_not_there_yet() {
    let (dir, path) = log();
    let query = "SELECT Line FROM watch_syslog(filename=[D + '/log', D + '/later'])";
    let watch = Watch::start(dir.path(), query);
    append(&path, "one\n");
    wait();
    append(&dir.path().join("later"), "first\n");
    let outcome = watch.stop();
    assert_eq!(outcome.rows, r#"[{"Line":"one"},{"Line":"first"}]"#);
    assert_eq!(outcome.log.len(), 1, "the missing file is told once: {:?}", outcome.log);
}

#[test]
fn long_lines_are_cut() {
    let (dir, path) = log();
    let query = "SELECT Line FROM watch_syslog(filename=D + '/log', buffer_size=5)";
    let watch = Watch::start(dir.path(), query);
    append(&path, &"x".repeat(300_000));
    append(&path, "\nend\n");
    assert_eq!(watch.lines(), "xxxxx|end");
}

#[test]
fn files_are_found_by_a_query() {
    let (dir, path) = log();
    let query = "SELECT Line FROM watch_syslog(query={ SELECT OSPath, 'file' AS Accessor FROM glob(globs=D + '/*') })";
    let watch = Watch::start(dir.path(), query);
    append(&path, "one\n");
    assert_eq!(watch.lines(), "one");
    let outcome = run("SELECT * FROM watch_syslog()");
    assert_eq!(outcome.log, ["watch_syslog: either filename or query is required"]);
}

#[test]
fn json_lines_are_rows() {
    let (dir, path) = log();
    let watch = Watch::start(dir.path(), "SELECT * FROM watch_jsonl(filename=D + '/log')");
    append(&path, "{\"a\": 1}\nno\n\n[2]\nno\n{\"b\":");
    wait();
    append(&path, " {\"c\": 3}}\n");
    let outcome = watch.stop();
    assert_eq!(outcome.rows, r#"[{"a":1},{"_value":[2]},{"b":{"c":3}}]"#);
    assert_eq!(outcome.log.len(), 1, "{:?}", outcome.log);
}

#[test]
fn csv_records_are_rows() {
    let (dir, path) = log();
    fs::write(&path, "A,B\n1,2\n").unwrap();
    let watch = Watch::start(dir.path(), "SELECT * FROM watch_csv(filename=D + '/log', comment='#')");
    append(&path, "3,\"x\n");
    wait();
    append(&path, "y\"\n# don\"t\n");
    fs::rename(&path, dir.path().join("log.1")).unwrap();
    wait();
    fs::write(&path, "C\n7\n").unwrap();
    let outcome = watch.stop();
    assert_eq!(outcome.rows, r#"[{"A":3,"B":"x\ny"},{"C":7}]"#, "{:?}", outcome.log);
    assert!(outcome.log.is_empty(), "{:?}", outcome.log);
}

#[test]
fn watching_stops_when_nobody_wants_more() {
    let (dir, path) = log();
    let watch = Watch::start(dir.path(), &format!("{LINES} LIMIT 2"));
    append(&path, "one\ntwo\nthree\n");
    let outcome = watch.thread.join().unwrap();
    assert_eq!(outcome.rows, r#"[{"Line":"one"},{"Line":"two"}]"#);
}

#[test]
fn events_of_the_audit_log_come_whole() {
    let (dir, path) = log();
    let watch = Watch::start(
        dir.path(),
        "SELECT Sequence, Types, SYSCALL.comm AS Comm FROM watch_auditd(filename=D + '/log')",
    );
    append(&path, "type=SYSCALL msg=audit(1714557600.500:7): syscall=2 comm=\"cat\"\n");
    append(
        &path,
        "type=CWD msg=audit(1714557600.500:7): cwd=\"/\"\ntype=EOE msg=audit(1714557600.500:7): \n",
    );
    wait();
    // No record ends this one: it counts when nothing more of it comes.
    append(&path, "type=USER_LOGIN msg=audit(1714557601.000:8): pid=1\nno record\n");
    let outcome = watch.stop();
    let wanted = concat!(
        r#"[{"Sequence":7,"Types":["SYSCALL","CWD"],"Comm":"cat"},"#,
        r#"{"Sequence":8,"Types":["USER_LOGIN"],"Comm":null}]"#
    );
    assert_eq!(outcome.rows, wanted);
}
