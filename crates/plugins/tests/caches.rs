//! Caches: `lru()`, `cache()`, `memoize()`.

mod common;

use common::{rows, run, run_with};
use vql::permission::Permissions;

#[test]
fn a_value_is_made_once_for_all_threads() {
    let query = "LET State <= dict(N=0)
        LET Slow = set(item=State, field='N', value=State.N + 1).N + 0 * sleep(ms=300)
        SELECT cache(func=Slow, key='k') AS X FROM foreach(row={ SELECT * FROM range(end=8) }, workers=8,
            query={ SELECT cache(func=Slow, key='k', name='shared') AS X FROM scope() })
        GROUP BY X";
    let outcome = run(&query.replace("SELECT cache(func=Slow, key='k') AS X", "SELECT X, count() AS N"));
    assert_eq!(outcome.rows, r#"[{"X":1,"N":8}]"#, "{:?}", outcome.log);
}

#[test]
fn what_is_kept_and_what_is_not() {
    let query = "LET State <= dict(N=0)
        LET Next = set(item=State, field='N', value=State.N + 1).N
        SELECT cache(func=Next, key=_value) AS A, cache(func=if(condition=Next, then=NULL), key='n') AS B
        FROM chain(a={ SELECT * FROM range(end=2) }, b={ SELECT * FROM range(end=2) })";
    // NULL is made anew for each row, which the numbers of the others show.
    assert_eq!(rows(query), r#"[{"A":1,"B":null},{"A":3,"B":null},{"A":1,"B":null},{"A":3,"B":null}]"#);
    let query = "LET State <= dict(N=0)
        LET Next = set(item=State, field='N', value=State.N + 1).N
        SELECT cache(func=Next, key='k', period=1) AS A FROM range(end=2) WHERE sleep(ms=1 + _value * 1100)";
    assert_eq!(rows(query), r#"[{"A":1},{"A":2}]"#);
    let query = "SELECT cache(lambda='k=>k * 10', key=_value, max_size=1) AS A FROM range(end=3)";
    assert_eq!(rows(query), r#"[{"A":0},{"A":10},{"A":20}]"#);
}

#[test]
fn a_value_that_needs_itself_is_an_error_and_not_a_hang() {
    let outcome = run("LET F = cache(func=F, key='k', name='c') SELECT F FROM scope()");
    assert_eq!(outcome.rows, r#"[{"F":null}]"#);
    assert_eq!(outcome.log, ["cache: the value of the key depends on itself"]);
    // Two threads, each of which needs what the other makes.
    let query = "LET A = cache(name='a', key='k', func=sleep(ms=200) + B) \
        LET B = cache(name='b', key='k', func=if(condition=sleep(ms=200), then=7)) \
        SELECT * FROM combine(x={ SELECT A AS V FROM scope() }, y={ SELECT B AS V FROM scope() })";
    assert_eq!(run(query).rows.matches("\"V\"").count(), 2);
}

#[test]
fn a_cache_outlives_its_program_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cache.jsonl");
    let env = [("F", file.to_str().unwrap())];
    let query = |value: &str| format!("SELECT cache(func={value}, key='k', filename=F) AS X FROM scope()");
    let run = |query: &str| run_with(query, &env, Permissions::all()).rows;
    let first = run_with(&query("dict(a=1)"), &env, Permissions::all());
    assert_eq!(first.rows, r#"[{"X":{"a":1}}]"#, "{:?}", first.log);
    assert_eq!(run(&query("2")), r#"[{"X":{"a":1}}]"#);
    std::fs::write(&file, "nonsense\n").unwrap();
    assert_eq!(run(&query("3")), r#"[{"X":3}]"#);
    let denied = run_with(&query("3"), &env, Permissions::default());
    assert_eq!(denied.log, ["cache: PermissionDenied: Permission denied: [FILESYSTEM_WRITE]"]);
}

#[test]
fn rows_are_found_by_their_key() {
    let query = "LET State <= dict(Runs=0)
        LET M <= memoize(key='Pid', period=1, query={
            SELECT _value AS Pid, State.Runs AS Runs FROM range(end=3)
            WHERE _value > 0 OR set(item=State, field='Runs', value=State.Runs + 1) })
        SELECT State.Runs AS Before, get(item=M, field=2).Pid AS A, get(item=M, field='1').Runs AS B, M[0].Pid AS C,
            get(item=M, field=9, default='none') AS D, { SELECT M[1].Runs FROM scope() WHERE sleep(ms=1100) } AS Later
        FROM scope()";
    assert_eq!(rows(query), r#"[{"Before":0,"A":2,"B":1,"C":0,"D":"none","Later":2}]"#);
    let query = "LET M(x) = memoize(name='m', key='K', query={ SELECT x AS K FROM scope() })
        SELECT M(x=1)[1].K AS A, M(x=2)[2].K AS B FROM scope()";
    assert_eq!(rows(query), r#"[{"A":1,"B":null}]"#);
}

#[test]
fn a_map_that_forgets() {
    let query = "LET L <= lru(size=2)
        LET Filled <= SELECT set(item=L, field=_value, value=_value * 2).`@Len` AS N FROM range(end=5)
        SELECT Filled.N AS N, L AS All, get(item=L, field=3) AS A, L.`4` AS B, get(item=L, field=0) AS C FROM scope()";
    assert_eq!(rows(query), r#"[{"N":[1,2,2,2,2],"All":{"3":6,"4":8},"A":6,"B":8,"C":null}]"#);
}

#[test]
fn a_map_may_hold_what_holds_it() {
    let query = "LET L <= lru()
        LET D <= dict(a=1)
        LET X <= set(item=L, field='d', value=D)
        LET Y <= set(item=D, field='l', value=L)
        SELECT L.d.l.d.a AS A FROM scope()";
    assert_eq!(rows(query), r#"[{"A":1}]"#);
}
