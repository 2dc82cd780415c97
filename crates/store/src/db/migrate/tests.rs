//! Databases of every released schema, brought up to date.
//!
//! `tests/schemas/NNNN.sql` is what a server of schema NNNN had written, in plain SQL. Each is loaded into that schema, upgraded as a
//! server does when it starts, and read back: no table loses a row, and the nouns serve what was stored.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::db::fresh::{Fresh, postgres_place_blocking};
use crate::db::{Db, Location};
use crate::fleet::{ListOptions, Outcome, Visible, host, label, password, query, session, token, user};
use crate::rights::Role;
use crate::user::Users;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas");

/// The fixtures, by number.
fn fixtures() -> BTreeMap<i64, PathBuf> {
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().parse().unwrap(), path)).collect()
}

/// A database with the schema of that number, and what a server had written into it.
fn of_schema(location: &Location, number: i64) -> Db {
    let sql = std::fs::read_to_string(&fixtures()[&number]).unwrap();
    let db = Db::open_without_schema(location).unwrap();
    db.write_blocking::<_, DbError, _>(move |tx| {
        let known: Vec<_> = MIGRATIONS.iter().copied().filter(|(n, _)| *n <= number).collect();
        apply(tx, &known)?;
        let sql = if tx.is_postgres() { sql.replace("X'", "'\\x") } else { sql.clone() };
        tx.script(&sql)
    })
    .unwrap();
    db
}

/// The number of rows of each table.
fn counts(db: &Db) -> BTreeMap<String, u32> {
    db.read_blocking::<_, DbError, _>(|tx| {
        let tables = match tx.is_postgres() {
            true => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
            false => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        };
        let tables: Vec<String> = tx.values(tables, &[])?;
        let count = |table: String| {
            let count = tx.value(&format!("SELECT COUNT(*) FROM {table}"), &[])?.unwrap_or(0);
            Ok((table, count))
        };
        tables.into_iter().filter(|table| table != "migrations").map(count).collect()
    })
    .unwrap()
}

/// Every fixture holds at least this.
fn is_served(tx: &mut Tx<'_>) -> Outcome<()> {
    assert!(user::is_set_up(tx)?);
    let (id, hash) = user::password_of(tx, "ADA@example.org")?.unwrap();
    assert!(password::matches("correct-horse1!", Some(&hash)));
    let (session, ada) = session::find(tx, "token", 0)?.unwrap();
    assert_eq!(
        (ada.id, session.user_id, ada.global_role, ada.has_own_rights),
        (id, id, Some(Role::Admin), false)
    );
    let robot = user::by_email(tx, "robot@example.org")?;
    assert_eq!(
        (robot.api_only, robot.teams[0].team.name.as_str(), robot.teams[0].role),
        (true, "Blue", Role::Maintainer)
    );
    let host = host::by_node_key(tx, &[1, 2])?.unwrap();
    assert_eq!((host.hostname.as_str(), host.team_id, host.memory), ("one", Some(1), 8 << 30));
    let mine = label::by_id(tx, 13, &Visible::All)?;
    assert_eq!((mine.name.as_str(), mine.host_count), ("Mine", 1));
    let queries = query::list(tx, &ListOptions::default(), true)?;
    assert_eq!(queries.len(), 1);
    // Numbers go on where they were.
    let new = user::NewUser { name: "New".into(), email: token::random(8), ..Default::default() };
    assert!(user::create(tx, &new)?.id > robot.id);
    Ok(())
}

fn upgrade(location: &Location, number: i64) {
    let before = counts(&of_schema(location, number));
    let db = Db::open_blocking(location).unwrap();
    let after = counts(&db);
    for (table, count) in before {
        assert!(
            count > 0 || NEVER_KEPT.contains(&table.as_str()),
            "the data of schema {number} has nothing in {table}"
        );
        assert_eq!(after.get(&table), Some(&count), "rows of {table} after schema {number}");
    }
    db.write_blocking(is_served).unwrap();
    let users = Users::new(db);
    assert_eq!(users.effective("ada@example.org").unwrap(), Role::Admin.permissions());
    // A second start changes nothing.
    drop(Db::open_blocking(location).unwrap());
}

/// Tables whose rows need not outlive an upgrade, and so are in no data: tokens of an hour or a day, and what jobs count anew.
const NEVER_KEPT: &[&str] = &["password_resets", "email_changes", "query_stats", "host_mdm", "host_munki"];

#[test]
fn every_released_schema_is_brought_up_to_date_with_all_data() {
    for number in fixtures().into_keys() {
        let (_dir, location) = Fresh::place();
        upgrade(&location, number);
        match postgres_place_blocking() {
            Some(location) => upgrade(&location, number),
            None => eprintln!("not run on PostgreSQL: HARRIER_TEST_POSTGRES is not set"),
        }
    }
}

#[test]
fn every_released_schema_has_its_data_in_the_tests() {
    let fixtures = fixtures();
    for (number, _) in MIGRATIONS.iter().filter(|(number, _)| *number <= RELEASED) {
        assert!(
            fixtures.contains_key(number),
            "what did a server of schema {number} write? Make {FOLDER}/{number:04}.sql"
        );
    }
    assert!(fixtures.keys().all(|fixture| MIGRATIONS.iter().any(|(number, _)| number == fixture)));
    assert!(MIGRATIONS.iter().any(|(number, _)| *number == RELEASED));
}

#[test]
fn numbers_rise_and_gaps_are_filled_later() {
    assert!(MIGRATIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let (_dir, location) = Fresh::place();
    let db = Db::open_without_schema(&location).unwrap();
    const ALL: &[(i64, &str)] = &[
        (1, "CREATE TABLE one (id INTEGER)"),
        (2, "CREATE TABLE two (id INTEGER)"),
        (3, "ALTER TABLE one ADD COLUMN more TEXT"),
    ];
    db.write_blocking(|tx| apply(tx, &[ALL[0], ALL[2]])).unwrap();
    db.write_blocking(|tx| apply(tx, ALL)).unwrap();
    db.write_blocking(|tx| apply(tx, ALL)).unwrap();
    let numbers = db.read_blocking::<_, DbError, _>(|tx| {
        tx.values::<i64>("SELECT number FROM migrations ORDER BY number", &[])
    });
    assert_eq!(numbers.unwrap(), [1, 2, 3]);
    let older = db.write_blocking(|tx| apply(tx, &ALL[..2]));
    assert!(matches!(older, Err(DbError::Newer { found: 3, known: 2 })));
}
