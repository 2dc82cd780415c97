//! Windows programs (PE): headers, sections, imports, exports, resources, version information, debug information.
//!
//! Nothing in such a file has to be true. All places are checked; what contradicts itself is left out, and the rest is told.

mod debug;
mod exports;
mod imports;
mod resources;

use jiff::Timestamp;
use md5::{Digest, Md5};

use crate::bytes::{Bytes, latin1, read_at};
use crate::{Error, Result, Source};

pub use debug::Debug;
pub use exports::Exports;
pub use imports::Import;
pub use resources::Resource;

/// Bytes of a file that are looked at; what lies beyond is not seen.
const MAX_SIZE: usize = 128 << 20;
/// Sections at most, as Windows has it.
const MAX_SECTIONS: usize = 96;
/// The longest name of a function or library.
const MAX_NAME: usize = 512;
const WHAT: &str = "PE file";

/// A program in memory.
pub struct Pe {
    bytes: Vec<u8>,
    pub machine: u16,
    pub timestamp: u32,
    pub characteristics: u16,
    /// 64 bits wide.
    pub is_wide: bool,
    pub entry_point: u32,
    pub image_base: u64,
    pub subsystem: u16,
    pub sections: Vec<Section>,
    /// By number, as in the optional header.
    pub directories: Vec<Directory>,
}

/// A part of the file and of the memory it is loaded to.
#[derive(Clone, Debug)]
pub struct Section {
    pub name: String,
    pub rva: u32,
    pub virtual_size: u32,
    pub offset: u32,
    pub size: u32,
    pub flags: u32,
}

impl Section {
    /// `x`, `r` and `w`, each a dash where the right is missing.
    pub fn rights(&self) -> String {
        [(0x2000_0000, 'x'), (0x4000_0000, 'r'), (0x8000_0000, 'w')]
            .map(|(bit, letter)| if self.flags & bit != 0 { letter } else { '-' })
            .iter()
            .collect()
    }
}

/// Where a table lies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Directory {
    pub rva: u32,
    pub size: u32,
}

/// The tables by number.
pub const DIRECTORIES: [&str; 16] = [
    "Export_Directory",
    "Import_Directory",
    "Resource_Directory",
    "Exception_Directory",
    "Certificate_Directory",
    "Base_Relocation_Directory",
    "Debug_Directory",
    "Architecture_Directory",
    "Global_Pointer_Directory",
    "TLS_Directory",
    "Load_Config_Directory",
    "Bound_Import_Directory",
    "IAT_Directory",
    "Delay_Import_Directory",
    "DotNet_Header",
    "Reserved_Directory",
];

impl Pe {
    /// Reads a program that starts at `base`.
    pub fn read(source: &mut dyn Source, base: u64) -> Result<Pe> {
        Self::parse(read_at(source, base, MAX_SIZE)?)
    }

    pub fn parse(bytes: Vec<u8>) -> Result<Pe> {
        let file = Bytes(&bytes);
        let header = file.size(0x3C).filter(|_| file.get(0, 2) == Some(b"MZ"));
        let header =
            header.filter(|at| file.get(*at, 4) == Some(b"PE\0\0")).ok_or(Error::NotA("a PE file"))?;
        let pe = Self::headers(file, header).ok_or_else(|| Error::broken(WHAT, "headers are cut short"))?;
        Ok(Pe { bytes, ..pe })
    }

    fn headers(file: Bytes<'_>, at: usize) -> Option<Pe> {
        let coff = file.from(at + 4)?;
        let optional = coff.from(20)?;
        let is_wide = optional.u16(0)? == 0x20B;
        let (base, count_at) =
            if is_wide { (optional.u64(24)?, 108) } else { (u64::from(optional.u32(28)?), 92) };
        let count = optional.size(count_at)?.min(DIRECTORIES.len());
        let directory = |i: usize| {
            let at = count_at + 4 + 8 * i;
            Some(Directory { rva: optional.u32(at)?, size: optional.u32(at + 4)? })
        };
        let table = optional.from(usize::from(coff.u16(16)?))?;
        let sections = usize::from(coff.u16(2)?).min(MAX_SECTIONS);
        Some(Pe {
            bytes: Vec::new(),
            machine: coff.u16(0)?,
            timestamp: coff.u32(4)?,
            characteristics: coff.u16(18)?,
            is_wide,
            entry_point: optional.u32(16)?,
            image_base: base,
            subsystem: optional.u16(68)?,
            sections: (0..sections).map_while(|i| section(table.from(40 * i)?)).collect(),
            directories: (0..count).map_while(directory).collect(),
        })
    }

    fn file(&self) -> Bytes<'_> {
        Bytes(&self.bytes)
    }

    pub fn is_dll(&self) -> bool {
        self.characteristics & 0x2000 != 0
    }

    /// Made for .NET.
    pub fn is_dotnet(&self) -> bool {
        self.directory(14).is_some()
    }

    pub fn time(&self) -> Option<Timestamp> {
        Timestamp::from_second(i64::from(self.timestamp)).ok()
    }

    pub fn machine_name(&self) -> &'static str {
        match self.machine {
            0x14C => "IMAGE_FILE_MACHINE_I386",
            0x8664 => "IMAGE_FILE_MACHINE_AMD64",
            0x1C0 => "IMAGE_FILE_MACHINE_ARM",
            0x1C4 => "IMAGE_FILE_MACHINE_ARMNT",
            0xAA64 => "IMAGE_FILE_MACHINE_ARM64",
            0x200 => "IMAGE_FILE_MACHINE_IA64",
            0xEBC => "IMAGE_FILE_MACHINE_EBC",
            _ => "IMAGE_FILE_MACHINE_UNKNOWN",
        }
    }

    /// A table that the file has.
    pub fn directory(&self, number: usize) -> Option<Directory> {
        self.directories.get(number).copied().filter(|d| d.rva != 0)
    }

    /// The section that an address lies in.
    pub fn section_of(&self, rva: u32) -> Option<&Section> {
        self.sections.iter().find(|s| rva >= s.rva && rva - s.rva < s.virtual_size.max(s.size))
    }

    /// Where in the file an address is loaded from.
    pub fn offset_of(&self, rva: u32) -> Option<usize> {
        let first = self.sections.iter().map(|s| s.rva).min();
        match self.section_of(rva) {
            Some(s) if rva - s.rva < s.size => usize::try_from(s.offset.checked_add(rva - s.rva)?).ok(),
            // Below the first section lie the headers, as in the file.
            None if first.is_none_or(|first| rva < first) => usize::try_from(rva).ok(),
            _ => None,
        }
    }

    /// What is loaded to an address and after it.
    fn at(&self, rva: u32) -> Option<Bytes<'_>> {
        self.file().from(self.offset_of(rva)?)
    }

    /// Text that ends in NUL at an address.
    fn text_at(&self, rva: u32) -> Option<String> {
        let bytes = self.at(rva)?.0;
        let end = bytes.iter().take(MAX_NAME).position(|b| *b == 0)?;
        Some(latin1(&bytes[..end]))
    }

    pub fn imports(&self) -> Vec<Import> {
        imports::read(self)
    }

    pub fn exports(&self) -> Exports {
        exports::read(self)
    }

    pub fn resources(&self) -> Vec<Resource> {
        resources::read(self)
    }

    /// Name and text of what the version resource says, in its order.
    pub fn version_info(&self) -> Vec<(String, String)> {
        resources::version_info(self)
    }

    pub fn debug(&self) -> Option<Debug> {
        debug::read(self)
    }

    /// The hash by which programs with the same imports are found: MD5 of `library.function,…`.
    pub fn imphash(&self) -> Option<String> {
        let names: Vec<String> = self.imports().iter().map(Import::hashed_name).collect();
        (!names.is_empty()).then(|| hex(&Md5::digest(names.join(",").as_bytes())))
    }

    /// The part of the file that its signature covers: all but the checksum, the place of the certificates, and them.
    pub fn signed_parts(&self) -> Option<[&[u8]; 4]> {
        let optional = self.file().size(0x3C)? + 24;
        let checksum = optional + 64;
        let entry = optional + if self.is_wide { 112 } else { 96 } + 8 * 4;
        let certificates = self.directories.get(4).filter(|d| d.rva != 0);
        let end = certificates.map_or(self.bytes.len(), |d| (d.rva as usize).min(self.bytes.len()));
        let after = certificates.map_or(end, |d| end.saturating_add(d.size as usize).min(self.bytes.len()));
        Some([
            self.bytes.get(..checksum)?,
            self.bytes.get(checksum + 4..entry)?,
            self.bytes.get(entry + 8..end)?,
            self.bytes.get(after..)?,
        ])
    }
}

fn section(header: Bytes<'_>) -> Option<Section> {
    Some(Section {
        name: latin1(header.get(0, 8)?),
        virtual_size: header.u32(8)?,
        rva: header.u32(12)?,
        size: header.u32(16)?,
        offset: header.u32(20)?,
        flags: header.u32(36)?,
    })
}

/// Lower-case digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests;
