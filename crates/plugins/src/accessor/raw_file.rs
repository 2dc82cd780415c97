//! "raw_file": devices and files, read in whole blocks at places that are multiples of a block.

use std::fs::OpenOptions;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

use rustix::fs::OFlags;
use vql::path::OsPath;
use vql::permission::Permission;
use vql::scope::Scope;

use super::container::shared::target;
use super::file::{File, facts, host_path};
use super::{Accessor, Content, Facts, Kind, read_full};

/// Devices.
pub struct RawFile;

/// A multiple of every sector size there is.
const BLOCK: u64 = 64 << 10;

/// Reads blocks; hands out any bytes of them.
struct Aligned<C> {
    device: C,
    block: Vec<u8>,
    /// Where the block starts.
    start: u64,
    at: u64,
}

impl<C: Read + Seek> Read for Aligned<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = self.at - self.at % BLOCK;
        if self.block.is_empty() || start != self.start {
            self.block.resize(BLOCK as usize, 0);
            self.device.seek(SeekFrom::Start(start))?;
            let count = read_full(&mut self.device, &mut self.block)?;
            self.block.truncate(count);
            self.start = start;
        }
        let rest = self.block.get((self.at - start) as usize..).unwrap_or_default();
        let count = buffer.len().min(rest.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl<C: Read + Seek> Seek for Aligned<C> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = if matches!(to, SeekFrom::End(_)) { self.device.seek(SeekFrom::End(0))? } else { 0 };
        self.at = target(to, self.at, end)?;
        Ok(self.at)
    }
}

impl Accessor for RawFile {
    fn name(&self) -> &'static str {
        "raw_file"
    }

    fn doc(&self) -> &'static str {
        "Devices and files, read in whole blocks."
    }

    fn permissions(&self) -> &'static [Permission] {
        &[Permission::FilesystemRead]
    }

    fn open(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let flags = OFlags::NONBLOCK.bits() as i32;
        let device = OpenOptions::new().read(true).custom_flags(flags).open(host_path(path))?;
        let kind = device.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        if kind.is_fifo() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is a pipe"));
        }
        Ok(Box::new(Aligned { device, block: Vec::new(), start: 0, at: 0 }))
    }

    fn stat(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let metadata = std::fs::metadata(host_path(path))?;
        let mut facts = facts(&metadata);
        if metadata.file_type().is_block_device()
            && let Ok(mut device) = std::fs::File::open(host_path(path))
        {
            facts.size = device.seek(SeekFrom::End(0)).unwrap_or(0);
        }
        Ok(facts)
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        File { name: "raw_file" }.list(scope, path, each)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Fails like a device when a read is not of whole blocks.
    struct Strict(Cursor<Vec<u8>>);

    impl Read for Strict {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let end = self.0.get_ref().len() as u64;
            let is_aligned = self.0.position().is_multiple_of(BLOCK) || self.0.position() == end;
            if !is_aligned || (!(buffer.len() as u64).is_multiple_of(BLOCK) && self.0.position() != end) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            self.0.read(buffer)
        }
    }

    impl Seek for Strict {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn reads_are_aligned() {
        let data: Vec<u8> = (0..200_000_u32).map(|i| (i / 3) as u8).collect();
        let device = Strict(Cursor::new(data.clone()));
        let mut aligned = Aligned { device, block: Vec::new(), start: 0, at: 0 };
        for (place, length) in [(1_usize, 10), (65_530, 20), (199_990, 100), (0, 5), (300_000, 5)] {
            aligned.seek(SeekFrom::Start(place as u64)).unwrap();
            let mut got = vec![0; length];
            let count = read_full(&mut aligned, &mut got).unwrap();
            let wanted = data.get(place..(place + length).min(data.len())).unwrap_or_default();
            assert_eq!(&got[..count], wanted, "{place}");
        }
        assert_eq!(aligned.seek(SeekFrom::End(-1)).unwrap(), 199_999);
    }
}
