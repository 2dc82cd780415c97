//! Texts that a sample had a say in, for eyes: bounded, and with nothing in them that cannot be seen.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use serde_json::Value as Json;

use super::table::List;

/// The most bytes of one text.
const MAX_TEXT: usize = 600;
/// Of all texts of a page together, as they are written.
const MAX_ALL: usize = 4 << 20;
/// What a character takes at most when it is escaped or spelled.
const MOST_OF_ONE: usize = 12;

/// A text of the report. It still has to be escaped, which the template does.
#[derive(Clone, Debug, PartialEq)]
pub struct Text<'r> {
    parts: Vec<Cow<'r, str>>,
    between: &'static str,
    /// Bytes that were left out at its end.
    cut: usize,
}

impl Text<'_> {
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.is_empty())
    }
}

impl Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                out.write_str(self.between)?;
            }
            for letter in part.chars() {
                match letter {
                    '\n' => out.write_str("\\n")?,
                    '\r' => out.write_str("\\r")?,
                    '\t' => out.write_str("\\t")?,
                    letter if is_hidden(letter) => write!(out, "\\u{{{:04x}}}", u32::from(letter))?,
                    letter => out.write_char(letter)?,
                }
            }
        }
        match self.cut {
            0 => Ok(()),
            cut => write!(out, "… ({cut} more bytes)"),
        }
    }
}

/// What shows nothing, or changes how its neighbours are shown: names are made to look like others with them.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Takes texts and lists out of a report, for as long as there is room on the page.
#[derive(Debug)]
pub struct Reader {
    left: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { left: MAX_ALL }
    }
}

impl Reader {
    /// A text or a number; nothing for anything else.
    pub fn text<'r>(&mut self, value: &'r Json) -> Text<'r> {
        self.joined(&[value], "")
    }

    /// Several as one, without those that are empty.
    pub fn joined<'r>(&mut self, values: &[&'r Json], between: &'static str) -> Text<'r> {
        let parts = values.iter().map(|value| match value {
            Json::String(text) => Cow::Borrowed(text.as_str()),
            Json::Number(number) => Cow::Owned(number.to_string()),
            Json::Bool(is_so) => Cow::Borrowed(if *is_so { "yes" } else { "no" }),
            _ => Cow::Borrowed(""),
        });
        self.take(parts.filter(|part| !part.is_empty()).collect(), between)
    }

    /// What was made of the report's words.
    pub fn own<'r>(&mut self, text: String) -> Text<'r> {
        self.take(vec![Cow::Owned(text)], "")
    }

    fn take<'r>(&mut self, mut parts: Vec<Cow<'r, str>>, between: &'static str) -> Text<'r> {
        let (mut room, mut cut) = (MAX_TEXT, 0);
        for part in &mut parts {
            let end = part.floor_char_boundary(room);
            cut += part.len() - end;
            match part {
                Cow::Borrowed(text) => *text = &text[..end],
                Cow::Owned(text) => text.truncate(end),
            }
            room -= end;
            self.left = self.left.saturating_sub(written(part));
        }
        Text { parts, between, cut }
    }

    /// The first of a list, and how many there are besides.
    pub fn list<'r, T>(
        &mut self,
        list: &'r Json,
        max: usize,
        row: impl FnMut(&mut Self, &'r Json) -> T,
    ) -> List<T> {
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        self.rows(list.iter(), max, row)
    }

    /// The same of anything that can be counted.
    pub fn rows<V, T>(
        &mut self,
        mut values: impl ExactSizeIterator<Item = V>,
        max: usize,
        mut row: impl FnMut(&mut Self, V) -> T,
    ) -> List<T> {
        let mut rows = Vec::new();
        while rows.len() < max && self.left > 0 {
            let Some(value) = values.next() else { break };
            rows.push(row(self, value));
        }
        List { rows, cut: values.len() }
    }

    /// The last lines of a list.
    pub fn tail<'r>(&mut self, list: &'r Json, max: usize) -> List<Text<'r>> {
        let list = list.as_array().map_or(&[][..], Vec::as_slice);
        let max = if self.left > 0 { max } else { 0 };
        let (cut, last) = list.split_at(list.len().saturating_sub(max));
        List { rows: last.iter().map(|line| self.text(line)).collect(), cut: cut.len() }
    }
}

fn written(text: &str) -> usize {
    let takes = |letter: char| match letter {
        '<' | '>' | '&' | '"' | '\'' => MOST_OF_ONE,
        letter if is_hidden(letter) => MOST_OF_ONE,
        letter => letter.len_utf8(),
    };
    text.chars().map(takes).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_spelled() {
        let mut reader = Reader::default();
        let name = json!("invoice\u{202e}fdp.exe\0\u{200b}a\u{1b}[2J\u{7f}\u{85}\u{2028}\u{e0041}\n\tא");
        let shown = reader.text(&name).to_string();
        assert_eq!(
            shown,
            "invoice\\u{202e}fdp.exe\\u{0000}\\u{200b}a\\u{001b}[2J\\u{007f}\\u{0085}\\u{2028}\\u{e0041}\\n\\tא"
        );
        let parts = [json!("a"), json!(null), json!(7)];
        let joined = reader.joined(&[&parts[0], &parts[1], &parts[2]], " → ");
        assert_eq!(joined.to_string(), "a → 7");
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_say_so() {
        let mut reader = Reader::default();
        let long = json!(format!("x{}", "é".repeat(400)));
        let shown = reader.text(&long).to_string();
        assert!(shown.ends_with("é… (202 more bytes)") && shown.starts_with("xéé"), "{shown}");
        let parts = [json!("a".repeat(MAX_TEXT)), json!("bcd")];
        let shown = reader.joined(&[&parts[0], &parts[1]], " → ").to_string();
        assert!(shown.ends_with("a → … (3 more bytes)"), "{shown}");
    }

    #[test]
    fn lists_end_where_the_page_is_full() {
        let mut reader = Reader::default();
        let lines = json!(vec!["<".repeat(500); 5000]);
        let list = reader.list(&lines, 5000, Reader::text);
        assert_eq!(list.rows.len() + list.cut, 5000);
        assert!(list.rows.len() * 500 * MOST_OF_ONE <= MAX_ALL + MAX_TEXT * MOST_OF_ONE);
        assert_eq!(
            (reader.list(&lines, 5, Reader::text).rows.len(), reader.list(&lines, 5, Reader::text).cut),
            (0, 5000)
        );
        assert_eq!((reader.tail(&lines, 5).rows.len(), reader.tail(&lines, 5).cut), (0, 5000));
        let mut reader = Reader::default();
        let lines = json!(["a", "b", "c"]);
        let tail = reader.tail(&lines, 2);
        assert_eq!((tail.cut, tail.rows[0].to_string()), (1, "b".to_owned()));
    }
}
