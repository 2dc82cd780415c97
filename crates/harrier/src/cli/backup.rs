//! `harrier backup` and `harrier restore`: everything of a data directory in one file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use store::db;

use super::Outcome;

/// The database in a data directory, and in a backup.
const DATABASE: &str = "harrier.db";
/// What is left out: the database's own files, of which a copy is made, and what only a running server needs.
const LEFT_OUT: [&str; 4] = [DATABASE, "harrier.db-wal", "harrier.db-shm", "run"];
const LEVEL: i32 = 3;

/// Write everything of a data directory into one file, while the server runs.
///
/// The file holds private keys and secrets: keep it where only you can read it.
#[derive(clap::Args)]
pub struct BackupArgs {
    /// The data directory of the server.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The file to write, such as harrier.tar.zst; it must not exist.
    file: PathBuf,
}

/// Make a data directory from a backup.
#[derive(clap::Args)]
pub struct RestoreArgs {
    /// The data directory to make; it must not exist, or be empty.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The file that `harrier backup` wrote.
    file: PathBuf,
}

pub fn back_up(args: &BackupArgs) -> Outcome {
    let out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&args.file);
    let out = out.with_context(|| format!("cannot make {}", args.file.display()))?;
    let written = write(&args.data_dir, out);
    if written.is_err() {
        // Half a backup is worse than none.
        let _ = fs::remove_file(&args.file);
    }
    let (files, bytes) = written?;
    println!("{}: {files} files, {bytes} bytes", args.file.display());
    Ok(ExitCode::SUCCESS)
}

fn write(dir: &Path, out: File) -> anyhow::Result<(u64, u64)> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(out, LEVEL)?);
    archive.follow_symlinks(false);
    let mut count = (0, 0);
    if dir.join(DATABASE).exists() {
        // First: what other files say of its rows is then the same or newer.
        let folder = tempfile::Builder::new().prefix(".backup-").tempdir_in(dir)?;
        let copy = folder.path().join(DATABASE);
        db::copy_file(&dir.join(DATABASE), &copy).context("the database cannot be copied")?;
        add(&mut archive, &copy, Path::new(DATABASE), &mut count)?;
    }
    add_folder(&mut archive, dir, Path::new(""), &mut count)?;
    let file = archive.into_inner()?.finish()?;
    file.sync_all()?;
    Ok(count)
}

type Archive = tar::Builder<zstd::Encoder<'static, File>>;

/// Adds what is in a folder. What vanishes meanwhile was replaced by something that is there.
fn add_folder(
    archive: &mut Archive,
    root: &Path,
    below: &Path,
    count: &mut (u64, u64),
) -> anyhow::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(root.join(below))?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let is_left_out = below.as_os_str().is_empty()
            && (LEFT_OUT.iter().any(|left| name == *left) || name.to_string_lossy().starts_with(".backup-"));
        let path = below.join(&name);
        match entry.file_type() {
            _ if is_left_out => {}
            Ok(kind) if kind.is_dir() => add_folder(archive, root, &path, count)?,
            Ok(kind) if kind.is_file() => match add(archive, &root.join(&path), &path, count) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                added => added.with_context(|| format!("cannot add {}", path.display()))?,
            },
            _ => {}
        }
    }
    Ok(())
}

/// Adds one file, as long as it was when it was opened: files that grow are cut at a line they had finished.
fn add(archive: &mut Archive, file: &Path, name: &Path, count: &mut (u64, u64)) -> io::Result<()> {
    let file = File::open(file)?;
    let meta = file.metadata()?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&meta);
    header.set_size(meta.len());
    archive.append_data(&mut header, name, io::Read::take(file, meta.len()))?;
    *count = (count.0 + 1, count.1 + meta.len());
    Ok(())
}

pub fn restore(args: &RestoreArgs) -> Outcome {
    let dir = &args.data_dir;
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty; name a directory that is to be made", dir.display());
    }
    let file = File::open(&args.file).with_context(|| format!("cannot read {}", args.file.display()))?;
    store::DataDir::open(dir)?;
    let mut archive = tar::Archive::new(zstd::Decoder::new(file)?);
    let mut count = 0;
    for entry in archive.entries()? {
        let mut entry = entry.context("the backup is damaged")?;
        let kind = entry.header().entry_type();
        // A backup of ours holds plain files; nothing else is unpacked, and nothing outside of the directory.
        if !kind.is_file() || !entry.unpack_in(dir).context("the backup is damaged")? {
            bail!("the backup holds {:?}, which it should not", entry.path().unwrap_or_default());
        }
        count += 1;
    }
    println!("{}: {count} files. Next: harrier server --data-dir {}", dir.display(), dir.display());
    Ok(ExitCode::SUCCESS)
}
