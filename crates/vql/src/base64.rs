//! Base64 with the standard alphabet (builtins page, section 1.1).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the encoded bytes, with or without padding.
pub fn encode(bytes: &[u8], padded: bool, out: &mut Vec<u8>) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let [a, b, c] = [0, 1, 2].map(|i| u32::from(group.get(i).copied().unwrap_or(0)));
        let bits = a << 16 | b << 8 | c;
        for i in 0..4 {
            if i <= group.len() {
                out.push(ALPHABET[(bits >> (18 - 6 * i) & 63) as usize]);
            } else if padded {
                out.push(b'=');
            }
        }
    }
}

/// Decodes; line breaks are skipped, the padding must be right. `Err` is the place of the first bad byte.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count, mut padding) = (0u32, 0usize, 0usize);
    for (at, c) in text.iter().enumerate() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'\n' | b'\r' => continue,
            b'=' if count % 4 >= 2 => {
                padding += 1;
                count += 1;
                continue;
            }
            _ => return Err(at),
        };
        if padding > 0 {
            return Err(at);
        }
        bits = bits << 6 | u32::from(digit);
        count += 1;
        if count.is_multiple_of(4) {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            bits = 0;
        }
    }
    if !count.is_multiple_of(4) {
        return Err(text.len());
    }
    match padding {
        0 => {}
        1 => out.extend_from_slice(&(bits << 6).to_be_bytes()[1..3]),
        _ => out.push((bits << 12).to_be_bytes()[1]),
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (plain, padded, bare) in [
            ("", "", ""),
            ("a", "YQ==", "YQ"),
            ("ab", "YWI=", "YWI"),
            ("abc", "YWJj", "YWJj"),
            ("abcd", "YWJjZA==", "YWJjZA"),
        ] {
            let mut out = Vec::new();
            encode(plain.as_bytes(), true, &mut out);
            assert_eq!(out, padded.as_bytes());
            out.clear();
            encode(plain.as_bytes(), false, &mut out);
            assert_eq!(out, bare.as_bytes());
            assert_eq!(decode(padded.as_bytes()).unwrap(), plain.as_bytes());
        }
        let all: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        encode(&all, true, &mut out);
        assert_eq!(decode(&out).unwrap(), all);
    }

    #[test]
    fn bad_text_is_refused() {
        for text in ["Y", "YQ", "YQ=", "YWI", "Y===", "====", "YQ==YQ==", "Y Q=", "é", "YWJj=", "YQ==="] {
            assert!(decode(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(decode(b"YW\r\nJj\n").unwrap(), b"abc");
    }
}
