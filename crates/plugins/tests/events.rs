//! Event plugins, generators and what runs beside a query: they end when asked to, hold nothing back and share their work.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{rows, run, run_for, run_in};
use plugins::log_lines::{LogLine, LogLines};
use plugins::world::World;
use vql::cancel::Cancel;
use vql::permission::Permissions;

#[test]
fn a_batch_waits_for_its_rows_only_so_long() {
    let query = "SELECT rows._value AS V FROM batch(batch_size=10, timeout=1, query={
        SELECT * FROM chain(a={ SELECT * FROM range(end=2) }, b={ SELECT * FROM clock(period=1000) }) }) LIMIT 1";
    assert_eq!(rows(query), r#"[{"V":[0,1]}]"#);
}

#[test]
fn delayed_rows_come_in_order_and_late() {
    let started = Instant::now();
    let got = rows("SELECT * FROM delay(delay=1, query={ SELECT * FROM range(end=3) })");
    assert_eq!(got, r#"[{"_value":0},{"_value":1},{"_value":2}]"#);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_difference_is_told_and_the_first_run_is_not() {
    let query = "LET State <= dict(N=0)
        LET Change(N) = set(item=State, field='N', value=State.N + N)
        SELECT * FROM diff(key='K', period=1, query={
            SELECT _value + State.N AS K, 'x' AS Other FROM range(end=2) WHERE _value < 1 OR Change(N=1)
        }) LIMIT 2";
    // Rows 0 and 2, since the second is told after the change, then 1 and 3.
    let got = rows(query);
    assert!(got.contains(r#""Diff":"added""#), "{got}");
    let query = "LET State <= dict(N=0)
        SELECT * FROM diff(key='K', period=1, query={
            SELECT State.N AS K, set(item=State, field='N', value=1).N AS Other FROM scope()
        }) LIMIT 2";
    let wanted = r#"[{"K":1,"Other":1,"Diff":"added"},{"K":0,"Other":1,"Diff":"removed"}]"#;
    assert_eq!(rows(query), wanted);
}

#[test]
fn what_never_ends_stops() {
    for source in [
        "SELECT * FROM diff(key='A', query={ SELECT 1 AS A FROM scope() })",
        "SELECT * FROM batch(query={ SELECT * FROM clock(period=1000) })",
        "SELECT * FROM delay(delay=1000, query={ SELECT * FROM range(end=3) })",
        "SELECT * FROM delay(delay=1000, buffer_size=1, query={ SELECT * FROM range(end=300) })",
        "SELECT * FROM for(var='X', foreach={ SELECT 1 AS A FROM scope() }, query={ SELECT * FROM clock(period=1000) })",
        "SELECT * FROM sequence(a={ SELECT * FROM clock(period=1000) }, query={ SELECT * FROM SEQUENCE })",
        "SELECT * FROM generate(query={ SELECT * FROM clock(period=1000) })",
        "SELECT * FROM generate(fan_out=2, query={ SELECT * FROM range(end=3) })",
        "SELECT background(query={ SELECT * FROM clock(period=1000) }) AS X FROM clock(period=1000)",
        "SELECT * FROM cat(filename='/dev/zero') WHERE FALSE",
    ] {
        assert_eq!(run_for(Duration::from_millis(300), source).rows, "[]", "{source}");
    }
}

#[test]
fn an_event_stops_the_run_before() {
    let query = "SELECT * FROM for(var='Event', foreach={ SELECT * FROM chain(
            a={ SELECT 1 AS N FROM scope() }, b={ SELECT 2 AS N FROM scope() WHERE sleep(ms=500) }) },
        query={ SELECT Event.N AS N, _value FROM chain(
            a={ SELECT 0 AS _value FROM scope() }, b={ SELECT 1 AS _value FROM scope() WHERE Event.N = 2 OR sleep(time=3600) }) })";
    assert_eq!(rows(query), r#"[{"N":1,"_value":0},{"N":2,"_value":0},{"N":2,"_value":1}]"#);
}

#[test]
fn a_window_of_events_fills_beside_the_query() {
    let query = "LET State <= dict(IsOn=FALSE)
        LET Events = SELECT count() AS N FROM clock(ms=20) WHERE State.IsOn
        LET Window = SELECT N FROM fifo(query=Events, max_rows=2, max_age=60)
        LET First <= SELECT * FROM Window
        LET Switched <= set(item=State, field='IsOn', value=TRUE)
        SELECT len(list=First) AS Before, Now FROM foreach(row={ SELECT * FROM clock(ms=20) },
            query={ SELECT { SELECT N FROM Window } AS Now FROM scope() }) WHERE Now[1] > 5 LIMIT 1";
    let got = rows(query);
    let list = got.strip_prefix(r#"[{"Before":0,"Now":["#).unwrap_or_else(|| panic!("{got}"));
    let numbers: Vec<i64> = list.trim_end_matches("]}]").split(',').map(|n| n.parse().unwrap()).collect();
    assert_eq!(numbers.len(), 2, "{got}");
    assert!(numbers[1] == numbers[0] + 1, "{got}");
}

#[test]
fn a_flushed_window_is_empty() {
    let query = "LET Window = SELECT _value FROM fifo(query=Numbers, max_rows=5, max_age=60, flush=TRUE)
        LET Numbers = SELECT * FROM range(end=3)
        LET Read <= SELECT * FROM foreach(row={ SELECT * FROM clock(ms=20) }, query=Window) LIMIT 3
        LET Rest <= SELECT * FROM Window
        SELECT Read._value AS Read, Rest FROM scope()";
    // Whatever a call finds, no other gives it again.
    assert_eq!(rows(query), r#"[{"Read":[0,1,2],"Rest":[]}]"#);
}

#[test]
fn readers_of_a_generator_share_one_run() {
    let query = "LET State <= dict(Runs=0)
        LET Numbers <= generate(fan_out=2, query={
            SELECT _value FROM range(end=5000)
            WHERE _value > 0 OR set(item=State, field='Runs', value=State.Runs + 1) })
        LET Count = SELECT count() AS N FROM Numbers GROUP BY 1
        SELECT N, State.Runs AS Runs FROM combine(a=Count, b=Count)";
    assert_eq!(rows(query), r#"[{"N":5000,"Runs":1},{"N":5000,"Runs":1}]"#);
    // One after the other: each begins a run of its own.
    let query = query.replace("combine(", "chain(").replace("fan_out=2", "fan_out=1");
    assert_eq!(rows(&query), r#"[{"N":5000,"Runs":1},{"N":5000,"Runs":2}]"#);
}

#[test]
fn a_reader_may_leave_a_generator() {
    let query =
        "LET Numbers <= generate(with_file_buffer=TRUE, query={ SELECT _value FROM range(end=100000000) })
        SELECT * FROM chain(a={ SELECT * FROM Numbers LIMIT 2 }, b={ SELECT * FROM Numbers LIMIT 1 })";
    assert_eq!(rows(query), r#"[{"_value":0},{"_value":1},{"_value":0}]"#);
}

#[test]
fn a_generator_is_found_by_its_name() {
    let query = "LET A <= generate(name='G', query={ SELECT * FROM range(end=2) }, description='two')
        SELECT _value, generate(name='G').Description AS D FROM foreach(row=generate(name='G'))";
    assert_eq!(rows(query), r#"[{"_value":0,"D":"two"},{"_value":1,"D":"two"}]"#);
    let outcome = run("SELECT generate(name='G') AS X, generate(query=5) AS Y FROM scope()");
    assert_eq!(outcome.rows, r#"[{"X":null,"Y":null}]"#);
    assert_eq!(outcome.log[0], "generate: no generator is called G, and there is no query");
}

#[test]
fn what_runs_in_the_background_does_its_work() {
    let query = "LET State <= dict(N=0)
        LET Started <= background(query={ SELECT set(item=State, field='N', value=_value) FROM range(end=8) })
        SELECT Started, State.N AS N FROM clock(ms=20) WHERE State.N = 7 LIMIT 1";
    assert_eq!(rows(query), r#"[{"Started":true,"N":7}]"#);
}

fn log_line(component: &str, message: &str) -> LogLine {
    let fields = vec![("user".to_owned(), "fred".into()), ("Level".to_owned(), "mine".into())];
    let time = "2026-01-02T03:04:05Z".parse().unwrap();
    LogLine { time, component: component.into(), level: "INFO", message: message.into(), fields }
}

#[test]
fn the_log_of_the_server_is_watched() {
    let logs = Arc::new(LogLines::default());
    logs.push(log_line("api", "before"));
    logs.push(log_line("other", "unwanted"));
    let world = World { logs: Some(logs.clone()), ..World::of_process() };
    let stop = Cancel::new();
    let talking = stop.clone();
    let talker = std::thread::spawn(move || {
        while !talking.wait(Duration::from_millis(20)) {
            logs.push(log_line("other", "unwanted"));
            logs.push(log_line("api", "after"));
        }
    });
    let query = "SELECT * FROM logging(component='API', prelog=TRUE) LIMIT 2";
    let outcome = run_in(world.clone(), query, &[], Permissions::all(), Cancel::new());
    let row = |message| {
        format!(
            r#"{{"Timestamp":"2026-01-02T03:04:05Z","Component":"api","Level":"INFO","Message":"{message}","user":"fred"}}"#
        )
    };
    assert_eq!(outcome.rows, format!("[{},{}]", row("before"), row("after")));
    let outcome = run_in(
        world.clone(),
        "SELECT Message FROM logging() LIMIT 1",
        &[],
        Permissions::all(),
        Cancel::new(),
    );
    assert_ne!(outcome.rows, r#"[{"Message":"before"}]"#);
    stop.cancel();
    talker.join().unwrap();
    let refused = run_in(world, "SELECT * FROM logging()", &[], Permissions::default(), Cancel::new());
    assert_eq!(refused.log, ["logging: PermissionDenied: Permission denied: [SERVER_ADMIN]"]);
    assert_eq!(common::run("SELECT * FROM logging()").log, ["logging: only a server keeps a log"]);
}
