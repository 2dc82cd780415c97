//! Event queues in queries: what is stored is read back, watched from any place on, and deleted.

mod common;

use common::state::TestServer;
use common::{Outcome, run_in};
use store::event::Row;
use vql::cancel::Cancel;
use vql::permission::{Permission, Permissions};

/// A server whose queue `Custom.Q/Main` holds five rows, one a second.
fn five_rows() -> Queue {
    let made = Queue(TestServer::new());
    (1..=5).for_each(|n| made.append(n));
    made
}

struct Queue(TestServer);

impl Queue {
    fn append(&self, n: i64) {
        let row: Row = format!("{{\"N\":{n},\"_ts\":{}}}", 1000 + n).into_bytes().into();
        self.0.server.events.append("Custom.Q/Main", vec![row]).unwrap();
    }

    fn run(&self, source: &str) -> Outcome {
        run_in(self.0.world.clone(), source, &[], Permissions::all(), Cancel::new())
    }

    /// The rows of a query that logs nothing.
    #[track_caller]
    fn rows(&self, source: &str) -> String {
        let outcome = self.run(source);
        assert!(outcome.log.iter().all(|line| line.starts_with("DEBUG")), "{source}: {:?}", outcome.log);
        outcome.rows
    }

    /// The members `N` that a query gives.
    #[track_caller]
    fn numbers(&self, from: &str) -> Vec<i64> {
        let rows: Vec<serde_json::Value> =
            serde_json::from_str(&self.rows(&format!("SELECT N FROM {from}"))).unwrap();
        rows.iter().map(|row| row["N"].as_i64().unwrap()).collect()
    }
}

#[test]
fn stored_rows_are_read_back_by_time_and_by_place() {
    let server = five_rows();
    let monitoring = |rest: &str| {
        server.numbers(&format!("monitoring(client_id='server', artifact='Custom.Q', source='Main'{rest})"))
    };
    assert_eq!(monitoring(""), [1, 2, 3, 4, 5]);
    assert_eq!(monitoring(", start_time=1002, end_time=1004"), [2, 3]);
    assert_eq!(monitoring(", start_time='1970-01-01T00:16:44Z'"), [4, 5]);
    assert_eq!(monitoring(", start_time=timestamp(epoch=1004), end_time=0"), [4, 5]);
    assert_eq!(monitoring(", start_row=3"), [4, 5]);
    assert_eq!(server.numbers("monitoring(client_id='', artifact='Custom.Q/Main') LIMIT 1"), [1]);
    assert_eq!(server.numbers("monitoring(client_id='server', artifact='Custom.None')"), [0; 0]);
    let rows = server.rows("SELECT * FROM monitoring(client_id='', artifact='Custom.Q/Main') LIMIT 1");
    assert_eq!(rows, r#"[{"N":1,"_ts":1001}]"#);
}

#[test]
fn source_reads_queues_as_well() {
    let server = five_rows();
    assert_eq!(server.numbers("source(artifact='Custom.Q', source='Main', start_row=1, count=2)"), [2, 3]);
    assert_eq!(server.numbers("source(artifact='Custom.Q/Main', start_time=1003, end_time=1005)"), [3, 4]);
    let both = "chain(a={ SELECT * FROM source(artifact='Custom.Q/Main', count=1) }, b={ SELECT 9 AS N FROM scope() })";
    assert_eq!(server.numbers(both), [1, 9]);
    let query = "LET ArtifactName = 'Custom.Q/Main' LET StartTime = 1005 SELECT N FROM source()";
    assert_eq!(server.rows(query), r#"[{"N":5}]"#);
}

#[test]
fn a_time_that_cannot_be_read_and_other_clients_are_refused() {
    let server = five_rows();
    for (arguments, told) in [
        ("client_id='', artifact='Custom.Q/Main', end_time='whenever'", "end_time is no time: string"),
        ("client_id='C.1', artifact='Custom.Q/Main'", "client C.1 has no event queues"),
    ] {
        for plugin in ["monitoring", "delete_events"] {
            let outcome = server.run(&format!("SELECT * FROM {plugin}({arguments})"));
            assert_eq!(outcome.rows, "[]");
            assert!(outcome.log.iter().any(|line| line.contains(told)), "{plugin}: {:?}", outcome.log);
        }
    }
}

#[test]
fn a_watcher_goes_on_behind_its_cursor() {
    let server = five_rows();
    let watch = |cursor: &str, limit: u32| {
        let query = format!(
            "SELECT N, _cursor FROM watch_monitoring(artifact='Custom.Q/Main', cursor='{cursor}') LIMIT {limit}"
        );
        let rows: Vec<serde_json::Value> = serde_json::from_str(&server.rows(&query)).unwrap();
        let numbers: Vec<i64> = rows.iter().map(|row| row["N"].as_i64().unwrap()).collect();
        (numbers, rows.last().unwrap()["_cursor"].as_str().unwrap().to_owned())
    };
    let first =
        server.rows("SELECT * FROM watch_monitoring(artifact='Custom.Q/Main', cursor='oldest') LIMIT 1");
    assert!(first.starts_with(r#"[{"N":1,"_ts":1001,"_cursor":""#) && first.ends_with("-1\"}]"), "{first}");
    let (numbers, cursor) = watch("oldest", 3);
    assert_eq!(numbers, [1, 2, 3]);
    server.append(6);
    let (numbers, cursor) = watch(&cursor, 3);
    assert_eq!(numbers, [4, 5, 6]);
    std::thread::scope(|scope| {
        let live = scope.spawn(|| watch(&cursor, 2).0);
        std::thread::sleep(std::time::Duration::from_millis(50));
        (7..9).for_each(|n| server.append(n));
        assert_eq!(live.join().unwrap(), [7, 8]);
    });
    let outcome = server.run(&format!("SELECT * FROM watch_monitoring(artifact='Other', cursor='{cursor}')"));
    assert!(outcome.log[0].contains("it came from another queue"), "{:?}", outcome.log);
    // Rows that went meanwhile are told about.
    server.rows("SELECT * FROM delete_events(client_id='', artifact='Custom.Q/Main', really_do_it=TRUE)");
    server.append(9);
    let first = cursor.replace("-6", "-1");
    let outcome = server
        .run(&format!("SELECT N FROM watch_monitoring(artifact='Custom.Q/Main', cursor='{first}') LIMIT 1"));
    assert_eq!(outcome.rows, r#"[{"N":9}]"#);
    assert_eq!(
        outcome.log,
        ["WARN:watch_monitoring: 7 rows of Custom.Q/Main are no longer stored, going on with row 9"]
    );
}

#[test]
fn deleting_is_shown_first_and_noted() {
    let server = five_rows();
    let delete = |rest: &str| {
        let columns =
            "Type, Data.FirstRow AS A, Data.LastRow AS B, Data.Rows AS R, Data.IsWholeSegment AS W, Error";
        server.rows(&format!(
            "SELECT {columns} FROM delete_events(client_id='server', artifact='Custom.Q/Main'{rest})"
        ))
    };
    let left = || server.numbers("monitoring(client_id='', artifact='Custom.Q/Main')");
    let two = r#"[{"Type":"EventRows","A":2,"B":3,"R":2,"W":false,"Error":""}]"#;
    assert_eq!(delete(", start_time=1002, end_time=1004"), two);
    assert_eq!(left(), [1, 2, 3, 4, 5]);
    assert_eq!(delete(", start_time=1002, end_time=1004, really_do_it=TRUE"), two);
    assert_eq!(left(), [1, 4, 5]);
    assert_eq!(delete(", end_time=1000, really_do_it=TRUE"), "[]");
    let refused = run_in(
        server.0.world.clone(),
        "SELECT * FROM delete_events(client_id='', artifact='Custom.Q/Main', really_do_it=TRUE)",
        &[],
        Permissions::all().without(Permission::DeleteResults),
        Cancel::new(),
    );
    assert!(refused.log[0].contains("[DELETE_RESULTS]"), "{:?}", refused.log);
    assert_eq!(left(), [1, 4, 5]);
}
