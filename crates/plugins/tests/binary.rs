//! `parse_binary()` with lambdas of the language.

mod common;

use common::{run, run_with};
use vql::permission::Permissions;

#[test]
fn lambdas_see_the_structure_and_the_variables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, b"\x02\x00ab\x03cde\x01f").unwrap();
    let profile = r#"LET Base = 1
        LET Profile = '''[
            ["File", 0, [
                ["count", 0, "uint16"],
                ["items", 2, "Array", {"type": "Item", "count": "x=>x.count"}],
                ["rest", "x=>x.items.EndOf", "String", {"length": 2}],
                ["twice", 0, "Value", {"value": "x=>x.count * 2 + Base + More"}],
                ["__hidden", 0, "uint8"]]],
            ["Item", "x=>x.len + 1", [
                ["len", 0, "Value", {"value": "x=>if(condition=x.ParentOf.__hidden = 2, then=1)"}],
                ["text", 0, "String", {"length": "x=>x.SizeOf"}]]]]'''
        LET P = parse_binary(filename=F, profile=Profile, struct='File', env=dict(More=10)) "#;
    let query = |source: &str| {
        let outcome =
            run_with(&format!("{profile} {source}"), &[("F", path.to_str().unwrap())], Permissions::all());
        assert!(outcome.log.is_empty(), "{:?}", outcome.log);
        outcome.rows
    };
    let wanted = r#"[{"P":{"count":2,"items":[{"len":1,"text":"ab"},{"len":1,"text":"\u0003c"}],"rest":"de","twice":15}}]"#;
    assert_eq!(query("SELECT P FROM scope()"), wanted);
    let parts = "SELECT P.items[1].text AS A, P.items[-1].StartOf AS B, P.items.text AS C, len(list=P.items) AS D, \
        P.items.SizeOf AS E, P.missing AS F2, P.items[5] AS G, P.__hidden AS H FROM scope()";
    let wanted = r#"[{"A":"\u0003c","B":4,"C":["ab","\u0003c"],"D":2,"E":4,"F2":null,"G":null,"H":2}]"#;
    assert_eq!(query(parts), wanted);
    assert_eq!(query("SELECT text FROM foreach(row=P.items)"), r#"[{"text":"ab"},{"text":"\u0003c"}]"#);
}

#[test]
fn what_is_wrong_is_said() {
    for (call, line) in [
        ("struct='A'", "parse_binary: the profile is no JSON: EOF while parsing a value at line 1 column 0"),
        ("struct='A', profile='[]'", "parse_binary: the profile has no struct A"),
        ("struct='A', profile='[[\"A\", 0, [[\"a\", 0, \"Array\"]]]]'", "parse_binary: A.a: type is needed"),
        ("struct='A', profile='[]', offset=-1", "parse_binary: offset should not be negative"),
    ] {
        let outcome =
            run(&format!("SELECT parse_binary(filename='x', accessor='data', {call}) AS X FROM scope()"));
        assert_eq!((outcome.rows.as_str(), outcome.log), (r#"[{"X":null}]"#, vec![line.to_owned()]));
    }
    let endless = run(
        "SELECT parse_binary(filename='xy', accessor='data', struct='A', profile='[[\"A\", \"x=>x.SizeOf + 1\", [[\"a\", \"x=>x.a\", \"uint8\"]]]]') AS X FROM scope()",
    );
    assert_eq!(endless.rows, r#"[{"X":{"a":null}}]"#);
}
