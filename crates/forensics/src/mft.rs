//! The file table of NTFS (`$MFT`): an entry for each name of each file, deleted ones included.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use mft::attribute::header::ResidentialHeader;
use mft::attribute::x30::{FileNameAttr, FileNamespace};
use mft::attribute::{MftAttributeContent, MftAttributeType};
use mft::{MftEntry, MftParser};

use crate::{Error, Result};

/// The four times of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    pub created: Timestamp,
    pub modified: Timestamp,
    pub changed: Timestamp,
    pub accessed: Timestamp,
}

/// One file, or one alternate data stream of it.
#[derive(Debug)]
pub struct File {
    pub entry: u64,
    pub sequence: u16,
    pub in_use: bool,
    pub parent: Option<(u64, u16)>,
    /// The directory it is in, from the root of the volume. [`parts`] takes it apart.
    pub folder: Arc<Path>,
    /// Its name there, for a stream with that of the stream behind a colon; empty when `folder` says all.
    pub name: String,
    /// The long name first.
    pub names: Vec<(String, &'static str)>,
    pub size: u64,
    pub references: u16,
    pub is_dir: bool,
    pub has_streams: bool,
    pub standard: Option<Times>,
    pub standard_flags: u32,
    /// Of the best name.
    pub name_times: Option<Times>,
    pub log_sequence: u64,
}

/// The names that a path consists of.
pub fn parts(path: &Path) -> impl Iterator<Item = Cow<'_, str>> {
    path.components().map(|c| c.as_os_str().to_string_lossy()).filter(|c| c != "/" && c != "\\")
}

/// Bytes read at a time. Few, since the directories above a file lie anywhere.
const READ: usize = 16 << 10;

/// Hands out the files of a table from an entry on, until told to stop. Entries that cannot be read are skipped.
pub fn files(source: impl Read + Seek, start: u64, mut each: impl FnMut(File) -> bool) -> Result<()> {
    let mut parser = MftParser::from_read_seek(BufReader::with_capacity(READ, source), None)
        .map_err(|e| Error::broken("file table", e.to_string()))?;
    let mut folders = Folders::default();
    for number in start..parser.get_entry_count() {
        let Ok(entry) = parser.get_entry(number) else { continue };
        // Entries that continue another one are read with it.
        if !entry.header.is_valid() || entry.header.base_reference.entry != 0 {
            continue;
        }
        let extensions = parser.get_extension_entries(&entry);
        let (mut file, streams) = described(&entry, &extensions);
        (file.folder, file.name) = folders.place(&file, || parser.get_full_path_for_entry(&entry).ok()?);
        let streams: Vec<File> = streams.into_iter().map(|stream| stream_of(&file, stream)).collect();
        if !each(file) || !streams.into_iter().all(&mut each) {
            return Ok(());
        }
    }
    Ok(())
}

/// Directories whose paths are kept; beyond, all are forgotten.
const MOST_FOLDERS: usize = 10_000;

/// The paths of directories, by the number of their entry.
#[derive(Default)]
struct Folders(HashMap<u64, Arc<Path>>);

impl Folders {
    /// The directory of a file and its name in it. Its path is asked for if that of its directory is not known, and whenever
    /// there is a choice.
    fn place(&mut self, file: &File, path: impl FnOnce() -> Option<PathBuf>) -> (Arc<Path>, String) {
        let long = file.names.iter().filter(|(_, kind)| *kind != namespace(FileNamespace::DOS)).count();
        let sole = file.names.first().filter(|(name, _)| long == 1 && !file.is_dir && is_plain(name));
        let parent = file.parent.map(|(parent, _)| parent).filter(|parent| ![0, file.entry].contains(parent));
        let sole = sole.zip(parent);
        if let Some(((name, _), parent)) = sole
            && let Some(folder) = self.0.get(&parent)
        {
            return (folder.clone(), name.clone());
        }
        let path = path().unwrap_or_default();
        let name = path.file_name().map(|name| name.to_string_lossy()).filter(|name| is_plain(name));
        let (Some(folder), Some(name)) = (path.parent(), name) else {
            return (path.into(), String::new());
        };
        let folder: Arc<Path> = folder.into();
        if let Some((_, parent)) = sole {
            if self.0.len() >= MOST_FOLDERS {
                self.0.clear();
            }
            self.0.insert(parent, folder.clone());
        }
        (folder, name.into_owned())
    }
}

/// Whether a name is one part of a path.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | ".." | "\\") && !name.contains('/')
}

const READ_ATTRIBUTES: [MftAttributeType; 3] =
    [MftAttributeType::StandardInformation, MftAttributeType::FileName, MftAttributeType::DATA];

/// A file, and the names and sizes of its streams.
fn described(entry: &MftEntry, extensions: &[MftEntry]) -> (File, Vec<(String, u64)>) {
    let mut file = File {
        entry: entry.header.record_number,
        sequence: entry.header.sequence,
        in_use: entry.is_allocated(),
        parent: None,
        folder: Path::new("").into(),
        name: String::new(),
        names: Vec::new(),
        size: 0,
        references: entry.header.hard_link_count,
        is_dir: entry.is_dir(),
        has_streams: false,
        standard: None,
        standard_flags: 0,
        name_times: None,
        log_sequence: entry.header.metadata_transaction_journal,
    };
    let mut names: Vec<FileNameAttr<'_>> = Vec::new();
    let mut streams: Vec<(String, u64)> = Vec::new();
    for record in std::iter::once(entry).chain(extensions) {
        for attribute in record.iter_attributes_matching(Some(READ_ATTRIBUTES.into())).flatten() {
            match attribute.data {
                MftAttributeContent::AttrX10(info) => {
                    file.standard_flags = info.file_flags.bits();
                    file.standard = Some(Times {
                        created: info.created,
                        modified: info.modified,
                        changed: info.mft_modified,
                        accessed: info.accessed,
                    });
                }
                MftAttributeContent::AttrX30(name) => names.push(name),
                _ if attribute.header.type_code == MftAttributeType::DATA => {
                    let size = match &attribute.header.residential_header {
                        ResidentialHeader::Resident(r) => u64::from(r.data_size),
                        ResidentialHeader::NonResident(_) if attribute.header.is_continuation() => continue,
                        ResidentialHeader::NonResident(n) => n.file_size,
                    };
                    match attribute.header.name.to_utf8_string() {
                        name if name.is_empty() => file.size = size,
                        name => streams.push((name, size)),
                    }
                }
                _ => {}
            }
        }
    }
    // Long names first: the short one is an afterthought.
    names.sort_by_key(|name| name.namespace == FileNamespace::DOS);
    if let Some(best) = names.first() {
        file.parent = Some((best.parent.entry, best.parent.sequence));
        file.name_times = Some(Times {
            created: best.created,
            modified: best.modified,
            changed: best.mft_modified,
            accessed: best.accessed,
        });
    }
    file.names = names.iter().map(|n| (n.name.to_utf8_string(), namespace(n.namespace))).collect();
    file.has_streams = !streams.is_empty();
    (file, streams)
}

/// A stream of a file as a file of its own.
fn stream_of(file: &File, (name, size): (String, u64)) -> File {
    let own = if file.name.is_empty() { String::new() } else { format!("{}:{name}", file.name) };
    let names = file.names.iter().map(|(file, kind)| (format!("{file}:{name}"), *kind)).collect();
    let (standard, name_times) = (file.standard.clone(), file.name_times.clone());
    let folder = file.folder.clone();
    File { folder, name: own, names, size, standard, name_times, is_dir: false, ..*file }
}

fn namespace(namespace: FileNamespace) -> &'static str {
    match namespace {
        FileNamespace::POSIX => "POSIX",
        FileNamespace::Win32 => "Win32",
        FileNamespace::DOS => "DOS",
        FileNamespace::Win32AndDos => "DOS+Win32",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const TABLE: &[u8] = include_bytes!("testdata/small.mft");

    fn all(bytes: &[u8], start: u64) -> Vec<File> {
        let mut all = Vec::new();
        let _ = files(Cursor::new(bytes), start, |file| {
            all.push(file);
            true
        });
        all
    }

    #[test]
    fn files_are_those_the_volume_was_given() {
        let files = all(TABLE, 0);
        let mut lines: Vec<String> = files
            .iter()
            .filter(|f| f.entry >= 64 && f.in_use)
            .map(|f| format!("{} {} {} {}", f.folder.join(&f.name).display(), f.size, f.is_dir, f.in_use))
            .collect();
        lines.sort();
        assert_eq!(lines.join("\n") + "\n", include_str!("testdata/small.mft.txt"));
    }

    #[test]
    fn paths_are_those_of_the_parser() {
        same_paths(TABLE);
    }

    fn same_paths(table: &[u8]) {
        let mut parser = MftParser::from_read_seek(Cursor::new(table), None).unwrap();
        let mut last = None;
        for file in all(table, 0) {
            // Streams come after their file, with names of their own.
            if last.replace(file.entry) == Some(file.entry) {
                continue;
            }
            let entry = parser.get_entry(file.entry).unwrap();
            let path = parser.get_full_path_for_entry(&entry).unwrap().unwrap_or_default();
            let got =
                if file.name.is_empty() { file.folder.to_path_buf() } else { file.folder.join(&file.name) };
            assert_eq!(got, path);
        }
    }

    #[test]
    fn times_are_those_the_volume_was_given() {
        let files = all(TABLE, 0);
        let file = files.iter().find(|f| f.name == "hello.txt").unwrap();
        assert_eq!(file.standard.as_ref().unwrap().modified.to_string(), "2020-01-02T03:04:05Z");
        assert!(file.has_streams && file.references == 1);
        assert_eq!(all(TABLE, file.entry)[0].entry, file.entry);
    }

    #[test]
    fn broken_tables_give_what_can_be_read() {
        assert!(files(Cursor::new(b"FILE"), 0, |_| true).is_err());
        for at in (0..TABLE.len()).step_by(311) {
            let mut bytes = TABLE.to_vec();
            bytes[at] ^= 0xff;
            all(&bytes, 0);
        }
    }
}
