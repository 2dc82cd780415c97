//! Texts of guests, which may be any bytes (the report reference, general rules).

/// The most bytes of one text in a report.
pub const MAX_TEXT: usize = 16 << 10;

/// What ends a text of which there was more.
pub const CUT: &str = "[...]";

/// Bytes as a text: what is no UTF-8 as `\xNN`, and cut when it is long.
pub fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes[..bytes.len().min(MAX_TEXT)].utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_spelled() {
        assert_eq!(shown(b"a\xff\0\xc3\xa4"), "a\\xff\0ä");
        assert_eq!(shown(&vec![b'x'; MAX_TEXT + 5]).len(), MAX_TEXT);
    }
}
