//! 7z archives, also encrypted ones, and those whose list of members is encrypted.
//!
//! Members lie one after the other in blocks that are packed as a whole, so that one is found only by unpacking those before it.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};

use sevenz_rust2::{ArchiveReader, EntryDecision, Error, Password};

use super::{MAX_CHECKED, Walk};

/// What a decoder may ask for: the dictionaries of 7-Zip's own levels need a quarter of it.
const MAX_MEMORY_KB: usize = 256 << 10;
/// An archive may ask for seconds of work to make a key, for each of its blocks and each password.
const MAX_TIME: Duration = Duration::from_secs(60);

pub fn walk(file: impl Read + Seek, walk: &mut Walk<'_>) -> io::Result<bool> {
    let mut source = Timed { file, until: Instant::now() + MAX_TIME };
    let passwords: Vec<&str> = [""].into_iter().chain(walk.passwords.iter().copied()).collect();
    for password in passwords {
        source.file.seek(SeekFrom::Start(0))?;
        if let Some(mut archive) = open(&mut source, password) {
            return Ok(members(&mut archive, walk).is_ok());
        }
        if Instant::now() >= source.until {
            break;
        }
    }
    Ok(false)
}

/// It, when this is its password.
fn open<R: Read + Seek>(source: R, password: &str) -> Option<ArchiveReader<R>> {
    let key = if password.is_empty() { Password::empty() } else { Password::new(password) };
    let mut archive = ArchiveReader::new_with_memory_limit(source, key, MAX_MEMORY_KB).ok()?;
    archive.set_thread_count(1);
    let count = archive.archive().files.len();
    let is_encrypted = (0..count).any(|at| archive.archive().is_file_encrypted(at));
    if !is_encrypted {
        return Some(archive);
    }
    if password.is_empty() {
        return None;
    }
    // Whether it is right is seen by what comes out.
    let check = archive.for_each_entries_with_decision(|entry, content| {
        if !entry.has_stream {
            return Ok(EntryDecision::Continue);
        }
        io::copy(&mut content.take(MAX_CHECKED), &mut io::sink())?;
        Ok(EntryDecision::Stop)
    });
    check.is_ok().then_some(archive)
}

fn members(archive: &mut ArchiveReader<impl Read + Seek>, walk: &mut Walk<'_>) -> Result<(), Error> {
    archive.for_each_entries_with_decision(|entry, content| {
        if entry.is_directory || entry.is_anti_item {
            return Ok(EntryDecision::Continue);
        }
        // No more than this is unpacked for it, whatever is in there.
        if !walk.may_unpack(entry.size) || walk.member(&entry.name, content)?.is_break() {
            return Ok(EntryDecision::Stop);
        }
        Ok(EntryDecision::Continue)
    })
}

/// Fails when the time is over.
struct Timed<R> {
    file: R,
    until: Instant,
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.file.read(buffer)
    }
}

impl<R: Seek> Seek for Timed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;
    use std::process::Command;

    use sevenz_rust2::encoder_options::{AesEncoderOptions, Lzma2Options};
    use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration};

    use super::super::tests::{SCRIPT, SHARED, WANTED, found, names, taken};
    use super::*;

    /// Each member in a block of its own, or all in one; encrypted when there is a password.
    fn packed(members: &[(&str, &[u8])], password: Option<&str>, is_solid: bool) -> Vec<u8> {
        let mut archive = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
        let mut methods: Vec<EncoderConfiguration> = Vec::new();
        if let Some(password) = password {
            methods.push(AesEncoderOptions::new(Password::new(password)).into());
        }
        methods.push(Lzma2Options::from_level(1).into());
        archive.set_content_methods(methods);
        archive.set_encrypt_header(false);
        let entries = members.iter().map(|(name, _)| ArchiveEntry::new_file(name));
        if is_solid {
            let contents = members.iter().map(|(_, content)| (*content).into()).collect();
            archive.push_archive_entries::<&[u8]>(entries.collect(), contents).unwrap();
        } else {
            for (entry, (_, content)) in entries.zip(members) {
                archive.push_archive_entry(entry, Some(*content)).unwrap();
            }
        }
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn members_that_can_run_are_found_and_taken_out() {
        for is_solid in [false, true] {
            let archive = packed(&SHARED, None, is_solid);
            assert_eq!(names(&archive, None).unwrap(), WANTED);
            assert_eq!(taken(&archive, None, "in/b").unwrap(), b"#!/bin/sh\necho b\n");
            assert_eq!(taken(&archive, None, "in/c"), None);
        }
    }

    #[test]
    fn known_and_given_passwords_open_and_others_leave_it_to_the_guest() {
        let members = [("notes.txt", b"plain words, and enough of them".as_slice()), ("a.sh", SCRIPT)];
        for is_solid in [false, true] {
            assert_eq!(names(&packed(&members, Some("infected"), is_solid), None).unwrap(), ["a.sh"]);
            let rare = packed(&members, Some("rare"), is_solid);
            assert_eq!(names(&rare, Some("rare")).unwrap(), ["a.sh"]);
            assert_eq!(taken(&rare, Some("rare"), "a.sh").unwrap(), SCRIPT);
            assert_eq!((names(&rare, None), names(&rare, Some("other"))), (None, None));
        }
    }

    #[test]
    fn archives_of_7_zip_itself_open_with_their_list_encrypted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("räksmörgås.sh"), SCRIPT).unwrap();
        for (name, options) in
            [("a.7z", &["-prare", "-mhe=on"][..]), ("b.7z", &["-m0=ppmd"]), ("c.7z", &["-m0=bzip2"])]
        {
            let mut call = Command::new("7z");
            let call = call
                .current_dir(dir.path())
                .env("LC_ALL", "C.UTF-8")
                .arg("a")
                .args(options)
                .args([name, "räksmörgås.sh"]);
            let made = call.output().expect("7z, which `cargo xtask setup` installs");
            assert!(made.status.success(), "{made:?}");
            let archive = std::fs::read(dir.path().join(name)).unwrap();
            assert_eq!(names(&archive, Some("rare")).unwrap(), ["räksmörgås.sh"], "{name}");
        }
    }

    #[test]
    fn what_is_left_out_is_named() {
        let many: Vec<String> = (0..1100).map(|at| format!("{at}.sh")).collect();
        let mut members: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), SCRIPT)).collect();
        members.splice(0..0, [("../../up.sh", SCRIPT), ("a,b.sh", SCRIPT), ("in.tar", &[0; 600][..])]);
        let found = found(&packed(&members, None, true), None).unwrap();
        assert_eq!((found.names.len(), found.left_out.len()), (64, 101));
        assert!(
            found.left_out[0].contains("leads out") && found.left_out[1].contains("options"),
            "{found:?}"
        );
    }

    fn walked(archive: &[u8], left: u64) -> (bool, usize, Vec<String>) {
        let mut read = 0;
        let mut visit = |_: &str, content: &mut dyn Read| {
            read += io::copy(content, &mut io::sink())? as usize;
            Ok(ControlFlow::Continue(()))
        };
        let mut walk = Walk { left, ..Walk::new(&mut visit, None) };
        let is_open = super::walk(Cursor::new(archive), &mut walk).unwrap();
        let notes = walk.notes;
        (is_open, read, notes)
    }

    #[test]
    fn a_bomb_is_unpacked_up_to_the_limit() {
        let zeros = vec![0; 1 << 20];
        let members = [("a", &zeros[..]), ("b", &zeros[..]), ("c", &zeros[..])];
        for is_solid in [false, true] {
            let archive = packed(&members, None, is_solid);
            assert!(archive.len() < 4096);
            let (is_open, read, notes) = walked(&archive, 5 << 19);
            assert_eq!((is_open, read, notes.len()), (true, 2 << 20, 1), "{notes:?}");
        }
    }

    /// With other bytes in its list of members, and checksums that fit.
    fn forged(archive: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut forged = archive.to_vec();
        let number = |at: usize| u64::from_le_bytes(archive[at..at + 8].try_into().unwrap()) as usize;
        let (start, length) = (32 + number(12), number(20));
        change(&mut forged[start..start + length]);
        let sum = crc32fast::hash(&forged[start..start + length]);
        forged[28..32].copy_from_slice(&sum.to_le_bytes());
        let sum = crc32fast::hash(&forged[12..32]);
        forged[8..12].copy_from_slice(&sum.to_le_bytes());
        forged
    }

    #[test]
    fn what_a_list_claims_is_not_believed() {
        let archive = packed(&SHARED, None, true);
        assert_eq!(forged(&archive, |_| {}), archive);
        // A dictionary of four gigabytes.
        let huge = forged(&archive, |list| {
            let at = list.windows(3).position(|bytes| bytes == [0x21, 0x21, 1]).unwrap();
            list[at + 3] = 40;
        });
        assert_eq!(names(&huge, None), None);
        let mut length = 0;
        forged(&archive, |list| length = list.len());
        for at in 0..length {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let forged = forged(&archive, |list| list[at] = byte);
                let (_, read, _) = walked(&forged, 1 << 20);
                assert!(read <= 1 << 20, "{at} {byte}");
            }
        }
        for length in 0..archive.len() {
            assert!(!walked(&archive[..length], 1 << 20).0, "{length}");
        }
    }
}
