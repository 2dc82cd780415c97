//! Databases for tests. What every database must do is checked on SQLite, and on PostgreSQL when `HARRIER_TEST_POSTGRES` gives
//! the address of a server where databases may be made; `cargo xtask test` starts one.

use super::*;

/// A new, empty database, gone when dropped (SQLite) or with the server (PostgreSQL).
pub struct Fresh {
    pub db: Db,
    _dir: tempfile::TempDir,
}

pub async fn sqlite() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
    Fresh { db, _dir: dir }
}

pub async fn postgres() -> Option<Fresh> {
    let server = std::env::var("HARRIER_TEST_POSTGRES").ok()?;
    let name = format!("harrier_{:016x}", getrandom::u64().unwrap());
    let admin = postgres::Postgres::open(&format!("{server} dbname=postgres")).await.unwrap();
    admin.batch(&format!("CREATE DATABASE {name}")).await.unwrap();
    let db = Db::open(&Location::Postgres(format!("{server} dbname={name}"))).await.unwrap();
    Some(Fresh { db, _dir: tempfile::tempdir().unwrap() })
}

/// Runs a check on each database there is.
macro_rules! on_each {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident: &Db) $body:block)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            async fn check($db: &$crate::db::Db) $body
            check(&$crate::db::fresh::sqlite().await.db).await;
            match $crate::db::fresh::postgres().await {
                Some(fresh) => check(&fresh.db).await,
                None => eprintln!("not run on PostgreSQL: HARRIER_TEST_POSTGRES is not set"),
            }
        })*
    };
}

pub(crate) use on_each;
