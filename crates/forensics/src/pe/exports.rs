//! Exported functions.

use super::Pe;

const MAX_FUNCTIONS: usize = 50_000;

/// What a library offers to others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exports {
    /// The name that the library has for itself.
    pub library: String,
    pub names: Vec<String>,
    /// Functions that are in other libraries: `LIBRARY.Function`.
    pub forwards: Vec<String>,
}

pub(super) fn read(pe: &Pe) -> Exports {
    try_read(pe).unwrap_or_default()
}

fn try_read(pe: &Pe) -> Option<Exports> {
    let directory = pe.directory(0)?;
    let table = pe.at(directory.rva)?;
    let mut exports =
        Exports { library: pe.text_at(table.u32(12)?).unwrap_or_default(), ..Exports::default() };
    let count = table.size(24)?.min(MAX_FUNCTIONS);
    if let Some(names) = pe.at(table.u32(32)?) {
        exports.names =
            (0..count).map_while(|i| names.u32(4 * i)).filter_map(|rva| pe.text_at(rva)).collect();
    }
    let functions = table.size(20)?.min(MAX_FUNCTIONS);
    if let Some(addresses) = pe.at(table.u32(28)?) {
        // An address inside the table itself is the name of a function elsewhere.
        let is_forward = |rva: &u32| *rva > directory.rva && rva - directory.rva < directory.size;
        let forwards = (0..functions).map_while(|i| addresses.u32(4 * i)).filter(is_forward);
        exports.forwards = forwards.filter_map(|rva| pe.text_at(rva)).collect();
    }
    Some(exports)
}
