//! Text made at random, out of the pieces that matter to each reader, never makes one panic or run away.

use vql::json::{self, JsonOptions};
use vql::path::{OsPath, PathKind};
use vql::printf::{self, Format};
use vql::text::Text;
use vql::time::{self, Zones};
use vql::value::regex;
use vql::value::{Value, convert};

/// A small generator; the same numbers at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn text(&mut self, pieces: &[&str]) -> Vec<u8> {
        let mut text = Vec::new();
        for _ in 0..self.roll(12) {
            match self.roll(20) {
                0 => text.push(self.roll(256) as u8),
                1 => text.extend_from_slice("é€".as_bytes()),
                _ => text.extend_from_slice(pieces[self.roll(pieces.len())].as_bytes()),
            }
        }
        text
    }
}

fn each(seed: u64, pieces: &[&str], mut check: impl FnMut(&[u8], &mut Dice)) {
    let mut dice = Dice(seed);
    for _ in 0..20_000 {
        let text = dice.text(pieces);
        check(&text, &mut dice);
    }
}

#[test]
fn json_text() {
    let pieces = &[
        "{", "}", "[", "]", "\"", "\\u", "\\", "a", ":", ",", "12", "-", ".5", "e9", "d83d", "null", "true",
        " ",
    ];
    each(1, pieces, |text, _| {
        if let Ok(value) = json::parse(text) {
            let mut out = Vec::new();
            json::write_value(&value, &mut out, &JsonOptions::default());
            assert!(json::parse(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
        }
    });
}

#[test]
fn dates() {
    let pieces = &[
        "2024",
        "-",
        "05",
        "01",
        "T",
        "10",
        ":",
        "20",
        ".5",
        "Z",
        "+02:00",
        " ",
        "May",
        "Wed",
        "PM",
        "/",
        ",",
        "UTC",
        "(",
        ")",
        "'",
        "1st",
        "20240501",
        "102030",
        "EST",
        "99999999999",
    ];
    let zones = Zones::named(Some("Europe/Berlin"), None);
    each(2, pieces, |text, _| {
        let text = String::from_utf8_lossy(text);
        let _ = time::parse_text(&text, &zones);
        let _ = time::from_text(text.as_bytes(), &zones);
        let _ = time::parse_rfc3339(text.as_bytes());
    });
}

#[test]
fn layouts() {
    let pieces = &[
        "2006", "01", "02", "_2", "__2", "002", "Jan", "January", "Mon", "Monday", "15", "03", "3", "04",
        "05", ".000", ",999", "PM", "pm", "MST", "Z07:00", "-0700", "-07", "Z070000", "T", " ", "-", "06",
    ];
    let zones = Zones::default();
    let now = time::from_int(1_714_557_600).unwrap();
    each(3, pieces, |text, dice| {
        let layout = String::from_utf8_lossy(text);
        let printed = time::format_layout(now, &layout, None);
        let _ = time::parse_layout(&layout, &printed, &zones);
        let other = dice.text(pieces);
        let _ = time::parse_layout(&layout, &String::from_utf8_lossy(&other), &zones);
    });
}

#[test]
fn patterns() {
    let pieces = &[
        "a",
        "(",
        ")",
        "[",
        "]",
        "^",
        "$",
        "*",
        "+",
        "?",
        "{2}",
        "{,3}",
        "{1000}",
        "|",
        "\\",
        "\\d",
        "\\Q",
        "\\E",
        "\\x4",
        "\\1",
        "(?i)",
        "(?P<n>",
        "-",
        "[:alpha:]",
        "\\p{L}",
        "&&",
        "~~",
        ".",
        "é",
        "{",
    ];
    each(4, pieces, |text, dice| {
        if dice.roll(10) == 0
            && let Ok(compiled) = regex::compile(text, true)
        {
            let _ = regex::is_match(&compiled, b"some \xff text 12");
        }
    });
}

#[test]
fn formats() {
    let pieces = &[
        "%", "v", "s", "d", "x", "q", "f", "g", "e", "U", "c", "5", "0", "-", "+", "#", " ", ".", "*", "[1]",
        "[", "]", "9",
    ];
    let args = [
        Value::Int(-5),
        Value::text("é\u{1}"),
        Value::Float(1.5e300),
        Value::Null,
        Value::list(vec![Value::Bool(true)]),
    ];
    each(5, pieces, |text, dice| {
        let format = Format::compile(&Text::from(text));
        let _ = printf::format(&format, &args[..dice.roll(args.len() + 1)]);
    });
}

#[test]
fn paths_and_cells() {
    let pieces = &[
        "/",
        "\\",
        "\"",
        "a",
        ".",
        "..",
        "C:",
        "{\"Path\":",
        "}",
        "HKLM",
        "\\\\.\\",
        "base64:",
        "true",
        "1e5",
        "[1",
        "]",
        " ",
    ];
    let kinds = ["generic", "linux", "windows", "registry", "ntfs", "zip", "pathspec"];
    each(6, pieces, |text, dice| {
        let kind = PathKind::named(kinds[dice.roll(kinds.len())]).unwrap();
        let path = OsPath::parse(kind, text);
        if path.delegate.is_none() && kind != PathKind::Registry && path.path().first() != Some(&b'{') {
            let again = OsPath::parse(kind, &path.path());
            assert_eq!(again.components, path.components, "{kind:?} {}", String::from_utf8_lossy(text));
        }
        let cell = vql::csv::read_cell(text);
        let mut out = Vec::new();
        vql::csv::write_cell(&cell, &mut out);
        let _ = convert::to_text(&cell);
    });
}
