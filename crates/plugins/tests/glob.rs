//! `glob()` on real directories.

mod common;

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::{rows_with, run_with};
use tempfile::TempDir;
use vql::permission::Permissions;

/// A directory with these files; a name that ends in `/` is a directory.
fn tree(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in names {
        let path = dir.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap();
        }
    }
    dir
}

/// The paths found below a directory, without its own.
fn found(dir: &Path, call: &str) -> Vec<String> {
    let query = format!("SELECT OSPath.String AS P FROM glob(root=Dir, {call})");
    let rows = rows_with(&query, "Dir", dir.to_str().unwrap());
    let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).unwrap();
    let path = |row: &serde_json::Value| row["P"].as_str().unwrap().to_owned();
    rows.iter().map(|r| path(r).strip_prefix(dir.to_str().unwrap()).unwrap().to_owned()).collect()
}

#[test]
fn order_is_by_name_and_contents_follow() {
    let dir = tree(&["b/2", "b/1", "a/x/y", "a/w", "c"]);
    let all = ["/a", "/b", "/c", "/a/w", "/a/x", "/a/x/y", "/b/1", "/b/2"];
    assert_eq!(found(dir.path(), "globs='/**'"), all);
    assert_eq!(found(dir.path(), "globs='**1'"), ["/a", "/b", "/c"]);
    assert_eq!(
        found(dir.path(), "globs=['/*/*', '/**2', '/a/W']"),
        ["/a", "/b", "/c", "/a/w", "/a/x", "/b/1", "/b/2"]
    );
    assert_eq!(found(dir.path(), "globs='/{a,b}/{w,1}'"), ["/a/w", "/b/1"]);
    assert_eq!(found(dir.path(), "globs='/**/[xy]'"), ["/a/x", "/a/x/y"]);
    assert_eq!(found(dir.path(), "globs='/'"), [""]);
}

#[test]
fn names_match_in_any_case() {
    let dir = tree(&["File", "FILE", "file", "other"]);
    assert_eq!(found(dir.path(), "globs='/fIlE'"), ["/FILE", "/File", "/file"]);
    assert_eq!(found(dir.path(), "globs='/[A-F]?LE'"), ["/FILE", "/File", "/file"]);
}

#[test]
fn hostile_names() {
    let dir = tree(&["new\nline", "quo\"te", "star*", "back\\slash", "ünï"]);
    File::create(dir.path().join(std::ffi::OsStr::from_bytes(b"bad\xff\xfe"))).unwrap();
    let names = ["/back\\slash", "/bad\u{fffd}\u{fffd}", "/new\nline", "/quo\"te", "/star*", "/ünï"];
    assert_eq!(found(dir.path(), "globs='/*'"), names);
    assert_eq!(found(dir.path(), "globs='/ÜN?'"), ["/ünï"]);
    let query = "SELECT Size, Mode, IsDir FROM glob(root=Dir, globs='/bad*')";
    assert_eq!(
        rows_with(query, "Dir", dir.path().to_str().unwrap()),
        r#"[{"Size":0,"Mode":"-rw-r--r--","IsDir":false}]"#
    );
}

#[test]
fn links_are_followed_without_end() {
    let dir = tree(&["a/b/f", "t/u"]);
    let at = |name: &str| dir.path().join(name);
    symlink(at(""), at("a/b/up")).unwrap();
    symlink(at("a/self"), at("a/self")).unwrap();
    symlink("../t", at("a/t")).unwrap();
    symlink("missing", at("dead")).unwrap();
    let all = ["/a", "/dead", "/t", "/a/b", "/a/self", "/a/t", "/a/b/f", "/a/b/up", "/a/t/u", "/t/u"];
    assert_eq!(found(dir.path(), "globs='/**'"), all);
    assert_eq!(found(dir.path(), "globs='/**', nosymlink=TRUE").len(), all.len() - 1);
    // What is written out is followed wherever it leads.
    assert_eq!(found(dir.path(), "globs='/a/b/up/a/b/up/t/*'"), ["/a/b/up/a/b/up/t/u"]);
    let query = "SELECT IsLink, IsDir, Data FROM glob(root=Dir, globs='/a/t')";
    let wanted = r#"[{"IsLink":true,"IsDir":false,"Data":{"Link":"../t"}}]"#;
    assert_eq!(rows_with(query, "Dir", dir.path().to_str().unwrap()), wanted);
}

#[test]
fn many_links_to_each_other_end_soon() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..20 {
        fs::create_dir(dir.path().join(format!("d{i}"))).unwrap();
        for j in 0..20 {
            symlink(format!("../d{j}"), dir.path().join(format!("d{i}/l{j}"))).unwrap();
        }
    }
    assert!(found(dir.path(), "globs='/**'").len() < 20_000);
}

#[test]
fn directories_are_chosen_by_the_callback() {
    let dir = tree(&["a/x", "skip/y", "b/skip/z"]);
    let call = "globs='/**', recursion_callback='x=>NOT x.Name =~ \"skip\"'";
    assert_eq!(found(dir.path(), call), ["/a", "/b", "/skip", "/a/x", "/b/skip"]);
}

#[test]
fn other_file_systems_are_left_alone() {
    let here = "SELECT OSPath FROM glob(globs='/**2', one_filesystem=TRUE) WHERE OSPath =~ '^/proc/'";
    assert_eq!(common::rows(here), "[]");
    // A plain name may lead there.
    let there = "SELECT Name FROM glob(globs='/proc/version', one_filesystem=TRUE)";
    assert_eq!(common::rows(there), r#"[{"Name":"version"}]"#);
}

#[test]
fn a_limit_stops_the_walk() {
    assert_eq!(common::rows("SELECT Name FROM glob(globs='/**') LIMIT 1").matches("Name").count(), 1);
}

#[test]
fn the_patterns_that_matched_are_named() {
    let dir = tree(&["a"]);
    let query = "SELECT Globs FROM glob(root=Dir, globs=['/a', '/b', '/{a,c}'])";
    assert_eq!(rows_with(query, "Dir", dir.path().to_str().unwrap()), r#"[{"Globs":["/a","/{a,c}"]}]"#);
}

#[test]
fn all_columns() {
    let dir = tree(&["a"]);
    let query = "SELECT * FROM glob(root=Dir, globs='/a')";
    let rows = rows_with(query, "Dir", dir.path().to_str().unwrap());
    let start = format!(r#"[{{"Name":"a","OSPath":"{}/a","Mtime":"20"#, dir.path().to_str().unwrap());
    assert!(rows.starts_with(&start), "{rows}");
    assert!(
        rows.ends_with(
            r#""Size":0,"Mode":"-rw-r--r--","IsDir":false,"IsLink":false,"Data":{},"Globs":["/a"]}]"#
        ),
        "{rows}"
    );
}

#[test]
fn rights_are_needed() {
    let outcome = run_with("SELECT * FROM glob(globs='/*')", &[], Permissions::NONE);
    assert_eq!(outcome.rows, "[]");
    assert_eq!(outcome.log, ["glob: PermissionDenied: Permission denied: [FILESYSTEM_READ]"]);
}

#[test]
fn a_directory_that_vanishes_is_no_error() {
    assert_eq!(common::run("SELECT * FROM glob(globs='/no/such/**')").rows, "[]");
}

/// What a walk on one thread finds: the entries of a directory by name, then what is in each.
fn expected(directory: &std::path::Path, below: &str, found: &mut Vec<String>) {
    let mut names: Vec<(String, bool)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap())
        .map(|e| (e.file_name().into_string().unwrap(), e.file_type().unwrap().is_dir()))
        .collect();
    names.sort();
    found.extend(names.iter().map(|(name, _)| format!("{below}/{name}")));
    for (name, _) in names.iter().filter(|(_, is_directory)| *is_directory) {
        expected(&directory.join(name), &format!("{below}/{name}"), found);
    }
}

#[test]
fn reading_ahead_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..40 {
        for j in 0..5 {
            let inner = dir.path().join(format!("d{i}/e{j}/f"));
            std::fs::create_dir_all(&inner).unwrap();
            for k in 0..i % 7 {
                std::fs::write(inner.join(format!("file{k}")), "").unwrap();
            }
        }
    }
    let mut wanted = Vec::new();
    expected(dir.path(), "", &mut wanted);
    let root = dir.path().to_str().unwrap();
    let row = |path: &String| format!(r#"{{"P":"{root}{path}"}}"#);
    let wanted = format!("[{}]", wanted.iter().map(row).collect::<Vec<_>>().join(","));
    for _ in 0..10 {
        let rows = rows_with("SELECT OSPath AS P FROM glob(globs='/**', root=R)", "R", root);
        assert!(rows == wanted, "the order differs");
    }
    let few = rows_with("SELECT OSPath AS P FROM glob(globs='/**', root=R) LIMIT 300", "R", root);
    assert!(wanted.starts_with(few.trim_end_matches(']')));
}

#[test]
fn more_than_is_read_ahead_is_found() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..30 {
        let inner = dir.path().join(format!("a/d{i:02}/e"));
        fs::create_dir_all(&inner).unwrap();
        for k in 0..800 {
            File::create(inner.join(format!("{k:03}"))).unwrap();
        }
    }
    let mut wanted = Vec::new();
    expected(dir.path(), "", &mut wanted);
    assert_eq!(wanted.len(), 1 + 30 * 802);
    assert!(found(dir.path(), "globs='/**'") == wanted, "other files are found, or in another order");
}
