//! VBA macros (MS-OVBA): the source of the modules of every project in a compound file.

use super::Ole;
use crate::bytes::Bytes;
use crate::{Error, Result};

/// The largest stream of a project, and what a module may unpack to.
const MAX_STREAM: u64 = 32 << 20;
const MAX_SOURCE: usize = 64 << 20;
const MAX_MODULES: usize = 1000;
/// What one chunk of compressed text unpacks to.
const CHUNK: usize = 4096;

/// One module of a project.
#[derive(Debug, PartialEq)]
pub struct Module {
    pub name: String,
    /// The stream it was found in, from the root on.
    pub stream: Vec<String>,
    /// `Standard Module` or `Class Module`.
    pub kind: &'static str,
    pub code: String,
}

/// The modules of all projects of a compound file; those that cannot be read are left out.
pub fn macros(ole: &mut Ole) -> Vec<Module> {
    let is_dir = |path: &[String]| matches!(path, [.., folder, name] if folder.eq_ignore_ascii_case("VBA") && name.eq_ignore_ascii_case("dir"));
    let projects: Vec<Vec<String>> =
        ole.entries().into_iter().filter(|e| !e.is_storage && is_dir(&e.path)).map(|e| e.path).collect();
    let mut modules = Vec::new();
    for dir in projects {
        let folder = &dir[..dir.len() - 1];
        let Ok(records) = ole.stream_of(&dir, MAX_STREAM).and_then(|s| decompress(&s)) else { continue };
        for named in declared(&records) {
            let path: Vec<String> = folder.iter().cloned().chain([named.stream]).collect();
            let source =
                ole.stream_of(&path, MAX_STREAM).ok().and_then(|s| decompress(s.get(named.offset..)?).ok());
            if let Some(source) = source {
                let code = decoded(&source, named.code_page);
                modules.push(Module { name: named.name, stream: path, kind: named.kind, code });
            }
        }
    }
    modules
}

/// A module as the project declares it.
struct Declared {
    name: String,
    stream: String,
    offset: usize,
    kind: &'static str,
    code_page: u16,
}

/// The modules in the records of a `dir` stream.
fn declared(records: &[u8]) -> Vec<Declared> {
    let bytes = Bytes(records);
    let mut modules: Vec<Declared> = Vec::new();
    let (mut at, mut code_page) = (0, 1252);
    while let Some((id, length)) = bytes.u16(at).zip(bytes.size(at + 2)) {
        // The record of the version has no proper length.
        let length = if id == 0x09 { 6 } else { length };
        let Some(data) = bytes.get(at + 6, length) else { break };
        match id {
            0x03 => code_page = Bytes(data).u16(0).unwrap_or(code_page),
            0x19 if modules.len() < MAX_MODULES => {
                let name = decoded(data, code_page);
                modules.push(Declared {
                    stream: name.clone(),
                    name,
                    offset: 0,
                    kind: "Standard Module",
                    code_page,
                });
            }
            _ => {
                if let Some(module) = modules.last_mut() {
                    describe(module, id, data);
                }
            }
        }
        at += 6 + length;
    }
    modules
}

fn describe(module: &mut Declared, id: u16, data: &[u8]) {
    match id {
        0x47 => module.name = crate::bytes::utf16(data),
        0x1A => module.stream = decoded(data, module.code_page),
        0x32 => module.stream = crate::bytes::utf16(data),
        0x31 => module.offset = Bytes(data).size(0).unwrap_or(0),
        0x22 => module.kind = "Class Module",
        _ => {}
    }
}

/// Text in the code page of the project.
fn decoded(bytes: &[u8], code_page: u16) -> String {
    let label = match code_page {
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        10000 => "macintosh".to_owned(),
        65001 => "utf-8".to_owned(),
        n => format!("windows-{n}"),
    };
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap_or(encoding_rs::WINDOWS_1252);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn broken(why: &str) -> Error {
    Error::broken("compressed macros", why)
}

/// Unpacks a container of compressed chunks (MS-OVBA, section 2.4.1).
pub(super) fn decompress(packed: &[u8]) -> Result<Vec<u8>> {
    let Some((1, mut rest)) = packed.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err(broken("no signature"));
    };
    let mut out = Vec::new();
    while let Some(header) = Bytes(rest).u16(0) {
        if header >> 12 & 7 != 3 {
            // What follows the last chunk need not be one.
            return if out.is_empty() { Err(broken("no chunk")) } else { Ok(out) };
        }
        let end = (usize::from(header & 0xfff) + 3).min(rest.len());
        let data = &rest[2..end];
        match header & 0x8000 {
            0 => out.extend_from_slice(&data[..data.len().min(CHUNK)]),
            _ => chunk(data, &mut out)?,
        }
        if out.len() > MAX_SOURCE {
            return Err(Error::TooMuch { what: "macros", limit: MAX_SOURCE as u64 });
        }
        rest = &rest[end..];
    }
    Ok(out)
}

/// One chunk: groups of eight tokens, each a byte or a copy of what came before.
fn chunk(data: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    let mut at = 0;
    while at < data.len() {
        let flags = data[at];
        at += 1;
        for bit in 0..8 {
            if at >= data.len() {
                return Ok(());
            }
            if out.len() - start >= CHUNK {
                return Ok(());
            }
            if flags >> bit & 1 == 0 {
                out.push(data[at]);
                at += 1;
                continue;
            }
            let token = Bytes(data).u16(at).ok_or_else(|| broken("ends in a token"))?;
            at += 2;
            // The more was unpacked, the more bits the distance takes.
            let distance_bits = usize::BITS - (out.len() - start).max(1).saturating_sub(1).leading_zeros();
            let distance_bits = distance_bits.clamp(4, 12);
            let length = usize::from(token & (0xffff >> distance_bits)) + 3;
            let distance = usize::from(token >> (16 - distance_bits)) + 1;
            if distance > out.len() - start {
                return Err(broken("reaches before the start"));
            }
            let from = out.len() - distance;
            for i in 0..length.min(CHUNK - (out.len() - start)) {
                out.push(out[from + i]);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_are_unpacked() {
        // MS-OVBA, section 3.2: no compression, normal, maximum.
        let plain =
            [&[0x01, 0x19, 0xB0, 0x00][..], b"abcdefgh", &[0], b"ijklmnop", &[0], b"qrstuv."].concat();
        assert_eq!(decompress(&plain).unwrap(), b"abcdefghijklmnopqrstuv.");
        let normal = [
            0x01, 0x2F, 0xB0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70,
            0x61, 0x67, 0x68, 0x69, 0x6A, 0x01, 0x38, 0x08, 0x61, 0x6B, 0x6C, 0x00, 0x30, 0x6D, 0x6E, 0x6F,
            0x70, 0x06, 0x71, 0x02, 0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79,
            0x7A, 0x00, 0x3C,
        ];
        assert_eq!(decompress(&normal).unwrap(), b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa");
        assert_eq!(decompress(&[0x01, 0x03, 0xB0, 0x02, 0x61, 0x45, 0x00]).unwrap(), [b'a'; 73]);
    }

    #[test]
    fn broken_text_is_an_error() {
        assert!(decompress(b"").is_err());
        assert!(decompress(&[2, 3, 4]).is_err());
        assert!(decompress(&[1, 0x03, 0xB0, 0x01, 0xff, 0xff, 0x00]).is_err());
    }

    #[test]
    fn macros_are_those_that_olevba_finds() {
        let mut ole = Ole::parse(include_bytes!("testdata/vbaProject.bin").to_vec()).unwrap();
        let modules = macros(&mut ole);
        let mut lines = String::new();
        for module in &modules {
            let code = module.code.replace("\r\n", "\n");
            lines.push_str(&format!("== {} {}\n{code}", module.stream.join("/"), module.name));
            lines.push_str(if code.ends_with('\n') { "" } else { "\n" });
        }
        assert_eq!(lines, include_str!("testdata/vbaProject.txt"));
    }
}
