//! Plugins that watch growing files, on real files that are written, renamed and emptied meanwhile.

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use common::live::Live;
use common::run;

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Starts a query with the variable `D`; what is there already was seen when this returns.
fn watch(dir: &Path, query: &str) -> Live {
    Live::watch(query, &[("D", dir.to_str().unwrap())])
}

/// Ends a query that has given so many lines: all that it gave.
#[track_caller]
fn lines(watch: Live, count: usize) -> String {
    watch.rows(count);
    let outcome = watch.stop();
    assert!(outcome.log.is_empty(), "{:?}", outcome.log);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&outcome.rows).unwrap();
    rows.iter().map(|row| row["Line"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("|")
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
    let watch = watch(dir.path(), LINES);
    append(&path, "one\ntw");
    watch.rows(1);
    append(&path, "o\r\n\nthr");
    assert_eq!(lines(watch, 3), "one|two|");
}

#[test]
fn a_renamed_file_is_read_to_its_end() {
    let (dir, path) = log();
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    let watch = watch(dir.path(), LINES);
    writer.write_all(b"one\n").unwrap();
    fs::rename(&path, dir.path().join("log.1")).unwrap();
    writer.write_all(b"two\n").unwrap();
    watch.rows(2);
    // The writer goes on with the old file for a moment after the new one is there.
    fs::write(&path, "three\n").unwrap();
    watch.rows(3);
    writer.write_all(b"late\n").unwrap();
    append(&path, "four\n");
    assert_eq!(lines(watch, 5), "one|two|three|late|four");
}

#[test]
fn a_file_that_was_emptied_begins_anew() {
    let (dir, path) = log();
    let watch = watch(dir.path(), LINES);
    append(&path, "one\npart");
    watch.rows(1);
    File::create(&path).unwrap();
    append(&path, "two\n");
    assert_eq!(lines(watch, 2), "one|two");
}

#[test]
fn several_files_and_one_that_is_not_there_yet() {
    let (dir, path) = log();
    let query = "SELECT Line FROM watch_syslog(filename=[D + '/log', D + '/later'])";
    let watch = watch(dir.path(), query);
    append(&path, "one\n");
    watch.rows(1);
    append(&dir.path().join("later"), "first\n");
    watch.rows(2);
    let outcome = watch.stop();
    assert_eq!(outcome.rows, r#"[{"Line":"one"},{"Line":"first"}]"#);
    assert_eq!(outcome.log.len(), 1, "the missing file is told once: {:?}", outcome.log);
}

#[test]
fn long_lines_are_cut() {
    let (dir, path) = log();
    let query = "SELECT Line FROM watch_syslog(filename=D + '/log', buffer_size=5)";
    let watch = watch(dir.path(), query);
    append(&path, &"x".repeat(300_000));
    append(&path, "\nend\n");
    assert_eq!(lines(watch, 2), "xxxxx|end");
}

#[test]
fn files_are_found_by_a_query() {
    let (dir, path) = log();
    let query = "SELECT Line FROM watch_syslog(query={ SELECT OSPath, 'file' AS Accessor FROM glob(globs=D + '/*') })";
    let watch = watch(dir.path(), query);
    append(&path, "one\n");
    assert_eq!(lines(watch, 1), "one");
    let outcome = run("SELECT * FROM watch_syslog()");
    assert_eq!(outcome.log, ["watch_syslog: either filename or query is required"]);
}

#[test]
fn json_lines_are_rows() {
    let (dir, path) = log();
    let watch = watch(dir.path(), "SELECT * FROM watch_jsonl(filename=D + '/log')");
    append(&path, "{\"a\": 1}\nno\n\n[2]\nno\n{\"b\":");
    watch.rows(2);
    append(&path, " {\"c\": 3}}\n");
    watch.rows(3);
    let outcome = watch.stop();
    assert_eq!(outcome.rows, r#"[{"a":1},{"_value":[2]},{"b":{"c":3}}]"#);
    assert_eq!(outcome.log.len(), 1, "{:?}", outcome.log);
}

#[test]
fn csv_records_are_rows() {
    let (dir, path) = log();
    fs::write(&path, "A,B\n1,2\n").unwrap();
    let watch = watch(dir.path(), "SELECT * FROM watch_csv(filename=D + '/log', comment='#')");
    append(&path, "3,\"x\n");
    append(&path, "y\"\n# don\"t\n");
    watch.rows(1);
    fs::rename(&path, dir.path().join("log.1")).unwrap();
    fs::write(&path, "C\n7\n").unwrap();
    watch.rows(2);
    let outcome = watch.stop();
    assert_eq!(outcome.rows, r#"[{"A":3,"B":"x\ny"},{"C":7}]"#, "{:?}", outcome.log);
    assert!(outcome.log.is_empty(), "{:?}", outcome.log);
}

#[test]
fn watching_stops_when_nobody_wants_more() {
    let (dir, path) = log();
    let watch = watch(dir.path(), &format!("{LINES} LIMIT 2"));
    append(&path, "one\ntwo\nthree\n");
    let outcome = watch.end();
    assert_eq!(outcome.rows, r#"[{"Line":"one"},{"Line":"two"}]"#);
}

#[test]
fn events_of_the_audit_log_come_whole() {
    let (dir, path) = log();
    let watch = watch(
        dir.path(),
        "SELECT Sequence, Types, SYSCALL.comm AS Comm FROM watch_auditd(filename=D + '/log')",
    );
    append(
        &path,
        concat!(
            "type=SYSCALL msg=audit(1714557600.500:7): syscall=2 comm=\"cat\"\n",
            "type=CWD msg=audit(1714557600.500:7): cwd=\"/\"\ntype=EOE msg=audit(1714557600.500:7): \n",
        ),
    );
    watch.rows(1);
    // No record ends this one: it counts when nothing more of it comes.
    append(&path, "type=USER_LOGIN msg=audit(1714557601.000:8): pid=1\nno record\n");
    watch.rows(2);
    let outcome = watch.stop();
    let wanted = concat!(
        r#"[{"Sequence":7,"Types":["SYSCALL","CWD"],"Comm":"cat"},"#,
        r#"{"Sequence":8,"Types":["USER_LOGIN"],"Comm":null}]"#
    );
    assert_eq!(outcome.rows, wanted);
}
