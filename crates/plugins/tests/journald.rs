//! `parse_journald()` and `watch_journald()`, on journals that systemd wrote. What is in them is tested in `forensics`; here it
//! is about arguments, rows, and files that grow.

mod common;

use std::fs;

use common::live::Live;
use common::run_with;
use vql::permission::Permissions;

/// The journal of compact form that is among the samples of `forensics`.
fn journal() -> Vec<u8> {
    let path = format!("{}/../forensics/src/journal/testdata/zstd.journal.zst", env!("CARGO_MANIFEST_DIR"));
    zstd::decode_all(&*fs::read(path).unwrap()).unwrap()
}

/// As it was when it had so many entries: the header tells how many there are.
fn journal_of(entries: u64) -> Vec<u8> {
    let mut journal = journal();
    journal[152..160].copy_from_slice(&entries.to_le_bytes());
    journal
}

fn query(source: &str) -> (String, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.journal");
    fs::write(&path, journal()).unwrap();
    let outcome = run_with(source, &[("F", path.to_str().unwrap())], Permissions::all());
    (outcome.rows, outcome.log)
}

#[test]
fn entries_are_rows() {
    let (rows, log) = query(
        "SELECT System, EventData FROM parse_journald(filename=F, start_time=1714557605, end_time=1714557605)",
    );
    let wanted = concat!(
        r#"[{"System":{"Timestamp":"2024-05-01T10:00:05Z","#,
        r#""__CURSOR":"s=a3d2e857eaf2489b8823fe3243600334;i=6;b=0123456789abcdef0123456789abcdef;m=989680;t=617618cfe3340;x="#,
    );
    assert!(rows.starts_with(wanted), "{rows}");
    // The order is that of the file, which systemd decides.
    let wanted = concat!(
        r#","__REALTIME_TIMESTAMP":1714557605000000,"__MONOTONIC_TIMESTAMP":10000000,"__SEQNUM":6,"#,
        r#""_BOOT_ID":"0123456789abcdef0123456789abcdef","_UID":0,"_COMM":"sshd","_HOSTNAME":"host","_TRANSPORT":"syslog","_PID":105},"#,
        r#""EventData":{"SYSLOG_IDENTIFIER":"sshd","PRIORITY":5,"MESSAGE":"message number 5","CODE_LINE":12,"CODE_FILE":"a.c","#,
        r#""UNIT":["a.service","b.service"]}}]"#
    );
    assert!(rows.contains(wanted), "{rows}");
    assert!(log.is_empty(), "{log:?}");
}

#[test]
fn raw_rows_have_the_fields_as_they_are() {
    let (rows, _) = query(
        "SELECT _PID, PRIORITY, __SEQNUM, UNIT, MESSAGE FROM parse_journald(filename=F, raw=TRUE) WHERE UNIT",
    );
    assert_eq!(
        rows,
        r#"[{"_PID":"105","PRIORITY":"5","__SEQNUM":"6","UNIT":["a.service","b.service"],"MESSAGE":"message number 5"}]"#
    );
}

#[test]
fn times_limit_what_is_read() {
    for (args, wanted) in [
        ("", "40 1 40"),
        (", start_time=1714557630", "10 31 40"),
        (", end_time=1714557603.5", "4 1 4"),
        (", start_time='2024-05-01T10:00:10Z', end_time='2024-05-01T10:00:20Z'", "11 11 21"),
        (", start_time=1714557700", " "),
    ] {
        let source = format!(
            "SELECT format(format='%v %v %v', args=[count(), min(item=System.__SEQNUM), max(item=System.__SEQNUM)]) AS T \
             FROM parse_journald(filename=F{args}) GROUP BY 1"
        );
        let (rows, log) = query(&source);
        let wanted = if wanted == " " { "[]".to_owned() } else { format!(r#"[{{"T":"{wanted}"}}]"#) };
        assert_eq!((rows, log), (wanted, vec![]), "{args}");
    }
    let (rows, log) = query("SELECT * FROM parse_journald(filename=F, start_time='soon')");
    assert_eq!((rows.as_str(), log), ("[]", vec!["parse_journald: start_time is no time".to_owned()]));
}

#[test]
fn broken_journals_give_what_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.journal");
    let mut bytes = journal();
    // The object that holds this field says that it is something else.
    let at = bytes.windows(24).position(|w| w == b"MESSAGE=message number 8").unwrap();
    bytes[at - 72] = 9;
    fs::write(&path, &bytes).unwrap();
    let source = "SELECT System.__SEQNUM AS N, EventData.MESSAGE AS M FROM parse_journald(filename=[F, F + '.none']) WHERE N = 9";
    let outcome = run_with(source, &[("F", path.to_str().unwrap())], Permissions::all());
    assert_eq!(outcome.rows, r#"[{"N":9,"M":null}]"#);
    let wanted = format!(
        "parse_journald: entry 8: {}: broken journal: the object at {} is of kind 9 instead of 1",
        path.display(),
        at - 72
    );
    assert_eq!(outcome.log[0], wanted);
    assert!(outcome.log[1].contains("x.journal.none"), "{:?}", outcome.log);
}

/// The numbers that a query gave until now.
#[track_caller]
fn numbers(watch: Live, count: usize) -> (String, Vec<String>) {
    watch.rows(count);
    let outcome = watch.stop();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&outcome.rows).unwrap();
    let numbers: Vec<String> = rows.iter().map(|row| row["N"].to_string()).collect();
    (numbers.join(" "), outcome.log)
}

#[test]
fn new_entries_come_as_they_are_written_and_rotation_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("system.journal");
    fs::write(&path, journal_of(30)).unwrap();
    // Both in place: the inode stays.
    let grow = |count: u64| {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.write_all_at(&count.to_le_bytes(), 152).unwrap();
    };
    let source = "SELECT System.__SEQNUM AS N FROM watch_journald(filename=D + '/system.journal')";
    let watch = Live::watch(source, &[("D", dir.path().to_str().unwrap())]);
    grow(32);
    watch.rows(2);
    grow(33);
    fs::rename(&path, dir.path().join("system@1.journal")).unwrap();
    let next = dir.path().join("next");
    fs::write(&next, journal_of(2)).unwrap();
    fs::rename(next, &path).unwrap();
    assert_eq!(numbers(watch, 5), ("31 32 33 1 2".to_owned(), vec![]));
}

#[test]
fn journals_are_found_by_a_pattern() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("machine")).unwrap();
    let at = |name: &str| dir.path().join("machine").join(name);
    fs::write(at("system.journal"), journal_of(30)).unwrap();
    fs::write(at("system@1.journal"), journal_of(10)).unwrap();
    let source = "SELECT System.__SEQNUM AS N FROM watch_journald(filename=D + '/*/*.journal')";
    let watch = Live::watch(source, &[("D", dir.path().to_str().unwrap())]);
    // The one that counts comes last: what is put away would have been told before it.
    for name in ["system@1.journal", "system.journal"] {
        use std::os::unix::fs::FileExt;
        let file = fs::File::options().write(true).open(at(name)).unwrap();
        file.write_all_at(&31_u64.to_le_bytes(), 152).unwrap();
    }
    assert_eq!(numbers(watch, 1), ("31".to_owned(), vec![]));
}
