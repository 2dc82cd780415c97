//! RE2 syntax to the syntax of the `regex` crate.

use std::iter::Peekable;
use std::str::Chars;

use regex_syntax::is_meta_character;

use crate::call::Error;

/// The largest count in `{n,m}`.
pub(super) const MAX_REPEAT: u32 = 1000;

/// An RE2 pattern in the spelling of the `regex` crate.
pub(super) fn translate(pattern: &str) -> Result<String, Error> {
    let mut translator =
        Translator { rest: pattern.chars().peekable(), out: String::with_capacity(pattern.len() + 8) };
    translator.pattern()?;
    Ok(translator.out)
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

const DIGIT: &str = "0-9";
const WORD: &str = "0-9A-Za-z_";
const SPACE: &str = r"\t\n\x0C\r ";

const POSIX: &[&str] = &[
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

impl Translator<'_> {
    fn pattern(&mut self) -> Result<(), Error> {
        // What came just before: whether there is something to repeat, and whether it is a repetition already.
        let (mut has_operand, mut is_repeated) = (false, false);
        while let Some(c) = self.rest.next() {
            match c {
                '*' | '+' | '?' => {
                    self.check_repeat(has_operand, is_repeated, &c.to_string())?;
                    self.out.push(c);
                    self.lazy();
                    is_repeated = true;
                    continue;
                }
                '{' => {
                    if let Some(counts) = self.counts()? {
                        self.check_repeat(has_operand, is_repeated, &counts)?;
                        self.out.push_str(&counts);
                        self.lazy();
                        is_repeated = true;
                        continue;
                    }
                    self.out.push_str(r"\{");
                    has_operand = true;
                }
                '(' => has_operand = self.group()?,
                '|' => {
                    self.out.push('|');
                    has_operand = false;
                }
                '[' => {
                    self.class()?;
                    has_operand = true;
                }
                '\\' => has_operand = self.escape()? || has_operand,
                '.' | '^' | '$' | ')' => {
                    self.out.push(c);
                    has_operand = true;
                }
                c => {
                    self.literal(c);
                    has_operand = true;
                }
            }
            is_repeated = false;
        }
        Ok(())
    }

    fn check_repeat(&self, has_operand: bool, is_repeated: bool, operator: &str) -> Result<(), Error> {
        if is_repeated {
            return Err(Error::new(format!("invalid nested repetition operator: `{operator}`")));
        }
        if !has_operand {
            return Err(Error::new(format!("missing argument to repetition operator: `{operator}`")));
        }
        Ok(())
    }

    fn lazy(&mut self) {
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
    }

    fn literal(&mut self, c: char) {
        if is_meta_character(c) {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// What follows a `{`: `n}`, `n,}` or `n,m}` as a whole repetition; `None`, nothing taken, for plain text.
    fn counts(&mut self) -> Result<Option<String>, Error> {
        let mut ahead = self.rest.clone();
        let number = |ahead: &mut Peekable<Chars<'_>>| {
            let mut digits = String::new();
            while let Some(c) = ahead.next_if(char::is_ascii_digit) {
                digits.push(c);
            }
            digits
        };
        let from = number(&mut ahead);
        let has_comma = ahead.next_if_eq(&',').is_some();
        let to = if has_comma { number(&mut ahead) } else { String::new() };
        // More than one leading zero makes it plain text, as do missing parts.
        let plain = |n: &str| n.len() > 1 && n.starts_with('0');
        if from.is_empty() || plain(&from) || plain(&to) || ahead.next() != Some('}') {
            return Ok(None);
        }
        self.rest = ahead;
        let text = if has_comma { format!("{{{from},{to}}}") } else { format!("{{{from}}}") };
        let low = from.parse().unwrap_or(u32::MAX);
        let high = if to.is_empty() { low } else { to.parse().unwrap_or(u32::MAX) };
        if low > MAX_REPEAT || high > MAX_REPEAT || high < low {
            return Err(Error::new(format!("invalid repeat count: `{text}`")));
        }
        Ok(Some(text))
    }

    /// After a `(`. False when it only set flags: there is nothing to repeat then.
    fn group(&mut self) -> Result<bool, Error> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(false);
        }
        self.out.push('?');
        match self.rest.peek() {
            Some('P' | '<') => {
                self.rest.next_if_eq(&'P');
                if self.rest.next() != Some('<') {
                    return Err("invalid or unsupported group syntax".into());
                }
                self.out.push_str("P<");
                self.group_name()?;
            }
            _ => self.flags()?,
        }
        Ok(false)
    }

    fn group_name(&mut self) -> Result<(), Error> {
        let mut is_empty = true;
        for c in self.rest.by_ref() {
            self.out.push(c);
            match c {
                '>' if !is_empty => return Ok(()),
                c if c.is_ascii_alphanumeric() || c == '_' => is_empty = false,
                _ => break,
            }
        }
        Err("invalid named capture".into())
    }

    /// `i-s)` or `i-s:`
    fn flags(&mut self) -> Result<(), Error> {
        for c in self.rest.by_ref() {
            self.out.push(c);
            match c {
                'i' | 'm' | 's' | 'U' | '-' => {}
                ')' | ':' => return Ok(()),
                _ => break,
            }
        }
        Err("invalid or unsupported group syntax".into())
    }

    /// After a backslash outside a class. False when it stands for nothing (`\Q\E`).
    fn escape(&mut self) -> Result<bool, Error> {
        let c = self.rest.next().ok_or_else(|| Error::new("trailing backslash at end of expression"))?;
        match c {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            // The case of these is not ignored: `(?i)` would add characters beyond ASCII.
            'w' => self.out.push_str("(?-i:[0-9A-Za-z_])"),
            'W' => self.out.push_str("(?-i:[^0-9A-Za-z_])"),
            's' => self.out.push_str(r"[\t\n\x0C\r ]"),
            'S' => self.out.push_str(r"[^\t\n\x0C\r ]"),
            'b' => self.out.push_str(r"(?-u:\b)"),
            'B' => self.out.push_str(r"(?-u:\B)"),
            'A' => self.out.push_str(r"\A"),
            'z' => self.out.push_str(r"\z"),
            'Q' => return Ok(self.quoted()),
            'E' => return Ok(false),
            'p' | 'P' => self.property(c)?,
            c => {
                let c = self.character(c)?;
                self.literal(c);
            }
        }
        Ok(true)
    }

    /// Plain text up to `\E`.
    fn quoted(&mut self) -> bool {
        let mut any = false;
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            any = true;
            self.literal(c);
        }
        any
    }

    /// `\pL`, `\p{Greek}`, `\p{^Greek}`
    fn property(&mut self, letter: char) -> Result<(), Error> {
        let failed = || Error::new("invalid character class range");
        let mut is_negated = letter == 'P';
        let mut name = String::new();
        match self.rest.next().ok_or_else(failed)? {
            '{' => {
                is_negated ^= self.rest.next_if_eq(&'^').is_some();
                loop {
                    match self.rest.next().ok_or_else(failed)? {
                        '}' => break,
                        c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
                        _ => return Err(failed()),
                    }
                }
            }
            c if c.is_ascii_alphabetic() => name.push(c),
            _ => return Err(failed()),
        }
        self.out.push_str(if is_negated { r"\P{" } else { r"\p{" });
        self.out.push_str(&name);
        self.out.push('}');
        Ok(())
    }

    /// The character that an escape stands for, in and outside classes.
    fn character(&mut self, c: char) -> Result<char, Error> {
        let failed = |text: &str| Error::new(format!("invalid escape sequence: `\\{text}`"));
        let octal = |c: &char| ('0'..='7').contains(c);
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hex().ok_or_else(|| failed("x"))?,
            '1'..='7' if !self.rest.peek().is_some_and(octal) => return Err(failed(&c.to_string())),
            '0'..='7' => {
                let mut code = c as u32 - '0' as u32;
                for _ in 0..2 {
                    let Some(digit) = self.rest.next_if(octal) else { break };
                    code = code * 8 + digit as u32 - '0' as u32;
                }
                char::from_u32(code).ok_or_else(|| failed("0"))?
            }
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
            c => return Err(failed(&c.to_string())),
        })
    }

    /// `7F` or `{10FFFF}`
    fn hex(&mut self) -> Option<char> {
        if self.rest.next_if_eq(&'{').is_none() {
            let (high, low) = (self.rest.next()?.to_digit(16)?, self.rest.next()?.to_digit(16)?);
            return char::from_u32(high * 16 + low);
        }
        let mut code = None;
        loop {
            match self.rest.next()? {
                '}' => return char::from_u32(code?),
                c => code = Some(code.unwrap_or(0u32).checked_mul(16)?.checked_add(c.to_digit(16)?)?),
            }
        }
    }

    /// After a `[`.
    fn class(&mut self) -> Result<(), Error> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = self.class_char()?;
            match c {
                ']' if !first => break,
                '[' if self.posix()? => {}
                '\\' => self.class_escape()?,
                c => {
                    self.class_range(c)?;
                }
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn class_char(&mut self) -> Result<char, Error> {
        self.rest.next().ok_or_else(|| Error::new("missing closing ]"))
    }

    /// `[:alpha:]` after its first bracket; false, nothing taken, if it is not one.
    fn posix(&mut self) -> Result<bool, Error> {
        let rest: String = self.rest.clone().take(12).collect();
        let Some((name, _)) = rest.strip_prefix(':').and_then(|r| r.split_once(":]")) else {
            return Ok(false);
        };
        if !POSIX.contains(&name.trim_start_matches('^')) {
            return Err("invalid character class range".into());
        }
        self.out.push_str(&format!("[:{name}:]"));
        self.rest.by_ref().take(name.len() + 3).for_each(drop);
        Ok(true)
    }

    fn class_escape(&mut self) -> Result<(), Error> {
        let c = self.class_char()?;
        match c {
            'd' => self.out.push_str(DIGIT),
            'w' => self.out.push_str(WORD),
            's' => self.out.push_str(SPACE),
            'D' | 'W' | 'S' => {
                let set = match c {
                    'D' => DIGIT,
                    'W' => WORD,
                    _ => SPACE,
                };
                self.out.push_str(&format!("[^{set}]"));
            }
            'p' | 'P' => self.property(c)?,
            c => {
                let low = self.character(c)?;
                self.class_range(low)?;
            }
        }
        Ok(())
    }

    /// One character, or a range that starts with it.
    fn class_range(&mut self, low: char) -> Result<(), Error> {
        self.literal(low);
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || ahead.next().is_none_or(|c| c == ']') {
            return Ok(());
        }
        self.rest.next();
        let high = match self.class_char()? {
            '\\' => {
                let c = self.class_char()?;
                self.character(c)?
            }
            c => c,
        };
        if high < low {
            return Err("invalid character class range".into());
        }
        self.out.push('-');
        self.literal(high);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::compile;
    use super::*;

    #[test]
    fn spelling() {
        for (pattern, wanted) in [
            ("abc", "abc"),
            (r"\d+\s", r"[0-9]+[\t\n\x0C\r ]"),
            (r"\bx\B", r"(?-u:\b)x(?-u:\B)"),
            (r"\w\W", r"(?-i:[0-9A-Za-z_])(?-i:[^0-9A-Za-z_])"),
            (r"[\d\W-]", r"[0-9[^0-9A-Za-z_]\-]"),
            (r"\Qa.b*\E+", r"a\.b\*+"),
            (r"\Qa.b", r"a\.b"),
            (r"\101\x41\x{42}\0", "AAB\0"),
            ("a{2}b{2,}c{2,3}?", "a{2}b{2,}c{2,3}?"),
            ("a{,3}", r"a\{,3\}"),
            ("a{", r"a\{"),
            ("a{b}", r"a\{b\}"),
            ("{", r"\{"),
            ("a{02}", r"a\{02\}"),
            ("a}", r"a\}"),
            ("(?P<n>a)(?<m>b)", "(?P<n>a)(?P<m>b)"),
            ("(?i-s:a)(?:b)", "(?i-s:a)(?:b)"),
            ("[]a]", r"[\]a]"),
            ("[^]a]", r"[^\]a]"),
            ("[a&&b~~c--d[e]", r"[a\&\&b\~\~c\--d\[e]"),
            ("[[:alpha:][:^digit:]]", "[[:alpha:][:^digit:]]"),
            ("[[:x]", r"[\[:x]"),
            (r"[\x00-\x1f]", "[\0-\x1f]"),
            (r"\pL\p{Greek}\p{^Lu}\PN", r"\p{L}\p{Greek}\P{Lu}\P{N}"),
            (r"\<\>\_\/\.", r"<>_/\."),
            ("é#", r"é\#"),
            ("(a*)*", "(a*)*"),
            ("^*", "^*"),
        ] {
            if pattern == "[a&&b~~c--d[e]" {
                // `c--` is a range from `c` down to `-`.
                assert!(translate(pattern).is_err());
                continue;
            }
            assert_eq!(translate(pattern).as_deref(), Ok(wanted), "{pattern}");
            compile(pattern.as_bytes(), true).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        }
    }
}
