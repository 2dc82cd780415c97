//! What tests of all formats begin with, and what is asked of all.

use std::io::Cursor;

use super::*;

pub const SCRIPT: &[u8] = b"#!/bin/sh\nid\n";
/// Members, and those of them that are worth a task.
pub const SHARED: [(&str, &[u8]); 3] =
    [("a.sh", SCRIPT), ("notes.txt", b"plain"), ("in/b", b"#!/bin/sh\necho b\n")];
pub const WANTED: [&str; 2] = ["a.sh", "in/b"];

pub fn found(bytes: &[u8], password: Option<&str>) -> Option<Members> {
    let format = Format::of(&filetype::of(bytes).description, "")?;
    of(Cursor::new(bytes), format, password, &|kind, _| kind.contains("script")).unwrap()
}

pub fn names(bytes: &[u8], password: Option<&str>) -> Option<Vec<String>> {
    found(bytes, password).map(|found| found.names)
}

pub fn taken(bytes: &[u8], password: Option<&str>, member: &str) -> Option<Vec<u8>> {
    let format = Format::of(&filetype::of(bytes).description, "")?;
    let mut out = Vec::new();
    content(Cursor::new(bytes), format, password, member, &mut out).unwrap().then_some(out)
}

#[test]
fn formats_are_known_by_type_and_mails_by_name_as_well() {
    for (file_type, name, format) in [
        ("Zip archive data, at least v2.0 to extract", "x", Some(Format::Zip)),
        ("7-zip archive data, version 0.4", "x", Some(Format::SevenZip)),
        ("POSIX tar archive (GNU)", "x", Some(Format::Tar)),
        ("SMTP mail, ASCII text", "x", Some(Format::Mail)),
        ("ASCII text, with CRLF line terminators", "Invoice.EML", Some(Format::Mail)),
        ("Composite Document File V2 Document, Cannot read section info", "x.msg", Some(Format::Outlook)),
        ("ELF 64-bit LSB pie executable", "x.eml", None),
        ("ASCII text", "x.sh", None),
        ("Microsoft Word 2007+", "x.docx", None),
    ] {
        assert_eq!(Format::of(file_type, name), format, "{file_type}");
    }
    assert_eq!(names(SCRIPT, None), None);
}

#[test]
fn names_that_lead_out_are_seen() {
    for name in ["../x", "a/../../x", "/x", "\\\\x", "C:x", "a\\..\\x", ".."] {
        assert!(leads_out(name), "{name}");
    }
    for name in ["x", "a/b", "..x", "a..b/c", "x..", "ä:b"] {
        assert!(!leads_out(name), "{name}");
    }
}
