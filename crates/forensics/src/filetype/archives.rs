//! Archives and packed files, by their first bytes: those that samples travel in.
//!
//! What `file` says of the end of a packed file (its original size) is left out: only the start is looked at.

use super::FileType;

pub fn of(content: &[u8]) -> Option<FileType> {
    [tar, gzip, bzip2, xz, seven_zip, rar, debian].into_iter().find_map(|kind| kind(content))
}

fn at(content: &[u8], from: usize, length: usize) -> &[u8] {
    content.get(from..from.saturating_add(length)).unwrap_or_default()
}

fn tar(content: &[u8]) -> Option<FileType> {
    const MAGIC: usize = 257;
    let description = match at(content, MAGIC, 8) {
        b"ustar  \0" => "POSIX tar archive (GNU)",
        [b'u', b's', b't', b'a', b'r', 0, ..] => "POSIX tar archive",
        _ => return None,
    };
    Some(FileType::new(description, "application/x-tar", "tar"))
}

/// RFC 1952.
fn gzip(content: &[u8]) -> Option<FileType> {
    const NAME: u8 = 8;
    const EXTRA: u8 = 4;
    let [0x1f, 0x8b, 8, flags, _, _, _, _, level, system, rest @ ..] = content else { return None };
    let mut description = "gzip compressed data".to_owned();
    let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
    if flags & (NAME | EXTRA) == NAME
        && rest.len() > name.len()
        && name.iter().all(|byte| byte.is_ascii_graphic())
    {
        description += &format!(", was \"{}\"", String::from_utf8_lossy(name));
    }
    description += match level {
        2 => ", max compression",
        4 => ", max speed",
        _ => "",
    };
    description += match system {
        0 => ", from FAT filesystem (MS-DOS, OS/2, NT)",
        3 => ", from Unix",
        10 => ", from NTFS filesystem (NT)",
        _ => "",
    };
    Some(FileType::new(description, "application/gzip", "gz"))
}

fn bzip2(content: &[u8]) -> Option<FileType> {
    let [b'B', b'Z', b'h', level @ b'1'..=b'9', ..] = content else { return None };
    let description = format!("bzip2 compressed data, block size = {}00k", char::from(*level));
    Some(FileType::new(description, "application/x-bzip2", "bz2"))
}

fn xz(content: &[u8]) -> Option<FileType> {
    let rest = content.strip_prefix(b"\xfd7zXZ\0")?;
    let checksum = match rest.get(1)? & 0xf {
        0 => ", checksum NONE",
        1 => ", checksum CRC32",
        4 => ", checksum CRC64",
        10 => ", checksum SHA-256",
        _ => "",
    };
    Some(FileType::new(format!("XZ compressed data{checksum}"), "application/x-xz", "xz"))
}

fn seven_zip(content: &[u8]) -> Option<FileType> {
    let [major, minor, ..] = content.strip_prefix(b"7z\xbc\xaf\x27\x1c")? else { return None };
    let description = format!("7-zip archive data, version {major}.{minor}");
    Some(FileType::new(description, "application/x-7z-compressed", "7z"))
}

fn rar(content: &[u8]) -> Option<FileType> {
    let version = match content.strip_prefix(b"Rar!\x1a\x07")? {
        [1, 0, ..] => ", v5",
        [0, ..] => "",
        _ => return None,
    };
    Some(FileType::new(format!("RAR archive data{version}"), "application/x-rar", "rar"))
}

/// An archive of three members: the format, what is about the package, and what is in it (`deb(5)`).
fn debian(content: &[u8]) -> Option<FileType> {
    const MEMBERS: usize = 8;
    const HEAD: usize = 60;
    if !content.starts_with(b"!<arch>\ndebian-binary") {
        return None;
    }
    let name =
        |from: usize| String::from_utf8_lossy(at(content, from, 16)).trim_end_matches([' ', '/']).to_owned();
    let size = |from: usize| -> Option<usize> {
        std::str::from_utf8(at(content, from + 48, 10))
            .ok()?
            .trim_end()
            .parse()
            .ok()
            .filter(|size| *size < 1 << 30)
    };
    let after = |from: usize| Some(from + HEAD + size(from)?.next_multiple_of(2));
    let format = String::from_utf8_lossy(at(content, MEMBERS + HEAD, 3));
    let mut description = format!("Debian binary package (format {format})");
    if let Some(control) = after(MEMBERS) {
        description += &format!(", with {}", name(control));
        let data = after(control).map(name).unwrap_or_default();
        if let Some(packing) = data.strip_prefix("data.tar.") {
            description += &format!(", data compression {packing}");
        }
    }
    Some(FileType::new(description, "application/vnd.debian.binary-package", "deb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_files_are_named_and_what_is_cut_is_none_or_a_part() {
        let described = |content: &[u8]| of(content).map(|kind| kind.description).unwrap_or_default();
        let named = b"\x1f\x8b\x08\x08k5\x03k\0\x03a.txt\0\xcbH";
        assert_eq!(described(named), "gzip compressed data, was \"a.txt\", from Unix");
        assert_eq!(described(&named[..14]), "gzip compressed data, from Unix", "the name has no end");
        assert_eq!(
            described(b"\x1f\x8b\x08\0\0\0\0\0\x02\0"),
            "gzip compressed data, max compression, from FAT filesystem (MS-DOS, OS/2, NT)"
        );
        assert_eq!(described(b"Rar!\x1a\x07\x01\0"), "RAR archive data, v5");
        let deb = b"!<arch>\ndebian-binary   0           0     0     100644  4         `\n2.0\ncontrol.tar.xz  0           0     0     100644  99999999999999`\n";
        assert_eq!(described(deb), "Debian binary package (format 2.0), with control.tar.xz");
        for end in 0..deb.len() {
            described(&deb[..end]);
        }
        for other in
            [b"BZh0".as_slice(), b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"ustar", b""]
        {
            assert_eq!(described(other), "", "{other:x?}");
        }
    }
}
