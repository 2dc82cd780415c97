//! Reading inside other files: archives and compressed files made by other programs, parts of files, processes.

mod common;

use std::path::Path;

use common::{Outcome, run, run_with};
use vql::permission::{Permission, Permissions};

/// Runs with the variable `D`, the folder of the archives.
fn with_archives(source: &str) -> Outcome {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("tests/data/archives");
    let folder = folder.to_str().unwrap().to_owned();
    let mut outcome = run_with(source, &[("D", &folder)], Permissions::all());
    outcome.rows = outcome.rows.replace(&folder, "D");
    outcome
}

fn rows(source: &str) -> String {
    let outcome = with_archives(source);
    assert!(outcome.log.iter().all(|l| l.starts_with("DEBUG")), "{source}: {:?}", outcome.log);
    outcome.rows
}

/// The value of an expression, with `Archive` the path into an archive.
fn value(accessor: &str, file: &str, path: &str, expression: &str) -> String {
    let source = format!(
        "LET P = pathspec(DelegatePath=D + '/{file}', Path='{path}') \
         SELECT {expression} AS X FROM scope()",
        expression = expression.replace("ACCESSOR", &format!("accessor='{accessor}'"))
    );
    rows(&source).trim_start_matches(r#"[{"X":"#).trim_end_matches("}]").to_owned()
}

const NUMBERS_MD5: &str = r#""e071f707df7bbeee2a6a1eb48011ddd0""#;
const HELLO: &str = r#""hello world\n""#;

#[test]
fn members_are_read() {
    for (accessor, file, path) in [
        ("zip", "plain.zip", "/Dir/sub/numbers.txt"),
        ("zip_nocase", "plain.zip", "/dir/SUB/Numbers.txt"),
        ("collector", "plain.zip", "/Dir/sub/numbers.txt"),
        ("gzip", "numbers.gz", ""),
        ("bzip2", "numbers.bz2", ""),
        ("tar", "plain.tar.gz", "Dir/sub/numbers.txt"),
        ("tar", "plain.tar.bz2", "Dir/sub/numbers.txt"),
        ("tar", "plain.tar.xz", "Dir/sub/numbers.txt"),
        ("tar", "plain.tar.zst", "Dir/sub/numbers.txt"),
    ] {
        let md5 = "hash(path=P, ACCESSOR, hashselect='MD5').MD5";
        assert_eq!(value(accessor, file, path, md5), NUMBERS_MD5, "{accessor} {file}");
        // `tail -c +48890 numbers.txt | head -c 12`
        let part = "read_file(filename=P, ACCESSOR, offset=48889, length=12)";
        assert_eq!(value(accessor, file, path, part), r#""0000\n10001\n1""#);
    }
    for (accessor, file, path) in [
        ("zip", "plain.zip", "/Dir/hello.txt"),
        ("tar", "small.tar", "/Dir/hello.txt"),
        ("tar", "small.tar", "/Dir/hard.txt"),
    ] {
        assert_eq!(value(accessor, file, path, "read_file(filename=P, ACCESSOR)"), HELLO, "{file}");
    }
    assert_eq!(value("gzip", "members.gz", "", "read_file(filename=P, ACCESSOR)"), r#""hello world\ntop""#);
}

#[test]
fn members_are_found() {
    let wanted = r#"[{"P":"/Dir","Size":0,"Mode":"drwxr-xr-x","IsDir":true,"IsLink":false},{"P":"/link","Size":13,"Mode":"Lrwxrwxrwx","IsDir":false,"IsLink":true},{"P":"/top.bin","Size":3,"Mode":"-rw-r--r--","IsDir":false,"IsLink":false},{"P":"/Dir/hello.txt","Size":12,"Mode":"-rw-r--r--","IsDir":false,"IsLink":false},{"P":"/Dir/sub","Size":0,"Mode":"drwxr-xr-x","IsDir":true,"IsLink":false},{"P":"/Dir/sub/numbers.txt","Size":108894,"Mode":"-rw-r--r--","IsDir":false,"IsLink":false}]"#;
    for (accessor, file) in [("zip", "plain.zip"), ("tar", "plain.tar.gz")] {
        let wanted =
            if accessor == "tar" { wanted.replace("\"Size\":13", "\"Size\":0") } else { wanted.into() };
        let source = format!(
            "SELECT OSPath.Path AS P, Size, Mode, IsDir, IsLink \
             FROM glob(globs='/**', root=pathspec(DelegatePath=D + '/{file}'), accessor='{accessor}') \
             WHERE Name != 'hard.txt'"
        );
        assert_eq!(rows(&source), wanted, "{accessor}");
    }
    let source = "SELECT Mtime, read_file(filename=OSPath) AS T, OSPath.DelegatePath AS D \
        FROM glob(globs='/*/*.TXT', root=D + '/plain.zip', accessor='zip')";
    let wanted = r#"[{"Mtime":"2024-05-01T10:00:00Z","T":"hello world\n","D":"D/plain.zip"}]"#;
    assert_eq!(rows(source), wanted);
    assert_eq!(value("zip", "plain.zip", "/Dir/no", "stat(filename=P, ACCESSOR)"), "null");
    assert_eq!(value("zip", "plain.zip", "/", "stat(filename=P, ACCESSOR).IsDir"), "true");
}

#[test]
fn archives_are_read_inside_archives() {
    let source = "LET Inner = pathspec(DelegatePath=D + '/nested.zip', Path='inner.zip') \
        SELECT OSPath.Path AS P, hash(path=OSPath, hashselect='MD5').MD5 AS H \
        FROM glob(globs='/Dir/**', root=pathspec(DelegateAccessor='zip', DelegatePath=Inner), accessor='zip') \
        WHERE NOT IsDir";
    let wanted = r#"[{"P":"/Dir/hello.txt","H":"6f5902ac237024bdd0c176cb93063dc4"},{"P":"/Dir/sub/numbers.txt","H":"e071f707df7bbeee2a6a1eb48011ddd0"}]"#;
    assert_eq!(rows(source), wanted);
    let mut deep = "D + '/nested.zip'".to_owned();
    for _ in 0..12 {
        deep = format!("pathspec(DelegateAccessor='zip', DelegatePath={deep}, Path='x')");
    }
    let outcome =
        with_archives(&format!("SELECT read_file(filename={deep}, accessor='zip') AS X FROM scope()"));
    assert_eq!(outcome.rows, r#"[{"X":""}]"#);
    assert!(outcome.log[0].ends_with("containers are nested too deeply"), "{:?}", outcome.log);
}

#[test]
fn encrypted_members_need_their_password() {
    for (file, member, wanted) in [
        ("zipcrypto.zip", "hello.txt", "6f5902ac237024bdd0c176cb93063dc4"),
        ("aes.zip", "hello.txt", "6f5902ac237024bdd0c176cb93063dc4"),
        ("aes.zip", "sub/numbers.txt", "e071f707df7bbeee2a6a1eb48011ddd0"),
    ] {
        let query = format!(
            "SELECT hash(path=pathspec(DelegatePath=D + '/{file}', Path='{member}'), accessor='zip').MD5 AS X FROM scope()"
        );
        let right = format!("LET ZIP_PASSWORDS = ('wrong', 'secret', 'other') {query}");
        assert_eq!(rows(&right), format!(r#"[{{"X":"{wanted}"}}]"#), "{file}");
        let without = with_archives(&query);
        assert_eq!(without.rows, r#"[{"X":null}]"#);
        assert!(without.log[0].contains("the member is encrypted"), "{:?}", without.log);
        assert_eq!(
            with_archives(&format!("LET ZIP_PASSWORDS = 'no' {query}")).rows,
            r#"[{"X":null}]"#,
            "{file}"
        );
    }
}

#[test]
fn collections_are_unescaped_and_decrypted() {
    let query = "SELECT OSPath.Components AS C, read_file(filename=OSPath) AS T \
        FROM glob(globs='/uploads/**', root=D + '/FILE', accessor='collector') WHERE NOT IsDir";
    let wanted = r#"[{"C":["uploads","auto","C:","Users","a/b.txt"],"T":"escaped"}]"#;
    assert_eq!(rows(&query.replace("FILE", "collection.zip")), wanted);
    let query = format!("LET ZIP_PASSWORDS = 'secret' {query}");
    let wanted = r#"[{"C":["uploads","file","%.txt"],"T":"inside"}]"#;
    assert_eq!(rows(&query.replace("FILE", "encrypted-collection.zip")), wanted);
}

#[test]
fn parts_of_files() {
    let source = "LET Of(P) = pathspec(DelegateAccessor='data', DelegatePath='Hello world', Path=P) \
        SELECT read_file(filename=Of(P='/6'), accessor='offset') AS A, \
            stat(filename=Of(P='/6'), accessor='offset').Size AS B, \
            read_file(filename=Of(P='/60'), accessor='offset') AS C, \
            hash(path=Of(P=[dict(Offset=0, Length=5), dict(Offset=6, Length=5)]), accessor='sparse').MD5 AS D, \
            hash(path=Of(P='[{\"Offset\":0,\"Length\":5},{\"Offset\":5,\"Length\":6,\"FileOffset\":5}]'), accessor='ranged').MD5 = hash(path='Hello world', accessor='data').MD5 AS E \
        FROM scope()";
    // printf 'Hello\0world' | md5sum
    let wanted = r#"[{"A":"world","B":5,"C":"","D":"2f8270d4c07a494128ec8c23a77b80f8","E":true}]"#;
    assert_eq!(rows(source), wanted);
}

#[test]
fn broken_archives_are_refused() {
    for accessor in ["zip", "tar", "collector", "gzip", "bzip2", "zip_nocase"] {
        for content in ["", "PK", "PK\\x05\\x06aaaaaaaaaaaaaaaaaaaa", "\\x1f\\x8b\\x08", "BZh9xxxx"] {
            let source = format!(
                "SELECT read_file(filename=pathspec(DelegateAccessor='data', DelegatePath=\"{content}\", Path='a'), accessor='{accessor}') AS X FROM scope()"
            );
            let outcome = run(&source);
            assert_eq!(outcome.rows, r#"[{"X":""}]"#, "{accessor} {content}");
        }
    }
}

#[test]
fn pipes_are_read_while_their_query_runs() {
    let source = "LET P = pipe(query={ SELECT _value, 'x' AS B FROM range(end=100000000) }, sep='\n') \
        SELECT Line FROM parse_lines(filename='P', accessor='pipe') LIMIT 4";
    assert_eq!(run(source).rows, r#"[{"Line":"0"},{"Line":"x"},{"Line":"1"},{"Line":"x"}]"#);
    let itself = "LET P = pipe(query={ SELECT read_file(filename='P', accessor='pipe', length=1) FROM scope() }) \
        SELECT read_file(filename='P', accessor='pipe') AS X FROM scope()";
    assert_eq!(run(itself).rows, r#"[{"X":""}]"#);
}

#[test]
fn overlays_show_the_first_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("a/x", "upper"), ("b/x", "lower"), ("b/y", "only")] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let source = "LET OVERLAY_ACCESSOR_DELEGATES <= dict(accessor='file', paths=[D + '/a', D + '/b']) \
        SELECT Name, Size, read_file(filename=OSPath, accessor='overlay') AS T FROM glob(globs='*', accessor='overlay')";
    let outcome = run_with(source, &[("D", dir.path().to_str().unwrap())], Permissions::all());
    assert_eq!(outcome.rows, r#"[{"Name":"x","Size":5,"T":"upper"},{"Name":"y","Size":4,"T":"only"}]"#);
    let outcome = run("SELECT read_file(filename='x', accessor='overlay') AS X FROM scope()");
    assert!(outcome.log[0].contains("OVERLAY_ACCESSOR_DELEGATES: should be a dict"), "{:?}", outcome.log);
}

#[test]
fn names_are_found_in_any_case() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("Sub")).unwrap();
    std::fs::write(dir.path().join("Sub/File.TXT"), "found").unwrap();
    let source = "SELECT read_file(filename=D + '/sUB/file.txt', accessor='file_nocase') AS X, \
        read_file(filename=D + '/Sub/File.TXT', accessor='raw_file', offset=2) AS Y FROM scope()";
    let outcome = run_with(source, &[("D", dir.path().to_str().unwrap())], Permissions::all());
    assert_eq!(outcome.rows, r#"[{"X":"found","Y":"und"}]"#);
}

#[test]
fn the_memory_of_a_process_is_read() {
    let marker = std::hint::black_box(String::from("marker in the memory of this process"));
    let source = format!(
        "SELECT read_file(filename=str(str=getpid()), accessor='process', offset={}, length={}) AS X, \
         stat(filename=str(str=getpid()), accessor='process').Size > 0 AS S FROM scope()",
        marker.as_ptr() as usize,
        marker.len()
    );
    assert_eq!(run(&source).rows, format!(r#"[{{"X":"{marker}","S":true}}]"#));
    let own = format!("SELECT Name FROM glob(globs='/{}', accessor='process')", std::process::id());
    assert_eq!(run(&own).rows, format!(r#"[{{"Name":"{}"}}]"#, std::process::id()));
    let few = Permissions::all().without(Permission::MachineState);
    let outcome = run_with("SELECT read_file(filename='1', accessor='process') AS X FROM scope()", &[], few);
    assert_eq!(outcome.log, ["read_file: PermissionDenied: Permission denied: [MACHINE_STATE]"]);
}

/// A zip of one stored member, its name as given.
fn zip_of(name: &[u8], content: &[u8]) -> Vec<u8> {
    let number = |n: usize| (n as u32).to_le_bytes();
    let mut sizes = Vec::new();
    sizes.extend([10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
    sizes.extend([0; 4]);
    sizes.extend(number(content.len()));
    sizes.extend(number(content.len()));
    sizes.extend((name.len() as u16).to_le_bytes());
    let mut zip = [b"PK\x03\x04", &sizes[..], &[0, 0], name, content].concat();
    let directory = zip.len();
    zip.extend([b"PK\x01\x02", &[10, 0][..], &sizes, &[0; 16], name].concat());
    let length = zip.len() - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend([&number(length)[..], &number(directory), &[0, 0]].concat());
    zip
}

#[test]
fn archives_are_unpacked_below_the_directory_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    for name in [&b"../../escaped"[..], b"/etc/escaped", b"a\0b"] {
        std::fs::write(dir.path().join("x.zip"), zip_of(name, b"text")).unwrap();
        let source = "SELECT OriginalPath, relpath(path=NewPath, base=T) AS NewPath, Size \
            FROM unzip(filename=T + '/x.zip', output_directory=T + '/out')";
        let outcome = run_with(source, &[("T", folder)], Permissions::all());
        let wanted = match name {
            b"/etc/escaped" => r#"[{"OriginalPath":"/etc/escaped","NewPath":"out/etc/escaped","Size":4}]"#,
            b"a\0b" => r#"[{"OriginalPath":"/a\u0000b","NewPath":"out/a_b","Size":4}]"#,
            _ => r#"[{"OriginalPath":"/../../escaped","NewPath":"out/_../_../escaped","Size":4}]"#,
        };
        assert_eq!(outcome.rows, wanted, "{:?}", outcome.log);
    }
    assert_eq!(std::fs::read(dir.path().join("out/_../_../escaped")).unwrap(), b"text");
}

#[test]
fn archives_are_unpacked() {
    for file in ["plain.zip", "plain.tar.xz"] {
        let source = format!(
            "LET T <= tempdir(remove_last=TRUE) \
             SELECT OriginalPath, Size, hash(path=NewPath).MD5 AS H FROM unzip(filename=D + '/{file}', output_directory=T, filename_filter='[.]txt$')"
        );
        let all = rows(&source);
        let numbers = format!(r#"{{"OriginalPath":"/Dir/sub/numbers.txt","Size":108894,"H":{NUMBERS_MD5}}}"#);
        let hello = r#"{"OriginalPath":"/Dir/hello.txt","Size":12,"H":"6f5902ac237024bdd0c176cb93063dc4"}"#;
        assert!(all.contains(&numbers) && all.contains(hello) && !all.contains("top.bin"), "{file}: {all}");
    }
}

#[test]
fn files_are_copied() {
    let dir = tempfile::tempdir().unwrap();
    let source = "LET F = T + '/new/file' \
        SELECT copy(filename='one', accessor='data', dest=F) AS A, \
            copy(filename='one', accessor='data', dest=F, create_directories=TRUE, permissions='x') = F AS B, \
            stat(filename=F).Mode AS M, \
            copy(filename=' two', accessor='data', dest=F, append=TRUE) = F AS C, \
            read_file(filename=F) AS D, \
            copy(filename='/no/such', dest=F) AS E, read_file(filename=F) AS G FROM scope()";
    let outcome = run_with(source, &[("T", dir.path().to_str().unwrap())], Permissions::all());
    let wanted = r#"[{"A":null,"B":true,"M":"-rwx------","C":true,"D":"one two","E":null,"G":"one two"}]"#;
    assert_eq!(outcome.rows, wanted);
    assert_eq!(outcome.log.len(), 2, "{:?}", outcome.log);
    assert_eq!(std::fs::read_dir(dir.path().join("new")).unwrap().count(), 1);
}
