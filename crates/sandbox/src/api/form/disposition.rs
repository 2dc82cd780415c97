//! What a part says of itself: the field, and the name of the file (RFC 7578, section 4.2; RFC 6266, section 4.3).

use percent_encoding::percent_decode_str;

/// What is in the header `Content-Disposition`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Disposition {
    /// The name of the field; empty when there is none.
    pub field: String,
    /// What makes a part a file.
    pub file_name: Option<String>,
}

impl Disposition {
    /// Reads the header; what is no UTF-8 is replaced.
    pub fn parse(header: &[u8]) -> Self {
        let text = String::from_utf8_lossy(header);
        let mut found = Self::default();
        let (mut is_exact, mut rest) = (false, text.split_once(';').map_or("", |(_, rest)| rest));
        while let Some((name, value, behind)) = parameter(rest) {
            rest = behind;
            match name.to_ascii_lowercase().as_str() {
                "name" if found.field.is_empty() => found.field = value,
                // Old senders write what is not ASCII like that, some beside an approximation.
                "filename*" if !is_exact => {
                    (found.file_name, is_exact) = (Some(extended(&value)), true);
                }
                "filename" if found.file_name.is_none() => found.file_name = Some(value),
                _ => {}
            }
        }
        found
    }
}

/// The next parameter, and what is behind it. Words without a value are left out.
fn parameter(mut text: &str) -> Option<(&str, String, &str)> {
    let at = loop {
        text = text.trim_start_matches([' ', '\t', ';']);
        match text.find(['=', ';'])? {
            at if text[at..].starts_with('=') => break at,
            at => text = &text[at..],
        }
    };
    let (name, value) = (text[..at].trim_end(), text[at + 1..].trim_start_matches([' ', '\t']));
    let (value, behind) = match value.strip_prefix('"') {
        Some(quoted) => unquote(quoted),
        None => {
            let end = value.find(';').unwrap_or(value.len());
            (value[..end].trim_end().to_owned(), &value[end..])
        }
    };
    Some((name, value, behind))
}

/// A text to its closing quote. A backslash keeps a quote; any other is one of a path, as is one before the last quote of all.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[at + 1..]),
            '\\' if letters.peek().is_some_and(|(at, next)| *next == '"' && text[at + 1..].contains('"')) => {
                value.extend(letters.next().map(|(_, quote)| quote));
            }
            _ => value.push(letter),
        }
    }
    (value, "")
}

/// `charset'language'percent-encoded` (RFC 8187, section 3.2).
fn extended(text: &str) -> String {
    let mut parts = text.splitn(3, '\'');
    let (Some(charset), Some(_), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return text.to_owned();
    };
    let bytes: Vec<u8> = percent_decode_str(value).collect();
    match charset.eq_ignore_ascii_case("iso-8859-1") {
        true => bytes.into_iter().map(char::from).collect(),
        false => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_senders_write_them() {
        for (header, field, file_name) in [
            (&br#"form-data; name="file"; filename="a b;c=d.txt""#[..], "file", Some("a b;c=d.txt")),
            (br#"form-data; filename="x; name=y" ;name=file"#, "file", Some("x; name=y")),
            (br#"form-data; Name="file"; FileName=x.txt "#, "file", Some("x.txt")),
            (br#"form-data; name="file"; filename="a\"b.txt""#, "file", Some("a\"b.txt")),
            (br#"form-data; name="file"; filename="C:\dir\""#, "file", Some(r"C:\dir\")),
            (br#"form-data; name="file"; filename="C:\a\b.exe""#, "file", Some(r"C:\a\b.exe")),
            (b"form-data; name=\"file\"; filename=\"a;\xff;b\"", "file", Some("a;\u{fffd};b")),
            (b"form-data; name=\"file\"; filename*=UTF-8''%e2%82%ac%20x", "file", Some("\u{20ac} x")),
            (b"form-data; name=\"file\"; filename*=iso-8859-1'de'%fc; filename=u", "file", Some("\u{fc}")),
            (b"form-data; name=\"file\"; filename=u; filename*=plain", "file", Some("plain")),
            (br#"form-data; name="file"; filename="#, "file", Some("")),
            (br#"form-data; name="url"; filename="""#, "url", Some("")),
            (br#"form-data; name="url""#, "url", None),
            (br#"form-data; word; name="url"; name="second""#, "url", None),
            (br#"form-data; name="url"#, "url", None),
            (b"form-data; ;; = ; x", "", None),
            (b"", "", None),
        ] {
            let wanted = Disposition { field: field.into(), file_name: file_name.map(String::from) };
            assert_eq!(Disposition::parse(header), wanted, "{}", String::from_utf8_lossy(header));
        }
    }
}
