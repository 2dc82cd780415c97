//! Lines, as SMTP, FTP and IRC have them.

/// The longest line that is waited for; RFC 5321 allows 512 bytes and commands with longer arguments exist.
pub const MAX_LINE: usize = 8 << 10;

/// Takes the first line, without its end. A line that is too long is cut there.
pub fn take(input: &mut Vec<u8>) -> Option<Vec<u8>> {
    let end = input.iter().take(MAX_LINE).position(|byte| *byte == b'\n');
    let (length, used) = match end {
        Some(end) => (end, end + 1),
        None if input.len() >= MAX_LINE => (MAX_LINE, MAX_LINE),
        None => return None,
    };
    let mut line: Vec<u8> = input.drain(..used).take(length).collect();
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Some(line)
}

/// A command in capitals, and what follows it.
pub fn command(line: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
    (command.to_ascii_uppercase(), rest.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_they_like_and_are_bounded() {
        let mut input = b"HELO a\r\nQUIT\nrest".to_vec();
        assert_eq!(take(&mut input).unwrap(), b"HELO a");
        assert_eq!(take(&mut input).unwrap(), b"QUIT");
        assert_eq!((take(&mut input), &input[..]), (None, &b"rest"[..]));
        let mut endless = vec![b'x'; MAX_LINE + 1];
        assert_eq!(take(&mut endless).unwrap().len(), MAX_LINE);
        assert_eq!(endless.len(), 1);
        assert_eq!(command(b" mail  FROM:<a> "), ("MAIL".into(), "FROM:<a>".into()));
    }
}
