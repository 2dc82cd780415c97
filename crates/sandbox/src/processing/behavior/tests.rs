//! From events to what the report says about them.

use super::*;

fn begins(pid: u32, ppid: u32, name: &str, time: f64) -> Event {
    let path = format!("/bin/{name}");
    Event::Process { time, pid, ppid, name: name.into(), path, command_line: format!("{name} -x") }
}

fn calls(pid: u32, category: &str, api: &str, arguments: Json, errno: &str) -> Event {
    let Json::Object(arguments) = arguments else { unreachable!() };
    let return_value = if errno.is_empty() { 3 } else { -1 };
    Event::Call(Box::new(Call {
        time: 2.5,
        pid,
        tid: pid,
        category: category.into(),
        api: api.into(),
        arguments,
        return_value,
        errno: errno.into(),
        ..Call::default()
    }))
}

fn report(events: Vec<Event>) -> Json {
    let mut behavior = Behavior::default();
    for event in events {
        // As it is written and read back.
        let line = serde_json::to_string(&event).unwrap();
        behavior.add(serde_json::from_str(&line).unwrap());
    }
    behavior.complete();
    behavior.report()
}

#[test]
fn processes_keep_their_calls_and_form_a_tree() {
    let report = report(vec![
        begins(10, 1, "sh", 1.0),
        begins(11, 10, "sh", 2.0),
        begins(11, 10, "curl", 2.1),
        calls(11, "file", "openat", json!({"filepath": "/etc/none", "flags": 0}), "ENOENT"),
        calls(11, "file", "openat", json!({"filepath": "/tmp/x"}), ""),
        Event::Exit { time: 3.0, pid: 11, code: 0 },
        begins(11, 10, "ls", 4.0),
        Event::Cut { calls: 5 },
    ]);
    let processes = report["processes"].as_array().unwrap();
    let names: Vec<_> = processes.iter().map(|process| process["process_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["sh", "curl", "ls"]);
    let calls = &processes[1]["calls"];
    assert_eq!((&calls[0]["status"], &calls[0]["flags"]["errno"]), (&json!(0), &json!("ENOENT")));
    assert_eq!((&calls[1]["status"], &calls[1]["return_value"]), (&json!(1), &json!(3)));
    let tree = &report["processtree"];
    assert_eq!(tree.as_array().unwrap().len(), 1);
    let children = tree[0]["children"].as_array().unwrap();
    assert_eq!(
        children.iter().map(|child| child["process_name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["curl", "ls"]
    );
    assert_eq!(report["calls_cut"], 5);
    assert_eq!(report["summary"]["file_failed"], json!(["/etc/none"]));
    assert_eq!(report["generic"][1]["summary"]["file_opened"], json!(["/tmp/x"]));
}

#[test]
fn a_call_of_a_process_that_nobody_announced_is_kept() {
    let report = report(vec![calls(77, "file", "unlinkat", json!({"filepath": "/tmp/y"}), "")]);
    assert_eq!(report["processes"][0]["pid"], 77);
    assert_eq!(
        (&report["summary"]["file_deleted"], &report["apistats"]["77"]),
        (&json!(["/tmp/y"]), &json!({"unlinkat": 1}))
    );
}

#[test]
fn what_comes_after_the_calls_that_are_told_is_in_the_summary_all_the_same() {
    let mut events = vec![begins(10, 1, "x", 1.0)];
    events.extend((0..MAX_CALLS).map(|_| calls(10, "file", "stat", json!({"filepath": "/none"}), "ENOENT")));
    events.push(calls(10, "file", "unlink", json!({"filepath": "/evidence"}), ""));
    events.push(calls(10, "file", "mmap", json!({"filepath": "/evil.so", "protection": 5}), ""));
    events.push(calls(10, "system", "io_uring_setup", json!({}), "EPERM"));
    let report = report(events);
    assert_eq!(report["calls_cut"], 3);
    assert_eq!(report["summary"]["file_deleted"], json!(["/evidence"]));
    assert_eq!(report["generic"][0]["summary"]["file_deleted"], json!(["/evidence"]));
    assert_eq!(report["processes"][0]["modules"][0]["basename"], "evil.so");
    assert_eq!(
        report["apistats"]["10"],
        json!({"stat": MAX_CALLS, "unlink": 1, "mmap": 1, "io_uring_setup": 1})
    );
    assert_eq!(report["anomaly"][0]["funcname"], "io_uring_setup");
}

#[test]
fn a_child_that_is_its_makers_sibling_is_put_below_its_maker() {
    let made = |api: &str, child: i64| match calls(10, "process", api, json!({}), "") {
        Event::Call(call) => Event::Call(Box::new(Call { return_value: child, ..*call })),
        other => other,
    };
    let unnamed = Event::Process {
        time: 3.0,
        pid: 12,
        ppid: 81,
        name: String::new(),
        path: String::new(),
        command_line: String::new(),
    };
    let report = report(vec![
        begins(10, 1, "sh", 1.0),
        made("clone", 11),
        calls(11, "file", "unlink", json!({"filepath": "/x"}), ""),
        made("clone", 12),
        unnamed,
    ]);
    let children = report["processtree"][0]["children"].as_array().unwrap();
    let names: Vec<_> = children.iter().map(|child| (&child["pid"], &child["process_name"])).collect();
    assert_eq!(names, [(&json!(11), &json!("sh")), (&json!(12), &json!("sh"))]);
}
