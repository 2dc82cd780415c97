//! The initial file system: the agent as `/init`, and drivers.

use std::fs;
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use cpio::newc::ModeFileType;
use cpio::{NewcBuilder, write_cpio};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::write_synced;
use crate::error::{Error, Result};

trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// The kernel takes several archives, one after the other: the drivers' part stays when the agent's is replaced.
const DRIVERS: &str = "drivers.gz";

/// Makes `drivers.gz` of `modules/`, which is removed, and `initramfs.gz`.
pub fn pack(folder: &Path, agent: &Path) -> Result<()> {
    let modules = folder.join("modules");
    let mut inputs: Vec<(NewcBuilder, Box<dyn Source>)> = Vec::new();
    for name in ["dev", "proc", "sys", "root", "modules"] {
        let entry = NewcBuilder::new(name).mode(0o755).set_mode_file_type(ModeFileType::Directory);
        inputs.push((entry, Box::new(Cursor::new(Vec::new()))));
    }
    let mut names: Vec<_> = fs::read_dir(&modules).map_err(Error::io("list", &modules))?.flatten().collect();
    // The same input gives the same file.
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let name = format!("modules/{}", entry.file_name().to_string_lossy());
        inputs.push((file(&name, 0o644), Box::new(Cursor::new(read(&entry.path())?))));
    }
    write_synced(&folder.join(DRIVERS), &archive(inputs)?)?;
    fs::remove_dir_all(&modules).map_err(Error::io("remove", &modules))?;
    write_synced(&folder.join("initramfs.gz"), &with_agent(folder, agent)?)
}

/// The whole initial file system with an agent.
pub fn with_agent(folder: &Path, agent: &Path) -> Result<Vec<u8>> {
    let mut whole = read(&folder.join(DRIVERS))?;
    let inputs: Vec<(NewcBuilder, Box<dyn Source>)> =
        vec![(file("init", 0o755), Box::new(Cursor::new(read(agent)?)))];
    // Archives begin at multiples of four.
    whole.resize(whole.len().next_multiple_of(4), 0);
    whole.extend(archive(inputs)?);
    Ok(whole)
}

fn archive(inputs: Vec<(NewcBuilder, Box<dyn Source>)>) -> Result<Vec<u8>> {
    let packed = write_cpio(inputs.into_iter(), GzEncoder::new(Vec::new(), Compression::default()));
    packed.and_then(GzEncoder::finish).map_err(Error::io("pack", "the initial file system"))
}

fn file(name: &str, mode: u32) -> NewcBuilder {
    NewcBuilder::new(name).mode(mode).set_mode_file_type(ModeFileType::Regular)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io("read", path))
}
