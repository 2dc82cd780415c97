//! `procmemory`: memory of processes (the report reference, section 6). Absent unless it was asked for.

use std::io::{self, Read as _};

use serde_json::{Value as Json, json};

use super::{Case, Module, file_object};

pub const MODULE: Module = Module { key: "procmemory", run: of, empty: || Json::Null };

const FOLDER: &str = "memory";
const MAX_DUMPS: usize = 1000;
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

fn of(case: &Case<'_>) -> io::Result<Json> {
    let mut dumps = Vec::new();
    for entry in case.folder.entries(FOLDER)?.into_iter().take(MAX_DUMPS) {
        let name = entry.name.to_string_lossy().into_owned();
        let Some((pid, number)) = numbers(&name) else { continue };
        let member = format!("{FOLDER}/{name}");
        let Some(file) = case.folder.find(&member)? else { continue };
        let regions = regions(file)?;
        let Some(file) = case.folder.find(&member)? else { continue };
        dumps.push(json!({
            "file": case.shown_path(&member),
            "pid": pid,
            "num": number,
            "yara": [],
            "urls": file_object::urls(file)?,
            "regions": regions,
            "extracted": [],
        }));
    }
    Ok(if dumps.is_empty() { Json::Null } else { dumps.into() })
}

/// Process and number in `44-1.dmp`.
fn numbers(name: &str) -> Option<(u32, u32)> {
    let (pid, number) = name.strip_suffix(".dmp")?.split_once('-')?;
    Some((pid.parse().ok()?, number.parse().ok()?))
}

/// The parts of memory in an ELF core file. What is no such file, or ends early, has those that were there.
fn regions(mut file: impl io::Read) -> io::Result<Vec<Json>> {
    let mut header = Vec::new();
    file.by_ref().take(HEADER as u64).read_to_end(&mut header)?;
    let long = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
    };
    if header.len() < HEADER || !header.starts_with(b"\x7fELF\x02\x01") || long(&header, 32) != HEADER as u64
    {
        return Ok(Vec::new());
    }
    let count = usize::from(u16::from_le_bytes([header[56], header[57]]));
    let mut table = Vec::new();
    file.take((count * PROGRAM_HEADER) as u64).read_to_end(&mut table)?;
    let region = |bytes: &[u8]| {
        let (address, size) = (long(bytes, 16), long(bytes, 40));
        // What is the same in a file of the system is not in the dump.
        let offset = (long(bytes, 32) > 0).then(|| long(bytes, 8));
        let protection: String = [(4, 'r'), (2, 'w'), (1, 'x')]
            .iter()
            .filter(|(bit, _)| bytes[4] & bit != 0)
            .map(|(_, c)| c)
            .collect();
        json!({
            "addr": format!("0x{address:016x}"),
            "end": format!("0x{:016x}", address.saturating_add(size)),
            "size": size,
            "offset": offset,
            "protect": protection,
        })
    };
    Ok(table.chunks_exact(PROGRAM_HEADER).map(region).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_a_core_file_and_of_nonsense() {
        let mut core = [0; HEADER + 2 * PROGRAM_HEADER];
        core[..6].copy_from_slice(b"\x7fELF\x02\x01");
        core[32] = HEADER as u8;
        core[56] = 3;
        core[HEADER + 4] = 5;
        core[HEADER + 9] = 0x10;
        core[HEADER + 17] = 0x20;
        core[HEADER + 33] = 0x30;
        core[HEADER + 41] = 0x30;
        let found = regions(&core[..]).unwrap();
        assert_eq!(found.len(), 2, "a third was promised and is not there");
        assert_eq!(
            found[0],
            json!({"addr": "0x0000000000002000", "end": "0x0000000000005000", "size": 0x3000, "offset": 0x1000, "protect": "rx"})
        );
        assert_eq!(found[1]["offset"], Json::Null);
        assert!(regions(&b"nonsense"[..]).unwrap().is_empty());
        assert!(regions(&core[..HEADER - 1]).unwrap().is_empty());
        assert_eq!((numbers("44-1.dmp"), numbers("x.dmp"), numbers("4-.dmp")), (Some((44, 1)), None, None));
    }
}
