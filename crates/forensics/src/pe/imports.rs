//! Imported functions.

use super::Pe;

/// Libraries and functions at most.
const MAX_LIBRARIES: usize = 1000;
const MAX_FUNCTIONS: usize = 50_000;

/// A function of another library.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    pub library: String,
    pub function: Function,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Function {
    Name(String),
    Ordinal(u16),
}

impl Import {
    /// As the import hash takes it: lower case, the library without its usual extension.
    pub(super) fn hashed_name(&self) -> String {
        let library = self.library.to_lowercase();
        let stem = match library.rsplit_once('.') {
            Some((stem, "dll" | "ocx" | "sys")) => stem,
            _ => &library,
        };
        match &self.function {
            Function::Name(name) => format!("{stem}.{}", name.to_lowercase()),
            Function::Ordinal(n) => format!("{stem}.ord{n}"),
        }
    }
}

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.function {
            Function::Name(name) => write!(f, "{}!{name}", self.library),
            Function::Ordinal(n) => write!(f, "{}!Ordinal{n}", self.library),
        }
    }
}

pub(super) fn read(pe: &Pe) -> Vec<Import> {
    let mut imports = Vec::new();
    let Some(directory) = pe.directory(1) else { return imports };
    for i in 0..MAX_LIBRARIES as u32 {
        let entry = directory.rva.checked_add(20 * i).and_then(|rva| pe.at(rva));
        let fields = entry.and_then(|e| Some((e.u32(0)?, e.u32(12)?, e.u32(16)?)));
        let Some((names, library, addresses)) = fields.filter(|(_, library, _)| *library != 0) else { break };
        let Some(library) = pe.text_at(library) else { continue };
        // Some linkers leave the first table out; the second holds the same until the program is loaded.
        let table = if names != 0 { names } else { addresses };
        functions(pe, &library, table, &mut imports);
        if imports.len() >= MAX_FUNCTIONS {
            break;
        }
    }
    imports
}

fn functions(pe: &Pe, library: &str, table: u32, out: &mut Vec<Import>) {
    let Some(table) = pe.at(table) else { return };
    let mut at = 0;
    while out.len() < MAX_FUNCTIONS {
        let entry = if pe.is_wide { table.u64(at) } else { table.u32(at).map(u64::from) };
        let Some(entry) = entry.filter(|e| *e != 0) else { return };
        at += if pe.is_wide { 8 } else { 4 };
        let is_ordinal = entry >> (if pe.is_wide { 63 } else { 31 }) == 1;
        let function = if is_ordinal {
            Function::Ordinal(entry as u16)
        } else {
            // Two bytes of hint come first.
            let name = u32::try_from(entry).ok().and_then(|rva| pe.text_at(rva.checked_add(2)?));
            match name {
                Some(name) => Function::Name(name),
                None => return,
            }
        };
        out.push(Import { library: library.to_owned(), function });
    }
}
