//! The memory of a process, as `/proc/PID/maps` shows it.

/// A range of addresses with one kind of access.
#[derive(Debug, PartialEq, Eq)]
pub struct Mapping<'a> {
    pub start: u64,
    pub end: u64,
    /// `rwx`, a dash for what is not allowed.
    pub protection: &'a str,
    /// Whether others see what is written.
    pub is_shared: bool,
    pub offset: u64,
    /// Major and minor number of the device.
    pub device: &'a str,
    pub inode: u64,
    /// The file, or in brackets what the memory is for.
    pub name: Vec<u8>,
    /// Whether the file was deleted, or replaced.
    pub is_deleted: bool,
}

/// What the kernel writes behind the name of a file that is gone.
const DELETED: &[u8] = b" (deleted)";

/// Reads a line such as `00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/x`.
pub fn parse(line: &[u8]) -> Option<Mapping<'_>> {
    let mut rest = line;
    let mut word = || {
        let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
        let word = str::from_utf8(&rest[..end]).ok();
        rest = rest[end..].strip_prefix(b" ").unwrap_or_default();
        word
    };
    let (start, end) = word()?.split_once('-')?;
    let access = word().filter(|a| a.len() == 4)?;
    let (offset, device, inode) = (word()?, word()?, word()?);
    let name = rest.trim_ascii_start();
    let is_deleted = name.ends_with(DELETED);
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        end: u64::from_str_radix(end, 16).ok()?,
        protection: access.get(..3)?,
        is_shared: access.ends_with('s'),
        offset: u64::from_str_radix(offset, 16).ok()?,
        device,
        inode: inode.parse().ok()?,
        name: unescape(name.strip_suffix(DELETED).unwrap_or(name)),
        is_deleted,
    })
}

/// Line feeds in names of files are written as `\012`, and nothing else is.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        match after.strip_prefix(b"012") {
            Some(after) if *first == b'\\' => {
                out.push(b'\n');
                rest = after;
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let mapping =
            parse(b"00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/a b\\012c (deleted)").unwrap();
        let wanted = Mapping {
            start: 0x40_0000,
            end: 0x45_2000,
            protection: "r-x",
            is_shared: false,
            offset: 0x1000,
            device: "08:02",
            inode: 173_521,
            name: b"/usr/bin/a b\nc".to_vec(),
            is_deleted: true,
        };
        assert_eq!(mapping, wanted);
        let mapping = parse(b"7f00-7f01 rw-s 00000000 00:00 0 ").unwrap();
        assert_eq!((mapping.name.as_slice(), mapping.is_shared), (&b""[..], true));
        assert_eq!(parse(b"1-2 r--p 0 00:00 0                  [stack]").unwrap().name, b"[stack]");
        let broken: [&[u8]; 6] =
            [b"", b"x", b"1-2", b"1-2 r 0 0 0", b"1-g r--p 0 00:00 0", b"1-2 r-\xffp 0 00:00 0"];
        for line in broken {
            assert_eq!(parse(line), None);
        }
    }
}
