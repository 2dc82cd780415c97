//! Text in, tokens out.
//!
//! Source: language reference, section 2. The rules are tried in the order of its table and the *first* that
//! matches wins, which is why `a-1` is two operands (`a`, `-1`) and `5--3` is `5` and a comment. Tokens are
//! kinds and spans; nothing is allocated here except the list of comments.
//!
//! The lexer never fails: what begins no token becomes one of the error kinds at the end of
//! [`TokenKind`] and the parser reports it when it gets there.

use crate::span::Span;

/// One token: what it is and where it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub enum TokenKind {
    // keywords
    Explain, Select, Where, And, Or, From, Not, As, In, Limit, Null, Desc, GroupBy, OrderBy, True, False, Let,
    // names and literals
    Ident, NegIdent, Number, String, RawString,
    // operators
    Bars, AndAnd, LtGt, NotEq, LtEq, GtEq, Arrow, Match, Minus, Plus, Colon, Star, Slash, Percent, Comma, Dot,
    OpenParen, CloseParen, Eq, Lt, Gt, OpenBrace, CloseBrace, OpenBracket, CloseBracket,
    /// The end of the text; its span is empty.
    End,
    // errors
    BadChar, OpenString, OpenRawString, OpenTick, EmptyTick, OpenComment,
}

impl TokenKind {
    /// Whether this is one of the reserved words.
    pub fn is_keyword(self) -> bool {
        (self as u8) <= TokenKind::Let as u8
    }

    /// Whether an operand may end with this token.
    pub fn ends_operand(self) -> bool {
        use TokenKind::*;
        matches!(
            self,
            Ident | NegIdent | Number | String | RawString | Null | True | False | CloseParen | CloseBracket
        )
    }
}

/// Hands out tokens from left to right.
#[derive(Clone, Debug)]
pub struct Lexer<'s> {
    source: &'s [u8],
    at: usize,
    /// Places of the comments skipped so far.
    pub comments: Vec<Span>,
}

impl<'s> Lexer<'s> {
    pub fn new(source: &'s str) -> Self {
        Lexer { source: source.as_bytes(), at: 0, comments: Vec::new() }
    }

    /// A lexer that starts in the middle, for looking ahead.
    pub fn starting_at(source: &'s str, offset: usize) -> Self {
        Lexer { source: source.as_bytes(), at: offset, comments: Vec::new() }
    }

    /// The next token; at the end, [`TokenKind::End`] for ever.
    pub fn next_token(&mut self) -> Token {
        if let Some(open) = self.skip_blank() {
            return open;
        }
        let start = self.at;
        let (kind, end) = match self.source.get(start) {
            None => (TokenKind::End, start),
            Some(&first) => self.scan(first, start),
        };
        self.at = end;
        Token { kind, span: Span::new(start, end) }
    }

    fn byte(&self, at: usize) -> u8 {
        // Zero belongs to no token, so it can stand for "past the end".
        self.source.get(at).copied().unwrap_or(0)
    }

    /// Rules 1 to 4: white space and comments. An unterminated block comment comes back as a token.
    fn skip_blank(&mut self) -> Option<Token> {
        loop {
            let start = self.at;
            match self.byte(start) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => self.at += 1,
                b'-' if self.byte(start + 1) == b'-' => self.skip_line(),
                b'/' if self.byte(start + 1) == b'/' => self.skip_line(),
                b'/' if self.byte(start + 1) == b'*' => {
                    let body = start + 2;
                    match memchr::memmem::find(&self.source[body..], b"*/") {
                        Some(length) => self.comment(body + length + 2),
                        None => {
                            self.at = self.source.len();
                            let span = Span::new(start, self.at);
                            return Some(Token { kind: TokenKind::OpenComment, span });
                        }
                    }
                }
                _ => return None,
            }
        }
    }

    fn skip_line(&mut self) {
        let rest = &self.source[self.at..];
        let end = memchr::memchr(b'\n', rest).map_or(self.source.len(), |n| self.at + n);
        self.comment(end);
    }

    fn comment(&mut self, end: usize) {
        self.comments.push(Span::new(self.at, end));
        self.at = end;
    }

    /// Rules 5 to 14, told apart by the first byte.
    fn scan(&self, first: u8, start: usize) -> (TokenKind, usize) {
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(start),
            b'0'..=b'9' => (TokenKind::Number, self.number_end(start)),
            b'.' if self.byte(start + 1).is_ascii_digit() => (TokenKind::Number, self.number_end(start)),
            b'-' => self.minus(start),
            b'`' => self.ticked(start, TokenKind::Ident),
            b'\'' | b'"' => self.string(first, start),
            b'|' => {
                let bars = self.source[start..].iter().take_while(|b| **b == b'|').count();
                (TokenKind::Bars, start + bars)
            }
            _ => self.operator(first, start),
        }
    }

    fn word_end(&self, start: usize) -> usize {
        let mut end = start;
        while is_word(self.byte(end)) {
            end += 1;
        }
        end
    }

    fn word(&self, start: usize) -> (TokenKind, usize) {
        let end = self.word_end(start);
        let kind = keyword(&self.source[start..end]).unwrap_or(TokenKind::Ident);
        if kind == TokenKind::Ident
            && end - start == 5
            && let Some((kind, end)) = self.two_words(start, end)
        {
            return (kind, end);
        }
        (kind, end)
    }

    /// `GROUP BY` and `ORDER BY`: only white space, no comment, may stand between the words.
    fn two_words(&self, start: usize, end: usize) -> Option<(TokenKind, usize)> {
        let word = &self.source[start..end];
        let (text, kind): (&[u8], TokenKind) = match word[0] | 0x20 {
            b'g' => (b"GROUP", TokenKind::GroupBy),
            b'o' => (b"ORDER", TokenKind::OrderBy),
            _ => return None,
        };
        if !word.eq_ignore_ascii_case(text) {
            return None;
        }
        let rest = &self.source[end..];
        let gap = rest.iter().position(|b| !is_space(*b))?;
        let by = end + gap;
        let by_end = self.word_end(by);
        (gap > 0 && self.source[by..by_end].eq_ignore_ascii_case(b"BY")).then_some((kind, by_end))
    }

    /// `-` sticks to a number (rule 9) or an identifier (rule 11) right behind it.
    fn minus(&self, start: usize) -> (TokenKind, usize) {
        match (self.byte(start + 1), self.byte(start + 2)) {
            (b'0'..=b'9', _) | (b'.', b'0'..=b'9') => (TokenKind::Number, self.number_end(start + 1)),
            (b'a'..=b'z' | b'A'..=b'Z' | b'_', _) => (TokenKind::NegIdent, self.word_end(start + 1)),
            (b'`', _) => self.ticked(start + 1, TokenKind::NegIdent),
            _ => (TokenKind::Minus, start + 1),
        }
    }

    /// `0x[0-9a-fA-F]+ | \d*\.?\d+([eE][-+]?\d+)?`, the sign already passed.
    fn number_end(&self, start: usize) -> usize {
        if self.byte(start) == b'0'
            && self.byte(start + 1) == b'x'
            && self.byte(start + 2).is_ascii_hexdigit()
        {
            let digits = &self.source[start + 2..];
            let count = digits.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(digits.len());
            return start + 2 + count;
        }
        let mut end = self.digits_end(start);
        if self.byte(end) == b'.' && self.byte(end + 1).is_ascii_digit() {
            end = self.digits_end(end + 1);
        }
        if matches!(self.byte(end), b'e' | b'E') {
            let sign = usize::from(matches!(self.byte(end + 1), b'-' | b'+'));
            if self.byte(end + 1 + sign).is_ascii_digit() {
                end = self.digits_end(end + 1 + sign);
            }
        }
        end
    }

    fn digits_end(&self, start: usize) -> usize {
        let rest = &self.source[start..];
        start + rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len())
    }

    /// A back-ticked name; `tick` is the place of the opening tick.
    fn ticked(&self, tick: usize, kind: TokenKind) -> (TokenKind, usize) {
        match memchr::memchr(b'`', &self.source[tick + 1..]) {
            None => (TokenKind::OpenTick, self.source.len()),
            Some(0) => (TokenKind::EmptyTick, tick + 2),
            Some(length) => (kind, tick + length + 2),
        }
    }

    /// Rules 13 and 14. Three quotes that are never closed would lex as an empty string and an open one, and no
    /// program has two strings side by side, so that is called what it is.
    fn string(&self, quote: u8, start: usize) -> (TokenKind, usize) {
        let rest = &self.source[start..];
        if rest.starts_with(b"'''") {
            return match memchr::memmem::find(&rest[3..], b"'''") {
                Some(length) => (TokenKind::RawString, start + length + 6),
                None => (TokenKind::OpenRawString, self.source.len()),
            };
        }
        let mut at = start + 1;
        while let Some(found) = memchr::memchr2(quote, b'\\', self.source.get(at..).unwrap_or_default()) {
            at += found;
            if self.source[at] == quote {
                return (TokenKind::String, at + 1);
            }
            at += 2;
        }
        (TokenKind::OpenString, self.source.len())
    }

    /// Rules 7 and 12, and what no rule matches.
    fn operator(&self, first: u8, start: usize) -> (TokenKind, usize) {
        use TokenKind::*;
        let two = match (first, self.byte(start + 1)) {
            (b'&', b'&') => AndAnd,
            (b'<', b'>') => LtGt,
            (b'!', b'=') => NotEq,
            (b'<', b'=') => LtEq,
            (b'>', b'=') => GtEq,
            (b'=', b'>') => Arrow,
            (b'=', b'~') => Match,
            _ => return self.single(first, start),
        };
        (two, start + 2)
    }

    fn single(&self, first: u8, start: usize) -> (TokenKind, usize) {
        use TokenKind::*;
        let kind = match first {
            b'+' => Plus,
            b':' => Colon,
            b'*' => Star,
            b'/' => Slash,
            b'%' => Percent,
            b',' => Comma,
            b'.' => Dot,
            b'(' => OpenParen,
            b')' => CloseParen,
            b'=' => Eq,
            b'<' => Lt,
            b'>' => Gt,
            b'{' => OpenBrace,
            b'}' => CloseBrace,
            b'[' => OpenBracket,
            b']' => CloseBracket,
            _ => return (BadChar, start + char_length(first)),
        };
        (kind, start + 1)
    }
}

/// Which bytes make words; a table, because this is asked of most bytes of a program.
const WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        table[b] = (b as u8).is_ascii_alphanumeric() || b as u8 == b'_';
        b += 1;
    }
    table
};

fn is_word(b: u8) -> bool {
    WORD[b as usize]
}

/// RE2's `\s`, which has no vertical tab.
fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 0x0c)
}

/// Bytes in the UTF-8 character that starts with `first`.
fn char_length(first: u8) -> usize {
    match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0.. => 4,
        _ => 1,
    }
}

/// Rules 5 and 8 for single words.
fn keyword(word: &[u8]) -> Option<TokenKind> {
    use TokenKind::*;
    // Length and first letter leave one candidate, so most names are settled without comparing text.
    let (text, kind): (&[u8], TokenKind) = match (word.len(), word[0] | 0x20) {
        (2, b'o') => (b"OR", Or),
        (2, b'a') => (b"AS", As),
        (2, b'i') => (b"IN", In),
        (3, b'a') => (b"AND", And),
        (3, b'n') => (b"NOT", Not),
        (3, b'l') => (b"LET", Let),
        (4, b'f') => (b"FROM", From),
        (4, b'n') => (b"NULL", Null),
        (4, b't') => (b"TRUE", True),
        (4, b'd') => (b"DESC", Desc),
        (5, b'w') => (b"WHERE", Where),
        (5, b'l') => (b"LIMIT", Limit),
        (5, b'f') => (b"FALSE", False),
        (6, b's') => (b"SELECT", Select),
        (7, b'e') => (b"EXPLAIN", Explain),
        _ => return None,
    };
    word.eq_ignore_ascii_case(text).then_some(kind)
}

#[cfg(test)]
mod tests;
