//! Running and ending programs.

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::live::{Live, until};
use common::{rows, run, run_for, run_with};
use vql::permission::Permissions;

/// The rows of a shell script, without the line that says what was run.
fn shell(columns: &str, script: &str, more: &str) -> String {
    let query = format!("SELECT {columns} FROM execve(argv=['/bin/sh', '-c', S]{more})");
    run_with(&query, &[("S", script)], Permissions::all()).rows
}

#[test]
fn output_comes_with_the_end_and_before_when_there_is_much() {
    let wanted = r#"[{"Stdin":"","Stdout":"out","Stderr":"err","ReturnCode":7,"Complete":true}]"#;
    assert_eq!(shell("*", "printf out; printf err >&2; exit 7", ""), wanted);
    let columns = "len(list=Stdout) AS O, len(list=Stderr) AS E, ReturnCode AS R, Complete AS C";
    // Written at once, so that the order of reads does not matter.
    let wanted = r#"[{"O":10,"E":0,"R":0,"C":false},{"O":5,"E":0,"R":0,"C":true}]"#;
    assert_eq!(shell(columns, "printf 123456789012345", ", length=10"), wanted);
    assert_eq!(shell("ReturnCode", "kill -9 $$", ""), r#"[{"ReturnCode":-1}]"#);
    assert_eq!(shell("Stdout", "cat", ""), r#"[{"Stdout":""}]"#);
}

#[test]
fn pieces_of_both_outputs_are_rows() {
    let got = shell("Stdout, Complete", "printf 'a\\n\\nbc\\nrest'", ", sep='\n'");
    let piece = |s: &str| format!(r#"{{"Stdout":"{s}","Complete":false}}"#);
    let end = r#"{"Stdout":"","Complete":true}"#;
    assert_eq!(got, format!("[{},{},{},{end}]", piece("a"), piece("bc"), piece("rest")));
    let got = shell("Stdout, Complete", "printf 'a--' >&2; sleep 0.2; printf b--", ", sep='--'");
    assert_eq!(got, format!("[{},{},{end}]", piece("a"), piece("b")));
    let got = shell("Stdout, Complete", "printf 'abcde-f-'", ", sep='-', length=2");
    let pieces = ["ab", "cd", "e", "f"].map(piece).join(",");
    assert_eq!(got, format!("[{pieces},{end}]"));
}

#[test]
fn environment_and_directory() {
    let all = "SELECT Stdout FROM execve(argv='/usr/bin/env', env=dict(A=1, `B c`='x'))";
    assert_eq!(rows(all), r#"[{"Stdout":"A=1\nB c=x\n"}]"#);
    assert_eq!(
        shell("Stdout", "echo $A; pwd", ", env=dict(A=1), cwd='/proc'"),
        r#"[{"Stdout":"1\n/proc\n"}]"#
    );
    let inherited = "SELECT Stdout = environ(var='PATH') AS Same FROM execve(argv=['/bin/sh', '-c', 'printf %s \"$PATH\"'])";
    assert_eq!(rows(inherited), r#"[{"Same":true}]"#);
}

#[test]
fn what_cannot_be_started_is_a_row() {
    let outcome = run("SELECT * FROM execve(argv=['/no/such', 'a b'])");
    let wanted =
        r#"[{"Stdin":"","Stdout":"","Stderr":"No such file or directory","ReturnCode":1,"Complete":true}]"#;
    assert_eq!(outcome.rows, wanted);
    assert_eq!(outcome.log, ["execve: Running external command [/no/such a b]"]);
    for (call, line) in [
        ("argv=[]", "execve: no argv to run"),
        ("argv='true', secret='s'", "execve: there are no secrets for programs: give argv, env and cwd"),
    ] {
        let outcome = run(&format!("SELECT * FROM execve({call})"));
        assert_eq!((&*outcome.rows, &*outcome.log), ("[]", &[line.to_owned()][..]));
    }
    let query = "SELECT * FROM execve(argv='true')";
    let outcome = run_with(query, &[], Permissions::default());
    assert_eq!(outcome.log, ["execve: PermissionDenied: Permission denied: [EXECVE]"]);
}

#[test]
fn much_output_on_both_sides_blocks_nobody() {
    let script = "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2";
    let query = "SELECT sum(item=len(list=Stdout)) AS O, sum(item=len(list=Stderr)) AS E FROM \
        execve(argv=['/bin/sh', '-c', S], length=100000) GROUP BY 1";
    let outcome = run_with(query, &[("S", script)], Permissions::all());
    assert_eq!(outcome.rows, r#"[{"O":3000000,"E":6000000}]"#);
}

/// Whether a process with this marker among its arguments is there.
fn is_running(marker: &str) -> bool {
    let found =
        rows(&format!("SELECT Pid FROM pslist() WHERE CommandLine =~ '{marker}' AND Pid != getpid()"));
    found != "[]"
}

#[test]
fn a_program_and_its_children_end_with_the_query() {
    let source = "SELECT * FROM execve(argv=['/bin/sh', '-c', 'sleep 7654321 & sleep 7654321'])";
    assert_eq!(run_for(Duration::from_millis(500), source).rows, "[]");
    let limited = "SELECT Stdout FROM execve(sep='\n', argv=['/bin/sh', '-c', 'echo x; sleep 7654321 & sleep 7654321']) LIMIT 1";
    assert_eq!(rows(limited), r#"[{"Stdout":"x"}]"#);
    until("its children end", || !is_running("sleep.7654321"));
}

#[test]
fn what_a_program_leaves_behind_does_not_hold_the_query() {
    let source = "SELECT Stdout FROM execve(argv=['/bin/sh', '-c', 'echo x; sleep 7654322 &'])";
    let outcome = Live::start(source, &[]).end();
    assert_eq!(outcome.rows, r#"[{"Stdout":"x\n"}]"#);
    let _ = Command::new("pkill").args(["-f", "sleep 7654322"]).status();
}

#[test]
fn a_process_is_killed() {
    let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = child.id();
    assert_eq!(rows(&format!("SELECT pskill(pid={pid}) AS P FROM scope()")), format!(r#"[{{"P":{pid}}}]"#));
    assert!(!child.wait().unwrap().success());
    let outcome = run("SELECT pskill(pid=0) AS A, pskill(pid=-1) AS B FROM scope()");
    assert_eq!(outcome.rows, r#"[{"A":null,"B":null}]"#);
    assert_eq!(outcome.log.len(), 2);
}

#[test]
fn a_query_inside_another_is_held_to_its_own_rates() {
    let started = Instant::now();
    let inner = "SELECT read_file(filename='/proc/self/comm') AS X FROM range(end=70)";
    let outcome = run(&format!(
        "SELECT count() AS N FROM query(iops_limit=100, cpu_limit=90, inherit=TRUE, query={{ {inner} }}) GROUP BY 1"
    ));
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), (r#"[{"N":70}]"#, 0));
    // Each file takes one read at least, and 64 of them are due after more than half a second.
    assert!(started.elapsed() >= Duration::from_millis(500), "{:?}", started.elapsed());
}
