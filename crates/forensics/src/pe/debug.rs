//! Where the debug information of a program is kept.

use super::Pe;
use crate::bytes::{Bytes, latin1};

const MAX_ENTRIES: usize = 64;
const CODEVIEW: u32 = 2;

/// The file with debug information that belongs to a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Debug {
    /// The identity that both share: a GUID without dashes, then a count.
    pub guid_age: String,
    pub pdb: String,
}

pub(super) fn read(pe: &Pe) -> Option<Debug> {
    let directory = pe.directory(6)?;
    let table = pe.at(directory.rva)?;
    let count = (directory.size as usize / 28).min(MAX_ENTRIES);
    (0..count).find_map(|i| {
        let entry = table.from(28 * i)?;
        if entry.u32(12)? != CODEVIEW {
            return None;
        }
        codeview(Bytes(pe.file().get(entry.size(24)?, entry.size(16)?)?))
    })
}

fn codeview(data: Bytes<'_>) -> Option<Debug> {
    if data.get(0, 4)? != b"RSDS" {
        return None;
    }
    let rest: String = data.get(12, 8)?.iter().map(|b| format!("{b:02X}")).collect();
    let guid = format!("{:08X}{:04X}{:04X}{rest}", data.u32(4)?, data.u16(8)?, data.u16(10)?);
    Some(Debug { guid_age: format!("{guid}{:X}", data.u32(20)?), pdb: latin1(data.from(24)?.0) })
}
