//! Databases for tests: new, empty, gone when dropped (SQLite) or with the server (PostgreSQL).
//!
//! What every database must do is checked on SQLite, and on PostgreSQL when `HARRIER_TEST_POSTGRES` gives the address of a server where
//! databases may be made; `cargo xtask test` starts one.

use super::{Db, Location, postgres};

pub struct Fresh {
    pub db: Db,
    pub location: Location,
    pub dir: tempfile::TempDir,
}

impl Fresh {
    /// A place for an SQLite database that is not made yet.
    pub fn place() -> (tempfile::TempDir, Location) {
        let dir = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(dir.path().join("harrier.db"));
        (dir, location)
    }

    pub fn sqlite() -> Self {
        let (dir, location) = Self::place();
        Self { db: Db::open_blocking(&location).unwrap(), location, dir }
    }

    pub async fn sqlite_async() -> Self {
        let (dir, location) = Self::place();
        Self { db: Db::open(&location).await.unwrap(), location, dir }
    }

    pub async fn postgres() -> Option<Self> {
        let location = postgres_place().await?;
        Some(Self { db: Db::open(&location).await.unwrap(), location, dir: tempfile::tempdir().unwrap() })
    }
}

/// A new PostgreSQL database without a schema, when `HARRIER_TEST_POSTGRES` names a server.
pub async fn postgres_place() -> Option<Location> {
    let server = std::env::var("HARRIER_TEST_POSTGRES").ok()?;
    let name = format!("harrier_{:016x}", getrandom::u64().unwrap());
    let admin = postgres::Postgres::open(&format!("{server} dbname=postgres")).await.unwrap();
    admin.batch(&format!("CREATE DATABASE {name}")).await.unwrap();
    Some(Location::Postgres(format!("{server} dbname={name}")))
}

/// As [`postgres_place`], on a thread without a runtime.
pub fn postgres_place_blocking() -> Option<Location> {
    tokio::runtime::Runtime::new().unwrap().block_on(postgres_place())
}

/// Runs a check on each database there is.
macro_rules! on_each {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident: &Db) $body:block)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            async fn check($db: &$crate::db::Db) $body
            check(&$crate::db::fresh::Fresh::sqlite_async().await.db).await;
            match $crate::db::fresh::Fresh::postgres().await {
                Some(fresh) => check(&fresh.db).await,
                None => eprintln!("not run on PostgreSQL: HARRIER_TEST_POSTGRES is not set"),
            }
        })*
    };
}

/// The same without a runtime.
macro_rules! on_each_blocking {
    ($($(#[$doc:meta])* fn $name:ident($db:ident) $body:block)*) => {
        $($(#[$doc])* #[test]
        fn $name() {
            fn check($db: &$crate::db::Db) $body
            check(&$crate::db::fresh::Fresh::sqlite().db);
            match $crate::db::fresh::postgres_place_blocking() {
                Some(location) => check(&$crate::db::Db::open_blocking(&location).unwrap()),
                None => eprintln!("not run on PostgreSQL: HARRIER_TEST_POSTGRES is not set"),
            }
        })*
    };
}

pub(crate) use {on_each, on_each_blocking};
