//! Where the server's configuration comes from, and the data directory that goes with it.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serve::config::ServerConfig;
use store::DataDir;

/// The name of the configuration in a data directory.
pub const FILE_NAME: &str = "server.config.yaml";

/// A configuration, and where it was read from.
pub struct Loaded {
    pub config: ServerConfig,
    pub path: PathBuf,
}

/// Reads a configuration file; unknown keys are reported and ignored.
pub fn read(path: &Path) -> anyhow::Result<Loaded> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parsed = ServerConfig::parse(&text).with_context(|| format!("in {}", path.display()))?;
    for key in parsed.unknown {
        eprintln!("harrier: {}: the key {key} is not known and has no effect", path.display());
    }
    Ok(Loaded { config: parsed.config, path: path.to_owned() })
}

/// The configuration that a command was given; says how to give one otherwise.
pub fn given(path: Option<PathBuf>) -> anyhow::Result<Loaded> {
    match path {
        Some(path) => read(&path),
        None => bail!("which server? Give its configuration: --config DIR/{FILE_NAME}"),
    }
}

/// The configuration in a data directory, made when there is none yet. True if it was made.
pub fn in_data_dir(dir: &DataDir) -> anyhow::Result<(Loaded, bool)> {
    let path = dir.path().join(FILE_NAME);
    if path.exists() {
        return Ok((read(&path)?, false));
    }
    let mut config = ServerConfig::generate()?;
    let location = fs::canonicalize(dir.path())?.to_string_lossy().into_owned();
    if let Some(datastore) = &mut config.datastore {
        datastore.location.clone_from(&location);
        datastore.filestore_directory = location;
    }
    write_private(&path, config.to_yaml().as_bytes())?;
    Ok((Loaded { config, path }, true))
}

/// The data directory of a configuration: the one that it lies in, be it restored or moved, or the one that it names.
pub fn data_dir(loaded: &Loaded) -> anyhow::Result<DataDir> {
    match own_dir(&loaded.path) {
        Some(dir) => Ok(DataDir::open(dir)?),
        None => named_dir(&loaded.config),
    }
}

fn own_dir(path: &Path) -> Option<PathBuf> {
    if path.file_name()? != FILE_NAME {
        return None;
    }
    let dir = fs::canonicalize(path).ok()?.parent()?.to_owned();
    // What every server makes when it starts.
    (dir.join("harrier.db").is_file() || dir.join("events").is_dir()).then_some(dir)
}

fn named_dir(config: &ServerConfig) -> anyhow::Result<DataDir> {
    let location = config.datastore.as_ref().map_or("", |d| &d.location);
    if location.is_empty() {
        bail!("the configuration names no Datastore.location");
    }
    Ok(DataDir::open(location)?)
}

/// Writes a file that only its owner may read: whole or not at all, on disk when this returns.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let temporary = path.with_extension("new");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .with_context(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(failed)?;
    fs::rename(&temporary, path).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_in_a_data_directory_belongs_to_it_wherever_it_was_moved() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (_, is_new) = in_data_dir(&DataDir::open(path("old")).unwrap()).unwrap();
        assert!(is_new);
        fs::create_dir(path("old/events")).unwrap();
        fs::rename(path("old"), path("new")).unwrap();
        let dir_of = |file: &str| data_dir(&read(&path(file)).unwrap()).unwrap().path().to_owned();
        let canonical = fs::canonicalize(folder.path()).unwrap();
        assert_eq!(dir_of("new/server.config.yaml"), canonical.join("new"));
        // A copy elsewhere says where it belongs.
        fs::copy(path("new/server.config.yaml"), path("server.config.yaml")).unwrap();
        assert_eq!(dir_of("server.config.yaml"), canonical.join("old"));
    }
}
