//! Documents: OLE compound files, Office Open XML and other zip files, RTF, PDF.

use super::FileType;
use crate::bytes::{Bytes, latin1, utf16};

pub(super) fn of(content: &[u8]) -> Option<FileType> {
    match content {
        [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, ..] => Some(compound(content)),
        [b'P', b'K', 3, 4, ..] => zip(content),
        _ if content.starts_with(b"{\\rtf") => Some(rtf(content)),
        _ if content.starts_with(b"%PDF-") => pdf(content),
        _ => None,
    }
}

/// Names of streams that tell which program wrote a compound file.
const STREAMS: [(&str, &str, &str); 5] = [
    ("WordDocument", "application/msword", "doc"),
    ("Workbook", "application/vnd.ms-excel", "xls"),
    ("Book", "application/vnd.ms-excel", "xls"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint", "ppt"),
    ("__properties_version1.0", "application/vnd.ms-outlook", "msg"),
];

fn compound(content: &[u8]) -> FileType {
    let streams = crate::ole::Ole::parse(content.to_vec()).map(|mut ole| {
        let names = ole.root_names();
        let summary = ole.stream("/\u{5}SummaryInformation", 1 << 20).ok();
        (names, summary)
    });
    let (names, summary) = streams.unwrap_or_default();
    let known = STREAMS.iter().find(|(stream, ..)| names.iter().any(|n| n == stream));
    let (mime, extension) = known.map_or(("application/x-ole-storage", ""), |(_, mime, ext)| (*mime, *ext));
    let mut text = String::from("Composite Document File V2 Document, ");
    match summary.and_then(|bytes| properties(Bytes(&bytes))) {
        Some(properties) => text.push_str(&format!("Little Endian, {properties}")),
        None => text.push_str("Cannot read section info"),
    }
    FileType::new(text, mime, extension)
}

/// Properties shown, of one section at most.
const MAX_PROPERTIES: usize = 64;

/// The system and the properties of a summary stream, as `file` lists them.
fn properties(stream: Bytes<'_>) -> Option<String> {
    let system = match stream.u16(6)? {
        0 => "Windows 16-bit".to_owned(),
        1 => "MacOS".to_owned(),
        2 => "Windows".to_owned(),
        n => n.to_string(),
    };
    let version = stream.u16(4)?;
    let mut out = format!("Os: {system}, Version {}.{}", version & 0xff, version >> 8);
    let section = stream.from(stream.size(44)?)?;
    let count = section.size(4)?.min(MAX_PROPERTIES);
    for i in 0..count {
        let (id, at) = (section.u32(8 + 8 * i)?, section.size(12 + 8 * i)?);
        let Some((name, value)) = name(id).zip(section.from(at).and_then(|v| property(id, v))) else {
            continue;
        };
        out.push_str(&format!(", {name}: {value}"));
    }
    Some(out)
}

fn name(id: u32) -> Option<&'static str> {
    Some(match id {
        1 => "Code page",
        2 => "Title",
        3 => "Subject",
        4 => "Author",
        5 => "Keywords",
        6 => "Comments",
        7 => "Template",
        8 => "Last Saved By",
        9 => "Revision Number",
        10 => "Total Editing Time",
        11 => "Last Printed",
        12 => "Create Time/Date",
        13 => "Last Saved Time/Date",
        14 => "Number of Pages",
        15 => "Number of Words",
        16 => "Number of Characters",
        18 => "Name of Creating Application",
        19 => "Security",
        _ => return None,
    })
}

fn property(id: u32, value: Bytes<'_>) -> Option<String> {
    match value.u32(0)? & 0xffff {
        2 => Some(value.u16(4)?.cast_signed().to_string()),
        3 => Some(value.i32(4)?.to_string()),
        30 => {
            let text = latin1(value.get(8, value.size(4)?)?);
            (!text.is_empty()).then_some(text)
        }
        31 => Some(utf16(value.get(8, value.size(4)?.checked_mul(2)?)?)),
        64 if id == 10 => {
            let seconds = value.u64(4)? / 10_000_000;
            let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
            let mut text = if days > 0 { format!("{days}d+") } else { String::new() };
            if days > 0 || hours > 0 {
                text.push_str(&format!("{hours:02}:"));
            }
            Some(format!("{text}{minutes:02}:{:02}", seconds % 60))
        }
        64 => Some(value.filetime(4)?.strftime("%a %b %e %H:%M:%S %Y").to_string()),
        _ => None,
    }
}

/// Members of a zip file that are looked at.
const MAX_MEMBERS: usize = 100;

fn zip(content: &[u8]) -> Option<FileType> {
    let names = member_names(content);
    let first = names.first().map_or("", |n| n.as_str());
    let is_office =
        ["[Content_Types].xml", "_rels/.rels", "docProps", "customXml"].iter().any(|n| first.starts_with(n));
    let has = |folder: &str| names.iter().any(|n| n.starts_with(folder));
    const OPEN_XML: &str = "application/vnd.openxmlformats-officedocument.";
    let open_xml = |kind: &str| format!("{OPEN_XML}{kind}");
    Some(match () {
        () if is_office && has("word/") => {
            FileType::new("Microsoft Word 2007+", &open_xml("wordprocessingml.document"), "docx")
        }
        () if is_office && has("xl/") => {
            FileType::new("Microsoft Excel 2007+", &open_xml("spreadsheetml.sheet"), "xlsx")
        }
        () if is_office && has("ppt/") => {
            FileType::new("Microsoft PowerPoint 2007+", &open_xml("presentationml.presentation"), "pptx")
        }
        () if is_office => FileType::new("Microsoft OOXML", "application/octet-stream", ""),
        () if is_jar(content) => FileType::new("Java archive data (JAR)", "application/java-archive", "jar"),
        // OpenDocument and others name themselves in their first member.
        () if first == "mimetype" => return None,
        () => FileType::new(archive(Bytes(content))?, "application/zip", "zip"),
    })
}

/// Tools for Java mark the first member of what they pack.
fn is_jar(content: &[u8]) -> bool {
    let bytes = Bytes(content);
    let extra = bytes.u16(26).and_then(|name| bytes.u16(30 + usize::from(name)));
    bytes.u16(28).is_some_and(|length| length > 0) && extra == Some(0xCAFE)
}

fn archive(bytes: Bytes<'_>) -> Option<String> {
    let version = bytes.u8(4)?;
    let method = match bytes.u16(8)? {
        0 => "store",
        1 => "shrink",
        6 => "implode",
        8 => "deflate",
        9 => "deflate64",
        12 => "bzip2",
        14 => "lzma",
        95 => "xz",
        99 => "AES Encrypted",
        _ => "unknown",
    };
    let (major, minor) = (version / 10, version % 10);
    Some(format!("Zip archive data, at least v{major}.{minor} to extract, compression method={method}"))
}

/// The names in the headers of members, as far as one can be found after the other.
fn member_names(content: &[u8]) -> Vec<String> {
    let bytes = Bytes(content);
    let mut names = Vec::new();
    let mut at = 0;
    while names.len() < MAX_MEMBERS && bytes.get(at, 4) == Some(b"PK\x03\x04") {
        let Some((name, extra)) = bytes.u16(at + 26).zip(bytes.u16(at + 28)) else { break };
        let (name, extra) = (usize::from(name), usize::from(extra));
        names.push(String::from_utf8_lossy(bytes.get(at + 30, name).unwrap_or_default()).into_owned());
        let data = at + 30 + name + extra;
        // The size may stand only after the data: then the next header is looked for.
        let next = match bytes.size(at + 18) {
            Some(size) if size > 0 || bytes.u16(at + 6).is_some_and(|f| f & 8 == 0) => {
                data.saturating_add(size)
            }
            _ => match content.get(data..).and_then(|rest| memchr::memmem::find(rest, b"PK\x03\x04")) {
                Some(found) => data + found,
                None => break,
            },
        };
        at = next;
    }
    names
}

fn rtf(content: &[u8]) -> FileType {
    let mut text = String::from("Rich Text Format data");
    let rest = &content[5..content.len().min(4096)];
    if rest.first().is_some_and(u8::is_ascii_digit) {
        text.push_str(&format!(", version {}", char::from(rest[0])));
        for (word, name) in [
            (&b"\\ansi"[..], "ANSI"),
            (b"\\mac", "Apple Macintosh"),
            (b"\\pc", "IBM PC, code page 437"),
            (b"\\pca", "IBM PS/2, code page 850"),
        ] {
            if rest[1..].starts_with(word) {
                text.push_str(&format!(", {name}"));
                break;
            }
        }
        if let Some(at) = memchr::memmem::find(rest, b"\\ansicpg") {
            let digits: String =
                rest[at + 8..].iter().map(|b| char::from(*b)).take_while(char::is_ascii_digit).collect();
            text.push_str(&format!(", code page {digits}"));
        }
        if let Some(at) = memchr::memmem::find(rest, b"\\deflang") {
            let digits: String =
                rest[at + 8..].iter().map(|b| char::from(*b)).take_while(char::is_ascii_digit).collect();
            if !digits.is_empty() {
                text.push_str(&format!(", default language ID {digits}"));
            }
        }
    } else {
        text.push_str(", unknown version");
    }
    FileType::new(text, "text/rtf", "rtf")
}

fn pdf(content: &[u8]) -> Option<FileType> {
    let major = char::from(*content.get(5)?);
    let minor = char::from(*content.get(7)?);
    let mut text = format!("PDF document, version {major}.{minor}");
    if let Some(at) = memchr::memmem::find(content, b"/Count ") {
        let digits: String =
            content[at + 7..].iter().map(|b| char::from(*b)).take_while(char::is_ascii_digit).collect();
        if digits.len() < 10 && !digits.is_empty() {
            text.push_str(&format!(", {digits} pages"));
        }
    }
    Some(FileType::new(text, "application/pdf", "pdf"))
}
