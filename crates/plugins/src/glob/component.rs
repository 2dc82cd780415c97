//! The pattern of one component of a path: `*`, `?`, `[a-z]` and plain characters, ignoring case.

/// A compiled pattern.
#[derive(Debug)]
pub struct Component {
    pub source: Vec<u8>,
    tokens: Vec<Token>,
}

#[derive(Debug, PartialEq)]
enum Token {
    /// Any run of characters.
    Run,
    /// Any character.
    One,
    /// A character in lower case.
    Plain(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// What a component asks for.
#[derive(Debug)]
pub enum Parsed {
    /// Text without patterns, in lower case.
    Literal(String),
    Wild(Component),
    /// `**`: so many levels.
    Deep(u16),
}

/// How many levels `**` stands for.
const DEFAULT_DEPTH: u16 = 30;

impl Component {
    pub fn parse(source: &[u8]) -> Parsed {
        if let Some(depth) = source.strip_prefix(b"**")
            && let Ok(depth) = str::from_utf8(depth)
            && depth.bytes().all(|c| c.is_ascii_digit())
        {
            return Parsed::Deep(if depth.is_empty() {
                DEFAULT_DEPTH
            } else {
                depth.parse().unwrap_or(u16::MAX)
            });
        }
        let text = String::from_utf8_lossy(source);
        let tokens = tokens(&text);
        if tokens.iter().all(|t| matches!(t, Token::Plain(_))) {
            let mut lower = String::new();
            fold(source, &mut lower);
            return Parsed::Literal(lower);
        }
        Parsed::Wild(Component { source: source.to_vec(), tokens })
    }

    /// Whether a name, in lower case, matches.
    pub fn matches(&self, name: &str) -> bool {
        let mut at = 0;
        let mut rest = name;
        // Where to go on when what follows a run did not match.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            match self.tokens.get(at) {
                Some(Token::Run) => {
                    at += 1;
                    if at == self.tokens.len() {
                        return true;
                    }
                    retry = Some((at, rest));
                    continue;
                }
                Some(token) => {
                    let mut chars = rest.chars();
                    if chars.next().is_some_and(|c| token.matches(c)) {
                        rest = chars.as_str();
                        at += 1;
                        continue;
                    }
                }
                None if rest.is_empty() => return true,
                None => {}
            }
            let Some((token, from)) = retry else { return false };
            let mut chars = from.chars();
            if chars.next().is_none() {
                return false;
            }
            (at, rest) = (token, chars.as_str());
            retry = Some((at, rest));
        }
    }
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Token::Run | Token::One => true,
            Token::Plain(plain) => *plain == c,
            Token::Class { negated, ranges } => {
                let upper = c.to_uppercase().next().unwrap_or(c);
                let is_in = |c: char| ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                (is_in(c) || is_in(upper)) != *negated
            }
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = after;
        match c {
            '*' if tokens.last() == Some(&Token::Run) => {}
            '*' => tokens.push(Token::Run),
            '?' => tokens.push(Token::One),
            '[' => match class(after) {
                Some((token, after)) => {
                    tokens.push(token);
                    rest = after;
                }
                None => tokens.push(Token::Plain('[')),
            },
            c => tokens.extend(c.to_lowercase().map(Token::Plain)),
        }
    }
    tokens
}

/// What follows a `[`, and the rest; `None` when nothing closes it.
fn class(text: &str) -> Option<(Token, &str)> {
    let (negated, body) = match text.strip_prefix(['!', '^']) {
        Some(body) => (true, body),
        None => (false, text),
    };
    let first = body.chars().next()?.len_utf8();
    // A `]` that comes first is a member.
    let end = body[first..].find(']')? + first;
    let members: Vec<char> = body[..end].chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == '-' {
            ranges.push((members[at], members[at + 2]));
            at += 3;
        } else {
            ranges.push((members[at], members[at]));
            at += 1;
        }
    }
    Some((Token::Class { negated, ranges }, &body[end + 1..]))
}

/// Puts a name into `lower`, in lower case; bytes that are not UTF-8 become U+FFFD.
pub fn fold(name: &[u8], lower: &mut String) {
    lower.clear();
    match str::from_utf8(name) {
        Ok(text) if text.is_ascii() => {
            lower.push_str(text);
            lower.make_ascii_lowercase();
        }
        _ => lower.extend(String::from_utf8_lossy(name).chars().flat_map(char::to_lowercase)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        for (pattern, name, wanted) in [
            ("*", "", true),
            ("*.txt", "A.TXT", true),
            ("*.txt", "a.txt.gz", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
            ("?", "é", true),
            ("?", "ab", false),
            ("É*", "école", true),
            ("[a-c]x", "Bx", true),
            ("[A-C]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[]x]*", "]", true),
            ("[ab", "[ab", true),
            ("*[ab", "x[AB", true),
            ("a**b", "axxb", true),
            (".*", ".hidden", true),
            ("*\u{fffd}*", "x\u{fffd}", true),
        ] {
            let mut lower = String::new();
            fold(name.as_bytes(), &mut lower);
            let got = match Component::parse(pattern.as_bytes()) {
                Parsed::Literal(text) => text == lower,
                Parsed::Wild(component) => component.matches(&lower),
                Parsed::Deep(_) => panic!("{pattern}"),
            };
            assert_eq!(got, wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn levels() {
        assert!(matches!(Component::parse(b"**"), Parsed::Deep(30)));
        assert!(matches!(Component::parse(b"**5"), Parsed::Deep(5)));
        assert!(matches!(Component::parse(b"**99999999"), Parsed::Deep(u16::MAX)));
        assert!(matches!(Component::parse(b"**x"), Parsed::Wild(_)));
        assert!(matches!(Component::parse(b"Abc"), Parsed::Literal(text) if text == "abc"));
    }

    #[test]
    fn many_runs_end_soon() {
        let Parsed::Wild(component) = Component::parse("*a".repeat(100).as_bytes()) else { panic!() };
        assert!(!component.matches(&"a".repeat(99)));
        assert!(component.matches(&"a".repeat(255)));
    }
}
