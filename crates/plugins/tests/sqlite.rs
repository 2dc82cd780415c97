//! `sqlite()` and `sql()`, on databases that another connection writes.

mod common;

use std::path::Path;

use common::live::Live;
use common::{Outcome, run_with};
use rusqlite::Connection;
use tempfile::TempDir;
use vql::permission::{Permission, Permissions};

fn database(setup: &str) -> (TempDir, Connection) {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(dir.path().join("base.db")).unwrap();
    connection.execute_batch(setup).unwrap();
    (dir, connection)
}

const TABLE: &str = "CREATE TABLE t (n INTEGER, f REAL, s TEXT, b BLOB, ok BOOLEAN, at DATETIME);
    INSERT INTO t VALUES (1, 1.5, 'one', x'00ff41', 1, '2024-05-01 10:00:00'), (2, NULL, 'two', NULL, 0, 1714557600);";

fn query(dir: &Path, source: &str) -> Outcome {
    let file = dir.join("base.db");
    run_with(source, &[("F", file.to_str().unwrap())], Permissions::all())
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn values_have_types() {
    let (dir, connection) = database(TABLE);
    drop(connection);
    let wanted = r#"[{"n":1,"f":1.5,"s":"one","b":"\u0000\ufffdA","ok":true,"at":"2024-05-01T10:00:00Z"},{"n":2,"f":null,"s":"two","b":null,"ok":false,"at":"2024-05-01T10:00:00Z"}]"#;
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT * FROM t')");
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), (wanted, 0), "{:?}", outcome.log);
    for (args, sql) in [
        ("args=[2, 'two']", "SELECT s, n, n FROM t WHERE n = ? AND s = ?"),
        ("args=2", "SELECT s, n, n FROM t WHERE n = ?"),
        ("args=dict(x=2)", "SELECT s, n, n FROM t WHERE n = :x"),
    ] {
        for source in ["sqlite(", "sql(driver='sqlite', "] {
            let source = format!("SELECT * FROM {source}file=F, query='{sql}', {args})");
            let outcome = query(dir.path(), &source);
            assert_eq!(outcome.rows, r#"[{"s":"two","n":2,"n_":2}]"#, "{source} {:?}", outcome.log);
        }
    }
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT ?, ?', args=[1])");
    assert_eq!(outcome.log, ["sqlite: the query has 2 parameters, but args 1"]);
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT * FROM missing')");
    assert_eq!(outcome.log, ["sqlite: no such table: missing"]);
}

#[test]
fn a_log_of_writes_is_respected_and_nothing_is_touched() {
    let (dir, connection) = database("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;");
    connection.execute_batch(TABLE).unwrap();
    let before = (names(dir.path()), std::fs::read(dir.path().join("base.db")).unwrap());
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT count(*) AS c FROM t')");
    assert_eq!(outcome.rows, r#"[{"c":2}]"#, "{:?}", outcome.log);
    assert_eq!((names(dir.path()), std::fs::read(dir.path().join("base.db")).unwrap()), before);
    // Closed, the log is gone; the file still says that it wants one.
    drop(connection);
    assert_eq!(names(dir.path()), ["base.db"]);
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT count(*) AS c FROM t')");
    assert_eq!(outcome.rows, r#"[{"c":2}]"#, "{:?}", outcome.log);
    assert_eq!(names(dir.path()), ["base.db"]);
}

#[test]
fn a_locked_file_is_copied() {
    let (dir, connection) = database(TABLE);
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT count(*) AS c FROM t')");
    assert_eq!(outcome.rows, r#"[{"c":2}]"#, "{:?}", outcome.log);
}

#[test]
fn other_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    for content in [&b""[..], b"SQLite format 3", b"no database at all, but long enough"] {
        std::fs::write(dir.path().join("base.db"), content).unwrap();
        let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT 1')");
        assert_eq!((outcome.rows.as_str(), outcome.log.len()), ("[]", 0));
    }
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file='/no/such', query='SELECT 1')");
    assert_eq!(outcome.log, ["sqlite: /no/such: No such file or directory"]);
    std::fs::write(dir.path().join("base.db"), [&b"SQLite format 3\0"[..], &[0xff; 2000]].concat()).unwrap();
    let outcome = query(dir.path(), "SELECT * FROM sqlite(file=F, query='SELECT * FROM sqlite_master')");
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), ("[]", 1));
}

#[test]
fn queries_cannot_write_or_open_other_files() {
    let (dir, connection) = database(TABLE);
    drop(connection);
    for sql in [
        "INSERT INTO t (n) VALUES (3)",
        "CREATE TEMP TABLE x (n)",
        "ATTACH DATABASE \\\"/tmp/other.db\\\" AS o",
        "VACUUM INTO \\\"/tmp/other.db\\\"",
        "PRAGMA journal_mode=DELETE",
        "PRAGMA writable_schema=1",
        "SELECT load_extension(\\\"x\\\")",
    ] {
        let outcome = query(dir.path(), &format!("SELECT * FROM sqlite(file=F, query=\"{sql}\")"));
        assert_eq!((outcome.rows.as_str(), outcome.log.len()), ("[]", 1), "{sql}: {:?}", outcome.log);
        assert!(outcome.log[0].contains("authoriz"), "{sql}: {:?}", outcome.log);
    }
    let outcome = query(dir.path(), "SELECT name FROM sqlite(file=F, query='PRAGMA table_info(t)') LIMIT 1");
    assert_eq!(outcome.rows, r#"[{"name":"n"}]"#, "{:?}", outcome.log);
}

#[test]
fn endless_queries_end() {
    let (dir, connection) = database(TABLE);
    drop(connection);
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    let source = format!(
        "SELECT * FROM query(timeout=1, query={{ SELECT * FROM sqlite(file=F, query='{endless}') }})"
    );
    let live = Live::start(&source, &[("F", dir.path().join("base.db").to_str().unwrap())]);
    assert_eq!(live.end().rows, "[]");
    let rows = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";
    let source = format!("SELECT * FROM sqlite(file=F, query='{rows}') LIMIT 2");
    assert_eq!(query(dir.path(), &source).rows, r#"[{"x":1},{"x":2}]"#);
}

#[test]
fn databases_are_read_through_accessors() {
    let (dir, connection) = database(TABLE);
    drop(connection);
    let source = "SELECT * FROM sqlite(file=pathspec(DelegatePath=F, Path='0'), accessor='offset', query='SELECT count(*) AS c FROM t')";
    assert_eq!(query(dir.path(), source).rows, r#"[{"c":2}]"#);
    let few = Permissions::all().without(Permission::FilesystemRead);
    let outcome = run_with("SELECT * FROM sqlite(file='/x', query='SELECT 1')", &[], few);
    assert_eq!(outcome.log, ["sqlite: PermissionDenied: Permission denied: [FILESYSTEM_READ]"]);
    for driver in ["mysql", "oracle"] {
        let source = format!("SELECT * FROM sql(driver='{driver}', connstring='x', query='SELECT 1')");
        assert_eq!(query(dir.path(), &source).log.len(), 1);
    }
}
