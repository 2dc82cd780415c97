//! Zip archives, of which each member is unpacked by itself.

use std::io::{self, Read, Seek};

use forensics::filetype;

use super::{MAX_CHECKED, MAX_LOOKED_AT, Walk};

pub fn walk(file: impl Read + Seek, walk: &mut Walk<'_>) -> io::Result<bool> {
    let Ok(mut archive) = zip::ZipArchive::new(file) else { return Ok(false) };
    let looked_at = archive.len().min(MAX_LOOKED_AT);
    for at in 0..looked_at {
        let Ok(entry) = archive.by_index_raw(at) else { return Ok(false) };
        let Ok(name) = entry.name().map(std::borrow::Cow::into_owned) else { return Ok(false) };
        let (is_file, is_encrypted) = (entry.is_file(), entry.encrypted());
        drop(entry);
        if !is_file {
            continue;
        }
        let entry = if is_encrypted {
            let Some(password) = password(&mut archive, at, walk) else { return Ok(false) };
            archive.by_index_decrypt(at, password.as_bytes())
        } else {
            archive.by_index(at)
        };
        let Ok(entry) = entry else { return Ok(false) };
        // What it claims to be long is not believed, and members may share what they are packed in.
        let before = walk.left;
        let mut entry = entry.take(before);
        match walk.member(&name, &mut entry) {
            Ok(flow) if flow.is_break() => return Ok(true),
            Ok(_) => {}
            Err(_) => return Ok(false),
        }
        if !walk.may_unpack((before - entry.limit()).max(1)) {
            return Ok(true);
        }
    }
    if archive.len() > looked_at {
        walk.notes.push(format!("{} members were not looked at", archive.len() - looked_at));
    }
    Ok(true)
}

/// The one that opens a member: a wrong one may fit by the one byte that checks it, and fails at the end.
fn password<'w>(
    archive: &mut zip::ZipArchive<impl Read + Seek>,
    at: usize,
    walk: &mut Walk<'w>,
) -> Option<&'w str> {
    let passwords = walk.passwords.clone();
    passwords.into_iter().find(|password| {
        let Ok(entry) = archive.by_index_decrypt(at, password.as_bytes()) else { return false };
        let most = filetype::ENOUGH as u64 + MAX_CHECKED;
        let copied = io::copy(&mut entry.take(most), &mut io::sink());
        copied.is_ok_and(|copied| walk.may_unpack(copied))
    })
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, Write as _};

    use zip::AesMode;
    use zip::unstable::write::FileOptionsExt as _;
    use zip::write::{SimpleFileOptions, ZipWriter};

    use super::super::tests::{SCRIPT, SHARED, WANTED, found, names, taken};

    pub fn zipped(members: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in members {
            zip.start_file(*name, options).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn members_that_can_run_are_found_and_taken_out() {
        let archive = zipped(&SHARED, SimpleFileOptions::default());
        assert_eq!(names(&archive, None).unwrap(), WANTED);
        assert_eq!(taken(&archive, None, "in/b").unwrap(), b"#!/bin/sh\necho b\n");
        assert_eq!(taken(&archive, None, "in/c"), None);
    }

    #[test]
    fn known_and_given_passwords_open_and_others_leave_it_to_the_guest() {
        let members = [("a.sh", SCRIPT)];
        let with = |password| SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, password);
        let old = SimpleFileOptions::default().with_deprecated_encryption(b"infected").unwrap();
        assert_eq!(names(&zipped(&members, old), None).unwrap(), ["a.sh"]);
        assert_eq!(names(&zipped(&members, with("infected")), None).unwrap(), ["a.sh"]);
        assert_eq!(names(&zipped(&members, with("other")), Some("other")).unwrap(), ["a.sh"]);
        assert_eq!(taken(&zipped(&members, with("other")), Some("other"), "a.sh").unwrap(), SCRIPT);
        assert_eq!(names(&zipped(&members, with("other")), None), None);
    }

    #[test]
    fn what_is_left_out_is_named_and_what_is_damaged_is_the_guests() {
        let inner = zipped(&[("x", SCRIPT)], SimpleFileOptions::default());
        let members = [
            ("in.zip", inner.as_slice()),
            ("a,b.sh", SCRIPT),
            ("ok.sh", SCRIPT),
            ("../up.sh", SCRIPT),
            ("/etc/cron.d/x", SCRIPT),
            ("C:\\x.sh", SCRIPT),
            (" padded.sh", SCRIPT),
        ];
        let found = found(&zipped(&members, SimpleFileOptions::default()), None).unwrap();
        assert_eq!(found.names, ["ok.sh"]);
        let whys = ["submit it by itself", "options", "leads out", "leads out", "leads out", "options"];
        assert_eq!(found.left_out.len(), whys.len(), "{found:?}");
        assert!(found.left_out.iter().zip(whys).all(|(left_out, why)| left_out.contains(why)), "{found:?}");
        let mut broken = zipped(&[("a.sh", SCRIPT)], SimpleFileOptions::default());
        broken.truncate(40);
        assert_eq!(names(&broken, None), None);
    }

    #[test]
    fn a_bomb_is_unpacked_up_to_the_limit() {
        let zeros = vec![0; 1 << 20];
        let archive = zipped(
            &[("a", &zeros), ("b", &zeros), ("c", &zeros), ("d", &zeros)],
            SimpleFileOptions::default(),
        );
        let mut read = 0;
        let mut visit = |_: &str, content: &mut dyn io::Read| {
            read += io::copy(content, &mut io::sink())?;
            Ok(std::ops::ControlFlow::Continue(()))
        };
        let mut walk = super::Walk { left: 5 << 19, ..super::Walk::new(&mut visit, None) };
        assert!(super::walk(Cursor::new(archive), &mut walk).unwrap());
        assert_eq!(walk.notes.len(), 1);
        assert_eq!(read, 5 << 19);
    }

    #[test]
    fn thousands_of_members_are_counted() {
        let names: Vec<String> = (0..3000).map(|at| format!("{at}.sh")).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), SCRIPT)).collect();
        let found = found(&zipped(&members, SimpleFileOptions::default()), None).unwrap();
        assert_eq!((found.names.len(), found.left_out.len()), (64, 101));
        assert_eq!(found.left_out[100], "837 more were left out");
    }
}
