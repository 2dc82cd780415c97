//! XML as nested dicts (builtins page, section 1.5).
//!
//! Names lose their prefixes; members are sorted, and found in any case. Entities other than those of XML itself stay
//! as they are written: nothing outside the text is ever read.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use vql::call::Error;
use vql::cancel::Cancel;
use vql::schema::{Name, Schema};
use vql::value::{Row, Value};

/// How deep elements may be nested.
const MAX_DEPTH: usize = 500;

/// How many elements and attributes a document may have.
const MAX_NODES: usize = 5_000_000;

/// An element that is open.
#[derive(Default)]
struct Element {
    name: String,
    members: BTreeMap<String, Member>,
    text: Vec<u8>,
}

enum Member {
    One(Value),
    Many(Vec<Value>),
}

/// Parses a document: a dict of its root element.
pub fn parse(text: &[u8], cancel: &Cancel) -> Result<Value, Error> {
    let decoded = decode_utf16(text);
    let text = decoded.as_deref().unwrap_or(text);
    let mut reader = Reader::from_reader(text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text));
    let mut open = vec![Element::default()];
    let mut nodes = 0;
    loop {
        let event = reader.read_event();
        let event = event.map_err(|e| Error::new(format!("XML at byte {}: {e}", reader.error_position())))?;
        match event {
            Event::Start(start) => {
                if open.len() > MAX_DEPTH {
                    return Err("XML is nested too deeply".into());
                }
                open.push(element(&start, &mut nodes)?);
            }
            Event::Empty(start) => {
                let element = element(&start, &mut nodes)?;
                close(element, &mut open);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(element, &mut open);
                }
            }
            Event::Text(text) => add_text(&mut open, &text),
            Event::CData(text) => add_text(&mut open, &text),
            Event::GeneralRef(entity) => {
                let text = entity_text(&entity);
                add_text(&mut open, &text);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        if nodes > MAX_NODES {
            return Err("XML has too many elements".into());
        }
        if cancel.is_cancelled() {
            return Err("cancelled".into());
        }
    }
    match (open.len(), open.pop()) {
        (1, Some(document)) if !document.members.is_empty() => Ok(members(document.members).into()),
        (1, _) => Err("XML has no element".into()),
        (_, last) => Err(Error::new(format!("XML ends inside of {}", last.unwrap_or_default().name))),
    }
}

/// Text in UTF-16, told by its byte order mark, as UTF-8.
fn decode_utf16(text: &[u8]) -> Option<Vec<u8>> {
    let read: fn([u8; 2]) -> u16 = match text {
        [0xFF, 0xFE, ..] => u16::from_le_bytes,
        [0xFE, 0xFF, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = text[2..].chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    let decoded = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(decoded.collect::<String>().into_bytes())
}

fn element(start: &BytesStart<'_>, nodes: &mut usize) -> Result<Element, Error> {
    *nodes += 1;
    let name = String::from_utf8_lossy(start.local_name().as_ref()).into_owned();
    let mut element = Element { name, ..Element::default() };
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|e| Error::new(format!("XML attribute: {e}")))?;
        *nodes += 1;
        let name = format!("Attr{}", String::from_utf8_lossy(attribute.key.local_name().as_ref()));
        let value = Value::text(unescape(&attribute.value));
        element.members.insert(name, Member::One(value));
    }
    Ok(element)
}

/// Attribute text with its entities resolved.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        match memchr::memchr(b';', rest) {
            Some(end) => {
                let entity = BytesRef::new(String::from_utf8_lossy(&rest[1..end]));
                out.extend_from_slice(&entity_text(&entity));
                rest = &rest[end + 1..];
            }
            None => break,
        }
    }
    out.extend_from_slice(rest);
    out
}

/// What `&name;` stands for; itself when XML does not define it.
fn entity_text(entity: &BytesRef<'_>) -> Vec<u8> {
    if let Ok(Some(c)) = entity.resolve_char_ref() {
        return c.to_string().into_bytes();
    }
    let name = String::from_utf8_lossy(entity);
    match resolve_xml_entity(&name) {
        Some(text) => text.as_bytes().to_vec(),
        None => format!("&{name};").into_bytes(),
    }
}

fn add_text(open: &mut [Element], text: &[u8]) {
    if let [_, .., element] = open {
        element.text.extend_from_slice(text);
    }
}

/// Makes a value of an element and puts it into the one around it.
fn close(element: Element, open: &mut [Element]) {
    let Some(parent) = open.last_mut() else { return };
    let Element { name, members: mut inner, text } = element;
    let text = Value::text(text.trim_ascii());
    let value = if inner.is_empty() {
        text
    } else {
        if !matches!(&text, Value::Text(t) if t.is_empty()) {
            inner.insert("#text".to_owned(), Member::One(text));
        }
        members(inner).into()
    };
    match parent.members.get_mut(&name) {
        None => {
            parent.members.insert(name, Member::One(value));
        }
        Some(Member::Many(values)) => values.push(value),
        Some(member) => {
            if let Member::One(first) = std::mem::replace(member, Member::Many(Vec::new())) {
                *member = Member::Many(vec![first, value]);
            }
        }
    }
}

fn members(members: BTreeMap<String, Member>) -> Row {
    let mut row =
        Row { schema: Schema::new().ignoring_case().into(), cells: Vec::with_capacity(members.len()) };
    for (name, member) in members {
        let value = match member {
            Member::One(value) => value,
            Member::Many(values) => Value::list(values),
        };
        row.set(&Name::new(&name), value);
    }
    row
}

#[cfg(test)]
mod tests {
    use vql::json::{JsonOptions, write_value};

    use super::*;

    fn shown(text: &[u8]) -> String {
        match parse(text, &Cancel::new()) {
            Err(e) => format!("<{e}>"),
            Ok(value) => {
                let mut out = Vec::new();
                write_value(&value, &mut out, &JsonOptions::default());
                String::from_utf8(out).unwrap()
            }
        }
    }

    #[test]
    fn truth_table() {
        for (text, wanted) in [
            ("<a/>", r#"{"a":""}"#),
            ("<?xml version='1.0'?><!DOCTYPE a><!-- c --><a> x </a>", r#"{"a":"x"}"#),
            ("<a><b/>t<b>1</b>u</a>", r##"{"a":{"#text":"tu","b":["","1"]}}"##),
            ("<n:a xmlns:n='urn:x' n:k='v'/>", r#"{"a":{"Attrk":"v","Attrn":"urn:x"}}"#),
            ("<a>&lt;&#65;&#x42;&amp;</a>", r#"{"a":"\u003cAB\u0026"}"#),
            ("<a k='&quot;&x;&#65;'>&x;</a>", r##"{"a":{"#text":"\u0026x;","Attrk":"\"\u0026x;A"}}"##),
            ("<a><![CDATA[<b>]]></a>", r#"{"a":"\u003cb\u003e"}"#),
            ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", r#"{"a":"\u0026x;"}"#),
            ("", "<XML has no element>"),
            ("text", "<XML has no element>"),
            ("<a><b></b>", "<XML ends inside of a>"),
        ] {
            assert_eq!(shown(text.as_bytes()), wanted, "{text}");
        }
        for broken in ["<a></b>", "<a", "<a><b></a></b>", "</a>", "<a b></a>"] {
            assert!(shown(broken.as_bytes()).starts_with("<XML"), "{broken}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = "<a>".repeat(100_000);
        assert_eq!(shown(deep.as_bytes()), "<XML is nested too deeply>");
    }

    #[test]
    fn utf16() {
        let text: Vec<u8> = "\u{feff}<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(shown(&text), r#"{"a":"é"}"#);
    }
}
