//! "process": the memory of a process, whose number is the path. Between the mapped regions are zeros.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use vql::path::{OsPath, PathKind};
use vql::permission::Permission;
use vql::scope::Scope;

use super::container::ranges::{Map, Range};
use super::container::shared::target;
use super::{Accessor, Content, Facts, Kind};

/// Processes.
pub struct Process;

fn pid(path: &OsPath) -> io::Result<u32> {
    let not_found = || io::Error::new(io::ErrorKind::NotFound, "no such process");
    match &path.components[..] {
        [pid] => pid.to_str_lossy().parse().map_err(|_| not_found()),
        _ => Err(not_found()),
    }
}

/// The readable regions of a process.
fn regions(pid: u32) -> io::Result<Map> {
    Map::new(parse_maps(&std::fs::read_to_string(format!("/proc/{pid}/maps"))?))
}

fn parse_maps(maps: &str) -> Vec<Range> {
    let region = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let rights = words.next()?;
        let start = u64::from_str_radix(start, 16).ok()?;
        let length = u64::from_str_radix(end, 16).ok()?.checked_sub(start)?;
        let present = if rights.starts_with('r') { length } else { 0 };
        Some(Range { offset: start, length, source: start, present })
    };
    maps.lines().filter_map(region).collect()
}

/// The memory of a process. What cannot be read, though it is mapped, is zeros as well.
struct Memory {
    memory: File,
    map: Map,
    at: u64,
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((present, length)) = self.map.stretch(self.at) else { return Ok(0) };
        let wanted = buffer.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let buffer = &mut buffer[..wanted];
        let count = match present {
            Some(source) => {
                self.memory.seek(SeekFrom::Start(source))?;
                self.memory.read(buffer).unwrap_or(0)
            }
            None => 0,
        };
        let count = if count > 0 { count } else { zero_page(buffer, self.at) };
        self.at += count as u64;
        Ok(count)
    }
}

/// Zeros up to the next page: the one after may be readable.
fn zero_page(buffer: &mut [u8], at: u64) -> usize {
    const PAGE: u64 = 4096;
    let count = buffer.len().min((PAGE - at % PAGE) as usize);
    buffer[..count].fill(0);
    count
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = target(to, self.at, self.map.size())?;
        Ok(self.at)
    }
}

impl Accessor for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn doc(&self) -> &'static str {
        "The memory of a process, whose number is the path; zeros where nothing is mapped."
    }

    fn permissions(&self) -> &'static [Permission] {
        &[Permission::MachineState]
    }

    fn kind(&self) -> PathKind {
        PathKind::Generic
    }

    fn is_steady(&self) -> bool {
        false
    }

    fn open(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let pid = pid(path)?;
        let memory = File::open(format!("/proc/{pid}/mem"))?;
        Ok(Box::new(Memory { memory, map: regions(pid)?, at: 0 }))
    }

    fn stat(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        if path.components.is_empty() {
            return Ok(Facts { mode: 0o040_555, ..Facts::default() });
        }
        let size = regions(pid(path)?).map(|map| map.size())?;
        Ok(Facts { size, mode: 0o100_400, ..Facts::default() })
    }

    fn list(
        &self,
        _scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        if !path.components.is_empty() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        for entry in std::fs::read_dir("/proc")?.flatten() {
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.iter().all(u8::is_ascii_digit) && each(name, Kind::Other).is_break() {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read() {
        let maps = "00400000-00401000 r-xp 00000000 fd:00 1 /bin/x\n00500000-00600000 ---p 0 00:00 0\nnonsense\n\
            ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n";
        let wanted = [
            Range { offset: 0x40_0000, length: 0x1000, source: 0x40_0000, present: 0x1000 },
            Range { offset: 0x50_0000, length: 0x10_0000, source: 0x50_0000, present: 0 },
            Range {
                offset: 0xffff_ffff_ff60_0000,
                length: 0x1000,
                source: 0xffff_ffff_ff60_0000,
                present: 0,
            },
        ];
        assert_eq!(parse_maps(maps), wanted);
    }
}
