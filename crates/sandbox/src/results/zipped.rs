//! Zip archives: of screenshots, and for clients that ask for one.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Folder;
use super::archive::Members;

/// Some files of a folder, when there is one, under their last names, stored as they are.
pub fn zip(folder: Option<&Folder>, names: &[PathBuf], dir: &Path) -> io::Result<File> {
    let mut file = tempfile::tempfile_in(dir)?;
    let mut zip = ZipWriter::new(&mut file);
    for name in names {
        if let Some(mut member) = folder.map(|folder| folder.find(name)).transpose()?.flatten() {
            let last = name.file_name().map(|last| last.to_string_lossy().into_owned()).unwrap_or_default();
            append(&mut zip, &last, &mut member, CompressionMethod::Stored)?;
        }
    }
    zip.finish()?;
    file.rewind()?;
    Ok(file)
}

/// What [`super::archive`] writes, as a zip archive.
pub(super) fn into(folder: &Folder, members: Members, file: &mut File) -> io::Result<()> {
    let mut zip = ZipWriter::new(file);
    if let Some((name, mut file)) = members.also {
        append(&mut zip, name, &mut file, CompressionMethod::Deflated)?;
    }
    for name in members.names {
        add(&mut zip, folder, &name)?;
    }
    zip.finish()?.flush()
}

fn add(zip: &mut ZipWriter<&mut File>, folder: &Folder, name: &Path) -> io::Result<()> {
    let text = name.to_string_lossy();
    if let Some(mut file) = folder.find(name)? {
        return append(zip, &text, &mut file, CompressionMethod::Deflated);
    }
    zip.add_directory(text, SimpleFileOptions::default().unix_permissions(0o755))?;
    folder.entries(name)?.iter().try_for_each(|entry| add(zip, folder, &name.join(&entry.name)))
}

fn append(
    zip: &mut ZipWriter<&mut File>,
    name: &str,
    file: &mut File,
    how: CompressionMethod,
) -> io::Result<()> {
    let size = file.metadata()?.len();
    // Importers take members only whose mode says that they are plain files.
    let options = SimpleFileOptions::default()
        .compression_method(how)
        .compression_level((how == CompressionMethod::Deflated).then_some(1))
        .unix_permissions(0o100_644)
        .large_file(size > u64::from(u32::MAX));
    zip.start_file(name, options)?;
    io::copy(&mut file.take(size), zip)?;
    Ok(())
}
