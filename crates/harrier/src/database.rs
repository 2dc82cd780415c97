//! Where the database is, for the server and for the commands that change it from outside.
//!
//! `--database` says so; without it, commands use what the server on the same data was told last, and else the file in the data
//! directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use store::DataDir;
use store::db::{Db, Location};
use store::user::{self, Users};

use crate::config::{self, Loaded};

/// Below the data directory: the address of a database that is somewhere else. It may hold a password, as the directory holds keys.
const ELSEWHERE: &str = "run/database";

#[derive(clap::Args)]
#[group(id = "place_of_database")]
pub struct Args {
    /// The database: a postgres:// address; the default is the file harrier.db in the data directory.
    #[arg(long, value_name = "ADDRESS", env = "HARRIER_DATABASE", hide_env_values = true, global = true)]
    database: Option<String>,
}

impl Args {
    /// The database of a server that is about to start.
    pub fn of_server(&self, dir: &DataDir) -> anyhow::Result<Location> {
        match &self.database {
            None => Ok(dir.database()),
            Some(address) => parse(address),
        }
    }

    /// The users of a server, which may be running, for a command.
    pub fn users(&self, loaded: &Loaded) -> anyhow::Result<Users> {
        let dir = config::data_dir(loaded)?;
        let location = match &self.database {
            Some(address) => parse(address)?,
            None => elsewhere(&dir)?.unwrap_or_else(|| dir.database()),
        };
        let users = Users::open(&location).context("the database cannot be used")?;
        user::import::run(users.db(), dir.path())?;
        Ok(users)
    }
}

fn parse(address: &str) -> anyhow::Result<Location> {
    if address.starts_with("postgres") || address.contains('=') {
        return Ok(Location::Postgres(address.to_owned()));
    }
    bail!("--database: give an address such as postgres://user:password@host/name")
}

fn elsewhere(dir: &DataDir) -> anyhow::Result<Option<Location>> {
    let path = dir.path().join(ELSEWHERE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    match text.strip_prefix("sqlite:") {
        Some(file) => Ok(Some(Location::Sqlite(PathBuf::from(file)))),
        None => parse(&text).map(Some).with_context(|| format!("in {}", path.display())),
    }
}

/// Opens the database of a server and takes over what earlier versions kept in files.
pub async fn open(location: &Location, dir: &DataDir) -> anyhow::Result<Db> {
    let db = Db::open(location).await.context("the database cannot be used")?;
    let (users, root) = (db.clone(), dir.path().to_owned());
    tokio::task::spawn_blocking(move || user::import::run(&users, &root))
        .await?
        .context("the users of an earlier version cannot be taken over")?;
    Ok(db)
}

/// Tells commands where the database of a running server is: those that are given its data directory, and those that are given a
/// configuration which names another one.
pub fn announce(location: &Location, dir: &DataDir, named: Option<&DataDir>) -> anyhow::Result<()> {
    note(dir.path(), (*location != dir.database()).then_some(location))?;
    let Some(named) = named else { return Ok(()) };
    if named.path().join("harrier.db").exists() {
        tracing::warn!(
            named = %named.path().display(), used = %dir.path().display(),
            "the configuration names a data directory with a database of its own, which commands with this configuration change; \
             this server uses another"
        );
        return Ok(());
    }
    note(named.path(), Some(location))
}

fn note(dir: &Path, elsewhere: Option<&Location>) -> anyhow::Result<()> {
    let path = dir.join(ELSEWHERE);
    let text = match elsewhere {
        None => {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(error).with_context(|| format!("cannot remove {}", path.display()))
                }
                _ => Ok(()),
            };
        }
        Some(Location::Postgres(address)) => address.clone(),
        Some(Location::Sqlite(file)) => {
            format!("sqlite:{}", std::path::absolute(file)?.display())
        }
    };
    fs::create_dir_all(dir.join("run"))?;
    config::write_private(&path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_find_the_database_of_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path().join("data")).unwrap();
        let named = DataDir::open(folder.path().join("named")).unwrap();
        let postgres = parse("postgres://h/n").unwrap();
        announce(&postgres, &dir, Some(&named)).unwrap();
        assert_eq!(elsewhere(&dir).unwrap(), Some(postgres.clone()));
        assert_eq!(elsewhere(&named).unwrap(), Some(postgres.clone()));
        // Back to the file.
        announce(&dir.database(), &dir, Some(&named)).unwrap();
        assert_eq!(elsewhere(&dir).unwrap(), None);
        assert_eq!(elsewhere(&named).unwrap(), Some(dir.database()));
        // A directory with a database of its own is left alone.
        fs::write(named.path().join("harrier.db"), "").unwrap();
        announce(&postgres, &dir, Some(&named)).unwrap();
        assert_eq!(elsewhere(&named).unwrap(), Some(dir.database()));
        assert!(parse("harrier.db").is_err());
    }
}
