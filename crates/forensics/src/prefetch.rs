//! Windows prefetch files: which program ran, when, and what it loaded. Versions 17 (XP) to 31 (Windows 11).

use jiff::Timestamp;

use crate::bytes::{Bytes, filetime, read_all, utf16};
use crate::{Error, Result, Source, xpress};

/// The largest file, packed or not.
const MAX_SIZE: u64 = 64 << 20;
const MAX_NAMES: usize = 100_000;
const MAX_VOLUMES: usize = 1000;
const WHAT: &str = "prefetch file";

/// What a prefetch file tells.
#[derive(Debug, PartialEq)]
pub struct Prefetch {
    pub version: u32,
    pub executable: String,
    pub hash: u32,
    pub size: u32,
    pub run_count: u32,
    /// The latest first.
    pub runs: Vec<Timestamp>,
    pub files: Vec<String>,
    pub volumes: Vec<Volume>,
}

/// A volume that the program used.
#[derive(Debug, PartialEq)]
pub struct Volume {
    pub path: String,
    pub serial: u32,
    pub created: Option<Timestamp>,
}

pub fn parse(source: &mut dyn Source) -> Result<Prefetch> {
    let bytes = read_all(source, MAX_SIZE)?;
    let unpacked;
    let bytes = match bytes.strip_prefix(b"MAM\x04") {
        Some(rest) => {
            let size = Bytes(rest).size(0).ok_or_else(short)?;
            if size as u64 > MAX_SIZE {
                return Err(Error::TooMuch { what: WHAT, limit: MAX_SIZE });
            }
            unpacked = xpress::unpack(&rest[4..], size)?;
            Bytes(&unpacked)
        }
        None => Bytes(&bytes),
    };
    if bytes.get(4, 4) != Some(b"SCCA") {
        return Err(Error::NotA("a prefetch file"));
    }
    read(bytes).ok_or_else(short)?
}

fn short() -> Error {
    Error::broken(WHAT, "too short")
}

/// Where a version keeps its times, how many there are, and where it counts.
struct Layout {
    times: usize,
    time_count: usize,
    count: usize,
    volume_size: usize,
}

impl Layout {
    fn of(bytes: Bytes<'_>, version: u32) -> Option<Layout> {
        // A later form of version 30 and 31 is eight bytes shorter; its metrics start earlier as well.
        let is_short = bytes.u32(0x54)? == 0x128;
        Some(match version {
            17 => Layout { times: 0x78, time_count: 1, count: 0x90, volume_size: 40 },
            23 => Layout { times: 0x80, time_count: 1, count: 0x98, volume_size: 104 },
            26 => Layout { times: 0x80, time_count: 8, count: 0xD0, volume_size: 104 },
            30 | 31 if is_short => Layout { times: 0x80, time_count: 8, count: 0xC8, volume_size: 96 },
            30 | 31 => Layout { times: 0x80, time_count: 8, count: 0xD0, volume_size: 96 },
            _ => return None,
        })
    }
}

fn read(bytes: Bytes<'_>) -> Option<Result<Prefetch>> {
    let version = bytes.u32(0)?;
    let Some(layout) = Layout::of(bytes, version) else {
        return Some(Err(Error::Unsupported { what: "prefetch version", which: version.to_string() }));
    };
    let times = (0..layout.time_count).filter_map(|i| filetime(bytes.u64(layout.times + 8 * i)?));
    let names = bytes.get(bytes.size(0x64)?, bytes.size(0x68)?)?;
    Some(Ok(Prefetch {
        version,
        executable: utf16(bytes.get(0x10, 60)?),
        hash: bytes.u32(0x4C)?,
        size: bytes.u32(0x0C)?,
        run_count: bytes.u32(layout.count)?,
        runs: times.collect(),
        files: strings(names),
        volumes: volumes(bytes, layout.volume_size)?,
    }))
}

/// Texts that end in NUL, one after another.
fn strings(bytes: &[u8]) -> Vec<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
    let texts = units.split(|u| *u == 0).filter(|text| !text.is_empty());
    texts.take(MAX_NAMES).map(String::from_utf16_lossy).collect()
}

fn volumes(bytes: Bytes<'_>, size: usize) -> Option<Vec<Volume>> {
    let table = bytes.from(bytes.size(0x6C)?)?;
    let count = bytes.size(0x70)?.min(MAX_VOLUMES);
    let volume = |i: usize| {
        let entry = table.from(i.checked_mul(size)?)?;
        let path = table.get(entry.size(0)?, entry.size(4)?.checked_mul(2)?)?;
        Some(Volume { path: utf16(path), created: entry.filetime(8), serial: entry.u32(16)? })
    };
    Some((0..count).map_while(volume).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A file as libscca's description of the format lays it out.
    fn sample(version: u32) -> Vec<u8> {
        let mut out = vec![0; 0x130];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        put(0, &version.to_le_bytes());
        put(4, b"SCCA");
        put(0x10, &wide("CMD.EXE"));
        put(0x4C, &0x087B_4001_u32.to_le_bytes());
        let (times, count, counts) = match version {
            17 => (0x78, 0x90, 1),
            23 => (0x80, 0x98, 1),
            _ => (0x80, 0xD0, 8),
        };
        for i in 0..counts {
            put(times + 8 * i, &(132_223_104_000_000_000_u64 - 10_000_000 * i as u64).to_le_bytes());
        }
        put(count, &7_u32.to_le_bytes());
        if version >= 26 {
            put(0x80 + 8 * 7, &[0; 8]);
        }
        put(0x54, &0x130_u32.to_le_bytes());
        let names = wide("\\A\\NTDLL.DLL\0\\A\\CMD.EXE\0");
        let volume_size = if version == 17 {
            40
        } else if version < 30 {
            104
        } else {
            96
        };
        let volumes = 0x130 + names.len();
        put(0x64, &0x130_u32.to_le_bytes());
        put(0x68, &(names.len() as u32).to_le_bytes());
        put(0x6C, &(volumes as u32).to_le_bytes());
        put(0x70, &1_u32.to_le_bytes());
        out.extend(names);
        let mut volume = vec![0; volume_size];
        volume[..4].copy_from_slice(&(volume_size as u32).to_le_bytes());
        volume[4..8].copy_from_slice(&4_u32.to_le_bytes());
        volume[8..16].copy_from_slice(&132_223_104_000_000_000_u64.to_le_bytes());
        volume[16..20].copy_from_slice(&0xDEAD_BEEF_u32.to_le_bytes());
        out.extend(volume);
        out.extend(wide("\\VOL"));
        let size = out.len() as u32;
        out[0x0C..0x10].copy_from_slice(&size.to_le_bytes());
        out
    }

    #[test]
    fn every_version_is_read() {
        for version in [17, 23, 26, 30, 31] {
            let parsed = parse(&mut Cursor::new(sample(version))).unwrap();
            assert_eq!((parsed.version, &*parsed.executable, parsed.hash), (version, "CMD.EXE", 0x087B_4001));
            assert_eq!(parsed.run_count, 7, "{version}");
            assert_eq!(parsed.runs.len(), if version < 26 { 1 } else { 7 });
            assert_eq!(parsed.runs[0].to_string(), "2020-01-01T00:00:00Z");
            assert_eq!(parsed.files, ["\\A\\NTDLL.DLL", "\\A\\CMD.EXE"]);
            let [volume] = &parsed.volumes[..] else { panic!("{parsed:?}") };
            assert_eq!((&*volume.path, volume.serial), ("\\VOL", 0xDEAD_BEEF));
        }
    }

    #[test]
    fn packed_files_are_read() {
        // Made of `sample(30)` by wimlib's compressor.
        let packed = include_bytes!("testdata/packed.pf");
        let parsed = parse(&mut Cursor::new(packed)).unwrap();
        assert_eq!(parsed, parse(&mut Cursor::new(sample(30))).unwrap());
    }

    #[test]
    fn broken_files_are_errors() {
        assert!(parse(&mut Cursor::new(b"MAM\x04")).is_err());
        assert!(parse(&mut Cursor::new(b"MAM\x04\xff\xff\xff\xff")).is_err());
        assert!(parse(&mut Cursor::new(sample(99))).unwrap_err().to_string().contains("99"));
        let good = sample(30);
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] = 0xff;
            let _ = parse(&mut Cursor::new(&bytes));
            let _ = parse(&mut Cursor::new(&good[..at]));
        }
    }
}
