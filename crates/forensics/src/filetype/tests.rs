//! Descriptions are those of Debian's `file`.
//!
//! The golden table is made anew by `SAMPLES=<folder> cargo test -p forensics -- --ignored write_samples`, and then
//! `file --brief` over that folder.

use super::*;

/// Files by name. Some words of `file` need data that these lack, so real ones from other tests are among them.
fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let zip = |names: &[&str]| {
        let mut out = Vec::new();
        for name in names {
            out.extend(b"PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00");
            out.extend((name.len() as u16).to_le_bytes());
            out.extend([0, 0]);
            out.extend(name.as_bytes());
            out.extend([3, 0]);
        }
        out
    };
    // A member `a`, empty.
    let tar = |magic: &[u8; 8]| {
        let mut head = b"a\0".to_vec();
        head.resize(1024, 0);
        for (at, field) in
            [(100, "0000644"), (108, "0000000"), (116, "0000000"), (124, "00000000000"), (136, "00000000000")]
        {
            head[at..at + field.len()].copy_from_slice(field.as_bytes());
        }
        head[148..156].fill(b' ');
        head[156] = b'0';
        head[257..265].copy_from_slice(magic);
        let sum: u32 = head[..512].iter().map(|byte| u32::from(*byte)).sum();
        head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        head
    };
    let utf16: Vec<u8> = "\u{FEFF}hello\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("7z", b"7z\xbc\xaf'\x1c\x00\x04\xea\xae\x87*\x0a\x00\x00\x00\x00\x00\x00\x00R\x00\x00\x00\x00\x00\x00\x00\x99\xef%8\x01\x00\x05hello\x0a\x00\x01\x04\x06\x00\x01\x09\x0a\x00\x07\x0b\x01\x00\x01!!\x01\x00\x0c\x06\x00\x08\x0a\x01 0:6\x00\x00\x05\x01\x19\x0c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x11\x0d\x00a\x00.\x00t\x00x\x00t\x00\x00\x00\x14\x0a\x01\x00\xb5\x91\xcb\xef\xafz\xdd\x01\x15\x06\x01\x00 \x80\xa4\x81\x00\x00".to_vec()),
        ("ascii", b"hello world\n".to_vec()),
        ("bash", b"#!/bin/bash\necho hello\n".to_vec()),
        ("batch", b"@echo off\r\necho hello\r\n".to_vec()),
        ("bzip2", b"BZh91AY&SY\xc1\xc0\x80\xe2\x00\x00\x01A\x00\x00\x10\x02D\xa0\x000\xcd\x00\xc3F)\x97\x17rE8P\x90\xc1\xc0\x80\xe2".to_vec()),
        ("crlf", b"hello\r\nworld\r\n".to_vec()),
        ("dll", include_bytes!("../pe/testdata/sample.dll").to_vec()),
        ("docx", zip(&["[Content_Types].xml", "_rels/.rels", "word/document.xml"])),
        ("empty", Vec::new()),
        ("evtx", include_bytes!("../testdata/Security_short_selected.evtx").to_vec()),
        ("hive", include_bytes!("../testdata/small.hive").to_vec()),
        ("html", b"<!DOCTYPE html>\n<html><body>x</body></html>\n".to_vec()),
        ("iso8859", b"caf\xe9 is a word\n".to_vec()),
        ("json", b"{\"a\": [1, 2, {\"b\": null}]}\n".to_vec()),
        ("long", [&[b'a'; 400][..], b"\n"].concat()),
        ("noise", vec![0x81, 0, 0x7f, 0x93, 0, 1, 2, 0xfe, 0xdc, 0x03]),
        ("nolf", b"no line end".to_vec()),
        ("pdf", b"%PDF-1.7\n1 0 obj\n<</Type /Pages /Kids [2 0 R] /Count 3>>\nendobj\n".to_vec()),
        ("perl", b"#!/usr/bin/perl -w\nprint 1;\n".to_vec()),
        ("php", b"<?php\necho 1;\n".to_vec()),
        ("pptx", zip(&["[Content_Types].xml", "_rels/.rels", "ppt/presentation.xml"])),
        ("python", b"#!/usr/bin/env python3\nprint(1)\n".to_vec()),
        ("rtf", b"{\\rtf1\\ansi\\ansicpg1252\\deff0 hello}\n".to_vec()),
        ("sh", b"#!/bin/sh\nexit 0\n".to_vec()),
        ("tar", tar(b"ustar\x0000")),
        ("tar-gnu", tar(b"ustar  \0")),
        ("utf16", utf16),
        ("utf8", "caf\u{e9} \u{17c}\u{f3}\u{142}w\n".as_bytes().to_vec()),
        ("xlsx", zip(&["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"])),
        ("xml", b"<?xml version=\"1.0\"?>\n<a/>\n".to_vec()),
        ("xz", b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00t/\xe5\xa3\x01\x00\x05hello\x0a\x00\x00\x00\xa5`\x97\xf1\x94\xf6\xfd\xe0\x00\x01\x1e\x06\xc1/\xa4\x1d\x1f\xb6\xf3}\x01\x00\x00\x00\x00\x04YZ".to_vec()),
        ("zip", zip(&["META-INF/MANIFEST.MF", "A.class"])),
    ]
}

#[test]
fn descriptions_are_those_of_file() {
    let golden: Vec<(&str, &str)> =
        include_str!("testdata/file.txt").lines().filter_map(|line| line.split_once('\t')).collect();
    let samples = samples();
    assert_eq!(samples.len(), golden.len());
    let mut failures = String::new();
    for ((name, content), (wanted_name, wanted)) in samples.iter().zip(golden) {
        assert_eq!(*name, wanted_name);
        let got = of(content).description;
        if got != wanted {
            failures.push_str(&format!("{name}\n  wanted {wanted}\n  got    {got}\n"));
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn programs_of_unix_are_described() {
    let golden = include_str!("testdata/hello.elf.txt").trim_end();
    assert_eq!(of(include_bytes!("testdata/hello.elf")).description, golden);
    let mut macho = vec![0xCF, 0xFA, 0xED, 0xFE, 7, 0, 0, 1, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    macho.extend([0x85, 0, 0x20, 0, 0, 0, 0, 0]);
    assert_eq!(
        of(&macho).description,
        "Mach-O 64-bit x86_64 executable, flags:<NOUNDEFS|DYLDLINK|TWOLEVEL|PIE>"
    );
}

#[test]
fn families_have_names() {
    let png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00";
    assert_eq!((&*of(png).mime, &*of(png).extension), ("image/png", "png"));
    assert_eq!(of(b"hello\n").mime, "text/plain");
}

#[test]
fn any_bytes_have_a_type() {
    for (_, sample) in samples() {
        for at in (0..sample.len()).step_by(1 + sample.len() / 200) {
            let mut broken = sample.clone();
            broken[at] ^= 0xff;
            of(&broken);
            of(&sample[..at]);
        }
    }
}

#[test]
#[ignore = "writes the samples for the real `file`"]
fn write_samples() {
    let Ok(folder) = std::env::var("SAMPLES") else { return };
    for (name, content) in samples() {
        std::fs::write(format!("{folder}/{name}"), content).unwrap();
    }
}
