//! The process tracker, on processes that start and end meanwhile.

mod common;

use std::process::{Child, Command};
use std::time::Duration;

use common::live::Live;
use common::{rows, run_with};
use vql::permission::Permissions;

fn sleeper(seconds: &str) -> Child {
    Command::new("sleep").arg(seconds).spawn().unwrap()
}

/// Waits for a process that somebody else ends; whether that happened in time.
fn end_of(child: &mut Child) -> bool {
    for _ in 0..100 {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

#[test]
fn a_process_that_ended_is_still_known() {
    let mut child = sleeper("1001");
    let pid = child.id().to_string();
    let query = "LET Installed <= process_tracker(sync_period=100)
        LET Killed <= pskill(pid=int(int=Child))
        LET Waited <= SELECT * FROM clock(ms=50) WHERE process_tracker_get(id=Child).EndTime LIMIT 1
        LET P <= process_tracker_get(id=Child)
        SELECT P.Id = Child AS Same, P.EndTime > P.StartTime AS Ended, P.Data.CommandLine AS C,
            process_tracker_callchain(id=Child).Id[-2] = str(str=getpid()) AS Parent,
            process_tracker_tree(id=Child).name AS N FROM scope()";
    let reaper = std::thread::spawn(move || end_of(&mut child));
    let outcome = run_with(query, &[("Child", &pid)], Permissions::all());
    assert!(reaper.join().unwrap(), "{:?}", outcome.log);
    let wanted = r#"[{"Same":true,"Ended":true,"C":"sleep 1001","Parent":true,"N":"sleep"}]"#;
    assert_eq!(outcome.rows, wanted, "{:?}", outcome.log);
}

#[test]
fn changes_are_told() {
    let query = "LET Installed <= process_tracker(sync_period=100)
        SELECT update_type, data.CommandLine AS C FROM process_tracker_updates()
        WHERE data.CommandLine =~ '^sleep 1002$' LIMIT 2";
    let watch = Live::watch(query, &[]);
    let mut child = sleeper("1002");
    watch.rows(1);
    child.kill().unwrap();
    child.wait().unwrap();
    let outcome = watch.end();
    let row = |what| format!(r#"{{"update_type":"{what}","C":"sleep 1002"}}"#);
    assert_eq!(outcome.rows, format!("[{},{}]", row("start"), row("exit")));
}

#[test]
fn queries_of_ones_own_feed_the_tracker() {
    let query = "LET Installed <= process_tracker(
            sync_query={ SELECT * FROM foreach(row=[
                dict(id=1, start_time=timestamp(epoch=100), data=dict(Name='init')),
                dict(id=2, parent_id=1, start_time=timestamp(epoch=200), data=dict(Name='sh'))]) },
            update_query={ SELECT 'start' AS update_type, '3' AS id, '2' AS parent_id, timestamp(epoch=300) AS start_time,
                dict(Name='ls') AS data FROM scope() },
            enrichments=['x=>dict(Upper=upcase(string=x.Data.Name))'])
        LET Waited <= SELECT * FROM clock(ms=20) WHERE process_tracker_get(id=3) LIMIT 1
        SELECT join(array=process_tracker_callchain(id=3).Data.Name, sep='/') AS Chain,
            process_tracker_children(id=1).Data.Upper AS Children,
            len(list=process_tracker_all()) AS N,
            process_tracker_tree(data_callback='x=>x.Data.Name').children.children.children.data AS Leaves
        FROM scope()
        SELECT Pid, Ppid, Name FROM process_tracker_pslist()";
    let got = rows(query);
    let wanted = r#"[{"Chain":"init/sh/ls","Children":["SH"],"N":3,"Leaves":[[["ls"]]]},"#;
    assert!(got.starts_with(wanted), "{got}");
    assert!(got.ends_with(r#"{"Pid":3,"Ppid":2,"Name":"ls"}]"#), "{got}");
}
