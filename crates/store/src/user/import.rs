//! Records of users as earlier versions kept them, one file each, taken over once.
//!
//! All of them in one transaction; then the folder gets another name. A crash in between makes the next start do it again, which
//! changes nothing: whoever has a record already keeps it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Acl, check_name, record};
use crate::db::Db;
use crate::durable;
use crate::error::{Error, Result};

/// A file's content.
#[derive(Clone, Deserialize)]
struct Old {
    name: String,
    #[serde(default)]
    acl: Acl,
}

/// Takes over what is in `root/users`; says how many there were. Blocks.
pub fn run(db: &Db, root: &Path) -> Result<usize> {
    let folder = root.join("users");
    if !folder.is_dir() {
        return Ok(0);
    }
    let found = read(&folder)?;
    let count = found.len();
    db.write_blocking(move |tx| {
        for old in &found {
            let acl = old.acl.clone();
            record::change(tx, &old.name, |now| {
                if *now == Acl::default() {
                    *now = acl;
                }
                Ok(())
            })?;
        }
        Ok::<_, Error>(())
    })?;
    let aside = free_name(root);
    match fs::rename(&folder, &aside).and_then(|()| durable::sync_dir(root)) {
        // Another process was faster.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        done => done.map_err(Error::io("rename", &folder))?,
    }
    tracing::info!(count, kept = %aside.display(), "took users over from files into the database");
    Ok(count)
}

fn read(folder: &Path) -> Result<Vec<Old>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let path = entry.map_err(Error::io("list", folder))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        if let Some(old) = durable::read_json::<Old>(&path)? {
            check_name(&old.name)?;
            found.push(old);
        }
    }
    // Files of one order make rows of one order.
    found.sort_by_key(|old| old.name.to_lowercase());
    Ok(found)
}

/// `users.imported`, or the first name after it that is free.
fn free_name(root: &Path) -> PathBuf {
    let numbered = (2..).map(|n| root.join(format!("users.imported-{n}")));
    let mut names = std::iter::once(root.join("users.imported")).chain(numbered);
    names.find(|path| !path.exists()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Location;
    use crate::user::Users;

    fn place() -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_blocking(&Location::Sqlite(dir.path().join("harrier.db"))).unwrap();
        fs::create_dir(dir.path().join("users")).unwrap();
        (dir, db)
    }

    fn put(dir: &Path, file: &str, text: &str) {
        fs::write(dir.join("users").join(file), text).unwrap();
    }

    #[test]
    fn files_become_rows_once() {
        let (dir, db) = place();
        put(dir.path(), "fred.json", r#"{"name":"Fred","acl":{"any_query":true,"roles":["reader"]}}"#);
        put(dir.path(), "%2E%2E%2Fa.json", r#"{"name":"../a"}"#);
        put(dir.path(), ".lock", "");
        assert_eq!(run(&db, dir.path()).unwrap(), 2);
        let users = Users::new(db.clone());
        let fred = users.get("FRED").unwrap();
        assert_eq!(
            (fred.name.as_str(), fred.acl.any_query, &*fred.acl.roles),
            ("Fred", true, &["reader".to_owned()][..])
        );
        assert_eq!(users.get("../a").unwrap().acl, Acl::default());
        assert!(!dir.path().join("users").exists() && dir.path().join("users.imported/fred.json").exists());
        assert_eq!(run(&db, dir.path()).unwrap(), 0);
    }

    #[test]
    fn what_a_killed_import_did_is_not_done_again() {
        let (dir, db) = place();
        put(dir.path(), "fred.json", r#"{"name":"Fred","acl":{"any_query":true}}"#);
        let users = Users::new(db.clone());
        users.set_acl("fred", Acl { execve: true, ..Acl::default() }).unwrap();
        fs::create_dir(dir.path().join("users.imported")).unwrap();
        run(&db, dir.path()).unwrap();
        assert_eq!(users.get("fred").unwrap().acl, Acl { execve: true, ..Acl::default() });
        assert_eq!(users.list().unwrap().len(), 1);
        assert!(dir.path().join("users.imported-2/fred.json").exists());
    }

    #[test]
    fn one_damaged_file_leaves_everything_as_it_was() {
        for text in ["{", r#"{"name":"VelociraptorServer"}"#, r#"{"name":"x","acl":{"any_querry":true}}"#] {
            let (dir, db) = place();
            put(dir.path(), "a.json", r#"{"name":"a","acl":{"any_query":true}}"#);
            put(dir.path(), "b.json", text);
            assert!(run(&db, dir.path()).is_err(), "{text}");
            assert!(dir.path().join("users/a.json").exists());
            assert!(Users::new(db).list().unwrap().is_empty());
        }
    }
}
