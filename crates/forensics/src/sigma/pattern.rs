//! Text with wildcards.

/// Text in which `*` stands for anything and `?` for one character; a backslash makes the next of these three ordinary.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    parts: Vec<Part>,
    pub cased: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    One,
    Any,
}

impl Pattern {
    pub fn parse(source: &str) -> Pattern {
        let mut pattern = Pattern { parts: Vec::new(), cased: false };
        let mut chars = source.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next_if(|c| matches!(c, '*' | '?' | '\\')) {
                    Some(escaped) => pattern.push(escaped),
                    None => pattern.push('\\'),
                },
                '*' => pattern.wild(Part::Any),
                '?' => pattern.wild(Part::One),
                c => pattern.push(c),
            }
        }
        pattern
    }

    /// Text without wildcards.
    pub fn literal(text: &str) -> Pattern {
        let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text.to_owned())] };
        Pattern { parts, cased: false }
    }

    fn push(&mut self, c: char) {
        match self.parts.last_mut() {
            Some(Part::Text(text)) => text.push(c),
            _ => self.parts.push(Part::Text(c.to_string())),
        }
    }

    fn wild(&mut self, part: Part) {
        // Two stars say no more than one, and would cost more.
        if part != Part::Any || self.parts.last() != Some(&Part::Any) {
            self.parts.push(part);
        }
    }

    #[must_use]
    pub fn starting(mut self) -> Pattern {
        self.wild(Part::Any);
        self
    }

    #[must_use]
    pub fn ending(mut self) -> Pattern {
        if self.parts.first() != Some(&Part::Any) {
            self.parts.insert(0, Part::Any);
        }
        self
    }

    /// Compares as the rule says: whatever the case, unless it minds it.
    #[must_use]
    pub fn finished(mut self, cased: bool) -> Pattern {
        self.cased = cased;
        if !cased {
            for part in &mut self.parts {
                if let Part::Text(text) = part {
                    *text = text.to_lowercase();
                }
            }
        }
        self
    }

    /// Whether a text, in lower case unless `cased`, is as the pattern says.
    pub fn matches(&self, text: &str) -> bool {
        let (mut at, mut part) = (0, 0);
        // Where to go on when what follows the last star does not fit: one character later.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let rest = &text[at..];
            let step = match self.parts.get(part) {
                None if rest.is_empty() => return true,
                Some(Part::Any) => {
                    retry = Some((part + 1, at));
                    part += 1;
                    if part == self.parts.len() {
                        return true;
                    }
                    continue;
                }
                None => None,
                Some(Part::One) => rest.chars().next().map(char::len_utf8),
                Some(Part::Text(wanted)) => rest.starts_with(wanted.as_str()).then_some(wanted.len()),
            };
            match (step, retry) {
                (Some(step), _) => {
                    at += step;
                    part += 1;
                }
                (None, None) => return false,
                (None, Some((after, from))) => {
                    let Some(next) = self.next_try(after, text, from) else { return false };
                    (part, at, retry) = (after, next, Some((after, next)));
                }
            }
        }
    }

    /// The next place at which the part after a star may fit.
    fn next_try(&self, after: usize, text: &str, from: usize) -> Option<usize> {
        let next = from + text[from..].chars().next()?.len_utf8();
        match &self.parts[after] {
            Part::Text(wanted) => text[next..].find(wanted.as_str()).map(|found| next + found),
            _ => Some(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn wildcards_match() {
        for (pattern, text, wanted) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("*b*", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "ż", true),
            ("*a*b*c", "xaybzc", true),
            ("*ab", "aab", true),
            ("*aab", "aaab", true),
            ("**", "x", true),
            ("*?", "", false),
            (r"a\*c", "a*c", true),
            (r"a\*c", "abc", false),
            (r"c:\\dir", r"c:\dir", true),
            (r"c:\dir", r"c:\dir", true),
            (r"c:\\*", r"c:\x", true),
            (r"c:\*", r"c:*", true),
        ] {
            assert_eq!(Pattern::parse(pattern).matches(text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_patterns_take_no_exponential_time() {
        let pattern = Pattern::parse(&"a*".repeat(200));
        assert!(!pattern.matches(&format!("{}b", "ba".repeat(5000))));
    }
}
