//! Functions and plugins that read files, on real files.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{Outcome, rows, run, run_with};
use tempfile::TempDir;
use vql::permission::Permissions;

fn file(content: &[u8]) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

/// Runs with the variable `F`, the path of a file of that content.
fn with_file(content: &[u8], source: &str) -> Outcome {
    let (_dir, path) = file(content);
    let outcome = run_with(source, &[("F", &path)], Permissions::all());
    Outcome {
        rows: outcome.rows.replace(&path, "F"),
        log: outcome.log.iter().map(|l| l.replace(&path, "F")).collect(),
    }
}

fn rows_of(content: &[u8], source: &str) -> String {
    let outcome = with_file(content, source);
    assert!(outcome.log.is_empty(), "{source}: {:?}", outcome.log);
    outcome.rows
}

#[test]
fn reading() {
    let wanted = r#"[{"A":"hello","B":"ell","C":"","D":""}]"#;
    let query = "SELECT read_file(filename=F) AS A, read_file(filename=F, offset=1, length=3) AS B, \
        read_file(filename=F, offset=100) AS C, read_file(filename=F, length=-1) AS D FROM scope()";
    assert_eq!(rows_of(b"hello", query), wanted);
    let chunks = r#"[{"Data":"hel","Offset":0,"Filename":"F"},{"Data":"l","Offset":3,"Filename":"F"}]"#;
    assert_eq!(rows_of(b"hello", "SELECT * FROM read_file(filenames=F, chunk=3, max_length=4)"), chunks);
}

#[test]
fn paths_are_taken_in_every_form() {
    for path in [
        "F",
        "[F]",
        "pathspec(Path=F)",
        "stat(filename=F)",
        "stat(filename=F).OSPath",
        "dict(Path=F)",
        "{ SELECT OSPath FROM stat(filename=F) }",
    ] {
        let query = format!("SELECT read_file(filename={path}) AS X FROM scope()");
        assert_eq!(rows_of(b"x", &query), r#"[{"X":"x"}]"#, "{path}");
        let query = format!("SELECT Line FROM parse_lines(filename={path})");
        assert_eq!(rows_of(b"x", &query), r#"[{"Line":"x"}]"#, "{path}");
    }
    let outcome =
        run("SELECT read_file(filename=NULL) AS X, read_file(filename='x', accessor='no') AS Y FROM scope()");
    assert_eq!(outcome.rows, r#"[{"X":null,"Y":null}]"#);
    let log =
        ["read_file: Field filename should be an OSPath not types.Null.", "read_file: Unknown accessor no"];
    assert_eq!(outcome.log, log);
    assert_eq!(
        rows("LET V = 'abc' SELECT read_file(filename='V', accessor='scope') AS X FROM scope()"),
        r#"[{"X":"abc"}]"#
    );
}

#[test]
fn what_cannot_be_read_is_logged() {
    let outcome = run(
        "SELECT read_file(filename='/no/such') AS A, hash(path='/no/such') AS B, stat(filename='/no/such') AS C, read_file(filename='/proc') AS D FROM scope()",
    );
    assert_eq!(outcome.rows, r#"[{"A":"","B":null,"C":null,"D":""}]"#);
    let log = [
        "read_file: /no/such: No such file or directory",
        "hash: /no/such: No such file or directory",
        "read_file: /proc: is a directory",
    ];
    assert_eq!(outcome.log, log);
    // Opens, but does not read.
    let outcome = run("SELECT * FROM parse_lines(filename='/proc/self/mem')");
    assert_eq!(outcome.rows, "[]");
    assert_eq!(outcome.log.len(), 1, "{:?}", outcome.log);
    let outcome = run("SELECT * FROM parse_lines(filename=['/no/such', '/proc/sys/kernel/ostype'])");
    assert_eq!(outcome.rows, r#"[{"Line":"Linux"}]"#);
    assert_eq!(outcome.log, ["parse_lines: /no/such: No such file or directory"]);
}

#[test]
fn pipes_do_not_hold_a_query_up() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let query = "SELECT hash(path=F) AS A, read_file(filename=F) AS B FROM scope()";
    let outcome = run_with(query, &[("F", pipe.to_str().unwrap())], Permissions::all());
    assert_eq!(outcome.rows, r#"[{"A":null,"B":""}]"#);
}

#[test]
fn hostile_names() {
    let dir = tempfile::tempdir().unwrap();
    for name in [&b"new\nline"[..], b"bad\xff", b"quo\"te"] {
        fs::write(dir.path().join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
    }
    let query = "SELECT read_file(filename=OSPath) = Name AS Same, hash(path=OSPath).MD5 =~ '^[0-9a-f]{32}$' AS Hashed \
        FROM glob(globs='/*', root=Dir)";
    let outcome = run_with(query, &[("Dir", dir.path().to_str().unwrap())], Permissions::all());
    let row = r#"{"Same":true,"Hashed":true}"#;
    assert_eq!(outcome.rows, format!("[{row},{row},{row}]"), "{:?}", outcome.log);
}

#[test]
fn looking_at_files() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link");
    symlink("/no/such", &link).unwrap();
    let query = "SELECT Name, Size, Mode, Mode.IsLink AS L, Mode = 'Lrwxrwxrwx' AS E, IsDir, IsLink, Data, FullPath = F AS Old \
        FROM stat(filename=F)";
    let outcome = run_with(query, &[("F", link.to_str().unwrap())], Permissions::all());
    let wanted = r#"[{"Name":"link","Size":8,"Mode":"Lrwxrwxrwx","L":true,"E":true,"IsDir":false,"IsLink":true,"Data":{"Link":"/no/such"},"Old":true}]"#;
    assert_eq!(outcome.rows, wanted);
    let columns = rows("SELECT * FROM stat(filename='/proc')");
    assert!(columns.starts_with(r#"[{"Name":"proc","OSPath":"/proc","Mtime":""#), "{columns}");
    assert!(columns.ends_with(r#""IsDir":true,"IsLink":false,"Data":{}}]"#), "{columns}");
    assert!(rows("SELECT * FROM stat(filename='/')").contains(r#""OSPath":"/""#));
}

#[test]
fn hashes() {
    let million = vec![b'a'; 1_000_000];
    let wanted = r#"[{"X":{"MD5":"7707d6ae4e027c70eea2a935c2296f21","SHA1":"34aa973cd4c4daa4f61eeb2bdbad27316534016f","SHA256":"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}}]"#;
    assert_eq!(rows_of(&million, "SELECT hash(path=F) AS X FROM scope()"), wanted);
    let empty = r#"[{"X":"d41d8cd98f00b204e9800998ecf8427e"}]"#;
    assert_eq!(rows_of(b"", "SELECT hash(path=F).MD5 AS X FROM scope()"), empty);
    assert_eq!(
        rows_of(b"hello", "SELECT hash(path=F, max_size=5).MD5 AS X FROM scope()"),
        r#"[{"X":"5d41402abc4b2a76b9719d911017c592"}]"#
    );
    for query in [
        "SELECT hash(path=F, max_size=5).MD5 AS X FROM scope()",
        "LET HASH_MAX_SIZE = 5 SELECT hash(path=F).MD5 AS X FROM scope()",
    ] {
        let outcome = with_file(b"hello world", query);
        assert_eq!(outcome.rows, r#"[{"X":"5d41402abc4b2a76b9719d911017c592"}]"#);
        assert_eq!(outcome.log, ["hash: F: only the first 5 bytes were hashed"]);
    }
    let outcome = run("SELECT hash(path='x', accessor='data', hashselect='MD6') AS X FROM scope()");
    assert_eq!(outcome.log, ["hash: hashselect: unknown hash MD6"]);
    // Endless, but limited.
    assert!(run("SELECT hash(path='/dev/zero', max_size=3000000).MD5 AS X FROM scope()").rows.len() > 30);
}

#[test]
fn lines_that_are_too_long_end_their_file() {
    let mut text = b"first\n".to_vec();
    text.extend(vec![b'x'; 70_000]);
    text.extend(b"\nlast\n");
    let outcome = with_file(&text, "SELECT Line FROM parse_lines(filename=F)");
    assert_eq!(outcome.rows, r#"[{"Line":"first"}]"#);
    assert_eq!(outcome.log, ["parse_lines: bufio.Scanner: token too long"]);
    assert_eq!(
        rows_of(&text, "SELECT len(list=Line) AS N FROM parse_lines(filename=F, buffer_size=100000)"),
        r#"[{"N":5},{"N":70000},{"N":4}]"#
    );
    assert_eq!(
        rows_of(b"\xff\n\x00", "SELECT * FROM parse_lines(filename=F)"),
        r#"[{"Line":"\ufffd"},{"Line":"\u0000"}]"#
    );
}

#[test]
fn jsonl() {
    let outcome =
        with_file(b"{\"a\":1}\n\nnonsense\n[1]\n{\"a\"\n\"x\"\r\n", "SELECT * FROM parse_jsonl(filename=F)");
    assert_eq!(outcome.rows, r#"[{"a":1},{"_value":[1]},{"_value":"x"}]"#);
    assert_eq!(outcome.log.len(), 1);
}

#[test]
fn csv() {
    let text = b"\xEF\xBB\xBFA,B B,A\r\n1,\"x\ny\",2\n# c\n\"{\"\"k\"\":1}\", 1.5,\" 7\",more\n";
    let wanted = r##"[{"A":2,"B B":"x\ny"},{"A":"7","B B":1.5,"Col3":"more"}]"##;
    assert_eq!(rows_of(text, "SELECT * FROM parse_csv(filename=F, comment='#')"), wanted);
    let wanted = r#"[{"A":1,"B":null},{"A":2,"B":3}]"#;
    assert_eq!(
        rows_of(b"1\n2\t3", "SELECT * FROM parse_csv(filename=F, columns=['A', 'B'], separator='\t')"),
        wanted
    );
    let outcome = with_file(b"1", "SELECT * FROM parse_csv(filename=F, separator='--')");
    assert_eq!(outcome.log, ["parse_csv: separator should be one character"]);
}

#[test]
fn records() {
    let wanted = r#"[{"Column0":"a","Column1":"b"},{"Column0":"c","Column1":null}]"#;
    assert_eq!(rows_of(b"a b\nc\n", "SELECT * FROM split_records(filenames=F)"), wanted);
    let wanted = r#"[{"X":"a"},{"X":""},{"X":"b"},{"X":""}]"#;
    let query = "SELECT * FROM split_records(filenames=F, columns='X', record_regex=';', regex=',')";
    assert_eq!(rows_of(b"a;;b;;", query), wanted);
    let outcome = with_file(&[b'x'; 200], "SELECT * FROM split_records(filenames=F, buffer_size=100)");
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), ("[]", 1));
    let outcome = with_file(b"", "SELECT * FROM split_records(filenames=F, regex='[')");
    assert_eq!(outcome.log.len(), 1);
}

#[test]
fn regex_records() {
    let query =
        "SELECT * FROM parse_records_with_regex(file=F, regex=['(?P<K>[a-z]+)=(\\\\d+)', '(?P<S>!+)'])";
    let wanted = r#"[{"FullPath":"F","K":"A","g2":"1","S":""},{"FullPath":"F","K":"b","g2":"22","S":""}]"#;
    assert_eq!(rows_of(b"A=1 b=22 \xff", query), wanted);
    let wanted = r#"[{"FullPath":"F","K":"","g2":"","S":"!!"}]"#;
    assert_eq!(rows_of(b"\xff!!", query), wanted);
    assert_eq!(rows_of(b"xyz", "SELECT * FROM parse_records_with_regex(file=F, regex='q*')"), "[]");
}

#[test]
fn regex_records_are_found_across_windows() {
    let mut text = Vec::new();
    for i in 0..5000 {
        // Bytes that are not UTF-8 between them: places are counted in bytes all the same.
        write!(text, "id={i:04};").unwrap();
        text.extend([0xff; 3]);
    }
    let query = "SELECT count() AS N, N0 FROM parse_records_with_regex(file=F, buffer_size=64, regex='id=(?P<N0>\\\\d{4});') GROUP BY 1";
    assert_eq!(rows_of(&text, query), r#"[{"N":5000,"N0":"4999"}]"#);
}

#[test]
fn hostile_documents() {
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for i in 0..30 {
        bomb += &format!("a{}: &a{} [{}]\n", i + 1, i + 1, vec![format!("*a{i}"); 10].join(","));
    }
    let outcome = with_file(bomb.as_bytes(), "SELECT parse_yaml(filename=F) AS X FROM scope()");
    assert_eq!(outcome.rows, r#"[{"X":null}]"#);
    assert_eq!(outcome.log.len(), 1);
    for deep in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000)] {
        let outcome = with_file(deep.as_bytes(), "SELECT parse_yaml(filename=F) AS X FROM scope()");
        assert_eq!(outcome.rows, r#"[{"X":null}]"#);
    }
    let outcome = with_file("<a>".repeat(100_000).as_bytes(), "SELECT parse_xml(file=F) AS X FROM scope()");
    assert_eq!(outcome.log, ["parse_xml: XML is nested too deeply"]);
}

#[test]
fn yaml() {
    for (text, wanted) in [
        ("a: yes\nb: ~\nc: 0x10\nd: 2024-01-01\na: no", r#"{"a":"no","b":null,"c":16,"d":"2024-01-01"}"#),
        ("- 1\n- {}\n", "[1,{}]"),
        ("", "null"),
        ("a: &x {k: v}\nb: *x\n", r#"{"a":{"k":"v"},"b":{"k":"v"}}"#),
        ("a: |\n  two\n  lines\n", r#"{"a":"two\nlines\n"}"#),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        let rows = rows_of(text.as_bytes(), "SELECT parse_yaml(filename=F) AS X FROM scope()");
        assert_eq!(rows, format!(r#"[{{"X":{wanted}}}]"#), "{text}");
    }
}

#[test]
fn temporary_files_vanish_with_their_scope() {
    let query = "LET Kept <= tempfile(data='x', extension='.t') \
        LET Files <= SELECT tempfile(data=_value) AS Made FROM foreach(row=[1, 2]) \
        SELECT read_file(filename=Kept) AS K, Kept =~ '[.]t$' AS E, stat(filename=Made) AS Gone FROM Files";
    let row = r#"{"K":"x","E":true,"Gone":null}"#;
    assert_eq!(rows(query), format!("[{row},{row}]"));
    let last = "LET Dirs = SELECT tempdir(remove_last=TRUE) AS Made FROM scope() \
        SELECT stat(filename=Made).IsDir AS There FROM Dirs";
    assert_eq!(rows(last), r#"[{"There":true}]"#);
    for (permissions, mode) in [("", "-rw-------"), ("x", "-rwx------"), ("r", "-r--------")] {
        let query =
            format!("SELECT stat(filename=tempfile(permissions='{permissions}')).Mode AS M FROM scope()");
        assert_eq!(rows(&query), format!(r#"[{{"M":"{mode}"}}]"#));
    }
    let path = rows("SELECT tempfile(remove_last=TRUE) AS P FROM scope()");
    let path = path.trim_start_matches(r#"[{"P":""#).trim_end_matches(r#""}]"#);
    assert!(path.len() > 5 && !Path::new(path).exists());
    assert_eq!(rows("SELECT tempfile(extension='/../x') AS P FROM scope()"), r#"[{"P":false}]"#);
}

#[test]
fn rights_are_needed() {
    for (query, line) in [
        ("SELECT * FROM stat(filename='/')", "stat: PermissionDenied: Permission denied: [FILESYSTEM_READ]"),
        ("SELECT * FROM info()", "info: PermissionDenied: Permission denied: [MACHINE_STATE]"),
        ("SELECT * FROM pslist()", "pslist: PermissionDenied: Permission denied: [MACHINE_STATE]"),
        (
            "SELECT * FROM parse_csv(filename='a', accessor='data')",
            "parse_csv: PermissionDenied: Permission denied: [FILESYSTEM_READ]",
        ),
    ] {
        let outcome = run_with(query, &[], Permissions::NONE);
        assert_eq!((outcome.rows.as_str(), &outcome.log[..]), ("[]", &[line.to_owned()][..]), "{query}");
    }
}

#[test]
fn the_host_is_described() {
    let info = rows("SELECT * FROM info()");
    assert!(info.starts_with(r#"[{"Hostname":""#) && info.contains(r#""Architecture":""#), "{info}");
    let processes = rows("SELECT Pid, Name, Ppid, CommandLine, Username FROM pslist()");
    assert!(processes.contains(&format!(r#"{{"Pid":{},"#, std::process::id())), "{processes}");
    assert_eq!(rows("SELECT * FROM pslist(pid=-5)"), "[]");
    let own = "SELECT CreateTime < now() + 5 AS Before, Times.user >= 0 AS T, MemoryInfo.rss > 0 AS M, Exe =~ 'files' AS E FROM pslist(pid=getpid())";
    assert_eq!(rows(own), r#"[{"Before":true,"T":true,"M":true,"E":true}]"#);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let query = format!(
        "SELECT Status, Pid = getpid() AS Mine, Laddr.ip AS Ip FROM connections() WHERE Laddr.Port = {port}"
    );
    assert_eq!(rows(&query), r#"[{"Status":"LISTEN","Mine":true,"Ip":"127.0.0.1"}]"#);
    let query = format!("SELECT Status, TypeString FROM netstat() WHERE Laddr.Port = {port}");
    assert_eq!(rows(&query), r#"[{"Status":"LISTENING","TypeString":"TCP"}]"#);
    assert!(rows("SELECT Addrs, MTU, Flags FROM interfaces() WHERE Name = 'lo'").contains("127.0.0.1/8"));
    assert!(
        File::open("/etc/passwd").is_err() || rows("SELECT * FROM users()").contains(r#""HomeDirectory":"#)
    );
    assert_eq!(
        rows("SELECT path FROM environ(vars=['PATH'])"),
        rows("SELECT environ(var='PATH') AS path FROM scope()")
    );
}

#[test]
fn queries_at_the_end_run_with_the_variables_they_were_given() {
    let source = "LET X = 5 \
        SELECT atexit(query={ SELECT log(message='end %v %v', args=[X, Y], dedup=-1) FROM scope() }, env=dict(Y=7)) AS A, \
        log(message='first') AS B FROM scope()";
    let outcome = run(source);
    assert_eq!(outcome.rows, r#"[{"A":true,"B":true}]"#);
    assert_eq!(outcome.log, ["first", "end 5 7"]);
}

#[test]
fn extended_attributes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "x").unwrap();
    for (name, value) in [("user.first", &b"one"[..]), ("user.second", b""), ("user.bytes", b"\x00\xff")] {
        let set = rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::empty());
        if set == Err(rustix::io::Errno::NOTSUP) {
            eprintln!("skipped: the file system keeps no attributes");
            return;
        }
        set.unwrap();
    }
    let path = path.to_str().unwrap();
    let of = |args: &str| run(&format!("SELECT xattr(filename='{path}'{args}) AS X FROM scope()"));
    let all = of("").rows;
    for part in [r#""user.first":"one""#, r#""user.second":"""#, r#""user.bytes":"\u0000"#] {
        assert!(all.contains(part), "{all}");
    }
    assert_eq!(of(", attribute=['user.first', 'user.none']").rows, r#"[{"X":{"user.first":"one"}}]"#);
    let outcome = of("+ 'none'");
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), (r#"[{"X":null}]"#, 1), "{:?}", outcome.log);
    let outcome = of(", accessor='data'");
    assert_eq!(outcome.log, ["xattr: the accessor data knows no extended attributes"]);
}

#[test]
fn memory_is_mapped() {
    let own = std::env::current_exe().unwrap();
    let query = format!(
        "SELECT Size = End - Address AS S, Inode > 0 AS I, Deleted FROM vad(pid=getpid()) \
         WHERE MappingName = '{}' AND Protection = 'r-x' LIMIT 1",
        own.display()
    );
    assert_eq!(rows(&query), r#"[{"S":true,"I":true,"Deleted":false}]"#);
    let outcome = run("SELECT * FROM vad(pid=-5)");
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), ("[]", 1), "{:?}", outcome.log);
}
