//! Text: its encoding, its line ends, and what language it is in.

use super::FileType;

/// Bytes that are looked at for the kind of text.
const WINDOW: usize = 64 << 10;
/// A line beyond this is called very long.
const LONG_LINE: usize = 300;

pub(super) fn of(content: &[u8]) -> Option<FileType> {
    let window = &content[..content.len().min(WINDOW)];
    let (encoding, text) = decoded(window, content.len() > WINDOW)?;
    let (kind, mime, extension) = language(&text);
    // Some kinds are named without their encoding, and those that name an interpreter are executable.
    let description = match kind {
        "" => format!("{encoding} text{}", lines(&text)),
        "JSON text data" | "Perl script text executable" => kind.to_owned(),
        kind if text.starts_with("#!") => format!("{kind}, {encoding} text executable{}", lines(&text)),
        kind => format!("{kind}, {encoding} text{}", lines(&text)),
    };
    Some(FileType::new(description, mime, extension))
}

/// The encoding and the text; `None` for what is no text.
fn decoded(bytes: &[u8], is_cut: bool) -> Option<(&'static str, String)> {
    let utf16 = |big: bool| {
        let unit =
            |c: &[u8]| if big { u16::from_be_bytes([c[0], c[1]]) } else { u16::from_le_bytes([c[0], c[1]]) };
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(unit).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xFF, 0xFE, ..] if bytes.get(2..4) != Some(&[0, 0]) => {
            return Some(("Unicode text, UTF-16, little-endian", utf16(false)));
        }
        [0xFE, 0xFF, ..] => return Some(("Unicode text, UTF-16, big-endian", utf16(true))),
        _ => {}
    }
    if !bytes.iter().all(|b| is_text(*b)) {
        return None;
    }
    if bytes.is_ascii() {
        return Some(("ASCII", String::from_utf8_lossy(bytes).into_owned()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(utf8(text)),
        // The window may end inside of a character.
        Err(e) if is_cut && e.error_len().is_none() => {
            Some(utf8(std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default()))
        }
        Err(_) => {
            let encoding = if bytes.iter().any(|b| (0x80..0xA0).contains(b)) {
                "Non-ISO extended-ASCII"
            } else {
                "ISO-8859"
            };
            Some((encoding, bytes.iter().map(|b| char::from(*b)).collect()))
        }
    }
}

fn utf8(text: &str) -> (&'static str, String) {
    match text.strip_prefix('\u{FEFF}') {
        Some(rest) => ("Unicode text, UTF-8 (with BOM)", rest.to_owned()),
        None => ("Unicode text, UTF-8", text.to_owned()),
    }
}

fn is_text(byte: u8) -> bool {
    matches!(byte, 7..=13 | 27 | 0x20..=0x7E | 0x80..)
}

/// Kind, media type and extension by how a text begins.
fn language(text: &str) -> (&'static str, &'static str, &'static str) {
    let first = text.lines().next().unwrap_or_default();
    if let Some(found) = first.strip_prefix("#!").and_then(script) {
        return found;
    }
    let start: String = text.trim_start().chars().take(4096).collect::<String>().to_ascii_lowercase();
    for (prefix, found) in [
        ("<?php", ("PHP script", "text/x-php", "php")),
        ("<?xml", ("XML 1.0 document", "text/xml", "xml")),
        ("<!doctype html", ("HTML document", "text/html", "html")),
        ("<html", ("HTML document", "text/html", "html")),
        ("<head", ("HTML document", "text/html", "html")),
        ("<script", ("HTML document", "text/html", "html")),
        ("@echo off", ("DOS batch file", "text/x-msdos-batch", "bat")),
        ("-----begin certificate", ("PEM certificate", "text/plain", "pem")),
    ] {
        if start.starts_with(prefix) {
            return found;
        }
    }
    let is_json =
        start.starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match () {
        () if is_json => ("JSON text data", "application/json", "json"),
        () => ("", "text/plain", "txt"),
    }
}

fn script(program: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let mut words = program.split_whitespace();
    let mut name = words.next()?.rsplit('/').next()?;
    if name == "env" {
        name = words.find(|w| !w.starts_with('-'))?;
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match stem {
        "sh" | "dash" => ("POSIX shell script", "text/x-shellscript", "sh"),
        "bash" => ("Bourne-Again shell script", "text/x-shellscript", "sh"),
        "zsh" => ("Paul Falstad's zsh script", "text/x-shellscript", "sh"),
        "ksh" => ("Korn shell script", "text/x-shellscript", "sh"),
        "csh" => ("C shell script", "text/x-shellscript", "csh"),
        "python" => ("Python script", "text/x-script.python", "py"),
        "perl" => ("Perl script text executable", "text/x-perl", "pl"),
        "ruby" => ("Ruby script", "text/x-ruby", "rb"),
        "php" => ("PHP script", "text/x-php", "php"),
        "node" => ("Node.js script", "application/javascript", "js"),
        _ => return None,
    })
}

/// What is unusual about the lines.
fn lines(text: &str) -> String {
    let mut out = String::new();
    let longest = text.split(['\n', '\r']).map(str::len).max().unwrap_or(0);
    if longest > LONG_LINE {
        out.push_str(&format!(", with very long lines ({longest})"));
    }
    let crlf = text.matches("\r\n").count();
    let (lf, cr) = (text.matches('\n').count() - crlf, text.matches('\r').count() - crlf);
    let kinds: Vec<&str> =
        [(crlf, "CRLF"), (cr, "CR"), (lf, "LF")].iter().filter(|(n, _)| *n > 0).map(|(_, k)| *k).collect();
    match kinds[..] {
        [] => out.push_str(", with no line terminators"),
        ["LF"] => {}
        _ => out.push_str(&format!(", with {} line terminators", kinds.join(", "))),
    }
    out
}
