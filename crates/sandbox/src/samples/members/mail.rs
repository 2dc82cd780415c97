//! Mails (RFC 5322, RFC 2045), and mails in them: what is attached.
//!
//! Names of attachments are the sender's, and are made such that they can be named in options: the host hands the member to the guest,
//! so that nobody else has to find it under its name.

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::ControlFlow;

use mailparse::{DispositionType, ParsedMail};

use super::{MAX_MAIL, NOT_IN_OPTIONS, Walk};
use crate::api::fields::file_name;

/// Mails in mails that are opened.
const MAX_DEPTH: usize = 4;
/// The longest header with encoded words.
const MAX_HEADER: usize = 16 << 10;

pub fn walk(file: impl Read, walk: &mut Walk<'_>) -> io::Result<bool> {
    let mut bytes = Vec::new();
    file.take(MAX_MAIL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_MAIL {
        return Ok(false);
    }
    let Some(mail) = parse(&bytes) else { return Ok(false) };
    if mail.headers.is_empty() {
        return Ok(false);
    }
    let _ = parts(&mail, 0, &mut Names::default(), walk)?;
    Ok(true)
}

fn parse(bytes: &[u8]) -> Option<ParsedMail<'_>> {
    if has_costly_header(bytes) {
        return None;
    }
    mailparse::parse_mail(bytes).ok()
}

/// Whether a line with those that go on with it is long and has encoded words: the work to decode them grows with the square of
/// their number.
fn has_costly_header(bytes: &[u8]) -> bool {
    let (mut length, mut is_encoded) = (0, false);
    bytes.split(|byte| *byte == b'\n').any(|line| {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            (length, is_encoded) = (0, false);
        }
        length += line.len();
        is_encoded |= line.windows(2).any(|pair| pair == b"=?");
        is_encoded && length > MAX_HEADER
    })
}

fn parts(
    mail: &ParsedMail<'_>,
    depth: usize,
    names: &mut Names,
    walk: &mut Walk<'_>,
) -> io::Result<ControlFlow<()>> {
    for part in mail.parts().filter(|part| part.subparts.is_empty()) {
        let disposition = part.get_content_disposition();
        let given = disposition.params.get("filename").or_else(|| part.ctype.params.get("name"));
        let is_mail = ["message/rfc822", "message/global"].contains(&&*part.ctype.mimetype);
        let is_body = part.ctype.mimetype.starts_with("text/")
            && given.is_none()
            && disposition.disposition != DispositionType::Attachment;
        if is_body {
            continue;
        }
        let name = names.of(given.map_or("", String::as_str));
        let Ok(content) = part.get_body_raw() else {
            walk.notes.push(format!("{}: it cannot be decoded", super::shown(&name)));
            continue;
        };
        if !walk.may_unpack(content.len() as u64) {
            return Ok(ControlFlow::Break(()));
        }
        let inner = (is_mail && depth < MAX_DEPTH).then(|| parse(&content)).flatten();
        let flow = match inner {
            Some(inner) => parts(&inner, depth + 1, names, walk)?,
            None => walk.attachment(&name, &content)?,
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Names of attachments, each once.
#[derive(Default)]
pub(super) struct Names {
    given: HashSet<String>,
    count: usize,
}

impl Names {
    /// A harmless one that is like what was given.
    pub fn of(&mut self, given: &str) -> String {
        self.count += 1;
        let is_harmful = |letter: char| NOT_IN_OPTIONS.contains(&letter) || letter.is_control();
        let plain = given.trim().replace(is_harmful, "_");
        let name = file_name(&plain, &format!("part{}", self.count));
        let name = if self.given.contains(&name) { format!("{}_{name}", self.count) } else { name };
        self.given.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::tests::SCRIPT;
    use super::super::{Format, Members, content, of};

    fn found(mail: &str) -> Option<Members> {
        let cursor = std::io::Cursor::new(mail.as_bytes());
        of(cursor, Format::Mail, None, &|kind, _| kind.contains("script")).unwrap()
    }

    fn taken(mail: &str, member: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let cursor = std::io::Cursor::new(mail.as_bytes());
        content(cursor, Format::Mail, None, member, &mut out).unwrap().then_some(out)
    }

    fn mail(parts: &[String]) -> String {
        let head = "From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n";
        let parts: String = parts.iter().map(|part| format!("--cut\r\n{part}\r\n")).collect();
        format!("{head}Content-Type: multipart/mixed; boundary=cut\r\n\r\nnothing\r\n{parts}--cut--\r\n")
    }

    fn attached(header: &str, body: &str) -> String {
        format!(
            "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; {header}\r\n{body}"
        )
    }

    const ENCODED: &str = "Content-Transfer-Encoding: base64\r\n\r\nIyEvYmluL3NoCmlkCg==";

    #[test]
    fn attachments_are_found_by_any_name_and_taken_out_byte_by_byte() {
        let text = "Content-Type: text/plain\r\n\r\n#!/bin/sh\nis only the body";
        let script = "Content-Type: text/x-sh; name=\"inline.sh\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n#!/bin/sh=0Aecho =FF=0A";
        let mail = mail(&[
            text.into(),
            attached("filename=\"plain.sh\"", ENCODED),
            attached("filename*=utf-8''r%C3%A4k.sh", ENCODED),
            attached("filename=\"=?utf-8?B?csOkay5zaA==?=\"", ENCODED),
            attached("x=y", ENCODED),
            attached("filename=\"../../etc/a,b.sh\"", ENCODED),
            attached("filename=words.txt", "\r\nwords"),
            script.into(),
        ]);
        let names = found(&mail).unwrap().names;
        assert_eq!(names, ["plain.sh", "räk.sh", "3_räk.sh", "part4", "a_b.sh", "inline.sh"]);
        for name in &names[..5] {
            assert_eq!(taken(&mail, name).unwrap(), SCRIPT, "{name}");
        }
        assert_eq!(taken(&mail, "inline.sh").unwrap(), b"#!/bin/sh\necho \xff\n");
        assert_eq!(taken(&mail, "none.sh"), None);
    }

    #[test]
    fn archives_that_are_attached_are_opened_too() {
        use base64::Engine as _;
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = || zip::write::SimpleFileOptions::default();
        let locked = options().with_aes_encryption(zip::AesMode::Aes256, "infected");
        for (name, options) in [("a.sh", options()), ("in/b.sh", locked), ("../c.sh", options())] {
            zip.start_file(name, options).unwrap();
            std::io::Write::write_all(&mut zip, SCRIPT).unwrap();
        }
        let zip = base64::engine::general_purpose::STANDARD.encode(zip.finish().unwrap().into_inner());
        let encoded = format!("Content-Transfer-Encoding: base64\r\n\r\n{zip}");
        let mail = mail(&[attached("filename=bill.zip", &encoded)]);
        let found = found(&mail).unwrap();
        assert_eq!(found.names, ["bill.zip/a.sh", "bill.zip/in/b.sh"]);
        assert!(found.left_out.len() == 1 && found.left_out[0].contains("leads out"), "{found:?}");
        assert_eq!(taken(&mail, "bill.zip/in/b.sh").unwrap(), SCRIPT);
        // One that cannot be opened is named.
        let mail = self::mail(&[attached("filename=bad.zip", &encoded[..encoded.len() - zip.len() + 240])]);
        let found = self::found(&mail).unwrap();
        assert_eq!((found.names.len(), found.left_out.len()), (0, 1), "{found:?}");
        assert!(found.left_out[0].contains("submit it by itself"));
    }

    #[test]
    fn mails_in_mails_are_opened_to_a_depth() {
        let inner = mail(&[attached("filename=deep.sh", ENCODED)]);
        let wrap = |inner: &str| mail(&[format!("Content-Type: message/rfc822\r\n\r\n{inner}")]);
        // Boundaries of their own.
        let nested = (0..4).fold(inner, |inner, at| wrap(&inner.replace("cut", &format!("{at}cut"))));
        assert_eq!(found(&nested).unwrap().names, ["deep.sh"]);
        assert_eq!(taken(&nested, "deep.sh").unwrap(), SCRIPT);
        let deeper = wrap(&nested.replace("cut", "x"));
        assert_eq!(found(&deeper), None, "a mail without members is itself what is looked at");
    }

    #[test]
    fn hostile_mails_end() {
        let open: String = (0..5000)
            .map(|at| format!("--b{at}\r\nContent-Type: multipart/mixed; boundary=b{}\r\n\r\n", at + 1))
            .collect();
        let deep = format!("Subject: x\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n{open}");
        assert_eq!(found(&deep), None);
        let within = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
        assert_eq!(found(&format!("Subject: x\r\n{within}")), None);
        let many = mail(&vec![attached("filename=x.sh", ENCODED); 3000]);
        let found_many = found(&many).unwrap();
        assert_eq!((found_many.names.len(), found_many.left_out.len()), (64, 101));
        let broken = mail(&[
            attached("filename=bad.sh", "Content-Transfer-Encoding: base64\r\n\r\n!!!!"),
            attached("filename=ok.sh", ENCODED),
        ]);
        let found_broken = found(&broken).unwrap();
        assert_eq!(
            (&*found_broken.names, &*found_broken.left_out),
            (&["ok.sh".to_owned()][..], &["bad.sh: it cannot be decoded".to_owned()][..])
        );
        let words = "Subject: x\r\nContent-Type: ".to_owned() + &"=?utf-8?q?a?=\r\n ".repeat(1_000_000);
        assert_eq!(found(&words), None, "this takes minutes to decode");
        for nothing in ["", "no mail at all", "\0\0\0", ":\r\n\r\n"] {
            assert_eq!(found(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn names_are_plain_and_each_is_there_once() {
        let mut names = Names::default();
        let given = ["a.sh", "../../a.sh", "C:\\x\\b,c.exe", " \r\n ", "..", "e\0f", "a.sh"];
        let made: Vec<String> = given.iter().map(|given| names.of(given)).collect();
        assert_eq!(made, ["a.sh", "2_a.sh", "b_c.exe", "part4", "part5", "e_f", "7_a.sh"]);
        assert!(names.of(&"x".repeat(5000)).len() <= 200);
    }
}
