//! What is in an archive: the members that are worth a task each (the Cuckoo reference, section 5.3). Only beginnings of members are
//! read, and nothing is written; the guest unpacks.

use std::io::{self, Read, Seek, SeekFrom};

use bzip2::read::BzDecoder;
use flate2::read::MultiGzDecoder;
use forensics::filetype;

/// The passwords under which samples are shared.
const PASSWORDS: [&str; 5] = ["infected", "malware", "virus", "password", "1234"];
/// Members that are looked at, and those that are given.
const MAX_LOOKED_AT: usize = 1000;
const MAX_MEMBERS: usize = 64;
/// Bytes that a packed tar may unpack to before the rest is left out.
const MAX_UNPACKED: u64 = 512 << 20;
/// Bytes of an encrypted member that are decrypted to see that the password was right.
const MAX_CHECKED: u64 = 16 << 20;
/// Options say which member is run: these would end its name there.
const NOT_IN_OPTIONS: [char; 4] = [',', '\n', '\r', '\0'];

/// What was found.
#[derive(Debug, Default, PartialEq)]
pub struct Members {
    /// Names, in the archive's order.
    pub names: Vec<String>,
    /// What was left out although it may matter, in words for people.
    pub left_out: Vec<String>,
}

/// The members of a file of this type that `is_sample` takes, by type and name; `None` when the file is no archive, or one that only
/// the guest can open: of another kind, or under another password.
pub fn of(
    mut file: impl Read + Seek,
    file_type: &str,
    password: Option<&str>,
    is_sample: &dyn Fn(&str, &str) -> bool,
) -> io::Result<Option<Members>> {
    let mut found = Found { members: Members::default(), is_sample };
    let opened = match file_type {
        kind if kind.starts_with("Zip archive") => zip(file, password, &mut found),
        kind if kind.contains("tar archive") => tar(file, &mut found),
        kind if kind.starts_with("gzip compressed") => packed(MultiGzDecoder::new(file), &mut found),
        kind if kind.starts_with("bzip2 compressed") => {
            file.seek(SeekFrom::Start(0))?;
            packed(BzDecoder::new(file), &mut found)
        }
        _ => Ok(false),
    };
    Ok(opened?.then_some(found.members))
}

struct Found<'s> {
    members: Members,
    is_sample: &'s dyn Fn(&str, &str) -> bool,
}

impl Found<'_> {
    fn look(&mut self, name: &str, content: impl Read) -> io::Result<()> {
        let mut start = Vec::new();
        content.take(filetype::ENOUGH as u64).read_to_end(&mut start)?;
        let kind = filetype::of(&start).description;
        let base = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        if kind.contains("archive") && !(self.is_sample)(&kind, &base) {
            self.members.left_out.push(format!("{name}: an archive in an archive: submit it by itself"));
        } else if !(self.is_sample)(&kind, &base) {
            // As the reference has it: plain files are no tasks.
        } else if name.contains(NOT_IN_OPTIONS) {
            self.members.left_out.push(format!("{name:?}: its name cannot stand in options"));
        } else if self.members.names.len() == MAX_MEMBERS {
            self.members.left_out.push(format!("{name}: more than {MAX_MEMBERS} members of one archive"));
        } else {
            self.members.names.push(name.to_owned());
        }
        Ok(())
    }
}

/// Whether it could be opened.
fn zip(file: impl Read + Seek, password: Option<&str>, found: &mut Found<'_>) -> io::Result<bool> {
    let Ok(mut archive) = zip::ZipArchive::new(file) else { return Ok(false) };
    let passwords: Vec<&str> = password.into_iter().chain(PASSWORDS).collect();
    let looked_at = archive.len().min(MAX_LOOKED_AT);
    for at in 0..looked_at {
        let Ok(entry) = archive.by_index_raw(at) else { return Ok(false) };
        let Ok(name) = entry.name().map(std::borrow::Cow::into_owned) else { return Ok(false) };
        let (is_file, is_encrypted) = (entry.is_file(), entry.encrypted());
        drop(entry);
        if !is_file {
            continue;
        }
        let is_open = if is_encrypted {
            passwords.iter().any(|password| {
                let entry = archive.by_index_decrypt(at, password.as_bytes());
                let start = entry.map_err(io::Error::other).and_then(checked);
                start.is_ok_and(|start| found.look(&name, start.as_slice()).is_ok())
            })
        } else {
            archive.by_index(at).is_ok_and(|entry| found.look(&name, entry).is_ok())
        };
        if !is_open {
            return Ok(false);
        }
    }
    if archive.len() > looked_at {
        found.members.left_out.push(format!("{} members were not looked at", archive.len() - looked_at));
    }
    Ok(true)
}

/// The beginning of an encrypted member: a wrong password may fit by the one byte that checks it, and fails at the end.
fn checked(mut entry: impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    (&mut entry).take(filetype::ENOUGH as u64).read_to_end(&mut start)?;
    io::copy(&mut entry.take(MAX_CHECKED), &mut io::sink())?;
    Ok(start)
}

fn tar(file: impl Read, found: &mut Found<'_>) -> io::Result<bool> {
    let mut archive = tar::Archive::new(file);
    for (at, entry) in archive.entries()?.enumerate() {
        let Ok(entry) = entry else {
            found.members.left_out.push("the archive breaks off, or is too large".to_owned());
            break;
        };
        if at == MAX_LOOKED_AT {
            found.members.left_out.push(format!("only {MAX_LOOKED_AT} members were looked at"));
            break;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type().is_file() {
            found.look(name.trim_start_matches("./"), entry)?;
        }
    }
    Ok(true)
}

/// A tar that is packed as a whole; anything else that is packed is one file, and the guest's.
fn packed(unpacking: impl Read, found: &mut Found<'_>) -> io::Result<bool> {
    let mut unpacking = unpacking.take(MAX_UNPACKED);
    let mut start = Vec::new();
    let read = (&mut unpacking).take(filetype::ENOUGH as u64).read_to_end(&mut start);
    if read.is_err() || !filetype::of(&start).description.contains("tar archive") {
        return Ok(false);
    }
    tar(start.as_slice().chain(unpacking), found)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::AesMode;
    use zip::unstable::write::FileOptionsExt as _;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::*;

    const SCRIPT: &[u8] = b"#!/bin/sh\nid\n";

    fn of_bytes(bytes: &[u8], password: Option<&str>) -> Option<Members> {
        let kind = filetype::of(bytes).description;
        of(Cursor::new(bytes), &kind, password, &|kind, _| kind.contains("script")).unwrap()
    }

    fn zipped(members: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            zip.start_file(*name, options).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn tarred(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn names(bytes: &[u8], password: Option<&str>) -> Option<Vec<String>> {
        of_bytes(bytes, password).map(|members| members.names)
    }

    #[test]
    fn members_that_can_run_are_found_in_each_kind_of_archive() {
        let members = [("a.sh", SCRIPT), ("notes.txt", b"plain".as_slice()), ("in/b", SCRIPT)];
        let wanted = Some(vec!["a.sh".to_owned(), "in/b".to_owned()]);
        let plain = SimpleFileOptions::default();
        let tar = tarred(&members);
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&tar).unwrap();
        assert_eq!(names(&zipped(&members, plain), None), wanted);
        assert_eq!(names(&tar, None), wanted);
        assert_eq!(names(&gz.finish().unwrap(), None), wanted);
    }

    #[test]
    fn known_and_given_passwords_open_and_others_leave_it_to_the_guest() {
        let members = [("a.sh", SCRIPT)];
        let with = |password| SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, password);
        let old = SimpleFileOptions::default().with_deprecated_encryption(b"infected").unwrap();
        assert_eq!(names(&zipped(&members, old), None).unwrap(), ["a.sh"]);
        assert_eq!(names(&zipped(&members, with("infected")), None).unwrap(), ["a.sh"]);
        assert_eq!(names(&zipped(&members, with("other")), Some("other")).unwrap(), ["a.sh"]);
        assert_eq!(names(&zipped(&members, with("other")), None), None);
    }

    #[test]
    fn what_is_left_out_is_named_and_what_is_damaged_is_the_guests() {
        let inner = tarred(&[("x", SCRIPT)]);
        let members = [("in.tar", inner.as_slice()), ("a,b.sh", SCRIPT), ("ok.sh", SCRIPT)];
        let found = of_bytes(&zipped(&members, SimpleFileOptions::default()), None).unwrap();
        assert_eq!((found.names.len(), found.left_out.len()), (1, 2), "{found:?}");
        assert!(found.left_out[0].contains("submit it by itself"));
        let many: Vec<String> = (0..100).map(|at| format!("{at}.sh")).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), SCRIPT)).collect();
        let found = of_bytes(&tarred(&many), None).unwrap();
        assert_eq!((found.names.len(), found.left_out.len()), (MAX_MEMBERS, 36));
        let mut broken = zipped(&[("a.sh", SCRIPT)], SimpleFileOptions::default());
        broken.truncate(40);
        assert_eq!(names(&broken, None), None);
        assert_eq!(names(SCRIPT, None), None);
    }
}
