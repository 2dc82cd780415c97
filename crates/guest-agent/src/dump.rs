//! The memory of a process as an ELF core file, which debuggers and memory tools read.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom};

use guest_protocol::Reply;

use crate::channel::Channel;
use crate::failure::failed_io;
use crate::file::{content, no_process};

const HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
const PAGE: u64 = 4096;
/// Mappings in one dump; also the most that the count in an ELF header can say.
const MOST: usize = 65_000;

struct Mapping {
    from: u64,
    size: u64,
    flags: u32,
    /// Parts of the system's files, as they are there, are only named.
    is_copied: bool,
}

impl Mapping {
    /// How much of it is in the core file.
    fn copied(&self) -> u64 {
        if self.is_copied { self.size } else { 0 }
    }
}

pub fn process(channel: &Channel, call: u32, pid: u32, most: u64) {
    let mut core = match core(pid) {
        Ok(core) => core,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return channel.finish(call, no_process(pid));
        }
        Err(error) => return channel.finish(call, failed_io(format_args!("process {pid}"), &error)),
    };
    match content(channel, call, &mut core, most) {
        Ok(Some(cut)) => channel.finish(call, Reply::End { cut }),
        Ok(None) => {}
        // It ended meanwhile.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            channel.finish(call, Reply::End { cut: true });
        }
        Err(error) => channel.finish(call, failed_io(format_args!("process {pid}"), &error)),
    }
}

/// The memory of a process, named by any thread of it that lives, as a core file. It ends with `UnexpectedEof` when the process does.
pub fn core(thread: u32) -> io::Result<impl io::Read> {
    let mappings = mappings(BufReader::new(File::open(format!("/proc/{thread}/smaps"))?));
    let memory = File::open(format!("/proc/{thread}/mem"))?;
    Ok(io::Cursor::new(head(&mappings)).chain(Memory { memory, mappings, at: 0, done: 0 }))
}

/// All that can be read, as `smaps` tells: a line such as those of `maps` for each, then figures about it.
fn mappings(smaps: impl BufRead) -> Vec<Mapping> {
    let mut all: Vec<Mapping> = Vec::new();
    let mut is_read = false;
    // Names of files, which samples choose, need not be text; no line feed is in them.
    for line in smaps.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let (key, value) = line.split_once(' ').unwrap_or_default();
        if key.contains('-') {
            if all.len() == MOST {
                break;
            }
            let found = mapping(&line);
            is_read = found.is_some();
            all.extend(found);
        } else if is_read && key == "Anonymous:" && value.trim() != "0 kB" {
            // The process has pages of its own in it.
            if let Some(mapping) = all.last_mut() {
                mapping.is_copied = true;
            }
        }
    }
    all
}

/// `FROM-TO rwxp OFFSET DEVICE INODE NAME`. What cannot be read at all is left out.
fn mapping(line: &str) -> Option<Mapping> {
    if line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
        return None;
    }
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
    let rights = words.next()?.as_bytes();
    let right = |at: usize, flag: u8, value: u32| if rights.get(at) == Some(&flag) { value } else { 0 };
    if right(0, b'r', 1) == 0 {
        return None;
    }
    let name = line.find('/').map_or("", |at| &line[at..]);
    let is_of_the_system =
        name.starts_with("/usr/") && !name.starts_with("/usr/local/") && !name.ends_with(" (deleted)");
    let flags = 4 | right(1, b'w', 2) | right(2, b'x', 1);
    Some(Mapping { from, size: to.checked_sub(from)?, flags, is_copied: !is_of_the_system })
}

/// ELF header and one program header for each mapping.
fn head(mappings: &[Mapping]) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |bytes: &mut Vec<u8>, value: u16| bytes.extend(value.to_le_bytes());
    let word = |bytes: &mut Vec<u8>, value: u32| bytes.extend(value.to_le_bytes());
    let long = |bytes: &mut Vec<u8>, value: u64| bytes.extend(value.to_le_bytes());
    half(&mut bytes, 4); // a core file
    half(&mut bytes, 62); // x86-64
    word(&mut bytes, 1);
    long(&mut bytes, 0);
    long(&mut bytes, HEADER);
    long(&mut bytes, 0);
    word(&mut bytes, 0);
    for value in [HEADER as u16, PROGRAM_HEADER as u16, mappings.len() as u16, 0, 0, 0] {
        half(&mut bytes, value);
    }
    let end = HEADER + PROGRAM_HEADER * mappings.len() as u64;
    let mut offset = end.next_multiple_of(PAGE);
    for mapping in mappings {
        word(&mut bytes, 1); // a part of memory
        word(&mut bytes, mapping.flags);
        for value in [offset, mapping.from, 0, mapping.copied(), mapping.size, PAGE] {
            long(&mut bytes, value);
        }
        offset += mapping.copied();
    }
    bytes.resize(end.next_multiple_of(PAGE) as usize, 0);
    bytes
}

/// The mappings one after the other. Pages that cannot be read are zeros, so that offsets stay true.
struct Memory {
    memory: File,
    mappings: Vec<Mapping>,
    at: usize,
    done: u64,
}

impl io::Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.mappings.get(self.at).is_some_and(|mapping| mapping.copied() == 0) {
            self.at += 1;
        }
        let Some(mapping) = self.mappings.get(self.at) else { return Ok(0) };
        let left = mapping.size - self.done;
        let length = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.memory.seek(SeekFrom::Start(mapping.from + self.done))?;
        let read = match self.memory.read(&mut buffer[..length]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(_) => {
                // To the end of this page.
                let page = PAGE - self.done % PAGE;
                let zeros = length.min(page as usize);
                buffer[..zeros].fill(0);
                zeros
            }
        };
        self.done += read as u64;
        if self.done == mapping.size {
            self.at += 1;
            self.done = 0;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps_are_read() {
        let found = mapping("55d0c0e00000-55d0c0e02000 r-xp 00001000 fe:00 131 /usr/bin/true").unwrap();
        assert_eq!((found.from, found.size, found.flags, found.copied()), (0x55d0_c0e0_0000, 0x2000, 5, 0));
        for line in
            ["", "x", "1-2", "2-1 rw-p", "1000-2000 ---p 0 0:0 0", "1000-2000 r--p 0 0:0 0  [vvar]", "1-2 é"]
        {
            assert!(mapping(line).is_none(), "{line}");
        }
        let is_copied = |name: &str| mapping(&format!("1000-2000 r--p 0 0:0 0  {name}")).unwrap().is_copied;
        assert!(
            ["", "[heap]", "/tmp/usr/x", "/usr/local/x", "/usr/x (deleted)", "/memfd:x"]
                .into_iter()
                .all(is_copied)
        );
    }

    #[test]
    fn parts_of_the_systems_files_are_copied_when_the_process_changed_them() {
        let smaps = b"1000-2000 r-xp 0 0:0 1 /usr/lib/a.so\nSize: 4 kB\nAnonymous:             0 kB\n\
            2000-3000 r-xp 0 0:0 1 /usr/lib/b.so\nAnonymous:             4 kB\n\
            3000-4000 ---p 0 0:0 1 /usr/lib/c.so\nAnonymous:             4 kB\n\
            4000-5000 r--p 0 0:0 1 /usr/lib/\xff.so\nAnonymous:             0 kB\n5000-6000 rw-p 0 0:0 0";
        let all = mappings(&smaps[..]);
        let copied: Vec<(u64, u64)> = all.iter().map(|mapping| (mapping.from, mapping.copied())).collect();
        assert_eq!(copied, [(0x1000, 0), (0x2000, 0x1000), (0x4000, 0), (0x5000, 0x1000)]);
    }

    #[test]
    fn own_memory_is_a_core_file_with_every_mapping() {
        let mut bytes = Vec::new();
        core(std::process::id()).unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(&bytes[..4], b"\x7fELF");
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let count = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
        let last = HEADER as usize + (count - 1) * PROGRAM_HEADER as usize;
        assert!(count > 10 && number(last + 8) % PAGE == 0);
        assert_eq!(number(last + 8) + number(last + 32), bytes.len() as u64);
    }
}
