//! `format()`: the printf of the Go family (builtins page, section 1.1).
//!
//! A format is compiled once; mismatches between verbs and arguments show inside the text, as
//! `%!d(string=abc)`, and never fail.

use std::borrow::Cow;

use crate::text::Text;
use crate::time;
use crate::value::convert::{self, MAX_TEXT, as_text, to_text};
use crate::value::{Value, number};

/// The largest width or precision.
const MAX_WIDTH: i64 = 1_000_000;

/// How deep lists are formatted element by element.
const MAX_DEPTH: usize = 100;

/// A compiled format.
#[derive(Debug, Clone)]
pub struct Format {
    pieces: Vec<Piece>,
    /// Some verb names its argument by number; surplus arguments are not complained about then.
    is_reordered: bool,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(Text),
    /// `%v` or `%s` without flags.
    Plain(char),
    Verb(Box<Verb>),
    /// The format ends after a `%`.
    Cut,
}

#[derive(Debug, Clone, Default)]
struct Verb {
    letter: char,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Count,
    precision: Count,
    /// `%[n]d`
    index: Option<Index>,
}

/// A width or precision.
#[derive(Debug, Clone, Copy, Default)]
enum Count {
    #[default]
    None,
    Fixed(usize),
    /// `*`, or `[n]*`.
    Argument(Option<Index>),
}

/// The number of an argument, from 0; `None` when it is not readable.
type Index = Option<usize>;

impl Format {
    /// Compiles a format. Every text is one.
    pub fn compile(text: &Text) -> Self {
        let mut parser = Parser { rest: text, is_reordered: false };
        let mut pieces = Vec::new();
        while let Some(at) = memchr::memchr(b'%', parser.rest) {
            if at > 0 {
                pieces.push(Piece::Literal(Text::from(&parser.rest[..at])));
            }
            parser.rest = &parser.rest[at + 1..];
            pieces.push(parser.verb());
        }
        if !parser.rest.is_empty() {
            pieces.push(Piece::Literal(Text::from(parser.rest)));
        }
        Format { pieces, is_reordered: parser.is_reordered }
    }
}

struct Parser<'a> {
    rest: &'a [u8],
    is_reordered: bool,
}

impl Parser<'_> {
    fn next_if(&mut self, wanted: u8) -> bool {
        let found = self.rest.first() == Some(&wanted);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn verb(&mut self) -> Piece {
        let mut verb = Verb::default();
        loop {
            match self.rest.first() {
                Some(b'-') => verb.minus = true,
                Some(b'+') => verb.plus = true,
                Some(b'#') => verb.sharp = true,
                Some(b' ') => verb.space = true,
                Some(b'0') => verb.zero = true,
                Some(letter @ (b'v' | b's')) if verb.is_plain() => {
                    let letter = char::from(*letter);
                    self.rest = &self.rest[1..];
                    return Piece::Plain(letter);
                }
                _ => break,
            }
            self.rest = &self.rest[1..];
        }
        let mut index = self.index();
        verb.width = self.count(&mut index);
        if self.next_if(b'.') {
            if index.is_none() {
                index = self.index();
            }
            verb.precision = match self.count(&mut index) {
                Count::None => Count::Fixed(0),
                count => count,
            };
        }
        verb.index = index.or_else(|| self.index());
        let Some(letter) = self.letter() else { return Piece::Cut };
        verb.letter = letter;
        Piece::Verb(Box::new(verb))
    }

    /// The next character; a byte that is not UTF-8 counts as U+FFFD.
    fn letter(&mut self) -> Option<char> {
        let head = &self.rest[..self.rest.len().min(4)];
        let valid = head.utf8_chunks().next()?.valid();
        let (c, len) = valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8()));
        self.rest = &self.rest[len..];
        Some(c)
    }

    /// `[n]`
    fn index(&mut self) -> Option<Index> {
        if !self.next_if(b'[') {
            return None;
        }
        self.is_reordered = true;
        let Some(end) = memchr::memchr(b']', self.rest) else { return Some(None) };
        let number = std::str::from_utf8(&self.rest[..end]).ok().and_then(|n| n.parse::<usize>().ok());
        self.rest = &self.rest[end + 1..];
        Some(number.and_then(|n| n.checked_sub(1)))
    }

    /// A number or `*`, which takes the index before it.
    fn count(&mut self, index: &mut Option<Index>) -> Count {
        if self.next_if(b'*') {
            return Count::Argument(index.take());
        }
        let len = self.rest.iter().take_while(|c| c.is_ascii_digit()).count();
        if len == 0 || index.is_some() {
            return Count::None;
        }
        let digits = std::str::from_utf8(&self.rest[..len]).unwrap_or_default();
        self.rest = &self.rest[len..];
        Count::Fixed(digits.parse().unwrap_or(usize::MAX).min(MAX_WIDTH as usize))
    }
}

impl Verb {
    fn is_plain(&self) -> bool {
        !(self.minus || self.plus || self.sharp || self.space || self.zero)
    }
}

/// Formats values.
pub fn format(format: &Format, args: &[Value]) -> Text {
    let mut out = Vec::with_capacity(64);
    let mut printer = Printer { args, next: 0, out: &mut out };
    for piece in &format.pieces {
        if printer.out.len() > MAX_TEXT {
            break;
        }
        match piece {
            Piece::Literal(text) => printer.out.extend_from_slice(text),
            Piece::Plain(letter) => printer.plain(*letter),
            Piece::Verb(verb) => printer.verb(verb),
            Piece::Cut => printer.out.extend_from_slice(b"%!(NOVERB)"),
        }
    }
    if !format.is_reordered && printer.next < args.len() {
        printer.surplus();
    }
    out.into()
}

struct Printer<'a> {
    args: &'a [Value],
    next: usize,
    out: &'a mut Vec<u8>,
}

/// The flags of a verb with its counts filled in.
#[derive(Clone, Copy)]
struct Spec {
    letter: char,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

impl Printer<'_> {
    fn plain(&mut self, letter: char) {
        let Some(arg) = self.args.get(self.next) else { return self.complain(letter, "MISSING") };
        self.next += 1;
        match arg {
            Value::Text(t) | Value::Bytes(t) => self.out.extend_from_slice(t),
            Value::Int(i) if letter == 'v' => {
                self.out.extend_from_slice(itoa::Buffer::new().format(*i).as_bytes())
            }
            arg => {
                let verb = Verb { letter, ..Verb::default() };
                format_value(&spec(&verb), arg, self.out, 0);
            }
        }
    }

    fn verb(&mut self, verb: &Verb) {
        let mut spec = spec(verb);
        match self.count(verb.width) {
            Ok(None) => {}
            Ok(Some(width)) => {
                spec.minus |= width < 0;
                spec.width = width.unsigned_abs() as usize;
            }
            Err(()) => self.out.extend_from_slice(b"%!(BADWIDTH)"),
        }
        match self.count(verb.precision) {
            Ok(count) => spec.precision = count.and_then(|n| usize::try_from(n).ok()),
            Err(()) => self.out.extend_from_slice(b"%!(BADPREC)"),
        }
        if let Some(index) = verb.index {
            match index.filter(|i| *i < self.args.len()) {
                Some(index) => self.next = index,
                None => return self.complain(verb.letter, "BADINDEX"),
            }
        }
        if verb.letter == '%' {
            return self.out.push(b'%');
        }
        let Some(arg) = self.args.get(self.next) else { return self.complain(verb.letter, "MISSING") };
        self.next += 1;
        format_value(&spec, arg, self.out, 0);
    }

    fn count(&mut self, count: Count) -> Result<Option<i64>, ()> {
        match count {
            Count::None => Ok(None),
            Count::Fixed(n) => Ok(Some(n as i64)),
            Count::Argument(index) => {
                if let Some(index) = index {
                    self.next = index.ok_or(())?;
                }
                let arg = self.args.get(self.next).ok_or(())?;
                self.next += 1;
                match arg {
                    Value::Int(n) if (-MAX_WIDTH..=MAX_WIDTH).contains(n) => Ok(Some(*n)),
                    _ => Err(()),
                }
            }
        }
    }

    /// `%!d(MISSING)`
    fn complain(&mut self, letter: char, what: &str) {
        self.out.extend_from_slice(format!("%!{letter}({what})").as_bytes());
    }

    /// `%!(EXTRA int64=3, string=x)`
    fn surplus(&mut self) {
        self.out.extend_from_slice(b"%!(EXTRA ");
        for (i, arg) in self.args[self.next..].iter().enumerate() {
            if i > 0 {
                self.out.extend_from_slice(b", ");
            }
            self.out.extend_from_slice(arg.type_name().as_bytes());
            self.out.push(b'=');
            convert::write_text(arg, self.out);
        }
        self.out.push(b')');
    }
}

fn spec(verb: &Verb) -> Spec {
    Spec {
        letter: verb.letter,
        minus: verb.minus,
        plus: verb.plus,
        sharp: verb.sharp,
        space: verb.space,
        zero: verb.zero && !verb.minus,
        width: 0,
        precision: None,
    }
}

fn format_value(spec: &Spec, value: &Value, out: &mut Vec<u8>, depth: usize) {
    if spec.letter == 'T' {
        return spec.pad_text(value.type_name().as_bytes(), out);
    }
    match value {
        Value::Bool(b) if matches!(spec.letter, 'v' | 't') => {
            spec.pad_text(if *b { b"true" } else { b"false" }, out);
        }
        Value::Int(i) => format_int(spec, *i < 0, i.unsigned_abs(), value, out),
        Value::UInt(u) => format_int(spec, false, *u, value, out),
        Value::Float(f) => format_float(spec, *f, value, out),
        Value::Text(_) | Value::Bytes(_) => format_text(spec, as_text(value).map_or(b"", |t| t), value, out),
        Value::Time(t) => format_text(spec, time::to_rfc3339(*t).as_bytes(), value, out),
        Value::List(items) if depth < MAX_DEPTH && out.len() < MAX_TEXT => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                format_value(spec, item, out, depth + 1);
            }
            out.push(b']');
        }
        Value::Object(o) if !matches!(spec.letter, 'v' | 's' | 'q') => match o.to_json() {
            number @ (Value::Int(_) | Value::UInt(_) | Value::Float(_)) => {
                format_value(spec, &number, out, depth + 1)
            }
            _ => mismatch(spec, value, out),
        },
        Value::Null if spec.letter == 'v' || spec.letter == 's' => spec.pad_text(b"Null", out),
        Value::Bool(_) | Value::Null => mismatch(spec, value, out),
        v => format_text(spec, &to_text(v), value, out),
    }
}

/// `%!d(string=abc)`
fn mismatch(spec: &Spec, value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("%!{}({}=", spec.letter, value.type_name()).as_bytes());
    convert::write_text(value, out);
    out.push(b')');
}

fn format_text(spec: &Spec, text: &[u8], value: &Value, out: &mut Vec<u8>) {
    match spec.letter {
        'v' if spec.sharp => spec.pad_text(&quote(text, false), out),
        'v' | 's' => spec.pad_text(spec.cut(text), out),
        'q' => {
            let text = spec.cut(text);
            let may_be_raw = spec.sharp && !text.iter().any(|c| *c == b'`' || *c < 0x20 || *c == 0x7f);
            if may_be_raw && std::str::from_utf8(text).is_ok() {
                spec.pad_text(&[b"`", text, b"`"].concat(), out);
            } else {
                spec.pad_text(&quote(text, spec.plus), out);
            }
        }
        'x' | 'X' => {
            let text = &text[..spec.precision.map_or(text.len(), |p| p.min(text.len()))];
            spec.pad_text(&hex(spec, text), out);
        }
        _ => mismatch(spec, value, out),
    }
}

fn hex(spec: &Spec, text: &[u8]) -> Vec<u8> {
    let digits = if spec.letter == 'x' { b"0123456789abcdef" } else { b"0123456789ABCDEF" };
    let mut out = Vec::with_capacity(text.len() * 2);
    for (i, c) in text.iter().enumerate() {
        if spec.space && i > 0 {
            out.push(b' ');
        }
        if spec.sharp && (spec.space || i == 0) {
            out.extend_from_slice(&[b'0', spec.letter as u8]);
        }
        out.extend_from_slice(&[digits[(c >> 4) as usize], digits[(c & 15) as usize]]);
    }
    out
}

/// A string in double quotes with escapes.
fn quote(text: &[u8], ascii_only: bool) -> Vec<u8> {
    let mut out = String::from('"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|c| escape(c, '"', ascii_only, &mut out));
        chunk.invalid().iter().for_each(|b| out.push_str(&format!("\\x{b:02x}")));
    }
    out.push('"');
    out.into_bytes()
}

fn escape(c: char, quote: char, ascii_only: bool, out: &mut String) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => out.extend(['\\', c]),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        c if c < ' ' || c == '\x7f' => out.push_str(&format!("\\x{:02x}", c as u32)),
        c if c.is_ascii() => out.push(c),
        c if !ascii_only && !c.is_control() && !(c.is_whitespace()) => out.push(c),
        c if (c as u32) < 0x10000 => out.push_str(&format!("\\u{:04x}", c as u32)),
        c => out.push_str(&format!("\\U{:08x}", c as u32)),
    }
}

fn format_int(spec: &Spec, is_negative: bool, magnitude: u64, value: &Value, out: &mut Vec<u8>) {
    let (digits, prefix): (Cow<'static, str>, &str) = match spec.letter {
        'v' | 'd' => (magnitude.to_string().into(), ""),
        'b' => (format!("{magnitude:b}").into(), if spec.sharp { "0b" } else { "" }),
        'o' => (format!("{magnitude:o}").into(), if spec.sharp { "0" } else { "" }),
        'O' => (format!("{magnitude:o}").into(), "0o"),
        'x' => (format!("{magnitude:x}").into(), if spec.sharp { "0x" } else { "" }),
        'X' => (format!("{magnitude:X}").into(), if spec.sharp { "0X" } else { "" }),
        'c' | 'q' | 'U' => return format_char(spec, is_negative, magnitude, out),
        _ => return mismatch(spec, value, out),
    };
    let sign = match (is_negative, spec.plus, spec.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    if spec.precision == Some(0) && magnitude == 0 {
        return spec.with(false).pad_text(b"", out);
    }
    let min = match spec.precision {
        Some(precision) => precision,
        None if spec.zero => spec.width.saturating_sub(sign.len() + prefix.len()),
        None => 0,
    };
    let mut text = Vec::with_capacity(min.max(digits.len()) + 4);
    text.extend_from_slice(sign.as_bytes());
    let zeros = min.saturating_sub(digits.len());
    let is_octal = spec.letter == 'o' && zeros > 0;
    text.extend_from_slice(if is_octal { b"" } else { prefix.as_bytes() });
    text.resize(text.len() + zeros, b'0');
    text.extend_from_slice(digits.as_bytes());
    spec.with(false).pad_text(&text, out);
}

/// `%c`, `%q` and `%U`: a number as a character.
fn format_char(spec: &Spec, is_negative: bool, magnitude: u64, out: &mut Vec<u8>) {
    let c = u32::try_from(magnitude).ok().filter(|_| !is_negative).and_then(char::from_u32);
    let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
    let text = match spec.letter {
        'c' => c.to_string(),
        'q' => {
            let mut text = String::from('\'');
            escape(c, '\'', spec.plus, &mut text);
            text + "'"
        }
        _ => {
            let digits = spec.precision.map_or(4, |p| p.clamp(4, 64));
            let sign = if is_negative { "-" } else { "" };
            let named = spec.sharp && !c.is_control();
            let name = if named { format!(" '{c}'") } else { String::new() };
            format!("U+{sign}{magnitude:0digits$X}{name}")
        }
    };
    spec.with(false).pad_text(text.as_bytes(), out);
}

fn format_float(spec: &Spec, float: f64, value: &Value, out: &mut Vec<u8>) {
    if !matches!(spec.letter, 'v' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G') {
        return mismatch(spec, value, out);
    }
    let mut text = Vec::new();
    if float.is_nan() {
        text.extend_from_slice(if spec.plus { b"+NaN" } else { b"NaN" });
    } else {
        match (float.is_sign_negative(), spec.plus, spec.space) {
            (true, ..) => text.push(b'-'),
            (_, true, _) => text.push(b'+'),
            (_, _, true) => text.push(b' '),
            _ if float.is_infinite() => text.push(b'+'),
            _ => {}
        }
    }
    if !float.is_finite() {
        if !float.is_nan() {
            text.extend_from_slice(b"Inf");
        }
        return spec.with(false).pad_text(&text, out);
    }
    let signs = text.len();
    write_float(spec, float.abs(), &mut text);
    if spec.zero && spec.width > text.len() {
        let zeros = spec.width - text.len();
        text.splice(signs..signs, std::iter::repeat_n(b'0', zeros));
    }
    spec.with(false).pad_text(&text, out);
}

fn write_float(spec: &Spec, magnitude: f64, out: &mut Vec<u8>) {
    // Beyond this many digits only zeros follow.
    let precision = spec.precision.map(|p| p.min(1100));
    match spec.letter {
        'f' | 'F' => out.extend_from_slice(format!("{magnitude:.*}", precision.unwrap_or(6)).as_bytes()),
        'e' | 'E' => {
            let text = format!("{magnitude:.*e}", precision.unwrap_or(6));
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            out.extend_from_slice(mantissa.as_bytes());
            number::write_exponent(spec.letter as u8, exponent.parse().unwrap_or(0), 2, out);
        }
        letter => {
            let digits = match precision {
                None => number::Digits::of(magnitude),
                Some(precision) => number::Digits::rounded(magnitude, precision.clamp(1, 17)),
            };
            let count = digits.as_bytes().len() as i32;
            let largest = match precision {
                None if letter == 'v' => 21,
                None => 6,
                Some(p) if p as i32 > count && count >= digits.point => count,
                Some(p) => p.max(1) as i32,
            };
            let exponent = digits.point - 1;
            if magnitude != 0.0 && (exponent < -4 || exponent >= largest) {
                digits.write_scientific(if letter == 'G' { b'E' } else { b'e' }, 2, out);
            } else {
                digits.write_plain(out);
            }
        }
    }
}

impl Spec {
    fn with(mut self, zero: bool) -> Self {
        self.zero = zero;
        self
    }

    /// Text cut to the precision, counted in characters.
    fn cut<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let Some(precision) = self.precision else { return text };
        let mut kept = 0;
        let mut left = precision;
        for chunk in text.utf8_chunks() {
            for c in chunk.valid().chars() {
                if left == 0 {
                    return &text[..kept];
                }
                kept += c.len_utf8();
                left -= 1;
            }
            let taken = chunk.invalid().len().min(left);
            kept += taken;
            left -= taken;
        }
        &text[..kept]
    }

    fn pad_text(&self, text: &[u8], out: &mut Vec<u8>) {
        let len = || text.utf8_chunks().map(|c| c.valid().chars().count() + c.invalid().len()).sum::<usize>();
        let fill = if self.width == 0 { 0 } else { self.width.saturating_sub(len()) };
        let blank = if self.zero { b'0' } else { b' ' };
        if !self.minus {
            out.resize(out.len() + fill, blank);
        }
        out.extend_from_slice(text);
        if self.minus {
            out.resize(out.len() + fill, b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Bool, Float, Int, Null, UInt};

    fn formatted(text: &str, args: &[Value]) -> String {
        format(&Format::compile(&text.into()), args).to_str_lossy().into_owned()
    }

    #[test]
    fn verbs() {
        let text = |s: &str| Value::text(s);
        let list = |items: &[Value]| Value::list(items.to_vec());
        let dict = Value::dict([("a", Int(1))]);
        let time = Value::Time(crate::value::Time::from_second(1_714_557_600).unwrap());
        for (layout, args, wanted) in [
            ("plain", &[][..], "plain"),
            ("%v %s", &[Int(1), text("a")], "1 a"),
            ("%d%%", &[Int(5)], "5%"),
            (
                "[%5d|%-5d|%05d|%+d|% d]",
                &[Int(42), Int(42), Int(42), Int(42), Int(42)],
                "[   42|42   |00042|+42| 42]",
            ),
            ("%05d|%.4d|%6.3d", &[Int(-42), Int(7), Int(7)], "-0042|0007|   007"),
            (
                "%x %X %#x %o %#o %b %#b",
                &[Int(255), Int(255), Int(255), Int(8), Int(8), Int(5), Int(5)],
                "ff FF 0xff 10 010 101 0b101",
            ),
            ("%x", &[Int(-255)], "-ff"),
            ("%c|%q|%U|%#U", &[Int(0x41), Int(0x41), Int(0x41), Int(0x20ac)], "A|'A'|U+0041|U+20AC '€'"),
            (
                "%s|%5s|%-5s|%.2s|%05s",
                &[text("ab"), text("ab"), text("ab"), text("éab"), text("ab")],
                "ab|   ab|ab   |éa|000ab",
            ),
            (
                "%q|%+q|%#q|%#v",
                &[text("a\"é\n"), text("é"), text("a"), text("x")],
                "\"a\\\"é\\n\"|\"\\u00e9\"|`a`|\"x\"",
            ),
            (
                "%x|% x|%#x|%# X|%.1x",
                &[text("ab"), text("ab"), text("ab"), text("ab"), text("ab")],
                "6162|61 62|0x6162|0X61 0X62|61",
            ),
            ("%t %v %5t", &[Bool(true), Bool(false), Bool(true)], "true false  true"),
            (
                "%f %.2f %8.3f|%-8.1f|%08.2f",
                &[Float(1.5), Float(2.345), Float(1.5), Float(1.5), Float(-1.5)],
                "1.500000 2.35    1.500|1.5     |-0001.50",
            ),
            (
                "%e %.2E %g %G",
                &[Float(1234.5), Float(0.00012), Float(1e7), Float(1e-7)],
                "1.234500e+03 1.20E-04 1e+07 1E-07",
            ),
            (
                "%g %.3g %.3g %.10g %g",
                &[Float(100000.0), Float(1234.5), Float(12.345), Float(1e9), Float(0.0)],
                "100000 1.23e+03 12.3 1000000000 0",
            ),
            ("%v %v %+v %6v", &[Float(1e7), Float(0.5), Float(1.5), Float(0.5)], "10000000 0.5 +1.5    0.5"),
            ("%f %5.1f", &[Float(f64::INFINITY), Float(f64::NAN)], "+Inf   NaN"),
            ("%v %d", &[UInt(u64::MAX), UInt(1)], "18446744073709551615 1"),
            ("%v %s %v", &[Null, Null, list(&[Null, text("a")])], "Null Null [Null a]"),
            ("%v %d %s", &[list(&[Int(1), Int(2)]), list(&[Int(1)]), dict], "[1 2] [1] {\"a\":1}"),
            (
                "%v %s %q",
                &[time.clone(), time.clone(), time],
                "2024-05-01T10:00:00Z 2024-05-01T10:00:00Z \"2024-05-01T10:00:00Z\"",
            ),
            ("%[2]v %[1]v", &[text("a"), text("b")], "b a"),
            ("%[2]*[1]d|", &[Int(7), Int(4)], "   7|"),
            (
                "%*d|%-*d|%*d|%.*f",
                &[Int(4), Int(7), Int(4), Int(7), Int(-4), Int(7), Int(1), Float(1.25)],
                "   7|7   |7   |1.2",
            ),
            ("%[3]v %v", &[Int(1), Int(2), Int(3)], "3 %!v(MISSING)"),
            ("%T", &[Int(1)], "int64"),
        ] {
            assert_eq!(formatted(layout, args), wanted, "{layout}");
        }
    }

    #[test]
    fn mismatches_show_in_the_text() {
        let text = |s: &str| Value::text(s);
        for (layout, args, wanted) in [
            ("%d", &[text("abc")][..], "%!d(string=abc)"),
            ("%s", &[Int(5)], "%!s(int64=5)"),
            ("%d", &[Float(1.5)], "%!d(float64=1.5)"),
            ("%f", &[Int(5)], "%!f(int64=5)"),
            ("%d", &[Bool(true)], "%!d(bool=true)"),
            ("%d", &[Null], "%!d(types.Null=Null)"),
            ("%s", &[], "%!s(MISSING)"),
            ("%z", &[Int(3)], "%!z(int64=3)"),
            ("%", &[], "%!(NOVERB)"),
            ("%5", &[], "%!(NOVERB)"),
            ("x", &[Int(3)], "x%!(EXTRA int64=3)"),
            ("%v", &[Int(1), Int(3), text("y")], "1%!(EXTRA int64=3, string=y)"),
            ("%[9]v", &[Int(1)], "%!v(BADINDEX)"),
            ("%[x]v", &[Int(1)], "%!v(BADINDEX)"),
            ("%[0]v", &[Int(1)], "%!v(BADINDEX)"),
            ("%*d", &[text("a"), Int(1)], "%!(BADWIDTH)1"),
            ("%.*d", &[text("a"), Int(1)], "%!(BADPREC)1"),
            ("%é", &[Int(1)], "%!é(int64=1)"),
        ] {
            assert_eq!(formatted(layout, args), wanted, "{layout}");
        }
    }

    #[test]
    fn hostile_formats_stay_small() {
        assert!(formatted("%99999999999999999999d", &[Int(1)]).len() <= 1_000_000);
        assert!(formatted("%.999999999f", &[Float(0.1)]).len() < 2000);
        assert!(formatted("%.999999999e", &[Float(0.1)]).len() < 2000);
        let many = "%1000000d".repeat(200);
        assert!(formatted(&many, &vec![Int(1); 200]).len() <= MAX_TEXT + 2_000_000);
    }
}
