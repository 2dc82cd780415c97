//! What one value of a rule asks of a field: modifiers and values to something that can be tried.

use core::net::IpAddr;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::cell::Cell;
use super::pattern::Pattern;
use crate::{Error, Result};

/// What a compiled expression may take.
const REGEX_BYTES: usize = 1 << 20;

/// A question about the value of a field.
#[derive(Debug)]
pub enum Matcher {
    Null,
    Text(Pattern),
    /// A number, or the text of it.
    Number(f64, Pattern),
    Regex(Box<Regex>),
    Network(IpAddr, u8),
    Compare(Order, f64),
    Exists(bool),
    /// Another field, and how the two are compared.
    Field(String, Place, bool),
    /// An expression of the caller.
    Ask(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Where the value is looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// The modifiers of a field, as written after its name.
#[derive(Debug)]
pub struct Modifiers {
    place: Place,
    pub all: bool,
    cased: bool,
    windash: bool,
    wide: Option<Wide>,
    base64: Option<bool>,
    kind: Kind,
    flags: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wide {
    Little,
    Big,
    /// With its mark in front.
    Marked,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Text,
    Regex,
    Cidr,
    Compare(Order),
    Exists,
    Field,
    Ask,
}

fn refused(what: impl Into<String>) -> Error {
    Error::broken("rule", what)
}

impl Modifiers {
    pub fn parse<'a>(names: impl Iterator<Item = &'a str>) -> Result<Modifiers> {
        let mut m = Modifiers {
            place: Place::Whole,
            all: false,
            cased: false,
            windash: false,
            wide: None,
            base64: None,
            kind: Kind::Text,
            flags: String::new(),
        };
        for name in names {
            match name {
                "contains" => m.place = Place::Anywhere,
                "startswith" => m.place = Place::Start,
                "endswith" => m.place = Place::End,
                "all" => m.all = true,
                "cased" => m.cased = true,
                "windash" => m.windash = true,
                "wide" | "utf16le" => m.wide = Some(Wide::Little),
                "utf16be" => m.wide = Some(Wide::Big),
                "utf16" => m.wide = Some(Wide::Marked),
                "base64" => m.base64 = Some(false),
                "base64offset" => m.base64 = Some(true),
                "i" | "m" | "s" if m.kind == Kind::Regex => m.flags.push_str(name),
                name => m.set(match name {
                    "re" => Kind::Regex,
                    "cidr" => Kind::Cidr,
                    "lt" => Kind::Compare(Order::Less),
                    "lte" => Kind::Compare(Order::LessOrEqual),
                    "gt" => Kind::Compare(Order::Greater),
                    "gte" => Kind::Compare(Order::GreaterOrEqual),
                    "exists" => Kind::Exists,
                    "fieldref" => Kind::Field,
                    "vql" => Kind::Ask,
                    name => return Err(refused(format!("unknown modifier {name}"))),
                })?,
            }
        }
        m.check()
    }

    fn set(&mut self, kind: Kind) -> Result<()> {
        if self.kind != Kind::Text {
            return Err(refused("modifiers contradict each other"));
        }
        self.kind = kind;
        Ok(())
    }

    fn check(self) -> Result<Modifiers> {
        let is_text = matches!(self.kind, Kind::Text | Kind::Field);
        let is_changed = self.windash || self.wide.is_some() || self.base64.is_some();
        if !is_text && self.place != Place::Whole || self.kind != Kind::Text && is_changed {
            return Err(refused("modifiers contradict each other"));
        }
        if self.wide.is_some() && self.base64.is_none() {
            // Events hold text, not bytes: only what was encoded once more can be found in them.
            return Err(refused("utf16 needs base64 after it"));
        }
        Ok(self)
    }

    /// The questions that one value stands for; one of them is to be answered with yes.
    pub fn matchers(&self, value: &Value) -> Result<Vec<Matcher>> {
        Ok(match (self.kind, value) {
            (Kind::Text, Value::Null) => vec![Matcher::Null],
            (Kind::Text, Value::String(text)) => self.texts(text),
            (Kind::Text, Value::Number(n)) if self.place == Place::Whole && self.base64.is_none() => {
                let number = n.as_f64().ok_or_else(|| refused("number out of range"))?;
                vec![Matcher::Number(number, Pattern::literal(&n.to_string()))]
            }
            (Kind::Text, Value::Number(_) | Value::Bool(_)) => self.texts(&value.to_string()),
            (Kind::Regex, Value::String(text)) => vec![self.regex(text)?],
            (Kind::Cidr, Value::String(text)) => vec![network(text)?],
            (Kind::Compare(order), value) => {
                let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
                vec![Matcher::Compare(order, number.ok_or_else(|| refused("only numbers are compared"))?)]
            }
            (Kind::Exists, Value::Bool(wanted)) => vec![Matcher::Exists(*wanted)],
            (Kind::Field, Value::String(name)) => vec![Matcher::Field(name.clone(), self.place, self.cased)],
            (Kind::Ask, Value::String(expression)) => vec![Matcher::Ask(expression.clone())],
            (_, value) => return Err(refused(format!("{value} is no value for this modifier"))),
        })
    }

    fn texts(&self, text: &str) -> Vec<Matcher> {
        if let Some(offsets) = self.base64 {
            let bytes = encoded(text, self.wide);
            let texts = if offsets { base64_offsets(&bytes) } else { vec![base64(&bytes)] };
            // What was encoded minds its case.
            return texts
                .iter()
                .map(|t| Matcher::Text(self.placed(Pattern::literal(t)).finished(true)))
                .collect();
        }
        let texts = if self.windash { dashes(text) } else { vec![text.to_owned()] };
        let finished = |t: &String| Matcher::Text(self.placed(Pattern::parse(t)).finished(self.cased));
        texts.iter().map(finished).collect()
    }

    fn placed(&self, pattern: Pattern) -> Pattern {
        match self.place {
            Place::Whole => pattern,
            Place::Start => pattern.starting(),
            Place::End => pattern.ending(),
            Place::Anywhere => pattern.starting().ending(),
        }
    }

    fn regex(&self, source: &str) -> Result<Matcher> {
        let regex = RegexBuilder::new(source)
            .case_insensitive(self.flags.contains('i'))
            .multi_line(self.flags.contains('m'))
            .dot_matches_new_line(self.flags.contains('s'))
            .size_limit(REGEX_BYTES)
            .build();
        regex.map(|r| Matcher::Regex(Box::new(r))).map_err(|e| refused(e.to_string()))
    }
}

fn encoded(text: &str, wide: Option<Wide>) -> Vec<u8> {
    match wide {
        None => text.as_bytes().to_vec(),
        Some(Wide::Little) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Some(Wide::Big) => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        Some(Wide::Marked) => {
            [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

/// What the bytes become inside of something encoded, wherever they start: the digits that depend on nothing else.
fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let variant = |offset: usize| {
        let text = base64(&[&vec![0; offset][..], bytes].concat());
        let start = [0, 2, 3][offset];
        let end = text.len() - [0, 3, 2][(offset + bytes.len()) % 3];
        text.get(start..end).unwrap_or_default().to_owned()
    };
    (0..3).map(variant).filter(|t| !t.is_empty()).collect()
}

/// A text with each of the dashes that Windows programs take, where it has one before a word.
fn dashes(text: &str) -> Vec<String> {
    const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
    let mut variants = vec![text.to_owned()];
    for dash in DASHES {
        let mut before = None;
        let mut chars = text.chars().peekable();
        let mut out = String::new();
        while let Some(c) = chars.next() {
            let starts = before.is_none_or(|b: char| !b.is_alphanumeric() && b != '_');
            let is_option =
                (c == '-' || c == '/') && starts && chars.peek().is_some_and(|n| n.is_alphanumeric());
            out.push(if is_option { dash } else { c });
            before = Some(c);
        }
        if !variants.contains(&out) {
            variants.push(out);
        }
    }
    variants
}

fn network(text: &str) -> Result<Matcher> {
    let parsed = || {
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.trim().parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = if bits.is_empty() { width } else { bits.trim().parse().ok().filter(|b| *b <= width)? };
        Some(Matcher::Network(address, bits))
    };
    parsed().ok_or_else(|| refused(format!("{text} is no network")))
}

fn is_inside(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let shift = width - u32::from(bits);
        shift >= 128 || a >> shift == b >> shift
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => same(u32::from(a).into(), u32::from(n).into(), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => same(a.into(), n.into(), 128),
        _ => false,
    }
}

impl Matcher {
    /// Whether a value is as asked. Of a list, one element must be.
    pub fn accepts(&self, cell: &Cell) -> bool {
        if let Cell::List(cells) = cell {
            return cells.iter().any(|c| !matches!(c, Cell::List(_)) && self.accepts(c));
        }
        match self {
            Matcher::Null => *cell == Cell::Null,
            Matcher::Text(pattern) => text_is(cell, pattern),
            Matcher::Number(number, pattern) => match cell {
                Cell::Int(_) | Cell::Float(_) => cell.number() == Some(*number),
                cell => text_is(cell, pattern),
            },
            Matcher::Regex(regex) => match cell.as_text() {
                Some(Cell::Text(text, _)) => regex.is_match(&text),
                _ => false,
            },
            Matcher::Network(network, bits) => match cell {
                Cell::Text(text, _) => text.trim().parse().is_ok_and(|a| is_inside(a, *network, *bits)),
                _ => false,
            },
            Matcher::Compare(order, number) => cell.number().is_some_and(|n| match order {
                Order::Less => n < *number,
                Order::LessOrEqual => n <= *number,
                Order::Greater => n > *number,
                Order::GreaterOrEqual => n >= *number,
            }),
            // These are about more than the value.
            Matcher::Exists(_) | Matcher::Field(..) | Matcher::Ask(_) => false,
        }
    }
}

fn text_is(cell: &Cell, pattern: &Pattern) -> bool {
    let of = |cell: &Cell| match cell {
        Cell::Text(text, lower) => pattern.matches(if pattern.cased { text } else { lower }),
        _ => false,
    };
    match cell {
        Cell::Text(..) => of(cell),
        cell => cell.as_text().is_some_and(|c| of(&c)),
    }
}

/// Whether one value is as another, or inside of it.
pub fn is_related(cell: &Cell, other: &Cell, place: Place, cased: bool) -> bool {
    let (Some(Cell::Text(a, a_lower)), Some(Cell::Text(b, b_lower))) = (cell.as_text(), other.as_text())
    else {
        return false;
    };
    let (a, b) = if cased { (a, b) } else { (a_lower, b_lower) };
    match place {
        Place::Whole => a == b,
        Place::Start => a.starts_with(&b),
        Place::End => a.ends_with(&b),
        Place::Anywhere => a.contains(&b),
    }
}
