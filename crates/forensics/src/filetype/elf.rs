//! Programs of Unix (ELF) and of Apple (Mach-O).

use super::FileType;

/// Headers of programs, sections and notes at most.
const MAX_ENTRIES: usize = 4096;
const MAX_TEXT: usize = 256;

pub(super) fn of(content: &[u8]) -> Option<FileType> {
    if content.starts_with(b"\x7fELF") {
        return Elf::new(content)?.describe();
    }
    mach_o(content)
}

/// Numbers in the order and width of the program.
struct Elf<'a> {
    bytes: &'a [u8],
    wide: bool,
    big: bool,
}

impl<'a> Elf<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let wide = *bytes.get(4)? == 2;
        Some(Elf { bytes, wide, big: *bytes.get(5)? == 2 })
    }

    fn number(&self, at: usize, width: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(width)?)?;
        let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
        Some(if self.big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) })
    }

    fn word(&self, at: usize) -> Option<u64> {
        self.number(at, if self.wide { 8 } else { 4 })
    }

    fn describe(&self) -> Option<FileType> {
        let width = if self.wide { "64-bit" } else { "32-bit" };
        let order = if self.big { "MSB" } else { "LSB" };
        let segments = self.segments();
        let interpreter = segments.iter().find(|s| s.kind == 3).and_then(|s| self.text(s.offset));
        let is_dynamic = segments.iter().any(|s| s.kind == 2);
        let is_pie = self.is_pie(&segments);
        let (kind, mime) = match self.number(16, 2)? {
            1 => ("relocatable", "application/x-object"),
            2 => ("executable", "application/x-executable"),
            3 if is_pie => ("pie executable", "application/x-pie-executable"),
            3 => ("shared object", "application/x-sharedlib"),
            4 => ("core file", "application/x-coredump"),
            _ => return None,
        };
        let system = match self.bytes.get(7)? {
            0 => "SYSV",
            3 => "GNU/Linux",
            9 => "FreeBSD",
            _ => "unknown",
        };
        let machine = self.machine()?;
        let mut text =
            format!("ELF {width} {order} {kind}, {machine}, version {} ({system})", self.number(20, 4)?);
        if matches!(self.number(16, 2)?, 2 | 3) {
            text.push_str(match (is_dynamic, &interpreter, is_pie) {
                (true, Some(_), _) => ", dynamically linked",
                (true, None, true) => ", static-pie linked",
                (true, None, false) => ", dynamically linked",
                (false, ..) => ", statically linked",
            });
        }
        if let Some(interpreter) = interpreter {
            text.push_str(&format!(", interpreter {interpreter}"));
        }
        self.notes(&segments, &mut text);
        if self.number(16, 2)? != 4 {
            text.push_str(&self.stripped());
        }
        Some(FileType::new(text, mime, ""))
    }

    fn machine(&self) -> Option<&'static str> {
        Some(match self.number(18, 2)? {
            2 => "SPARC",
            3 => "Intel 80386",
            8 => "MIPS",
            20 => "PowerPC or cisco 4500",
            21 => "64-bit PowerPC or cisco 7500",
            22 => "IBM S/390",
            40 => "ARM",
            50 => "IA-64",
            62 => "x86-64",
            183 => "ARM aarch64",
            243 => "UCB RISC-V",
            _ => "unknown arch",
        })
    }

    fn segments(&self) -> Vec<Segment> {
        let (table, size, count) = if self.wide { (32, 54, 56) } else { (28, 42, 44) };
        let read = || {
            let (at, size) = (self.word(table)? as usize, self.number(size, 2)? as usize);
            let count = (self.number(count, 2)? as usize).min(MAX_ENTRIES);
            let segment = |i: usize| {
                let at = at.checked_add(i.checked_mul(size)?)?;
                let (offset, length) = if self.wide { (at + 8, at + 32) } else { (at + 4, at + 16) };
                Some(Segment {
                    kind: self.number(at, 4)?,
                    offset: self.word(offset)? as usize,
                    length: self.word(length)? as usize,
                })
            };
            Some((0..count).map_while(segment).collect())
        };
        read().unwrap_or_default()
    }

    /// Whether the dynamic section says so; only an interpreter tells it of older ones.
    fn is_pie(&self, segments: &[Segment]) -> bool {
        let Some(dynamic) = segments.iter().find(|s| s.kind == 2) else { return false };
        let step = if self.wide { 16 } else { 8 };
        let entries = (0..dynamic.length / step).take(MAX_ENTRIES);
        let mut entries = entries.map_while(|i| {
            let at = dynamic.offset.checked_add(i * step)?;
            Some((self.word(at)?, self.word(at + step / 2)?))
        });
        entries.any(|(tag, value)| tag == 0x6fff_fffb && value & 0x0800_0000 != 0)
    }

    fn text(&self, at: usize) -> Option<String> {
        let bytes = self.bytes.get(at..)?;
        let end = bytes.iter().take(MAX_TEXT).position(|b| *b == 0)?;
        Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    fn notes(&self, segments: &[Segment], text: &mut String) {
        let (mut id, mut system) = (None, None);
        for segment in segments.iter().filter(|s| s.kind == 4) {
            let (mut at, end) = (segment.offset, segment.offset.saturating_add(segment.length));
            for _ in 0..MAX_ENTRIES {
                let fields =
                    (|| Some((self.number(at, 4)?, self.number(at + 4, 4)?, self.number(at + 8, 4)?)))();
                let Some((name, size, kind)) = fields.filter(|_| at < end) else { break };
                let (name, size) = (name as usize, size as usize);
                let data = at + 12 + name.next_multiple_of(4);
                let is_gnu = self.bytes.get(at + 12..at + 16) == Some(b"GNU\0");
                if is_gnu && kind == 3 && size <= 64 {
                    id = self.bytes.get(data..data + size).map(crate::pe::hex);
                } else if is_gnu && kind == 1 && self.number(data, 4) == Some(0) {
                    let part = |i: usize| self.number(data + 4 * i, 4).unwrap_or(0);
                    system = Some(format!(", for GNU/Linux {}.{}.{}", part(1), part(2), part(3)));
                }
                at = data.saturating_add(size.next_multiple_of(4));
            }
        }
        if let Some(id) = id {
            text.push_str(&format!(", BuildID[sha1]={id}"));
        }
        text.push_str(&system.unwrap_or_default());
    }

    /// Whether symbols and debug information are there.
    fn stripped(&self) -> String {
        let (table, size, count, names) = if self.wide { (40, 58, 60, 62) } else { (32, 46, 48, 50) };
        let read = || {
            let (at, size) = (self.word(table)? as usize, self.number(size, 2)? as usize);
            let count = (self.number(count, 2)? as usize).min(MAX_ENTRIES);
            let header = |i: usize| at.checked_add(i.checked_mul(size)?);
            let offset = |at: usize| self.word(if self.wide { at + 24 } else { at + 16 });
            let names = offset(header(self.number(names, 2)? as usize)?)? as usize;
            let (mut has_symbols, mut has_debug) = (false, false);
            for at in (0..count).map_while(header) {
                has_symbols |= self.number(at + 4, 4)? == 2;
                let name = self.text(names.checked_add(self.number(at, 4)? as usize)?);
                has_debug |= name.is_some_and(|n| n == ".debug_info");
            }
            Some((count, has_symbols, has_debug))
        };
        match read() {
            None | Some((0, ..)) => ", no section header".to_owned(),
            Some((_, true, true)) => ", with debug_info, not stripped".to_owned(),
            Some((_, true, false)) => ", not stripped".to_owned(),
            Some((_, false, true)) => ", with debug_info, stripped".to_owned(),
            Some((_, false, false)) => ", stripped".to_owned(),
        }
    }
}

struct Segment {
    kind: u64,
    offset: usize,
    length: usize,
}

fn mach_o(content: &[u8]) -> Option<FileType> {
    let wide = match content.get(..4)? {
        [0xCF, 0xFA, 0xED, 0xFE] => true,
        [0xCE, 0xFA, 0xED, 0xFE] => false,
        _ => return None,
    };
    let number = |at: usize| Some(u32::from_le_bytes(content.get(at..at + 4)?.try_into().ok()?));
    let machine = match number(4)? {
        7 => "i386",
        0x0100_0007 => "x86_64",
        12 => "arm",
        0x0100_000C => "arm64",
        _ => "unknown architecture",
    };
    let kind = match number(12)? {
        1 => "object",
        2 => "executable",
        4 => "core",
        6 => "dynamically linked shared library",
        7 => "dynamic linker",
        8 => "bundle",
        10 => "dSYM companion file",
        _ => "file",
    };
    let width = if wide { "64-bit " } else { "" };
    let flags = flags(number(24)?);
    Some(FileType::new(format!("Mach-O {width}{machine} {kind}{flags}"), "application/x-mach-binary", ""))
}

fn flags(bits: u32) -> String {
    const NAMES: [&str; 26] = [
        "NOUNDEFS",
        "INCRLINK",
        "DYLDLINK",
        "BINDATLOAD",
        "PREBOUND",
        "SPLIT_SEGS",
        "LAZY_INIT",
        "TWOLEVEL",
        "FORCE_FLAT",
        "NOMULTIDEFS",
        "NOFIXPREBINDING",
        "PREBINDABLE",
        "ALLMODSBOUND",
        "SUBSECTIONS_VIA_SYMBOLS",
        "CANONICAL",
        "WEAK_DEFINES",
        "BINDS_TO_WEAK",
        "ALLOW_STACK_EXECUTION",
        "ROOT_SAFE",
        "SETUID_SAFE",
        "NO_REEXPORTED_DYLIBS",
        "PIE",
        "DEAD_STRIPPABLE_DYLIB",
        "HAS_TLV_DESCRIPTORS",
        "NO_HEAP_EXECUTION",
        "APP_EXTENSION_SAFE",
    ];
    let set: Vec<&str> =
        NAMES.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, name)| *name).collect();
    if set.is_empty() { String::new() } else { format!(", flags:<{}>", set.join("|")) }
}
