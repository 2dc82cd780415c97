//! The analyzer of a platform, as agents take it: a zip archive. Harrier ships none; the owner of the server brings a folder or
//! an archive.

use std::fs::{self, File};
use std::io::{self, Seek as _};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// What an analyzer may be at most.
const MAX_FILES: usize = 20_000;
const MAX_BYTES: u64 = 512 << 20;
const MAX_DEPTH: usize = 16;
/// What an agent starts.
const MAIN: &str = "analyzer.py";

/// The archive: a file as it is, or what is in a folder, not compressed, since agents are slow to unpack.
pub(super) fn archive(path: &Path, incoming: &Path) -> Result<File, String> {
    let fail =
        |error: &dyn std::fmt::Display| format!("the analyzer {} cannot be used: {error}", path.display());
    let about = fs::metadata(path).map_err(|error| fail(&error))?;
    let mut file =
        if about.is_dir() { pack(path, incoming) } else { File::open(path) }.map_err(|error| fail(&error))?;
    let archive = zip::ZipArchive::new(&mut file).map_err(|error| fail(&error))?;
    if archive.index_for_name(MAIN).is_none() {
        return Err(fail(&format!("there is no {MAIN} in it")));
    }
    drop(archive);
    file.rewind().map_err(|error| fail(&error))?;
    Ok(file)
}

fn pack(folder: &Path, incoming: &Path) -> io::Result<File> {
    let mut pack = Pack { zip: ZipWriter::new(tempfile::tempfile_in(incoming)?), files: 0, bytes: 0 };
    pack.folder(folder, "", 0)?;
    let mut file = pack.zip.finish()?;
    file.rewind()?;
    Ok(file)
}

struct Pack {
    zip: ZipWriter<File>,
    files: usize,
    bytes: u64,
}

impl Pack {
    /// Plain files and folders; links may lead anywhere and are left out, like caches of Python.
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let kind = entry.file_type()?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|_| io::Error::other("the name of a file is no UTF-8"))?;
            let member = format!("{prefix}{name}");
            if kind.is_dir() && name != "__pycache__" && depth < MAX_DEPTH {
                self.folder(&entry.path(), &format!("{member}/"), depth + 1)?;
            } else if kind.is_file() {
                self.file(&entry.path(), member)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, member: String) -> io::Result<()> {
        self.files += 1;
        let mut file = File::open(path)?;
        self.bytes += file.metadata()?.len();
        if self.files > MAX_FILES || self.bytes > MAX_BYTES {
            return Err(io::Error::other("it is larger than any analyzer"));
        }
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.zip.start_file(member, options)?;
        io::copy(&mut file, &mut self.zip).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_folder_is_packed_without_what_links_lead_to() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("a/lib/__pycache__")).unwrap();
        assert!(archive(&at("a"), dir.path()).unwrap_err().contains("there is no analyzer.py"));
        fs::write(at("a/analyzer.py"), "print()").unwrap();
        fs::write(at("a/lib/x.py"), "x").unwrap();
        fs::write(at("a/lib/__pycache__/x.pyc"), "x").unwrap();
        fs::write(at("secret"), "secret").unwrap();
        std::os::unix::fs::symlink("../secret", at("a/link")).unwrap();
        let file = archive(&at("a"), dir.path()).unwrap();
        let mut zip = zip::ZipArchive::new(file).unwrap();
        assert!(zip.len() == 2 && zip.index_for_name("lib/x.py").is_some());
        let mut text = String::new();
        zip.by_name("analyzer.py").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "print()");
    }

    #[test]
    fn what_is_none_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("analyzer.zip");
        assert!(archive(&path, dir.path()).unwrap_err().contains("analyzer.zip cannot be used"));
        fs::write(&path, "no archive").unwrap();
        assert!(archive(&path, dir.path()).is_err());
    }
}
