//! Parsers of evidence as queries use them. What they find is tested in `forensics`; here it is about arguments and rows.

mod common;

use common::{rows, run};

/// A sample of `forensics`.
fn sample(name: &str) -> String {
    format!("{}/../forensics/src/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn event_logs_are_rows() {
    let log = sample("testdata/Security_short_selected.evtx");
    let query = format!(
        "SELECT System.EventID.Value AS Id, timestamp(epoch=System.TimeCreated.SystemTime).Unix AS T, EventData.LogonProcessName AS P \
         FROM parse_evtx(filename='{log}') WHERE Id = 4611"
    );
    assert_eq!(rows(&query), r#"[{"Id":4611,"T":1467213876,"P":"Winlogon"}]"#);
    let broken = run("SELECT * FROM parse_evtx(filename='ElfFile', accessor='data')");
    assert_eq!(broken.rows, "[]");
    assert!(broken.log[0].starts_with("parse_evtx: data: broken event log: "), "{:?}", broken.log);
}

#[test]
fn file_tables_are_rows() {
    let table = sample("testdata/small.mft");
    let query = format!(
        "SELECT OSPath, FileSize, IsDir, LastModified0x10 AS M FROM parse_mft(filename='{table}', prefix='C:') \
         WHERE FileName =~ '^hello'"
    );
    let wanted = concat!(
        r#"[{"OSPath":"C:\\hello.txt","FileSize":5,"IsDir":false,"M":"2020-01-02T03:04:05Z"},"#,
        r#"{"OSPath":"C:\\hello.txt:extra","FileSize":6,"IsDir":false,"M":"2020-01-02T03:04:05Z"}]"#
    );
    assert_eq!(rows(&query), wanted);
    let query = format!("SELECT EntryNumber FROM parse_mft(filename='{table}', start=5) LIMIT 1");
    assert_eq!(rows(&query), r#"[{"EntryNumber":5}]"#);
}

#[test]
fn journals_take_paths_from_the_file_table() {
    // One record of version 2: entry 70 was made in the root directory.
    let record = "48000000020000004600000000000100050000000000050000100000000000000000056936c0d501000100800000000000000000200000000a003c0061002e007400780074000000";
    let table = sample("testdata/small.mft");
    let query = format!(
        "SELECT OSPath, Reason, ParentMFTId FROM parse_usn(usn_filename=unhex(string='{record}'), accessor='data')"
    );
    assert_eq!(rows(&query), r#"[{"OSPath":"a.txt","Reason":["FILE_CREATE","CLOSE"],"ParentMFTId":5}]"#);
    let missing = run(&format!("SELECT * FROM parse_usn(mft_filename='{table}')"));
    assert_eq!(missing.log, ["parse_usn: only journals in files are read: give usn_filename"]);
}

#[test]
fn prefetch_files_are_rows() {
    let file = sample("testdata/packed.pf");
    let query = format!(
        "SELECT Executable, Hash, Version, RunCount, len(list=LastRunTimes) AS Runs, FilesAccessed FROM prefetch(filename='{file}')"
    );
    assert_eq!(
        rows(&query),
        r#"[{"Executable":"CMD.EXE","Hash":"0x087B4001","Version":"Win10","RunCount":7,"Runs":7,"FilesAccessed":["\\A\\NTDLL.DLL","\\A\\CMD.EXE"]}]"#
    );
}

#[test]
fn programs_are_described() {
    let file = sample("pe/testdata/sample.dll");
    let query = format!(
        "LET P <= parse_pe(file='{file}') SELECT P.FileHeader.Machine AS Machine, P.ImpHash AS Hash, P.Exports AS Exports, \
         P.Sections[0].Perm AS Perm, P.VersionInformation.CompanyName AS Company, P.PDB AS Pdb FROM scope()"
    );
    assert_eq!(
        rows(&query),
        concat!(
            r#"[{"Machine":"IMAGE_FILE_MACHINE_AMD64","Hash":"27696fa38184e8e9fd66b9a846e0ba80","Exports":["Say","Sleep2","Twice"],"#,
            r#""Perm":"xr-","Company":"Example Ltd","Pdb":"sample.pdb"}]"#
        )
    );
}

#[test]
fn hives_are_walked() {
    let hive = sample("testdata/small.hive");
    let root = format!("pathspec(DelegatePath='{hive}', DelegateAccessor='file', Path='/')");
    let query = format!(
        "SELECT Name, Data.type AS Type, Data.value AS Value FROM glob(globs='/Software/*/{{Number,evil}}', accessor='raw_reg', root={root}) ORDER BY Name"
    );
    assert_eq!(
        rows(&query),
        r#"[{"Name":"Number","Type":"REG_DWORD","Value":42},{"Name":"evil","Type":"REG_SZ","Value":"C:\\evil.exe /q"}]"#
    );
    let query = format!("SELECT evil, Key.Name AS Key FROM read_reg_key(globs='/software/run', root={root})");
    assert_eq!(rows(&query), r#"[{"evil":"C:\\evil.exe /q","Key":"Run"}]"#);
    let query = format!(
        "SELECT read_file(accessor='raw_reg', filename=pathspec(DelegatePath='{hive}', Path='/Software/Test/Number')) AS Text FROM scope()"
    );
    assert_eq!(rows(&query), r#"[{"Text":"42"}]"#);
}

#[test]
fn macros_and_streams_are_found() {
    let project = sample("ole/testdata/vbaProject.bin");
    let query = format!(
        "SELECT ModuleName, Type, StreamName FROM olevba(file='{project}') WHERE ModuleName = 'Module1'"
    );
    assert_eq!(
        rows(&query),
        r#"[{"ModuleName":"Module1","Type":"Standard Module","StreamName":"VBA/Module1"}]"#
    );
    let query = format!(
        "SELECT Name, IsDir FROM glob(globs='/*', accessor='mscfb', root=pathspec(DelegatePath='{project}', Path='/')) ORDER BY Name"
    );
    assert_eq!(
        rows(&query),
        r#"[{"Name":"PROJECT","IsDir":false},{"Name":"PROJECTwm","IsDir":false},{"Name":"VBA","IsDir":true}]"#
    );
}

#[test]
fn large_content_is_scanned_in_blocks() {
    // The word lies across the end of the first block.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    let mut content = vec![b'.'; 100_000];
    content[16_380..16_390].copy_from_slice(b"needle1234");
    content[99_990..].copy_from_slice(b"needle1234");
    std::fs::write(&path, content).unwrap();
    for arguments in ["", ", blocksize=16384", ", blocksize=20000"] {
        let query = format!(
            "SELECT String.Offset AS At, FileName FROM yara(rules='rule X {{ strings: $a = \"needle1234\" condition: $a }}', \
             files='{}', number=10 {arguments})",
            path.display()
        );
        let at = |n| format!(r#"{{"At":{n},"FileName":"{}"}}"#, path.display());
        assert_eq!(rows(&query), format!("[{},{}]", at(16_380), at(99_990)), "{arguments}");
    }
    let query = format!(
        "SELECT String.Offset AS At FROM yara(rules='rule X {{ strings: $a = \"needle\" condition: $a }}', files='{}', start=20000, number=5)",
        path.display()
    );
    assert_eq!(rows(&query), r#"[{"At":99990}]"#);
}

#[test]
fn rules_that_do_not_compile_are_a_line_in_the_log() {
    let outcome = run("SELECT * FROM yara(rules='rule X { condition: y }', files='x', accessor='data')");
    assert_eq!(outcome.rows, "[]");
    assert!(outcome.log[0].starts_with("yara: broken rules: "), "{:?}", outcome.log);
}

#[test]
fn the_memory_of_a_process_is_scanned() {
    let marker = format!("needle-{}", std::process::id());
    let held: Vec<u8> = marker.bytes().collect();
    let query = format!(
        "SELECT Rule, String.Data AS Data FROM proc_yara(pid=getpid(), rules='rule X {{ strings: $a = \"{marker}\" condition: $a }}')"
    );
    assert_eq!(rows(&query), format!(r#"[{{"Rule":"X","Data":"{marker}"}}]"#));
    assert!(!held.is_empty());
    assert!(
        run("SELECT * FROM proc_yara(pid=-1, rules='rule X { condition: true }')").log[0]
            .starts_with("proc_yara: process -1: ")
    );
}

#[test]
fn rules_share_the_events_of_a_source() {
    let program = r#"
        LET Rules <= "title: A\nlevel: high\nlogsource: {category: c, product: p}\ndetection:\n  s:\n    Image|endswith: '\\x.exe'\n  condition: s\n---\ntitle: B\nlogsource: {category: c}\ndetection:\n  s:\n    Id|gte: 2\n  words: [evil]\n  condition: s and not words\n---\ntitle: Elsewhere\nlogsource: {service: other}\ndetection: {s: {Id: 1}, condition: s}"
        LET Events = SELECT * FROM foreach(row=[dict(Id=1, E=dict(Path='C:\\X.EXE')), dict(Id=2, E=dict(Path='y')), dict(Id=3, E=dict(Path='evil'))])
        SELECT Id, _Rule.Title AS Rule, _Match.SearchResults AS Found, Details FROM sigma(
            rules=Rules,
            log_sources=sigma_log_sources(`c/*/*`={ SELECT * FROM Events }),
            field_mapping=dict(Image='x=>x.E.Path'),
            default_details='x=>x._Rule.Level')"#;
    let outcome = run(program);
    assert_eq!(
        outcome.rows,
        concat!(
            r#"[{"Id":1,"Rule":"A","Found":{"s":true},"Details":"high"},"#,
            r#"{"Id":2,"Rule":"B","Found":{"s":true,"words":false},"Details":""}]"#
        ),
        "{:?}",
        outcome.log
    );
    assert!(
        outcome.log.contains(&"DEBUG:sigma: no log source for rule Elsewhere".to_owned()),
        "{:?}",
        outcome.log
    );
}

#[test]
fn rules_may_ask_and_make_what_they_need() {
    let program = r#"
        SELECT N, Enrichment FROM sigma(
            rules="title: V\nlogsource: {category: c}\nvql: x=>dict(N=x.Id * 10)\nenrichment: x=>dict(E=x.N + 1)\ndetection:\n  s:\n    N|vql: x=>x > 15\n  condition: s",
            log_sources=sigma_log_sources(`c/*/*`={ SELECT * FROM foreach(row=[dict(Id=1), dict(Id=2)]) }))"#;
    assert_eq!(rows(program), r#"[{"N":20,"Enrichment":{"E":21}}]"#);
    let filtered = run(
        "SELECT * FROM sigma(rules='{title: T, detection: {s: {A: 1}, condition: s | count() > 1}}', log_sources=sigma_log_sources())",
    );
    assert_eq!(
        filtered.log,
        ["sigma: broken rule: T: unsupported condition: aggregations are not evaluated"]
    );
}
