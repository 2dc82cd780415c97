//! Resources, and the version information among them.

use super::Pe;
use crate::bytes::{Bytes, utf16};

const MAX_RESOURCES: usize = 10_000;
const MAX_STRINGS: usize = 1000;
const VERSION: u32 = 16;

/// Something a program carries along: an icon, a text, a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub type_name: String,
    pub type_id: u32,
    pub offset: Option<usize>,
    pub size: u32,
    pub code_page: u32,
    rva: u32,
}

pub(super) fn read(pe: &Pe) -> Vec<Resource> {
    let mut out = Vec::new();
    let Some(root) = pe.directory(2).and_then(|d| pe.at(d.rva)) else { return out };
    // Three levels: type, name, language.
    for (id, kind) in entries(root, 0) {
        for (_, name) in entries(root, below(kind)) {
            for (_, language) in entries(root, below(name)) {
                if out.len() >= MAX_RESOURCES {
                    return out;
                }
                out.extend(resource(pe, root, id, language));
            }
        }
    }
    out
}

/// The place of the directory that an entry leads to; nowhere for one that leads to data.
fn below(entry: u32) -> usize {
    if entry & 0x8000_0000 != 0 { (entry & 0x7fff_ffff) as usize } else { usize::MAX }
}

/// Number or place of the name, and place of what is below, of each entry.
fn entries(root: Bytes<'_>, at: usize) -> Vec<(u32, u32)> {
    let Some(directory) = root.from(at) else { return Vec::new() };
    let count = |at| usize::from(directory.u16(at).unwrap_or(0));
    let total = (count(12) + count(14)).min(MAX_RESOURCES);
    (0..total).map_while(|i| Some((directory.u32(16 + 8 * i)?, directory.u32(20 + 8 * i)?))).collect()
}

fn resource(pe: &Pe, root: Bytes<'_>, id: u32, entry: u32) -> Option<Resource> {
    let data = root.from(entry as usize).filter(|_| entry & 0x8000_0000 == 0)?;
    let rva = data.u32(0)?;
    Some(Resource {
        type_name: type_name(root, id),
        type_id: if id & 0x8000_0000 != 0 { 0 } else { id },
        offset: pe.offset_of(rva),
        size: data.u32(4)?,
        code_page: data.u32(8)?,
        rva,
    })
}

fn type_name(root: Bytes<'_>, id: u32) -> String {
    const NAMES: [&str; 25] = [
        "",
        "RT_CURSOR",
        "RT_BITMAP",
        "RT_ICON",
        "RT_MENU",
        "RT_DIALOG",
        "RT_STRING",
        "RT_FONTDIR",
        "RT_FONT",
        "RT_ACCELERATOR",
        "RT_RCDATA",
        "RT_MESSAGETABLE",
        "RT_GROUP_CURSOR",
        "",
        "RT_GROUP_ICON",
        "",
        "RT_VERSION",
        "RT_DLGINCLUDE",
        "",
        "RT_PLUGPLAY",
        "RT_VXD",
        "RT_ANICURSOR",
        "RT_ANIICON",
        "RT_HTML",
        "RT_MANIFEST",
    ];
    if id & 0x8000_0000 != 0 {
        let at = (id & 0x7fff_ffff) as usize;
        let length = usize::from(root.u16(at).unwrap_or(0));
        return utf16(root.get(at + 2, 2 * length).unwrap_or_default());
    }
    match NAMES.get(id as usize) {
        Some(name) if !name.is_empty() => (*name).to_owned(),
        _ => id.to_string(),
    }
}

pub(super) fn version_info(pe: &Pe) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let version = read(pe).into_iter().find(|r| r.type_id == VERSION);
    let block = version.and_then(|v| pe.at(v.rva)?.get(0, v.size as usize));
    if let Some(block) = block.and_then(|b| Block::read(Bytes(b))) {
        strings(block, 0, &mut out);
    }
    out
}

/// A node of the version tree: a name, a value, and more nodes.
struct Block<'a> {
    name: String,
    is_text: bool,
    value: &'a [u8],
    children: Bytes<'a>,
    length: usize,
}

impl<'a> Block<'a> {
    fn read(bytes: Bytes<'a>) -> Option<Block<'a>> {
        let length = usize::from(bytes.u16(0)?).min(bytes.len());
        let is_text = bytes.u16(4)? == 1;
        // The length of a value is in characters if it is text.
        let value_length = usize::from(bytes.u16(2)?) * if is_text { 2 } else { 1 };
        let name = utf16(bytes.get(6, length.checked_sub(6)?)?);
        let value_at = (6 + 2 * (name.encode_utf16().count() + 1)).next_multiple_of(4);
        let value_end = (value_at + value_length).min(length);
        let value = bytes.0.get(value_at..value_end).unwrap_or_default();
        let children = bytes.0.get(value_end.next_multiple_of(4)..length).unwrap_or_default();
        Some(Block { name, is_text, value, children: Bytes(children), length })
    }
}

/// The leaves below `StringFileInfo`: its tables are two levels down.
fn strings(block: Block<'_>, depth: usize, out: &mut Vec<(String, String)>) {
    let mut rest = block.children;
    while let Some(child) = Block::read(rest).filter(|c| c.length > 0) {
        let step = child.length.next_multiple_of(4);
        if depth == 2 {
            if child.is_text && out.len() < MAX_STRINGS {
                out.push((child.name, utf16(child.value)));
            }
        } else if depth == 1 || child.name == "StringFileInfo" {
            strings(child, depth + 1, out);
        }
        match rest.from(step) {
            Some(next) => rest = next,
            None => return,
        }
    }
}
