//! Folders as archives, for clients that know the names inside (the Cuckoo reference, section 5.8).

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::{Path, PathBuf};

use bzip2::write::BzEncoder;
use flate2::write::GzEncoder;

use super::{Folder, zipped};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Clients rely on it when they ask for none.
    #[default]
    Bzip2,
    Gzip,
    None,
    /// No tar at all.
    Zip,
}

impl Compression {
    /// From the parameter `tar`; what is not known is as if not given.
    pub fn parse(text: Option<&str>) -> Self {
        match text {
            Some("gz") => Self::Gzip,
            Some("tar") => Self::None,
            Some("zip") => Self::Zip,
            _ => Self::Bzip2,
        }
    }
}

/// What goes into an archive: names from the folder, and a file from elsewhere under a name of its own.
#[derive(Debug, Default)]
pub struct Members {
    pub names: Vec<PathBuf>,
    pub also: Option<(&'static str, File)>,
}

/// Writes an archive into a file that has no name, and gives it from its start.
pub fn archive(folder: &Folder, members: Members, compression: Compression, dir: &Path) -> io::Result<File> {
    let mut file = tempfile::tempfile_in(dir)?;
    let out = BufWriter::with_capacity(256 << 10, file.try_clone()?);
    match compression {
        Compression::Bzip2 => {
            tar(folder, members, BzEncoder::new(out, bzip2::Compression::fast()))?.finish()?.flush()?
        }
        Compression::Gzip => {
            tar(folder, members, GzEncoder::new(out, flate2::Compression::fast()))?.finish()?.flush()?
        }
        Compression::None => tar(folder, members, out)?.flush()?,
        Compression::Zip => zipped::into(folder, members, &mut file)?,
    }
    file.rewind()?;
    Ok(file)
}

fn tar<W: Write>(folder: &Folder, members: Members, out: W) -> io::Result<W> {
    let mut tar = tar::Builder::new(out);
    if let Some((name, mut file)) = members.also {
        append(&mut tar, Path::new(name), &mut file)?;
    }
    for name in &members.names {
        if let Some(mut file) = folder.find(name)? {
            append(&mut tar, name, &mut file)?;
        } else {
            append_folder(&mut tar, folder, name)?;
        }
    }
    tar.into_inner()
}

fn append_folder<W: Write>(tar: &mut tar::Builder<W>, folder: &Folder, name: &Path) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_size(0);
    tar.append_data(&mut header, name, io::empty())?;
    for entry in folder.entries(name)? {
        let member = name.join(&entry.name);
        if entry.is_dir {
            append_folder(tar, folder, &member)?;
        } else if let Some(mut file) = folder.find(&member)? {
            append(tar, &member, &mut file)?;
        }
    }
    Ok(())
}

/// A file that grows while it is read is cut at the size it had, one that shrinks is filled up: the archive stays whole.
fn append<W: Write>(tar: &mut tar::Builder<W>, name: &Path, file: &mut File) -> io::Result<()> {
    let meta = file.metadata()?;
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(meta.len());
    let changed = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    header.set_mtime(changed.map_or(0, |since| since.as_secs()));
    let whole = io::Read::take(io::Read::chain(file, io::repeat(0)), meta.len());
    tar.append_data(&mut header, name, whole)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use super::super::Analyses;
    use super::*;

    fn names(file: impl io::Read) -> Vec<String> {
        let mut tar = tar::Archive::new(file);
        tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[test]
    fn members_have_their_bare_names_and_links_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Analyses::open(dir.path()).unwrap().create(1).unwrap();
        fs::write(folder.path().join("shots/0001.jpg"), "picture").unwrap();
        fs::write(folder.path().join("analysis.log"), "log").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("shots/0002.jpg")).unwrap();
        let members = || Members { names: ["analysis.log", "shots"].map(PathBuf::from).into(), also: None };
        let expected = ["analysis.log", "shots", "shots/0001.jpg"];
        let open = |compression| archive(&folder, members(), compression, dir.path()).unwrap();
        assert_eq!(names(bzip2::read::BzDecoder::new(open(Compression::Bzip2))), expected);
        assert_eq!(names(flate2::read::GzDecoder::new(open(Compression::Gzip))), expected);
        assert_eq!(names(open(Compression::None)), expected);
        let mut zip = zip::ZipArchive::new(open(Compression::Zip)).unwrap();
        let listed: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(listed, ["analysis.log", "shots/", "shots/0001.jpg"]);
        let mut member = zip.by_name("shots/0001.jpg").unwrap();
        assert_eq!(member.unix_mode(), Some(0o100_644));
        let mut text = String::new();
        member.read_to_string(&mut text).unwrap();
        assert_eq!(text, "picture");
    }

    #[test]
    fn an_empty_archive_is_a_valid_one() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Analyses::open(dir.path()).unwrap().create(1).unwrap();
        for compression in [Compression::Bzip2, Compression::Gzip, Compression::None, Compression::Zip] {
            let file = archive(&folder, Members::default(), compression, dir.path()).unwrap();
            assert!(file.metadata().unwrap().len() > 0, "{compression:?}");
        }
    }
}
