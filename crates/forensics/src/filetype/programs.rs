//! DOS and Windows programs, shortcuts, logs and hives.

use super::FileType;
use crate::bytes::Bytes;
use crate::pe::Pe;

pub(super) fn of(content: &[u8]) -> Option<FileType> {
    let bytes = Bytes(content);
    Some(match content {
        [b'M', b'Z', ..] => program(content),
        [0x4C, 0, 0, 0, 1, 0x14, 2, 0, 0, 0, 0, 0, 0xC0, ..] => {
            FileType::new(shortcut(bytes), "application/x-ms-shortcut", "lnk")
        }
        _ if content.starts_with(b"ElfFile\0") => {
            FileType::new(event_log(bytes)?, "application/x-ms-evtx", "evtx")
        }
        _ if content.starts_with(b"regf") => {
            let text = "MS Windows registry file, NT/2000 or above";
            FileType::new(text, "application/x-ms-registry", "dat")
        }
        _ => return None,
    })
}

fn program(content: &[u8]) -> FileType {
    const MIME: &str = "application/vnd.microsoft.portable-executable";
    match Pe::parse(content.to_vec()) {
        Ok(pe) => FileType::new(describe(&pe), MIME, if pe.is_dll() { "dll" } else { "exe" }),
        Err(_) => FileType::new("MS-DOS executable", "application/x-dosexec", "exe"),
    }
}

fn describe(pe: &Pe) -> String {
    let mut text = String::from(if pe.is_wide { "PE32+ executable" } else { "PE32 executable" });
    if pe.is_dll() {
        text.push_str(" (DLL)");
    }
    text.push_str(match pe.subsystem {
        1 => " (native)",
        2 => " (GUI)",
        3 => " (console)",
        7 => " (POSIX)",
        9 => " (Windows CE)",
        10 => " (EFI application)",
        11 => " (EFI boot service driver)",
        12 => " (EFI runtime driver)",
        13 => " (EFI ROM)",
        14 => " (XBOX)",
        16 => " (Windows boot application)",
        _ => "",
    });
    text.push_str(match pe.machine {
        0x14C => " Intel 80386",
        0x8664 => " x86-64",
        0x1C0 => " ARM",
        0x1C2 => " ARM Thumb",
        0x1C4 => " ARMv7 Thumb",
        0xAA64 => " Aarch64",
        0x200 => " Intel Itanium",
        0xEBC => " EFI byte code",
        _ => " Unknown processor type",
    });
    if pe.is_dotnet() {
        text.push_str(" Mono/.Net assembly");
    }
    if pe.characteristics & 0x200 != 0 {
        text.push_str(" (stripped to external PDB)");
    }
    text.push_str(", for MS Windows");
    if pe.sections.iter().any(|s| s.name == "UPX0") {
        text.push_str(", UPX compressed");
    }
    format!("{text}, {} sections", pe.sections.len())
}

fn shortcut(bytes: Bytes<'_>) -> String {
    let mut text = String::from("MS Windows shortcut");
    let flags = bytes.u32(0x14).unwrap_or(0);
    for (bit, words) in [
        (0x01, ", Item id list present"),
        (0x02, ", Points to a file or directory"),
        (0x04, ", Has Description string"),
        (0x08, ", Has Relative path"),
        (0x10, ", Has Working directory"),
        (0x20, ", Has command line arguments"),
        (0x40, ", Icon"),
    ] {
        if flags & bit == 0 {
            continue;
        }
        text.push_str(words);
        if bit == 0x40 {
            text.push_str(&format!(" number={}", bytes.u32(0x38).unwrap_or(0)));
        }
    }
    text
}

fn event_log(bytes: Bytes<'_>) -> Option<String> {
    let (major, minor) = (bytes.u16(0x26)?, bytes.u16(0x24)?);
    let mut text = match (major, minor) {
        (3, 1) => "MS Windows Vista-8.1 Event Log".to_owned(),
        _ => format!("MS Windows 10-11 Event Log, version  {major}.{minor}"),
    };
    let (chunks, current, next) = (bytes.u16(0x2A)?, bytes.u64(0x10)?, bytes.u64(0x18)?);
    text.push_str(&format!(", {chunks} chunks (no. {current} in use), next record no. {next}"));
    if bytes.u32(0x78)? & 1 != 0 {
        text.push_str(", DIRTY");
    }
    if bytes.u32(0x78)? & 2 != 0 {
        text.push_str(", FULL");
    }
    Some(text)
}
