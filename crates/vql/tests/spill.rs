//! What does not fit in memory goes to temporary files, and comes out as if it had not.

use common::Job;

mod common;

/// Rows of the last SELECT, with so many bytes of memory for each sorting or grouping.
fn rows(program: &str, bytes: usize) -> Vec<String> {
    let mut job = Job::new(program);
    job.limits.operator_bytes = bytes;
    let mut outcome = common::run(&job).unwrap();
    assert_eq!((outcome.error.take(), outcome.timed_out), (None, false), "{program}");
    outcome.results.pop().unwrap()
}

fn same_with_little_memory(program: &str) {
    let roomy = rows(program, usize::MAX);
    assert!(!roomy.is_empty());
    assert_eq!(rows(program, 20_000), roomy, "{program}");
}

#[test]
fn sorting_in_runs_gives_the_same_order() {
    // Keys repeat, so that ties show; text and numbers mix.
    for key in [
        "int(int=_value / 7)",
        "format(format='%05d', args=5000 - _value)",
        "if(condition=_value < 900, then='x', else=_value)",
    ] {
        for way in ["", "DESC"] {
            same_with_little_memory(&format!(
                "SELECT {key} AS K, _value, dict(a=_value) AS D FROM range(end=5000) ORDER BY K {way}"
            ));
        }
    }
}

#[test]
fn more_runs_than_can_be_merged_at_once_are_sorted_too() {
    same_with_little_memory(
        "SELECT 30000 - _value AS K, 'some text to take space' AS T FROM range(end=30000) ORDER BY K",
    );
}

#[test]
fn a_limit_sorts_all_rows_and_keeps_few() {
    let rows = rows("SELECT 50000 - _value AS K FROM range(end=50000) ORDER BY K LIMIT 3", 20_000);
    assert_eq!(rows, [r#"{"K":1}"#, r#"{"K":2}"#, r#"{"K":3}"#]);
}

#[test]
fn groups_beyond_memory_come_in_order_of_first_appearance() {
    // Each key comes back after all others were seen: every pass has groups of its own.
    same_with_little_memory(
        "LET keys = SELECT _value AS V FROM range(end=3000)
         SELECT V, count() AS N, enumerate(items=V) AS All FROM chain(a=keys, b=keys, c=keys) GROUP BY V",
    );
}

#[test]
fn materialised_rows_beyond_the_limit_can_be_iterated_and_indexed() {
    let program = "LET x <= SELECT _value AS V, timestamp(epoch=_value) AS T FROM range(end=5000)
        SELECT x[4321].V AS V, x[-1].V AS Last, len(list=x) AS N, x[4000].T.Unix AS T FROM scope()";
    let outcome = common::run(&Job::new(program)).unwrap();
    assert_eq!(outcome.results, [[r#"{"V":4321,"Last":4999,"N":5000,"T":4000}"#]]);
    assert!(outcome.logs.iter().any(|l| l.contains("Expand larger than 1000 rows")), "{:?}", outcome.logs);
}
