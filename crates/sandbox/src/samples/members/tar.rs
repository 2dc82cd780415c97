//! Tar archives, also those that are packed as a whole.

use std::io::{self, Read, Seek, SeekFrom};

use bzip2::read::BzDecoder;
use flate2::read::MultiGzDecoder;
use forensics::filetype;

use super::{MAX_UNPACKED, Walk};

pub fn walk(file: impl Read, walk: &mut Walk<'_>) -> io::Result<bool> {
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries()? {
        let Ok(mut entry) = entry else {
            walk.notes.push("the archive breaks off, or is too large".to_owned());
            break;
        };
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type().is_file()
            && walk.member(name.trim_start_matches("./"), &mut entry)?.is_break()
        {
            break;
        }
    }
    Ok(true)
}

pub fn gzip(file: impl Read, walk: &mut Walk<'_>) -> io::Result<bool> {
    packed(MultiGzDecoder::new(file), walk)
}

pub fn bzip2(mut file: impl Read + Seek, walk: &mut Walk<'_>) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    packed(BzDecoder::new(file), walk)
}

/// Anything else that is packed is one file, and the guest's.
fn packed(unpacking: impl Read, walk: &mut Walk<'_>) -> io::Result<bool> {
    let mut unpacking = unpacking.take(MAX_UNPACKED);
    let mut start = Vec::new();
    let read = (&mut unpacking).take(filetype::ENOUGH as u64).read_to_end(&mut start);
    if read.is_err() || !filetype::of(&start).description.contains("tar archive") {
        return Ok(false);
    }
    self::walk(start.as_slice().chain(unpacking), walk)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::tests::{SCRIPT, SHARED, WANTED, found, names, taken};

    fn tarred(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_gnu();
            // As it is, also when it leads elsewhere.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn members_that_can_run_are_found_and_taken_out_packed_or_not() {
        let tar = tarred(&SHARED);
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&tar).unwrap();
        let mut bz = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz.write_all(&tar).unwrap();
        for archive in [tar, gz.finish().unwrap(), bz.finish().unwrap()] {
            assert_eq!(names(&archive, None).unwrap(), WANTED);
            assert_eq!(taken(&archive, None, "in/b").unwrap(), b"#!/bin/sh\necho b\n");
        }
    }

    #[test]
    fn what_is_left_out_is_named() {
        let inner = tarred(&[("x", SCRIPT)]);
        let found = found(&tarred(&[("in.tar", &inner), ("../../up.sh", SCRIPT), ("./ok.sh", SCRIPT)]), None)
            .unwrap();
        assert_eq!((&*found.names, found.left_out.len()), (&["ok.sh".to_owned()][..], 2), "{found:?}");
        let many: Vec<String> = (0..100).map(|at| format!("{at}.sh")).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), SCRIPT)).collect();
        let found = super::super::tests::found(&tarred(&many), None).unwrap();
        assert_eq!((found.names.len(), found.left_out.len()), (64, 36));
    }

    #[test]
    fn an_archive_that_breaks_off_gives_what_was_before() {
        let mut tar = tarred(&[("a.sh", SCRIPT), ("b.sh", SCRIPT)]);
        tar.truncate(1024 + 100);
        let found = found(&tar, None).unwrap();
        assert_eq!((&*found.names, found.left_out.len()), (&["a.sh".to_owned()][..], 1), "{found:?}");
    }
}
