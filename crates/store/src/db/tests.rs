//! What every database must do, on each database there is.

use super::fresh::{Fresh, on_each};
use super::*;
use crate::params;

const INSERT: &str = "INSERT INTO settings (name, value) VALUES ($1, $2)";

async fn count(db: &Db) -> i64 {
    db.read::<_, DbError, _>(|tx| tx.value("SELECT COUNT(*) FROM settings", &[])).await.unwrap().unwrap()
}

on_each! {
    async fn values_come_back_as_they_went_in(db: &Db) {
        let row = db.write::<_, DbError, _>(|tx| {
            tx.execute(
                "INSERT INTO software (id, name, version, source, release, vendor, arch) VALUES ($1, $2, $3, $2, $2, $2, $2)",
                params![7_i64, "ünï\"'", String::new()],
            )?;
            tx.execute("INSERT INTO hosts (created_at, updated_at, osquery_host_id, node_key_hash, seen_time, \
                detail_updated_at, label_updated_at, policy_updated_at, last_enrolled_at, gigs_disk_space_available) \
                VALUES (0, 0, 'h', $1, 0, 0, 0, 0, 0, $2)", params![vec![0_u8, 255], 2.5])?;
            tx.first(
                "SELECT s.id, s.name, s.version, h.node_key_hash, h.gigs_disk_space_available, h.team_id FROM software s, hosts h",
                &[],
                |row| Ok((row.take::<u32>()?, row.take::<String>()?, row.take::<String>()?, row.take::<Vec<u8>>()?,
                    row.take::<f64>()?, row.take::<Option<u32>>()?)),
            )
        }).await.unwrap();
        assert_eq!(row, Some((7, "ünï\"'".to_owned(), String::new(), vec![0, 255], 2.5, None)));
    }

    async fn what_fails_leaves_nothing_behind(db: &Db) {
        let failed: DbResult<()> = db.write(|tx| {
            tx.execute(INSERT, params!["a", "1"])?;
            Err(DbError::Busy)
        }).await;
        assert!(failed.is_err());
        let panicked: DbResult<()> = db.write(|tx| {
            tx.execute(INSERT, params!["b", "1"])?;
            panic!("on purpose")
        }).await;
        assert!(matches!(panicked, Err(DbError::Panicked)));
        assert_eq!(count(db).await, 0);
        let done: DbResult<u64> = db.write(|tx| tx.execute(INSERT, params!["c", "1"])).await;
        assert_eq!((done.unwrap(), count(db).await), (1, 1));
    }

    async fn duplicates_and_missing_references_are_told_apart(db: &Db) {
        let twice: DbResult<()> = db.write(|tx| {
            tx.execute(INSERT, params!["a", "1"])?;
            tx.execute(INSERT, params!["a", "2"]).map(drop)
        }).await;
        assert!(matches!(twice, Err(DbError::Duplicate(_))), "{twice:?}");
        let missing: DbResult<u64> = db.write(|tx| {
            tx.execute("INSERT INTO user_teams (user_id, team_id, role) VALUES (1, 1, 'admin')", &[])
        }).await;
        assert!(matches!(missing, Err(DbError::Reference(_))), "{missing:?}");
    }

    async fn reads_cannot_write(db: &Db) {
        let written = db.read::<_, DbError, _>(|tx| tx.execute(INSERT, params!["a", "1"])).await;
        assert!(written.is_err());
        assert_eq!(count(db).await, 0);
    }

    async fn a_counter_that_many_raise_at_once_loses_nothing(db: &Db) {
        db.write::<_, DbError, _>(|tx| tx.execute(INSERT, params!["n", "0"])).await.unwrap();
        let raise = |db: Db| async move {
            db.write::<_, DbError, _>(|tx| {
                let n: String = tx.value("SELECT value FROM settings WHERE name = 'n'", &[])?.unwrap();
                let next = (n.parse::<u32>().unwrap() + 1).to_string();
                tx.execute("UPDATE settings SET value = $1 WHERE name = 'n'", params![next])
            }).await.unwrap()
        };
        let all: Vec<_> = (0..8).map(|_| {
            let db = db.clone();
            tokio::spawn(async move { for _ in 0..10 { raise(db.clone()).await; } })
        }).collect();
        for one in all {
            one.await.unwrap();
        }
        let n = db.read::<_, DbError, _>(|tx| tx.value::<String>("SELECT value FROM settings WHERE name = 'n'", &[])).await.unwrap();
        assert_eq!(n.as_deref(), Some("80"));
    }

    async fn the_schema_is_made_once_and_its_files_are_compared(db: &Db) {
        db.write(migrate::run).await.unwrap();
        let labels: Vec<u32> = db.read::<_, DbError, _>(|tx| tx.values("SELECT id FROM labels ORDER BY id", &[])).await.unwrap();
        assert_eq!(labels, [6, 7, 8, 9, 10, 11, 12]);
        db.write::<_, DbError, _>(|tx| tx.execute("UPDATE migrations SET checksum = 1 WHERE number = 1", &[])).await.unwrap();
        assert!(matches!(db.write(migrate::run).await, Err(DbError::Rewritten { number: 1 })));
        db.write::<_, DbError, _>(|tx| tx.execute("INSERT INTO migrations VALUES (9999, 1)", &[])).await.unwrap();
        assert!(matches!(db.write(migrate::run).await, Err(DbError::Newer { found: 9999, .. })));
    }
}

#[tokio::test]
async fn a_backup_made_while_in_use_opens_and_has_everything() {
    let fresh = Fresh::sqlite_async().await;
    fresh.db.write::<_, DbError, _>(|tx| tx.execute(INSERT, params!["a", "1"])).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.db");
    let Location::Sqlite(path) = &fresh.location else { panic!() };
    copy_file(path, &copy).unwrap();
    let opened = Db::open(&Location::Sqlite(copy)).await.unwrap();
    assert_eq!(count(&opened).await, 1);
}

#[tokio::test]
async fn a_full_database_refuses_and_goes_on_afterwards() {
    let fresh = Fresh::sqlite_async().await;
    let limit = |pages: &'static str| {
        let db = fresh.db.clone();
        async move {
            db.write::<_, DbError, _>(move |tx| tx.script(&format!("PRAGMA max_page_count = {pages}"))).await
        }
    };
    limit("1").await.unwrap();
    let big = "x".repeat(1 << 20);
    let text = big.clone();
    let refused = fresh.db.write::<_, DbError, _>(move |tx| tx.execute(INSERT, params!["big", text])).await;
    assert!(matches!(refused, Err(DbError::Full)), "{refused:?}");
    limit("1000000").await.unwrap();
    fresh.db.write::<_, DbError, _>(move |tx| tx.execute(INSERT, params!["big", big])).await.unwrap();
    assert_eq!(count(&fresh.db).await, 1);
}

#[test]
fn threads_without_a_runtime_read_and_write() {
    let fresh = Fresh::sqlite();
    std::thread::scope(|scope| {
        for n in 0..16 {
            let db = fresh.db.clone();
            scope.spawn(move || {
                let name = n.to_string();
                db.write_blocking::<_, DbError, _>(move |tx| tx.execute(INSERT, params![name, "1"])).unwrap();
                db.read_blocking::<u32, DbError, _>(|tx| {
                    Ok(tx.value("SELECT COUNT(*) FROM settings", &[])?.unwrap())
                })
                .unwrap()
            });
        }
    });
    let panicked: DbResult<()> = fresh.db.read_blocking(|_| panic!("on purpose"));
    assert!(matches!(panicked, Err(DbError::Panicked)));
    let all = fresh
        .db
        .read_blocking::<u32, DbError, _>(|tx| Ok(tx.value("SELECT COUNT(*) FROM settings", &[])?.unwrap()));
    assert_eq!(all.unwrap(), 16);
}

#[test]
fn a_copy_of_a_file_needs_no_server_and_changes_nothing() {
    let fresh = Fresh::sqlite();
    let sql = "DELETE FROM migrations WHERE number = 3";
    fresh.db.write_blocking::<_, DbError, _>(move |tx| tx.execute(sql, &[])).unwrap();
    let Location::Sqlite(path) = &fresh.location else { panic!() };
    let copy = fresh.dir.path().join("copy.db");
    copy_file(path, &copy).unwrap();
    let connection = rusqlite::Connection::open(&copy).unwrap();
    let count: u32 = connection
        .query_row("SELECT COUNT(*) FROM migrations WHERE number = 3", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 0);
    assert!(matches!(copy_file(&fresh.dir.path().join("none.db"), &copy), Err(DbError::Sqlite(_))));
}
