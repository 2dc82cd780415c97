//! The initial file system: the agent as `/init`, and drivers.

use std::fs::{self, File};
use std::io::{Cursor, Read, Seek};
use std::path::Path;

use cpio::newc::ModeFileType;
use cpio::{NewcBuilder, write_cpio};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::{Error, Result};

trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// Makes `initramfs.gz` of the agent and `modules/`, which is removed.
pub fn pack(folder: &Path, agent: &Path) -> Result<()> {
    let modules = folder.join("modules");
    let mut inputs: Vec<(NewcBuilder, Box<dyn Source>)> = Vec::new();
    for name in ["dev", "proc", "sys", "root", "modules"] {
        let entry = NewcBuilder::new(name).mode(0o755).set_mode_file_type(ModeFileType::Directory);
        inputs.push((entry, Box::new(Cursor::new(Vec::new()))));
    }
    inputs.push((file("init", 0o755), Box::new(Cursor::new(read(agent)?))));
    let mut names: Vec<_> = fs::read_dir(&modules).map_err(Error::io("list", &modules))?.flatten().collect();
    // The same input gives the same file.
    names.sort_by_key(fs::DirEntry::file_name);
    for entry in names {
        let name = format!("modules/{}", entry.file_name().to_string_lossy());
        inputs.push((file(&name, 0o644), Box::new(Cursor::new(read(&entry.path())?))));
    }
    let target = folder.join("initramfs.gz");
    let output = File::create(&target).map_err(Error::io("write", &target))?;
    let packed = write_cpio(inputs.into_iter(), GzEncoder::new(output, Compression::default()));
    packed
        .and_then(GzEncoder::finish)
        .and_then(|file| file.sync_all())
        .map_err(Error::io("write", &target))?;
    fs::remove_dir_all(&modules).map_err(Error::io("remove", &modules))
}

fn file(name: &str, mode: u32) -> NewcBuilder {
    NewcBuilder::new(name).mode(mode).set_mode_file_type(ModeFileType::Regular)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(Error::io("read", path))
}
