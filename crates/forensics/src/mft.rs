//! The file table of NTFS (`$MFT`): an entry for each name of each file, deleted ones included.

use std::io::{Read, Seek};

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
    /// From the root of the volume; for a stream with its name behind a colon.
    pub path: Vec<String>,
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

/// Hands out the files of a table from an entry on, until told to stop. Entries that cannot be read are skipped.
pub fn files(source: impl Read + Seek, start: u64, mut each: impl FnMut(File) -> bool) -> Result<()> {
    let mut parser =
        MftParser::from_read_seek(source, None).map_err(|e| Error::broken("file table", e.to_string()))?;
    for number in start..parser.get_entry_count() {
        let Ok(entry) = parser.get_entry(number) else { continue };
        // Entries that continue another one are read with it.
        if !entry.header.is_valid() || entry.header.base_reference.entry != 0 {
            continue;
        }
        let path = parser.get_full_path_for_entry(&entry).ok().flatten();
        let path: Vec<String> = path
            .iter()
            .flat_map(|p| p.components())
            .map(|c| c.as_os_str().to_string_lossy().into_owned())
            .filter(|c| c != "/" && c != "\\")
            .collect();
        let extensions = parser.get_extension_entries(&entry);
        for file in described(&entry, &extensions, path) {
            if !each(file) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn described(entry: &MftEntry, extensions: &[MftEntry], path: Vec<String>) -> Vec<File> {
    let mut file = File {
        entry: entry.header.record_number,
        sequence: entry.header.sequence,
        in_use: entry.is_allocated(),
        parent: None,
        path,
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
        for attribute in record.iter_attributes().flatten() {
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
    with_streams(file, streams)
}

/// A file, and each of its streams as a file.
fn with_streams(file: File, streams: Vec<(String, u64)>) -> Vec<File> {
    let stream = |(name, size): (String, u64)| {
        let mut path = file.path.clone();
        if let Some(last) = path.last_mut() {
            last.push_str(&format!(":{name}"));
        }
        let names = file.names.iter().map(|(file, kind)| (format!("{file}:{name}"), *kind)).collect();
        let (standard, name_times) = (file.standard.clone(), file.name_times.clone());
        File { path, names, size, standard, name_times, is_dir: false, ..file }
    };
    let streams: Vec<File> = streams.into_iter().map(stream).collect();
    std::iter::once(file).chain(streams).collect()
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
            .map(|f| format!("{} {} {} {}", f.path.join("/"), f.size, f.is_dir, f.in_use))
            .collect();
        lines.sort();
        assert_eq!(lines.join("\n") + "\n", include_str!("testdata/small.mft.txt"));
    }

    #[test]
    fn times_are_those_the_volume_was_given() {
        let files = all(TABLE, 0);
        let file = files.iter().find(|f| f.path.last().is_some_and(|n| n == "hello.txt")).unwrap();
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
