//! Logs as a monitor writes them, and as a sample that took it over does.

use super::*;

/// A document of fields that are encoded already.
fn document(fields: &[Vec<u8>]) -> Vec<u8> {
    let body = [fields.concat(), vec![0]].concat();
    [&(body.len() as i32 + 4).to_le_bytes()[..], &body].concat()
}

fn field(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

fn text(name: &str, value: &[u8]) -> Vec<u8> {
    field(2, name, &[&(value.len() as i32 + 1).to_le_bytes()[..], value, &[0]].concat())
}

fn int(name: &str, value: i64) -> Vec<u8> {
    field(0x12, name, &value.to_le_bytes())
}

fn list(name: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    field(4, name, &document(fields))
}

fn table(name: &str, pairs: &[(i64, &str)]) -> Vec<u8> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(number, word)| list("0", &[int("0", *number), text("1", word.as_bytes())]))
        .collect();
    list(name, &pairs)
}

fn definition(number: i64, name: &str, arguments: &[Vec<u8>], more: &[Vec<u8>]) -> Vec<u8> {
    let fields = [
        int("I", number),
        text("name", name.as_bytes()),
        text("type", b"info"),
        text("category", b"file"),
        list("args", arguments),
    ];
    document(&[fields.concat(), more.concat()])
}

fn call(number: i64, values: &[Vec<u8>], more: &[Vec<u8>]) -> Vec<u8> {
    document(&[int("I", number), int("T", 9), int("t", 1500), list("args", values), more.concat()])
}

fn all(log: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    read(2044, log, &mut |event| events.push(event)).unwrap();
    events
}

fn calls(log: &[u8]) -> Vec<Call> {
    all(log)
        .into_iter()
        .filter_map(|event| if let Event::Call(call) = event { Some(*call) } else { None })
        .collect()
}

#[test]
fn a_process_begins_at_its_filetime() {
    let names =
        ["is_success", "retval", "time_low", "time_high", "pid", "ppid", "module_path", "command_line"];
    let names: Vec<_> = names.iter().map(|name| text("0", name.as_bytes())).collect();
    // The lower half with its highest bit set, as a signed number.
    let filetime = (1_933_345_205_i64 + EPOCH) * 10_000_000;
    let values = [
        int("0", 1),
        int("1", 0),
        int("2", i64::from(filetime as i32)),
        int("3", filetime >> 32),
        int("4", 666),
        int("5", 12),
        text("6", b"C:\\a b\\x.exe"),
        text("7", b"x.exe \xff"),
    ];
    let log = [definition(0, PROCESS, &names, &[]), call(0, &values, &[])].concat();
    let expected = Event::Process {
        time: 1_933_345_205.0,
        pid: 2044,
        ppid: 12,
        name: "x.exe".into(),
        path: "C:\\a b\\x.exe".into(),
        command_line: "x.exe \\xff".into(),
    };
    assert_eq!(all(&log), [expected]);
}

#[test]
fn arguments_are_named_shown_and_explained() {
    let arguments = [
        text("0", b"filepath"),
        list("1", &[text("0", b"handle"), text("1", b"p")]),
        list("2", &[text("0", b"access"), text("1", b"x")]),
        text("3", b"disposition"),
        text("4", b"list"),
    ];
    let words = [
        field(
            3,
            "flags_value",
            &document(&[table("disposition", &[(1, "FILE_OPEN"), (5, "FILE_OVERWRITE_IF")])]),
        ),
        list(
            "flags_bitmask",
            &[list(
                "0",
                &[
                    text("0", b"access"),
                    table("1", &[(0x80, "FILE_READ_ATTRIBUTES"), (0x4000_0000, "GENERIC_WRITE")]),
                ],
            )],
        ),
    ];
    let values = [
        int("0", 0),
        int("1", -1),
        text("2", b"C:\\x"),
        int("3", -4),
        int("4", 0x4010_0080),
        int("5", 5),
        list("6", &[int("0", 1), list("1", &[text("0", b"a")])]),
    ];
    let failed = [int("e", 5), int("E", 0xc000_0022), list("s", &[text("0", b"ntdll+0x1")])];
    let log = [definition(7, "NtCreateFile", &arguments, &words), call(7, &values, &failed)].concat();
    let calls = calls(&log);
    let call = &calls[0];
    assert_eq!(
        Json::Object(call.arguments.clone()),
        json!({"filepath": "C:\\x", "handle": "0xfffffffc", "access": "0x40100080", "disposition": 5, "list": [1, ["a"]]})
    );
    assert_eq!(
        Json::Object(call.flags.clone()),
        json!({"access": "FILE_READ_ATTRIBUTES|GENERIC_WRITE", "disposition": "FILE_OVERWRITE_IF"})
    );
    assert_eq!(
        (call.failed, call.return_value, call.last_error, call.nt_status),
        (true, -1, Some(5), Some(0xc000_0022))
    );
    assert_eq!((call.time, call.tid, &call.stacktrace[..]), (1.5, 9, &["ntdll+0x1".to_owned()][..]));
}

#[test]
fn what_cannot_be_read_is_counted_and_ends_nothing_but_itself() {
    let known =
        definition(1, "Sleep", &[text("0", b"is_success"), text("1", b"retval"), text("2", b"ms")], &[]);
    let good = call(1, &[int("0", 1), int("1", 0), int("2", 10)], &[]);
    let buffer = document(&[text("type", b"buffer"), text("checksum", b"00")]);
    let unknown = call(99, &[int("0", 1)], &[]);
    let log =
        [known.clone(), unknown, buffer, good.clone(), document(&[text("type", b"other")]), good.clone()]
            .concat();
    let events = all(&log);
    assert_eq!(events.len(), 4);
    assert_eq!(
        (calls(&log).len(), events.iter().filter(|event| **event == Event::Cut { calls: 1 }).count()),
        (2, 2)
    );
    // A length that lies, and a log that breaks off.
    let mut log = [known.clone(), good.clone()].concat();
    log.extend_from_slice(b"\xff\xff\xff\x7f");
    log.extend_from_slice(&good);
    assert_eq!(all(&log).len(), 2);
    let log = [known, good.clone(), good].concat();
    assert_eq!(calls(&log[..log.len() - 3]).len(), 1);
}

#[test]
fn depth_is_bounded() {
    let mut deep = list("0", &[]);
    for _ in 0..1000 {
        deep = list("0", &[deep]);
    }
    let log = [definition(1, "x", &[text("0", b"a")], &[]), call(1, &[int("0", 1), int("1", 0), deep], &[])]
        .concat();
    assert_eq!(calls(&log)[0].arguments["a"], json!([[[["..."]]]]));
}
