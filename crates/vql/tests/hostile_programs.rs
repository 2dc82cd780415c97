//! Programs that mean harm. Each must end cleanly, in bounded time and memory: no panic, no overflown stack, no
//! end by the operating system.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use common::{Job, Outcome};
use vql::schema::Name;
use vql::value::{Row, Value};

mod common;

/// Runs a program, allowing it so many seconds (more on slow machines) and MiB beyond what was held before.
fn bounded(what: &str, job: &Job, seconds: f64, mib: u64) -> Outcome {
    let before = reset_peak();
    let started = Instant::now();
    // What takes longer is cancelled, and must end soon after.
    let job = &Job { timeout: Duration::from_secs_f64(seconds * 4.0).min(job.timeout), ..job.clone() };
    let outcome = common::run(job).unwrap_or_else(|e| panic!("{what}: {e}"));
    let took = started.elapsed().as_secs_f64();
    let grew = peak().saturating_sub(before) >> 20;
    println!("{what}: {took:.2} s, {grew} MiB, {} log lines", outcome.logs.len());
    assert!(grew < mib, "{what} took {grew} MiB");
    outcome
}

/// Forgets the largest size so far; the present size in bytes. 0 where that cannot be told.
fn reset_peak() -> u64 {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    peak()
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) << 10
}

fn rows(outcome: &Outcome) -> String {
    assert_eq!(outcome.error, None);
    outcome.results.iter().map(|rows| format!("[{}]", rows.join(","))).collect()
}

/// One test, because memory is measured for the whole process.
#[test]
fn hostile_programs_end() {
    syntax();
    recursion();
    sizes();
    endless();
    nesting();
    regexes();
}

fn syntax() {
    for n in [100, 10_000, 1_000_000] {
        let (open, close) = ("(".repeat(n), ")".repeat(n));
        let outcome =
            bounded("parentheses", &Job::new(format!("SELECT {open}1{close} AS A FROM scope()")), 2.0, 400);
        match outcome.error {
            None => assert_eq!(rows(&outcome), r#"[{"A":1}]"#),
            Some((_, message)) => assert!(n >= 10_000, "{message}"),
        }
        for unclosed in ["(", "f(a=", "f(a=[", "{ SELECT ", "NOT ", "x[", "-", "'''", "/*", "`"] {
            let job = Job::new(format!("SELECT {}", unclosed.repeat(n)));
            let outcome = bounded(unclosed, &job, 2.0, 400);
            assert!(outcome.error.is_some(), "{unclosed} many times");
        }
    }
    for (op, wanted) in [(" + ", "100000"), (" AND ", "true"), (" OR ", "1"), (" - ", "-99998")] {
        let terms = vec!["1"; 100_000].join(op);
        let outcome =
            bounded("a long chain", &Job::new(format!("SELECT {terms} AS A FROM scope()")), 2.0, 400);
        match &outcome.error {
            None => assert_eq!(rows(&outcome), format!("[{{\"A\":{wanted}}}]")),
            Some((_, message)) => assert!(message.contains("more than"), "{message}"),
        }
    }
    let list = vec!["1"; 100_000].join(",");
    let outcome =
        bounded("a long list", &Job::new(format!("SELECT len(list=({list})) AS A FROM scope()")), 2.0, 400);
    assert_eq!(rows(&outcome), r#"[{"A":100000}]"#);
    let mut large = String::new();
    for i in 0..250_000 {
        let _ = writeln!(large, "LET x{i} = {i} + some_name_{i} * 2");
    }
    assert!(large.len() > 9 << 20);
    let outcome = bounded("a program of 10 MB", &Job::new(large + "SELECT 1 AS A FROM scope()"), 10.0, 1500);
    if let Some((_, message)) = &outcome.error {
        assert!(message.contains("large"), "{message}");
    }
    let spaces = " ".repeat(9 << 20);
    let outcome =
        bounded("much white space", &Job::new(format!("SELECT{spaces}1 AS A FROM scope()")), 2.0, 200);
    assert_eq!(rows(&outcome), r#"[{"A":1}]"#);
    let columns: Vec<String> = (0..20_000).map(|i| format!("{i} AS c{i}")).collect();
    let job = Job::new(format!("SELECT {} FROM scope()", columns.join(", ")));
    let outcome = bounded("many columns", &job, 5.0, 400);
    assert_eq!(outcome.results[0].len(), 1);
    let same: Vec<String> = (0..20_000).map(|i| format!("{i} AS c")).collect();
    let job = Job::new(format!("SELECT {} FROM scope()", same.join(", ")));
    assert_eq!(rows(&bounded("many equal columns", &job, 5.0, 400)), r#"[{"c":19999}]"#);
}

fn recursion() {
    for program in [
        "LET f(n) = f(n=n + 1) SELECT f(n=1) AS A FROM scope()",
        "LET x = x SELECT x AS A FROM scope()",
        "LET x = x + 1 SELECT x AS A FROM scope()",
        "LET x = (x, ) SELECT x[0] AS A FROM scope() WHERE FALSE",
        "LET q = SELECT * FROM q SELECT * FROM q",
        "LET q = SELECT q AS A FROM scope() SELECT 1 AS A FROM q WHERE FALSE",
        "LET q(n) = SELECT * FROM q(n=n + 1) SELECT * FROM q(n=1)",
        "LET q = SELECT * FROM foreach(row=(1, ), query=q) SELECT * FROM q",
        "LET q = SELECT * FROM chain(a=q) SELECT * FROM q",
        "LET q = SELECT { SELECT * FROM q } AS A FROM scope() SELECT * FROM q WHERE FALSE",
        "LET f(x) = eval(func='y=>f(x=y)', args=[x, ]) SELECT f(x=1) AS A FROM scope()",
        "LET q = SELECT * FROM query(query='SELECT * FROM q', inherit=TRUE) SELECT * FROM q",
        "LET q = SELECT * FROM if(condition=1, then=q) SELECT * FROM q",
        "LET q = SELECT * FROM switch(a=q) SELECT * FROM q LIMIT 1",
        "LET q = SELECT * FROM scope() WHERE q SELECT * FROM q",
        "LET q = SELECT * FROM scope() GROUP BY q SELECT * FROM q",
        "LET a <= a SELECT a AS A FROM scope()",
    ] {
        let mut job = Job::new(program);
        job.timeout = Duration::from_secs(10);
        let outcome = bounded(program, &job, 3.0, 600);
        assert!(!outcome.timed_out, "{program}");
        assert_eq!(outcome.error, None);
    }
    // Below the limit of depth these take for ever; being cancelled they must end.
    for program in [
        "LET f(n) = f(n=n + 1) + f(n=n + 1) SELECT f(n=1) AS A FROM scope()",
        "LET f(n) = (f(n=n + 1), f(n=n + 1)) SELECT f(n=1) AS A FROM scope()",
        "LET q = SELECT * FROM chain(a=q, b=q) SELECT * FROM q",
        "LET q = SELECT * FROM switch(a=q, b=q) SELECT * FROM q LIMIT 1",
        "LET q = SELECT * FROM foreach(row=(1, 2), query=q) SELECT * FROM q",
        "LET q = SELECT * FROM foreach(row=(1, 2), query=q, workers=5) SELECT * FROM q",
        "LET f(n) = filter(list=(1, 2), condition='x=>f(n=n)') SELECT f(n=1) AS A FROM scope()",
    ] {
        let mut job = Job::new(program);
        job.timeout = Duration::from_millis(500);
        bounded(program, &job, 3.0, 600);
    }
}

fn sizes() {
    for program in [
        "LET d(s, n) = if(condition=n > 0, then=d(s=s + s, n=n - 1), else=s)
         SELECT len(list=d(s='ab', n=60)) AS A FROM scope()",
        "LET d(s, n) = if(condition=n > 0, then=d(s=s * 10, n=n - 1), else=s)
         SELECT len(list=d(s='ab', n=60)) AS A FROM scope()",
        "SELECT len(list='a' * 1000000000000) AS A FROM scope()",
        "SELECT len(list=format(format='%1000000000d', args=1)) AS A FROM scope()",
        "SELECT len(list=format(format='%.1000000000f', args=1.5)) AS A FROM scope()",
        "SELECT len(list=format(format='%*d', args=[1000000000, 1])) AS A FROM scope()",
    ] {
        let outcome = bounded(program, &Job::new(program), 4.0, 800);
        assert!(!outcome.timed_out, "{program}");
        assert_eq!(outcome.results[0].len(), 1);
    }
    for program in [
        "LET d(l, n) = if(condition=n > 0, then=d(l=l + l, n=n - 1), else=l)
         SELECT len(list=d(l=(1, 2), n=60)) AS A FROM scope()",
        "LET d(l, n) = if(condition=n > 0, then=d(l=(l, l), n=n - 1), else=l)
         SELECT d(l=1, n=60) AS A FROM scope() WHERE FALSE",
        "LET d(l, n) = if(condition=n > 0, then=d(l=(l, l), n=n - 1), else=l)
         SELECT str(str=d(l=1, n=60)) =~ 'x' AS A FROM scope()",
        "LET d(l, n) = if(condition=n > 0, then=d(l=(l, l), n=n - 1), else=l)
         SELECT d(l=1, n=40) = d(l=1, n=40) AS A FROM scope()",
        "LET d(l, n) = if(condition=n > 0, then=d(l=(l, l), n=n - 1), else=l)
         SELECT d(l='a', n=40) =~ 'x' AS A FROM scope()",
    ] {
        let mut job = Job::new(program);
        job.timeout = Duration::from_secs(3);
        bounded(program, &job, 5.0, 3000);
    }
}

fn endless() {
    let limited = "SELECT _value FROM range(end=1000000000000000000) LIMIT 3";
    let outcome = bounded(limited, &Job::new(limited), 1.0, 50);
    assert_eq!(rows(&outcome), r#"[{"_value":0},{"_value":1},{"_value":2}]"#);
    let limited = "SELECT _value FROM range(end=1e18, step=1) WHERE _value > 100000 LIMIT 1";
    assert_eq!(rows(&bounded(limited, &Job::new(limited), 2.0, 50)), r#"[{"_value":100001}]"#);
    let edge = "SELECT _value FROM range(start=9223372036854775800, end=9223372036854775807, step=5)";
    let wanted = r#"[{"_value":9223372036854775800},{"_value":9223372036854775805}]"#;
    assert_eq!(rows(&bounded(edge, &Job::new(edge), 1.0, 50)), wanted);
    for program in [
        "SELECT _value FROM range(end=1000000000000000000) WHERE FALSE",
        "SELECT count() AS N FROM range(end=1000000000000000000) GROUP BY 1",
        "SELECT _value FROM range(end=1000000000000000000) ORDER BY _value DESC LIMIT 5",
        "SELECT { SELECT _value FROM range(end=1000000000000000000) WHERE FALSE } AS A FROM scope()",
        "LET q = SELECT _value FROM range(end=1000000000000000000) WHERE FALSE SELECT q AS A FROM scope()",
        "LET q <= SELECT _value FROM range(end=1000000000000000000) WHERE FALSE SELECT 1 AS A FROM scope()",
        "LET q = SELECT _value FROM range(end=1000000000000000000) WHERE FALSE SELECT len(list=q) AS A FROM scope()",
        "SELECT * FROM foreach(row={ SELECT * FROM range(end=1000000000000000000) }, query={
           SELECT * FROM scope() WHERE FALSE })",
        "SELECT * FROM foreach(row={ SELECT * FROM range(end=1000000000000000000) }, workers=4, query={
           SELECT * FROM scope() WHERE FALSE })",
        "SELECT * FROM combine(a={ SELECT * FROM range(end=1000000000000000000) WHERE FALSE },
           b={ SELECT * FROM range(end=1000000000000000000) WHERE FALSE })",
        "SELECT * FROM switch(a={ SELECT * FROM range(end=1000000000000000000) WHERE FALSE })",
        "SELECT 1 IN q._value AS A FROM scope() LET q = SELECT 2 AS B FROM range(end=1000000000000000000) WHERE FALSE
         SELECT 1 IN q.B AS A FROM scope()",
        "SELECT * FROM query(query='SELECT * FROM range(end=1000000000000000000) WHERE FALSE')",
    ] {
        let mut job = Job::new(program);
        job.timeout = Duration::from_millis(150);
        let outcome = bounded(program, &job, 1.0, 300);
        assert!(outcome.timed_out, "{program}");
    }
}

fn nesting() {
    let depth = 100_000;
    let json = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let dicts = format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    for (text, call) in
        [(&json, "parse_json_array(data=Text)"), (&dicts, "parse_json(data=Text)"), (&json, "Text =~ 'x'")]
    {
        let mut job = Job::new(format!("SELECT len(list={call}) AS A FROM scope()"));
        job.env.set(&Name::new("Text"), Value::from(text.as_str()));
        bounded(call, &job, 2.0, 400);
    }
    // Values nested by a recursion, then used in every way that walks them.
    let build = "LET nest(v, n) = if(condition=n > 0, then=nest(v=(v, ), n=n - 1), else=v)
                 LET deep <= nest(v=nest(v=nest(v=1, n=300), n=300), n=300)
                 LET hole(v, n) = if(condition=n > 0, then=hole(v=dict(a=v), n=n - 1), else=v)
                 LET pit <= hole(v=hole(v=hole(v=1, n=300), n=300), n=300)\n";
    for using in [
        "deep AS A",
        "pit AS A",
        "str(str=deep) AS A",
        "str(str=pit) AS A",
        "deep = deep AS A",
        "pit = pit AS A",
        "deep < deep AS A",
        "deep =~ 'x' AS A",
        "pit =~ 'x' AS A",
        "serialize(item=deep) AS A",
        "serialize(item=pit) AS A",
        "deep IN (deep, ) AS A",
        "parse_json(data=serialize(item=pit)) = pit AS A",
    ] {
        let outcome = bounded(using, &Job::new(format!("{build}SELECT {using} FROM scope()")), 2.0, 300);
        assert_eq!(outcome.results[0].len(), 1, "{using}");
    }
    // A dict that holds itself.
    let build = "LET d <= dict(a=1) LET s <= set(item=d, field='self', value=d)\n";
    for using in [
        "d AS A",
        "str(str=d) AS A",
        "d = d AS A",
        "d < d AS A",
        "d =~ 'x' AS A",
        "serialize(item=d) AS A",
        "d + d AS A",
        "d IN (d, ) AS A",
        "len(list=d) AS A",
        "d.self.self.self.a AS A",
        "to_dict(item=d) AS A",
        "serialize(item=d, format='yaml') AS A",
    ] {
        let outcome = bounded(using, &Job::new(format!("{build}SELECT {using} FROM scope()")), 2.0, 300);
        assert_eq!(outcome.results[0].len(), 1, "{using}");
    }
    for using in [
        "SELECT d AS A FROM range(end=3) GROUP BY d",
        "SELECT d AS A FROM range(end=3) ORDER BY A",
        "SELECT { SELECT d AS A, 1 AS B FROM range(end=2) } AS C FROM scope()",
        "LET m <= SELECT d AS A FROM range(end=2) SELECT * FROM m",
        "LET VQL_MATERIALIZE_ROW_LIMIT = 1 LET m <= SELECT d AS A FROM range(end=3) SELECT A.a AS A FROM m",
    ] {
        let outcome = bounded(using, &Job::new(format!("{build}{using}")), 3.0, 600);
        assert!(!outcome.timed_out, "{using}");
    }
    // Values that hold each other many times over.
    let build = "LET d(l, n) = if(condition=n > 0, then=d(l=(l, l), n=n - 1), else=l)
                 LET e(l, n) = if(condition=n > 0, then=e(l=dict(a=l, b=l), n=n - 1), else=l)
                 LET bomb <= d(l='a', n=40)
                 LET mine <= e(l='a', n=40)\n";
    for using in [
        "SELECT len(list=bomb) AS A FROM scope()",
        "SELECT bomb = d(l='a', n=40) AS A FROM scope()",
        "SELECT mine = e(l='a', n=40) AS A FROM scope()",
        "SELECT bomb < d(l='a', n=40) AS A FROM scope()",
        "SELECT bomb =~ 'x' AS A FROM scope()",
        "SELECT bomb.x =~ 'x' AS A FROM scope()",
        "SELECT 'x' IN bomb AS A FROM scope()",
        "SELECT 1 AS A FROM scope() GROUP BY bomb",
        "SELECT len(list=str(str=mine)) > 5 AS A FROM scope()",
        "LET m <= SELECT bomb AS B, mine AS M FROM range(end=2) SELECT 1 AS A FROM m",
        "LET q = SELECT _value, bomb AS B, mine AS M FROM range(end=2) ORDER BY _value SELECT _value FROM q",
        "LET VQL_MATERIALIZE_ROW_LIMIT = 1 LET m <= SELECT bomb AS B FROM range(end=2) SELECT 1 AS A FROM m",
        "SELECT 1 AS A FROM flatten(query={ SELECT bomb AS A, bomb AS B FROM scope() })",
        "SELECT len(list=serialize(item=bomb, format='yaml')) > 5 AS A FROM scope()",
        "SELECT len(list=join(array=bomb)) > 5 AS A FROM scope()",
        "LET d <= dict(a=1) SELECT len(list=set(item=d, field='b', value=bomb)) AS A FROM scope()",
        "SELECT len(list=items(item=mine)) AS A FROM scope()",
        "SELECT len(list=filter(list=bomb, regex='x')) AS A FROM scope()",
        "SELECT any(items=bomb, regex='x') AS A FROM scope()",
        "SELECT len(list=enumerate(items=bomb)) AS A FROM range(end=3) GROUP BY 1",
        "SELECT min(item=bomb)[0][0] =~ 'x' AS A FROM range(end=3) GROUP BY 1",
    ] {
        let job = Job::new(format!("{build}{using}"));
        bounded(using, &job, 10.0, 3000);
    }
    // Values nested deeper than any stack: they must at least go away again.
    let set = "LET d <= dict(a=1) LET q <= SELECT set(item=d, field='a', value=dict(b=d.a)) AS S FROM range(end=20000)
               WHERE S AND FALSE SELECT len(list=str(str=d)) > 5 AS A FROM scope()";
    assert_eq!(rows(&bounded(set, &Job::new(set), 5.0, 600)), r#"[{"A":true}]"#);
    for step in [
        "LET x <= (x, )\n",
        "LET x <= dict(a=x)\n",
        "LET x <= (x, ) + 1\n",
        "LET x <= SELECT x AS A FROM scope()\n",
    ] {
        for using in [
            "1 AS A",
            "len(list=str(str=x)) > 5 AS A",
            "x = (x, ) AS A",
            "x =~ 'b' AS A",
            "(x, ) < (x, ) AS A",
            "x.y.z = 1 AS A",
        ] {
            let program = format!("LET x <= 1\n{}SELECT {using} FROM scope()", step.repeat(30_000));
            let outcome = bounded(&format!("{} … {using}", step.trim()), &Job::new(program), 5.0, 600);
            assert_eq!(outcome.results[0].len(), 1, "{step} {using}");
        }
    }
    // A huge dict of arguments.
    let mut dict = Row::default();
    for i in 0..100_000 {
        dict.set(&Name::new(&format!("k{i}")), Value::Int(i));
    }
    for program in [
        "SELECT len(list=dict(`**`=Huge)) AS A FROM scope()",
        "SELECT upcase(`**`=Huge) AS A FROM scope()",
        "LET f(k1) = k1 SELECT f(`**`=Huge) AS A FROM scope()",
        "SELECT len(list=Huge + Huge) AS A FROM scope()",
        "SELECT Huge = Huge AS A FROM scope()",
        "SELECT * FROM foreach(row=Huge) WHERE k99999 = 99999",
        "SELECT *, 1 AS k0 FROM Huge",
        "SELECT nosuch AS A FROM Huge",
    ] {
        let mut job = Job::new(program);
        job.env.set(&Name::new("Huge"), dict.clone().into());
        let outcome = bounded(program, &job, 3.0, 500);
        assert_eq!(outcome.results[0].len(), 1, "{program}");
    }
}

fn regexes() {
    let mut job = Job::new("");
    job.env.set(&Name::new("Text"), Value::from("a".repeat(1 << 18).as_str() as &str));
    for pattern in ["(a+)+$", "(a|aa)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*x", "a{1,999}b"] {
        let program = format!("SELECT Text + '!' =~ '''{pattern}''' AS A FROM scope()");
        let outcome = bounded(&program, &Job { program: program.clone(), ..job.clone() }, 5.0, 300);
        assert!(!outcome.timed_out, "{pattern}");
    }
    for pattern in ["a{1000}{1000}{1000}", "(((a{100}){100}){100}){100}", "\\pL{10000}"] {
        let program = format!("SELECT 'a' =~ '''{pattern}''' AS A FROM scope()");
        let outcome = bounded(&program, &Job::new(program.as_str()), 3.0, 300);
        assert_eq!(rows(&outcome), r#"[{"A":false}]"#);
    }
    let open = "(".repeat(100_000);
    let program = format!("SELECT 'a' =~ '{open}' AS A FROM scope()");
    assert_eq!(rows(&bounded("a regex of parentheses", &Job::new(program), 3.0, 300)), r#"[{"A":false}]"#);
    let program =
        "SELECT len(list=regex_replace(source=Text, re='(a+)+$', replace='$1$1')) AS A FROM scope()";
    bounded(program, &Job { program: program.into(), ..job.clone() }, 5.0, 400);
    let program = "SELECT len(list=regex_replace(source=Text, re='a', replace='$0$0$0$0$0$0$0$0$0$0')) AS A FROM scope()";
    bounded(program, &Job { program: program.into(), ..job.clone() }, 5.0, 400);
    let program = "SELECT len(list=regex_replace(source=Text, re='', replace=Text)) AS A FROM scope()";
    let mut job = job;
    job.timeout = Duration::from_secs(5);
    bounded(program, &Job { program: program.into(), ..job }, 8.0, 2500);
}
