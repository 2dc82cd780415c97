//! Callables that write files.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use common::live::Live;
use common::{Outcome, run_in, run_with};
use plugins::world::World;
use plugins::write_policy::WritePolicy;
use vql::cancel::Cancel;
use vql::permission::Permissions;

/// Runs with the variable `D`, the path of a directory.
fn in_dir(dir: &Path, source: &str) -> Outcome {
    run_with(source, &[("D", dir.to_str().unwrap())], Permissions::all())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_written_appended_to_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sub/a");
    let outcome = in_dir(
        dir.path(),
        "SELECT write_file(dest=D + '/sub/a', data='one', create_directories=TRUE) = D + '/sub/a' AS A, \
            write_file(dest=D + '/sub/a', data='two', append=TRUE) = D + '/sub/a' AS B, \
            write_file(dest=D + '/no/such', data='x') AS C, \
            write_file(dest=D + '/run', data='x', permissions='x') != NULL AS D2 FROM scope()",
    );
    assert_eq!(outcome.rows, r#"[{"A":true,"B":true,"C":null,"D2":true}]"#, "{:?}", outcome.log);
    assert_eq!(
        outcome.log,
        [format!("write_file: {}/no/such: No such file or directory", dir.path().display())]
    );
    assert_eq!(fs::read(&file).unwrap(), b"onetwo");
    assert_eq!((mode(&file), mode(&dir.path().join("run"))), (0o600, 0o700));
    let query = "SELECT rm(filename=D + '/sub') AS A, rm(filename=D + '/sub/a') AS B, rm(filename=D + '/sub/a') AS C, \
        rm(filename=D + '/sub') AS E FROM scope()";
    let outcome = in_dir(dir.path(), query);
    assert_eq!(outcome.rows, r#"[{"A":null,"B":true,"C":false,"E":true}]"#);
    assert_eq!(outcome.log.len(), 1, "the directory was not empty: {:?}", outcome.log);
}

#[test]
fn writing_takes_a_permission() {
    let dir = tempfile::tempdir().unwrap();
    let env = [("D", dir.path().to_str().unwrap())];
    for call in ["write_file(dest=D + '/a', data='x')", "rm(filename=D)"] {
        let outcome = run_with(&format!("SELECT {call} AS X FROM scope()"), &env, Permissions::default());
        assert_eq!(outcome.rows, r#"[{"X":null}]"#);
        assert!(outcome.log[0].contains("Permission denied: [FILESYSTEM_WRITE]"), "{:?}", outcome.log);
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn the_configuration_keeps_writers_in_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let allowed = dir.path().join("allowed");
    fs::create_dir(&allowed).unwrap();
    symlink(dir.path(), allowed.join("out")).unwrap();
    let policy = WritePolicy::within([&allowed]);
    let run = |source: &str| {
        let world = World { writes: policy.clone(), ..World::of_process() };
        let env = [("D", dir.path().to_str().unwrap())];
        run_in(world, source, &env, Permissions::all(), Cancel::new())
    };
    for bad in ["/a", "/allowed/../a", "/allowed/out/a", "/allowedly/a"] {
        let path = format!("D + '{bad}'");
        for query in [
            format!("SELECT write_file(dest={path}, data='x', create_directories=TRUE) AS X FROM scope()"),
            format!("SELECT write_file(dest={path}, data='x', append=TRUE) AS X FROM scope()"),
            format!(
                "SELECT NULL AS X FROM write_jsonl(filename={path}, query={{ SELECT 1 AS A FROM scope() }})"
            ),
            format!(
                "SELECT NULL AS X FROM write_csv(filename={path}, query={{ SELECT 1 AS A FROM scope() }})"
            ),
            format!("SELECT if(condition=rm(filename={path}), then=1) AS X FROM scope()"),
        ] {
            let outcome = run(&query);
            assert!(matches!(&*outcome.rows, "[]" | r#"[{"X":null}]"#), "{query}: {}", outcome.rows);
            assert!(outcome.log[0].contains("allows to write"), "{query}: {:?}", outcome.log);
        }
    }
    let outcome = run("SELECT write_file(dest=D + '/allowed/b', data='x') != NULL AS X FROM scope()");
    assert_eq!(outcome.rows, r#"[{"X":true}]"#, "{:?}", outcome.log);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn rows_are_written_and_passed_on() {
    let dir = tempfile::tempdir().unwrap();
    let query = "SELECT * FROM write_csv(filename=D + '/a.csv', query={ SELECT * FROM foreach(row=[
            dict(A='1', `B b`='x,\"y\"', C=NULL), dict(A=1, C=dict(k=1)), dict(Z=1)]) })
        SELECT count() AS N FROM write_jsonl(filename=D + '/a.jsonl', query={ SELECT * FROM range(end=3) }) GROUP BY 1
        SELECT count() AS N FROM write_jsonl(filename=D + '/a.jsonl', append=TRUE, query={ SELECT 'ü' AS X FROM scope() })";
    let outcome = in_dir(dir.path(), query);
    assert!(outcome.rows.contains(r#"{"N":3}"#), "{}", outcome.rows);
    assert!(outcome.log.is_empty(), "{:?}", outcome.log);
    // As section 2.1 has it: text that looks like a number gets a leading space, and so needs quotes.
    let csv = "A,B b,C\n\" 1\",\"x,\"\"y\"\"\",\n1,,\"{\"\"k\"\":1}\"\n,,\n";
    assert_eq!(fs::read_to_string(dir.path().join("a.csv")).unwrap(), csv);
    let jsonl = "{\"_value\":0}\n{\"_value\":1}\n{\"_value\":2}\n{\"X\":\"ü\"}\n";
    assert_eq!(fs::read_to_string(dir.path().join("a.jsonl")).unwrap(), jsonl);
    let read = "SELECT A, `B b` AS B, C FROM parse_csv(filename=D + '/a.csv') LIMIT 2";
    let wanted = r#"[{"A":"1","B":"x,\"y\"","C":""},{"A":1,"B":"","C":{"k":1}}]"#;
    assert_eq!(in_dir(dir.path(), read).rows, wanted);
    let outcome = in_dir(
        dir.path(),
        "SELECT * FROM write_csv(filename='x', accessor='data', query={ SELECT 1 FROM scope() })",
    );
    assert_eq!(outcome.log, ["write_csv: files are written with the accessor file, not data"]);
}

#[test]
fn a_file_of_rows_grows_while_the_query_runs() {
    let dir = tempfile::tempdir().unwrap();
    let query = "SELECT read_file(filename=D + '/a') AS Now FROM chain(
            a={ SELECT * FROM write_jsonl(filename=D + '/a', max_time=1, query={
                SELECT * FROM chain(a={ SELECT 1 AS A FROM scope() }, b={ SELECT 2 AS A FROM scope() WHERE sleep(ms=1500) }) }) })";
    let outcome = in_dir(dir.path(), query);
    assert_eq!(outcome.rows, "[{\"Now\":\"\"},{\"Now\":\"{\\\"A\\\":1}\\n\"}]");
    // What came before the end is written, whoever ended the query.
    let query = "SELECT * FROM write_jsonl(filename=D + '/b', query={ SELECT * FROM range(end=10) }) LIMIT 2";
    in_dir(dir.path(), query);
    assert_eq!(fs::read_to_string(dir.path().join("b")).unwrap(), "{\"_value\":0}\n{\"_value\":1}\n");
    let env = [("D", dir.path().to_str().unwrap())];
    let query = "SELECT * FROM write_csv(filename=D + '/c', query={ SELECT count() AS N FROM clock(ms=50) })";
    let live = Live::start(query, &env);
    live.rows(2);
    live.stop();
    assert!(fs::read_to_string(dir.path().join("c")).unwrap().starts_with("N\n1\n2\n"));
}
