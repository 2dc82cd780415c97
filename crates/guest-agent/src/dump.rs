//! The memory of a process as an ELF core file, which debuggers and memory tools read.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use guest_protocol::Reply;

use crate::channel::Channel;
use crate::failure::failed_io;
use crate::file::{content, no_process, read_small};

const HEADER: u64 = 64;
const PROGRAM_HEADER: u64 = 56;
const PAGE: u64 = 4096;
/// Mappings in one dump; also the most that the count in an ELF header can say.
const MOST: usize = 65_000;

struct Mapping {
    from: u64,
    size: u64,
    flags: u32,
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
    let maps = read_small(format!("/proc/{thread}/maps"))?;
    let memory = File::open(format!("/proc/{thread}/mem"))?;
    let mappings: Vec<Mapping> = maps.lines().filter_map(mapping).take(MOST).collect();
    Ok(io::Cursor::new(head(&mappings)).chain(Memory { memory, mappings, at: 0, done: 0 }))
}

/// One line of `maps`: `FROM-TO rwxp OFFSET DEVICE INODE NAME`. What cannot be read at all is left out.
fn mapping(line: &str) -> Option<Mapping> {
    if line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
        return None;
    }
    let mut words = line.split_whitespace();
    let (from, to) = words.next()?.split_once('-')?;
    let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
    let rights = words.next()?;
    let right = |at: usize, flag: char, value: u32| if rights[at..].starts_with(flag) { value } else { 0 };
    if !rights.starts_with('r') {
        return None;
    }
    Some(Mapping { from, size: to.checked_sub(from)?, flags: 4 | right(1, 'w', 2) | right(2, 'x', 1) })
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
        for value in [offset, mapping.from, 0, mapping.size, mapping.size, PAGE] {
            long(&mut bytes, value);
        }
        offset += mapping.size;
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
        assert_eq!((found.from, found.size, found.flags), (0x55d0_c0e0_0000, 0x2000, 5));
        for line in ["", "x", "1-2", "2-1 rw-p", "1000-2000 ---p 0 0:0 0", "1000-2000 r--p 0 0:0 0  [vvar]"] {
            assert!(mapping(line).is_none(), "{line}");
        }
    }

    #[test]
    fn own_memory_is_a_core_file_with_every_mapping() {
        let maps = read_small("/proc/self/maps").unwrap();
        let mappings: Vec<Mapping> = maps.lines().filter_map(mapping).collect();
        let head = head(&mappings);
        assert_eq!(&head[..4], b"\x7fELF");
        assert_eq!(usize::from(u16::from_le_bytes([head[56], head[57]])), mappings.len());
        assert_eq!(head.len() as u64 % PAGE, 0);
        let wanted = mappings.iter().map(|mapping| mapping.size).sum::<u64>();
        let memory = File::open("/proc/self/mem").unwrap();
        let read = io::copy(&mut Memory { memory, mappings, at: 0, done: 0 }, &mut io::sink()).unwrap();
        assert_eq!(read, wanted);
    }
}
