//! Template text to tokens.

use super::Error;
use crate::text::Text;
use crate::value::Value;

#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// What stands outside of braces.
    Outside(String),
    /// `{{` and `}}`
    Open,
    Close,
    Word(String),
    /// `.name`
    Field(String),
    Dot,
    /// `$name` or `$`
    Variable(String),
    Number(Number),
    Quoted(String),
    Declare,
    Assign,
    Bar,
    Comma,
    Left,
    Right,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
}

#[derive(Debug, Clone)]
pub struct Token {
    pub kind: Kind,
    pub line: u32,
    /// Whether white space stands before it: it tells `.a.b` from `.a .b`.
    pub spaced: bool,
}

impl Kind {
    pub fn constant(&self) -> Option<Value> {
        match self {
            Kind::Number(Number::Int(i)) => Some(Value::Int(*i)),
            Kind::Number(Number::Float(f)) => Some(Value::Float(*f)),
            Kind::Quoted(text) => Some(Value::Text(Text::from(text.as_str()))),
            _ => None,
        }
    }
}

pub fn tokens(text: &str) -> Result<Vec<Token>, Error> {
    let mut lexer = Lexer { rest: text, line: 1, tokens: Vec::new() };
    let mut trims = false;
    while let Some((outside, action)) = lexer.rest.split_once("{{") {
        let trims_left = marks_trim_after(action);
        lexer.outside(outside, trims, trims_left);
        lexer.rest = if trims_left { &action[1..] } else { action };
        trims = lexer.action()?;
    }
    let last = lexer.rest;
    lexer.outside(last, trims, false);
    Ok(lexer.tokens)
}

/// Whether an action begins with `- `, which trims what stands before it.
fn marks_trim_after(action: &str) -> bool {
    action.strip_prefix('-').is_some_and(|rest| rest.starts_with(is_space))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

struct Lexer<'a> {
    rest: &'a str,
    line: u32,
    tokens: Vec<Token>,
}

impl<'a> Lexer<'a> {
    fn error<T>(&self, reason: impl Into<String>) -> Result<T, Error> {
        Err(Error { line: self.line, reason: reason.into() })
    }

    fn push(&mut self, kind: Kind, spaced: bool) {
        self.tokens.push(Token { kind, line: self.line, spaced });
    }

    fn count_lines(&mut self, text: &str) {
        self.line += text.bytes().filter(|c| *c == b'\n').count() as u32;
    }

    fn outside(&mut self, text: &str, trims_start: bool, trims_end: bool) {
        let mut kept = text;
        if trims_start {
            kept = kept.trim_start_matches(is_space);
        }
        if trims_end {
            kept = kept.trim_end_matches(is_space);
        }
        if !kept.is_empty() {
            self.push(Kind::Outside(kept.to_owned()), false);
        }
        self.count_lines(text);
    }

    fn advance(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.count_lines(taken);
        taken
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is(c)).unwrap_or(self.rest.len());
        self.advance(end)
    }

    /// The inside of an action up to its end; whether it trims what follows.
    fn action(&mut self) -> Result<bool, Error> {
        let inside = self.rest.trim_start_matches(is_space);
        if inside.starts_with("/*") {
            return self.comment(self.rest.len() - inside.len());
        }
        self.push(Kind::Open, false);
        loop {
            let spaced = !self.take_while(is_space).is_empty();
            if spaced && self.rest.starts_with("-}}") {
                self.push(Kind::Close, true);
                self.advance(3);
                return Ok(true);
            }
            if self.rest.starts_with("}}") {
                self.push(Kind::Close, spaced);
                self.advance(2);
                return Ok(false);
            }
            self.token(spaced)?;
        }
    }

    /// A comment fills its action.
    fn comment(&mut self, space: usize) -> Result<bool, Error> {
        self.advance(space);
        let Some(end) = self.rest.find("*/") else { return self.error("unclosed comment") };
        self.advance(end + 2);
        let spaced = !self.take_while(is_space).is_empty();
        let trims = spaced && self.rest.starts_with("-}}");
        if !trims && (spaced || !self.rest.starts_with("}}")) {
            return self.error("comment ends before closing delimiter");
        }
        self.advance(if trims { 3 } else { 2 });
        Ok(trims)
    }

    fn token(&mut self, spaced: bool) -> Result<(), Error> {
        let Some(first) = self.rest.chars().next() else { return self.error("unclosed action") };
        let second = self.rest.chars().nth(1);
        let line = self.line;
        let kind = match first {
            '"' => Kind::Quoted(self.quoted('"')?),
            '\'' => self.character()?,
            '`' => self.raw()?,
            '$' => Kind::Variable(self.advance(1).to_owned() + self.take_while(is_word)),
            '.' if second.is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            '.' if second.is_some_and(is_word) => {
                self.advance(1);
                Kind::Field(self.take_while(is_word).to_owned())
            }
            '+' | '-' | '0'..='9' => self.number()?,
            ':' if second == Some('=') => self.mark(2, Kind::Declare),
            '.' => self.mark(1, Kind::Dot),
            '=' => self.mark(1, Kind::Assign),
            '|' => self.mark(1, Kind::Bar),
            ',' => self.mark(1, Kind::Comma),
            '(' => self.mark(1, Kind::Left),
            ')' => self.mark(1, Kind::Right),
            c if is_word(c) => Kind::Word(self.take_while(is_word).to_owned()),
            c => return self.error(format!("unexpected character {c:?} in an action")),
        };
        self.tokens.push(Token { kind, line, spaced });
        Ok(())
    }

    fn mark(&mut self, length: usize, kind: Kind) -> Kind {
        self.advance(length);
        kind
    }

    fn raw(&mut self) -> Result<Kind, Error> {
        self.advance(1);
        let Some(end) = self.rest.find('`') else { return self.error("unterminated raw quoted string") };
        let text = self.advance(end).to_owned();
        self.advance(1);
        Ok(Kind::Quoted(text))
    }

    fn character(&mut self) -> Result<Kind, Error> {
        let text = self.quoted('\'')?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Kind::Number(Number::Int(i64::from(u32::from(c))))),
            _ => self.error("malformed character constant"),
        }
    }

    /// What stands between two of these quotes.
    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        self.advance(1);
        let mut bytes = Vec::new();
        loop {
            let mut chars = self.rest.chars();
            match chars.next() {
                None | Some('\n') => return self.error("unterminated quoted string"),
                Some('\\') => self.escape(quote, &mut bytes)?,
                Some(c) => {
                    self.rest = chars.as_str();
                    if c == quote {
                        return Ok(String::from_utf8_lossy(&bytes).into_owned());
                    }
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
    }

    fn escape(&mut self, quote: char, out: &mut Vec<u8>) -> Result<(), Error> {
        let kind = self.rest[1..].chars().next();
        let simple = match kind {
            Some('a') => 7,
            Some('b') => 8,
            Some('f') => 12,
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('v') => 11,
            Some('\\') => b'\\',
            Some(c) if c == quote => c as u8,
            Some('x') => return self.code(2, 2, 16, out),
            Some('u') => return self.code(2, 4, 16, out),
            Some('U') => return self.code(2, 8, 16, out),
            Some('0'..='7') => return self.code(1, 3, 8, out),
            _ => return self.error("unknown escape in a quoted string"),
        };
        out.push(simple);
        self.rest = &self.rest[2..];
        Ok(())
    }

    /// An escape by number: so many digits after so many bytes. With two or three digits it is a byte, else a character.
    fn code(&mut self, skipped: usize, count: usize, base: u32, out: &mut Vec<u8>) -> Result<(), Error> {
        let digits = self.rest.get(skipped..skipped + count);
        let code = digits.filter(|d| !d.starts_with('+')).and_then(|d| u32::from_str_radix(d, base).ok());
        match code {
            Some(code) if count < 4 && code < 256 => out.push(code as u8),
            Some(code) if count >= 4 && char::from_u32(code).is_some() => {
                let c = char::from_u32(code).unwrap_or_default();
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return self.error("malformed escape in a quoted string"),
        }
        self.rest = &self.rest[skipped + count..];
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, Error> {
        let mut end = 0;
        let mut before = ' ';
        let digits = self.rest.trim_start_matches(['+', '-']);
        let is_hex = digits.starts_with("0x") || digits.starts_with("0X");
        for c in self.rest.chars() {
            let is_sign = matches!(c, '+' | '-') && (end == 0 || !is_hex && matches!(before, 'e' | 'E'));
            if !(is_word(c) || c == '.' || is_sign) {
                break;
            }
            end += c.len_utf8();
            before = c;
        }
        let written = self.advance(end);
        match read_number(written) {
            Some(number) => Ok(Kind::Number(number)),
            None => self.error(format!("bad number syntax: {written:?}")),
        }
    }
}

fn read_number(written: &str) -> Option<Number> {
    let (negative, digits) = match written.as_bytes().first()? {
        b'-' => (true, &written[1..]),
        b'+' => (false, &written[1..]),
        _ => (false, written),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain = digits.replace('_', "").to_ascii_lowercase();
    let radix = |prefix, base| plain.strip_prefix(prefix).and_then(|d| i128::from_str_radix(d, base).ok());
    let octal = || if plain.len() > 1 { radix("0", 8) } else { None };
    let magnitude = radix("0x", 16)
        .or_else(|| radix("0b", 2))
        .or_else(|| radix("0o", 8))
        .or_else(octal)
        .or_else(|| if plain.starts_with('0') && plain.len() > 1 { None } else { plain.parse().ok() });
    if let Some(magnitude) = magnitude {
        let value = if negative { -magnitude } else { magnitude };
        return i64::try_from(value).ok().map(Number::Int);
    }
    let is_decimal = plain.bytes().all(|c| matches!(c, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
    let is_float = plain.contains(['.', 'e']);
    let float = plain.parse::<f64>().ok().filter(|f| is_decimal && is_float && f.is_finite())?;
    Some(Number::Float(if negative { -float } else { float }))
}
