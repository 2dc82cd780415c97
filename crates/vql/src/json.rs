//! JSON: results out, data in (reference, section 15).

pub mod schema;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::call::Error;
use crate::dict::Dict;
use crate::schema::{Name, Schema};
use crate::text::Text;
use crate::time;
use crate::value::convert::MAX_DEPTH;
use crate::value::{Row, Value, number};

/// How values are written.
#[derive(Clone, Debug, Default)]
pub struct JsonOptions {
    /// The zone of times; UTC if none.
    pub zone: Option<TimeZone>,
}

/// The text that one value may grow to, so that values which hold each other many times over end.
const MAX_BYTES: usize = 1 << 28;

/// Appends a value.
pub fn write_value(value: &Value, out: &mut Vec<u8>, options: &JsonOptions) {
    match value {
        // The usual cells need no writer.
        Value::Text(t) => write_string(t, out),
        Value::Int(i) => out.extend_from_slice(itoa::Buffer::new().format(*i).as_bytes()),
        Value::Null => out.extend_from_slice(b"null"),
        v => Writer::new(out, options, false).value(v),
    }
}

/// Appends a row as an object.
pub fn write_row(row: &Row, out: &mut Vec<u8>, options: &JsonOptions) {
    Writer::new(out, options, false).row(row);
}

/// Appends a value with line breaks, one space for each level.
pub fn write_indented(value: &Value, out: &mut Vec<u8>, options: &JsonOptions) {
    Writer::new(out, options, true).value(value);
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    options: &'a JsonOptions,
    indented: bool,
    depth: usize,
    /// Nothing is opened beyond this length.
    limit: usize,
    /// The dicts being written, to find one inside itself.
    open: Vec<Dict>,
}

impl<'a> Writer<'a> {
    fn new(out: &'a mut Vec<u8>, options: &'a JsonOptions, indented: bool) -> Self {
        let limit = out.len().saturating_add(MAX_BYTES);
        Writer { out, options, indented, depth: 0, limit, open: Vec::new() }
    }

    fn raw(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Query(_) | Value::Expr(_) => self.raw(b"null"),
            Value::Bool(true) => self.raw(b"true"),
            Value::Bool(false) => self.raw(b"false"),
            Value::Int(i) => self.raw(itoa::Buffer::new().format(*i).as_bytes()),
            Value::UInt(u) => self.raw(itoa::Buffer::new().format(*u).as_bytes()),
            Value::Float(f) => number::write_json(*f, self.out),
            Value::Text(t) => write_string(t, self.out),
            Value::Bytes(t) => {
                self.out.push(b'"');
                crate::base64::encode(t, true, self.out);
                self.out.push(b'"');
            }
            Value::Time(t) => {
                self.out.push(b'"');
                time::write_rfc3339(*t, self.options.zone.as_ref(), self.out);
                self.out.push(b'"');
            }
            Value::Path(p) => {
                self.out.push(b'"');
                p.pieces(&mut |piece| write_escaped(piece, self.out));
                self.out.push(b'"');
            }
            Value::List(_) | Value::Rows(_) | Value::Dict(_) | Value::Object(_) => self.nested(value),
        }
    }

    fn nested(&mut self, value: &Value) {
        if self.depth >= MAX_DEPTH || self.out.len() >= self.limit {
            return self.raw(b"null");
        }
        self.depth += 1;
        match value {
            Value::List(items) => self.list(items),
            Value::Rows(rows) => {
                self.out.push(b'[');
                let mut first = true;
                let _ = rows.each(|row| {
                    self.separate(std::mem::take(&mut first));
                    self.value(&row);
                    Ok(())
                });
                self.close(first, b']');
            }
            Value::Dict(dict) => self.dict(dict),
            Value::Object(object) => self.value(&object.to_json()),
            _ => {}
        }
        self.depth -= 1;
    }

    fn list(&mut self, items: &[Value]) {
        self.out.push(b'[');
        for (i, item) in items.iter().enumerate() {
            self.separate(i == 0);
            self.value(item);
        }
        self.close(items.is_empty(), b']');
    }

    fn dict(&mut self, dict: &Dict) {
        if self.open.iter().any(|d| d.same(dict)) {
            return self.raw(b"null");
        }
        self.open.push(dict.clone());
        dict.with(|row| self.pairs(row));
        self.open.pop();
    }

    fn row(&mut self, row: &Row) {
        self.depth += 1;
        self.pairs(row);
        self.depth -= 1;
    }

    fn pairs(&mut self, row: &Row) {
        self.out.push(b'{');
        // The prepared keys pay off only for a shape that is used again.
        let keys = if Arc::strong_count(&row.schema) > 1 { row.schema.json_keys() } else { &[] };
        for (i, (name, value)) in row.iter().enumerate() {
            self.separate(i == 0);
            match keys.get(i) {
                Some(key) => self.out.extend_from_slice(key),
                None => {
                    write_string(name.as_str().as_bytes(), self.out);
                    self.out.push(b':');
                }
            }
            if self.indented {
                self.out.push(b' ');
            }
            self.value(value);
        }
        self.close(row.cells.is_empty(), b'}');
    }

    fn separate(&mut self, first: bool) {
        if !first {
            self.out.push(b',');
        }
        if self.indented {
            self.new_line(self.depth);
        }
    }

    fn close(&mut self, empty: bool, bracket: u8) {
        if self.indented && !empty {
            self.new_line(self.depth - 1);
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self, depth: usize) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + depth, b' ');
    }
}

/// What a byte of valid text needs: 0 nothing, `u` an escape by number, `2` a look at U+2028 and U+2029, else the
/// letter of its escape.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut c = 0;
    while c < 0x20 {
        table[c] = b'u';
        c += 1;
    }
    table[b'<' as usize] = b'u';
    table[b'>' as usize] = b'u';
    table[b'&' as usize] = b'u';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[0xe2] = b'2';
    table
};

/// Appends text as a JSON string; each invalid byte becomes `\ufffd`.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let plain = plain_prefix(text);
    out.extend_from_slice(&text[..plain]);
    if plain < text.len() {
        for chunk in text[plain..].utf8_chunks() {
            write_valid(chunk.valid().as_bytes(), out);
            chunk.invalid().iter().for_each(|_| out.extend_from_slice(b"\\ufffd"));
        }
    }
}

/// How many bytes at the front stand for themselves: ASCII that needs no escape, looked at eight at a time.
fn plain_prefix(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero_byte = |word: u64| word.wrapping_sub(ONES) & !word;
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk() {
        let word = u64::from_ne_bytes(*word);
        // One test each for control characters, `"` and `&` (one bit apart), `<` and `>` (likewise), `\\`.
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let quote_or_and = zero_byte((word | (ONES * 0x04)) ^ (ONES * 0x26));
        let less_or_greater = zero_byte((word | (ONES * 0x02)) ^ (ONES * 0x3e));
        let backslash = zero_byte(word ^ (ONES * 0x5c));
        if (word | control | quote_or_and | less_or_greater | backslash) & HIGH != 0 {
            break;
        }
        at += 8;
    }
    let is_plain = |c: &&u8| c.is_ascii() && ESCAPES[usize::from(**c)] == 0;
    at + text[at..].iter().take_while(is_plain).count()
}

fn write_valid(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut start = 0;
    let mut at = 0;
    loop {
        at += plain_prefix(&text[at..]);
        let Some(c) = text.get(at).copied() else { break };
        let escape = ESCAPES[usize::from(c)];
        if escape == 0 {
            at += 1;
            continue;
        }
        let mut next = at + 1;
        if escape == b'2' {
            next = at + 3;
            let [0x80, last @ (0xa8 | 0xa9)] = text[at + 1..next] else {
                at = next;
                continue;
            };
            out.extend_from_slice(&text[start..at]);
            out.extend_from_slice(if last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
        } else {
            out.extend_from_slice(&text[start..at]);
            match escape {
                b'u' => {
                    let [high, low] = [HEX[usize::from(c >> 4)], HEX[usize::from(c & 15)]];
                    out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
                }
                letter => out.extend_from_slice(&[b'\\', letter]),
            }
        }
        at = next;
        start = next;
    }
    out.extend_from_slice(&text[start..]);
}

/// Reads one JSON text.
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    Parser::default().parse(text)
}

/// Reads JSON texts; objects of the same keys share their shape, also between texts.
#[derive(Debug, Default)]
pub struct Parser {
    /// The last shape seen at each depth.
    shapes: Vec<Arc<Schema>>,
}

impl Parser {
    /// Reads one JSON text.
    pub fn parse(&mut self, text: &[u8]) -> Result<Value, Error> {
        let mut reader = Reader { text, at: 0, shapes: &mut self.shapes, buffer: Vec::new() };
        let value = reader.value(0)?;
        reader.skip_space();
        if reader.at < text.len() { Err(reader.failed("unexpected text after the value")) } else { Ok(value) }
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    shapes: &'a mut Vec<Arc<Schema>>,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn failed(&self, why: &str) -> Error {
        Error::new(format!("invalid JSON at byte {}: {why}", self.at))
    }

    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// The next byte that is not white space.
    fn next(&mut self) -> u8 {
        self.skip_space();
        self.peek()
    }

    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        match self.next() {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map(time_or_text),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'n' => self.word(b"null", Value::Null),
            _ => Err(self.failed("a value is expected")),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Result<Value, Error> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.failed("a value is expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn open(&mut self, depth: usize) -> Result<(), Error> {
        if depth >= MAX_DEPTH {
            return Err(self.failed("nested too deeply"));
        }
        self.at += 1;
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Value, Error> {
        self.open(depth)?;
        let mut items = Vec::new();
        if self.next() == b']' {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.next() {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.failed("`,` or `]` is expected")),
            }
        }
        self.at += 1;
        Ok(Value::list(items))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        self.open(depth)?;
        let guess = self.shapes.get(depth).cloned().unwrap_or_else(Schema::empty);
        let mut row = Row { schema: guess, cells: Vec::new() };
        row.cells.reserve(row.schema.len());
        // While the keys are those of the last object, only cells are added.
        let mut as_guessed = true;
        if self.next() == b'}' {
            self.at += 1;
            return Ok(Row::default().into());
        }
        loop {
            if self.next() != b'"' {
                return Err(self.failed("a key is expected"));
            }
            let place = row.cells.len();
            let key = self.string()?;
            let expected = row.schema.names().get(place);
            if as_guessed && expected.is_some_and(|n| n.as_str().as_bytes() == key) {
                self.colon()?;
                let value = self.value(depth + 1)?;
                row.cells.push(value);
            } else {
                let name = Name::new(&String::from_utf8_lossy(key));
                if std::mem::take(&mut as_guessed) {
                    row.schema = Schema::of(row.schema.names()[..place].iter().cloned());
                }
                self.colon()?;
                let value = self.value(depth + 1)?;
                row.replace(&name, value);
            }
            match self.next() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(self.failed("`,` or `}` is expected")),
            }
        }
        self.at += 1;
        if row.cells.len() != row.schema.len() {
            row.schema = Schema::of(row.schema.names()[..row.cells.len()].iter().cloned());
            as_guessed = false;
        }
        if !as_guessed {
            self.remember(depth, &row.schema);
        }
        Ok(row.into())
    }

    fn remember(&mut self, depth: usize, schema: &Arc<Schema>) {
        if self.shapes.len() <= depth {
            self.shapes.resize_with(depth + 1, Schema::empty);
        }
        self.shapes[depth] = schema.clone();
    }

    fn colon(&mut self) -> Result<(), Error> {
        if self.next() != b':' {
            return Err(self.failed("`:` is expected"));
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        let whole = self.at;
        let digits = self.digits()?;
        if digits > 1 && self.text[whole] == b'0' {
            return Err(self.failed("a number does not start with 0"));
        }
        let mut is_float = false;
        if self.peek() == b'.' {
            is_float = true;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            is_float = true;
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        if !is_float {
            if let Ok(int) = text.parse() {
                return Ok(Value::Int(int));
            }
            if let Ok(uint) = text.parse() {
                return Ok(Value::UInt(uint));
            }
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::Float(float)),
            _ => Err(self.failed("the number is out of range")),
        }
    }

    fn digits(&mut self) -> Result<usize, Error> {
        let count = self.text[self.at..].iter().take_while(|c| c.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(self.failed("a digit is expected")) } else { Ok(count) }
    }

    /// The text of a string, from the input where it has no escapes.
    fn string<'b>(&'b mut self) -> Result<&'b [u8], Error>
    where
        'a: 'b,
    {
        self.at += 1;
        let start = self.at;
        let rest = &self.text[start..];
        let len = rest.iter().position(|c| matches!(c, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
        self.at += len;
        if self.peek() == b'"' {
            self.at += 1;
            return Ok(&rest[..len]);
        }
        let mut text = std::mem::take(&mut self.buffer);
        text.clear();
        text.extend_from_slice(&rest[..len]);
        let done = self.escaped(&mut text);
        self.buffer = text;
        done?;
        Ok(&self.buffer)
    }

    fn escaped(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        loop {
            let rest = &self.text[self.at..];
            let len = rest.iter().position(|c| matches!(c, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
            text.extend_from_slice(&rest[..len]);
            self.at += len;
            match rest.get(len) {
                Some(b'"') => break,
                Some(b'\\') => self.escape(text)?,
                Some(_) => return Err(self.failed("a control character inside a string")),
                None => return Err(self.failed("a string does not end")),
            }
        }
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let letter = self.text.get(self.at + 1).copied().unwrap_or(0);
        let plain = match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = self.unit(self.at)?;
                self.at += 6;
                if (0xd800..0xdc00).contains(&code)
                    && self.text[self.at..].starts_with(b"\\u")
                    && let Ok(low @ 0xdc00..0xe000) = self.unit(self.at)
                {
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    self.at += 6;
                }
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.failed("an unknown escape")),
        };
        text.push(plain);
        self.at += 2;
        Ok(())
    }

    /// The number in `\u12ab`.
    fn unit(&self, at: usize) -> Result<u32, Error> {
        let hex = self.text.get(at + 2..at + 6).ok_or_else(|| self.failed("an escape is cut short"))?;
        hex.iter().try_fold(0, |n, c| {
            let digit =
                char::from(*c).to_digit(16).ok_or_else(|| self.failed("an escape is not hexadecimal"))?;
            Ok(n * 16 + digit)
        })
    }
}

/// Text of at least 20 characters with `T` in the right place that is RFC 3339 becomes a time.
fn time_or_text(text: &[u8]) -> Value {
    match time::parse_rfc3339(text) {
        Some(t) => Value::Time(t),
        None => Value::Text(Text::from(text)),
    }
}

#[cfg(test)]
mod tests;
