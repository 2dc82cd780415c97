//! What is under a path: small, harmless and of the kind that its name promises.

use std::borrow::Cow;

use crc32fast::hash as crc32;

pub struct Page {
    pub status: &'static str,
    pub kind: &'static str,
    pub bytes: Cow<'static, [u8]>,
}

impl Page {
    pub fn code(&self) -> u16 {
        self.status.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0)
    }
}

/// Pages by which systems find out whether they are on the internet: path and text.
const PROBES: [(&str, &str); 5] = [
    ("/connecttest.txt", "Microsoft Connect Test"),
    ("/ncsi.txt", "Microsoft NCSI"),
    ("/success.txt", "success\n"),
    ("/nm", "NetworkManager is online\n"),
    ("/hotspot-detect.html", "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>\n"),
];

pub fn of(host: &str, path: &str) -> Page {
    if path.ends_with("/generate_204") || path.ends_with("/gen_204") {
        return Page { status: "204 No Content", kind: "text/plain", bytes: Cow::Borrowed(b"") };
    }
    let page = |kind, bytes| Page { status: "200 OK", kind, bytes };
    if let Some((_, text)) = PROBES.iter().find(|(probe, _)| *probe == path) {
        let kind = if path.ends_with(".html") { "text/html" } else { "text/plain" };
        return page(kind, Cow::Borrowed(text.as_bytes()));
    }
    let text = |text: &'static str| Cow::Borrowed(text.as_bytes());
    let name = path.rsplit('/').next().unwrap_or_default();
    let end = name.rsplit_once('.').map_or("", |(_, end)| end).to_ascii_lowercase();
    match end.as_str() {
        "txt" | "log" | "ini" | "cfg" | "conf" | "md" => page("text/plain", text("OK\n")),
        "js" | "mjs" => page("application/javascript", text("void 0;\n")),
        "css" => page("text/css", text("body{margin:0}\n")),
        "json" => page("application/json", text("{\"status\":\"ok\"}\n")),
        "xml" | "rss" => page("application/xml", text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ok/>\n")),
        "csv" => page("text/csv", text("status\nok\n")),
        "sh" => page("application/x-sh", text("#!/bin/sh\nexit 0\n")),
        "py" => page("text/x-python", text("pass\n")),
        "pl" => page("text/x-perl", text("1;\n")),
        "ps1" | "psm1" => page("text/plain", text("exit 0\r\n")),
        "bat" | "cmd" => page("text/plain", text("@exit /b 0\r\n")),
        "vbs" => page("text/plain", text("' ok\r\n")),
        "png" => page("image/png", Cow::Owned(png())),
        "gif" => page("image/gif", Cow::Borrowed(GIF)),
        "ico" => page("image/x-icon", Cow::Owned([ICON, &png()].concat())),
        "svg" => page(
            "image/svg+xml",
            text("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"1\"/>\n"),
        ),
        "pdf" => page("application/pdf", Cow::Borrowed(PDF)),
        "zip" | "jar" | "apk" | "docx" | "xlsx" | "pptx" => page("application/zip", Cow::Borrowed(EMPTY_ZIP)),
        "gz" | "tgz" => page("application/gzip", Cow::Borrowed(EMPTY_GZIP)),
        "exe" | "scr" | "com" => page("application/x-msdownload", Cow::Owned(program(false))),
        "dll" | "ocx" | "sys" | "cpl" => page("application/x-msdownload", Cow::Owned(program(true))),
        "elf" | "so" => page("application/octet-stream", Cow::Owned(elf())),
        "bin" | "dat" | "raw" | "img" => page("application/octet-stream", Cow::Borrowed(&[0; 1024])),
        _ => page("text/html; charset=utf-8", Cow::Owned(html(host))),
    }
}

/// The host's name is the guest's to choose: only what a name may hold is shown.
fn html(host: &str) -> Vec<u8> {
    let shown: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'))
        .take(253)
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{shown}</title></head>\n\
         <body><h1>Welcome</h1><p>{shown} is up and running.</p></body>\n</html>\n"
    )
    .into_bytes()
}

/// One white pixel.
const GIF: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
/// One picture, which follows as PNG: 73 bytes from byte 22 on.
const ICON: &[u8] = b"\0\0\x01\0\x01\0\x01\x01\0\0\x01\0\x20\0\x49\0\0\0\x16\0\0\0";
/// The end of a directory with nothing in it.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
const EMPTY_GZIP: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
const PDF: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";

/// One white pixel with its opacity: 73 bytes.
fn png() -> Vec<u8> {
    let mut all = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let body = [kind, data].concat();
        all.extend((data.len() as u32).to_be_bytes());
        all.extend(&body);
        all.extend(crc32(&body).to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0]);
    // A stored block of a filter byte and a pixel, and its checksum (RFC 1950).
    chunk(b"IDAT", &[0x78, 1, 1, 5, 0, 0xfa, 0xff, 0, 255, 255, 255, 255, 9, 0xfb, 3, 0xfd]);
    chunk(b"IEND", &[]);
    all
}

/// A Windows program that ends at once: `xor eax, eax; ret` (Microsoft's PE format, sections 2 to 4).
fn program(is_library: bool) -> Vec<u8> {
    const HEADERS: u32 = 0x200;
    const BASE: u32 = 0x1000;
    let mut all = vec![0; 1024];
    let mut put = |at: usize, bytes: &[u8]| all[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x80_u32.to_le_bytes());
    put(0x80, b"PE\0\0");
    // Of 80386, one section, 224 bytes of optional header; runnable, 32 bits, no relocations.
    let traits: u16 = 0x0103 | if is_library { 0x2000 } else { 0 };
    put(0x84, &[0x4c, 1, 1, 0]);
    put(0x94, &[0xe0, 0]);
    put(0x96, &traits.to_le_bytes());
    put(0x98, &[0x0b, 1, 14, 0]);
    for (at, value) in [
        (0x9c, 0x200_u32), // code
        (0xa8, BASE),      // entry
        (0xac, BASE),      // where code begins
        (0xb4, 0x0040_0000),
        (0xb8, 0x1000), // alignment in memory
        (0xbc, 0x200),  // and in the file
        (0xd0, 0x2000), // whole size
        (0xd4, HEADERS),
        (0xe0, 0x0010_0000),
        (0xe4, 0x1000),
        (0xe8, 0x0010_0000),
        (0xec, 0x1000),
        (0xf4, 16),
    ] {
        put(at, &value.to_le_bytes());
    }
    // Versions of the system and subsystem; for the console.
    put(0xc0, &[6, 0]);
    put(0xc8, &[6, 0]);
    put(0xdc, &[3, 0]);
    put(0x178, b".text\0\0\0");
    for (at, value) in [(0x180, 3_u32), (0x184, BASE), (0x188, 0x200), (0x18c, HEADERS), (0x19c, 0x6000_0020)]
    {
        put(at, &value.to_le_bytes());
    }
    put(HEADERS as usize, &[0x31, 0xc0, 0xc3]);
    all
}

/// A Linux program that ends at once: `mov edi, 0; mov eax, 60; syscall` (System V ABI, chapter 4).
fn elf() -> Vec<u8> {
    const BASE: u64 = 0x0040_0000;
    const CODE: [u8; 12] = [0xbf, 0, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 0x05];
    let length = 64 + 56 + CODE.len() as u64;
    let mut all = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for number in [BASE + 120, 64, 0] {
        all.extend(number.to_le_bytes());
    }
    for number in [0_u16, 0, 64, 56, 1, 0, 0, 0] {
        all.extend(number.to_le_bytes());
    }
    all.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for number in [0, BASE, BASE, length, length, 0x1000] {
        all.extend(number.to_le_bytes());
    }
    all.extend(CODE);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_what_they_say() {
        let of = |path: &str| of("a.example", path).bytes.into_owned();
        assert_eq!(of("/x.png").len(), 73);
        let png = png::Decoder::new(std::io::Cursor::new(of("/x.png"))).read_info();
        assert!(png.unwrap().next_frame(&mut [0; 4]).is_ok());
        assert!(zip::ZipArchive::new(std::io::Cursor::new(of("/a/b.ZIP"))).unwrap().is_empty());
        let mut none = String::new();
        let mut gzip = of("/x.gz");
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&gzip.split_off(0)[..]), &mut none)
            .unwrap();
        assert!(of("/x.exe").starts_with(b"MZ") && of("/x.exe") != of("/x.dll"));
        assert!(of("/x.elf").starts_with(b"\x7fELF"));
        assert!(String::from_utf8(of("/index.php")).unwrap().contains("a.example is up"));
        let json: serde_json::Value = serde_json::from_slice(&of("/v1/x.json")).unwrap();
        assert_eq!(json["status"], "ok");
    }

    #[test]
    fn systems_believe_that_they_are_online() {
        assert_eq!(of("a", "/generate_204").code(), 204);
        assert_eq!(of("www.msftconnecttest.com", "/connecttest.txt").bytes, &b"Microsoft Connect Test"[..]);
    }

    #[test]
    fn a_name_does_not_get_out_of_its_page() {
        let page = of("<script>alert(1)</script>", "/");
        assert!(!page.bytes.windows(8).any(|text| text == b"<script>"));
    }
}
