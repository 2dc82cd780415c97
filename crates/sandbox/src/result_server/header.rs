//! The first lines of a connection: what is sent, and where it belongs (the sandbox reference, section 9.1).
//!
//! ```text
//! LOG\n | BSON <pid>\n | FILE\n<path>\n | FILE 2\n<path>\n<path in the guest>\n<pids>\n
//! ```

/// The most bytes of one line, as the protocol has it.
pub const MAX_LINE: usize = 4096;
/// Ids of processes that are kept of one file.
const MAX_PIDS: usize = 256;

/// What a guest wants to send. Paths are as it sent them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    Log,
    Bson {
        pid: u32,
    },
    File {
        path: Vec<u8>,
        /// `None` from the first version of the command.
        origin: Option<Origin>,
    },
}

/// Where a file was in the guest, and who had to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub filepath: Vec<u8>,
    pub pids: Vec<u32>,
}

/// Why first lines are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("a line of the header is longer than {MAX_LINE} bytes")]
    LongLine,
    #[error("the command is none that there is")]
    Command,
    #[error("the process id is no number")]
    Pid,
}

/// The header at the beginning of these bytes and its length; `None` while there are not enough of them.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let mut lines = Lines { rest: bytes };
    let Some(command) = lines.next()? else { return Ok(None) };
    let header = match command {
        b"LOG" => Header::Log,
        b"FILE" => {
            let Some(path) = lines.next()? else { return Ok(None) };
            Header::File { path: path.to_vec(), origin: None }
        }
        b"FILE 2" => {
            let (Some(path), Some(filepath), Some(pids)) = (lines.next()?, lines.next()?, lines.next()?)
            else {
                return Ok(None);
            };
            let origin = Origin { filepath: filepath.to_vec(), pids: numbers(pids) };
            Header::File { path: path.to_vec(), origin: Some(origin) }
        }
        _ => {
            let pid = command.strip_prefix(b"BSON ").ok_or(Malformed::Command)?;
            Header::Bson { pid: number(pid).ok_or(Malformed::Pid)? }
        }
    };
    Ok(Some((header, bytes.len() - lines.rest.len())))
}

struct Lines<'b> {
    rest: &'b [u8],
}

impl<'b> Lines<'b> {
    /// The next line without its end; `None` when it is not there yet.
    fn next(&mut self) -> Result<Option<&'b [u8]>, Malformed> {
        let end = self.rest.iter().take(MAX_LINE).position(|byte| *byte == b'\n');
        let Some(end) = end else {
            return if self.rest.len() < MAX_LINE { Ok(None) } else { Err(Malformed::LongLine) };
        };
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Ok(Some(line))
    }
}

/// Those of the words that are ids of processes.
fn numbers(line: &[u8]) -> Vec<u32> {
    line.split(|byte| *byte == b' ').filter_map(number).take(MAX_PIDS).collect()
}

/// Digits alone: what else Rust takes for a number, such as a sign, is none.
fn number(text: &[u8]) -> Option<u32> {
    let is_plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| is_plain)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_read_with_what_follows_left() {
        assert_eq!(parse(b"LOG\nfirst line\n"), Ok(Some((Header::Log, 4))));
        assert_eq!(parse(b"BSON 2044\n\x05"), Ok(Some((Header::Bson { pid: 2044 }, 10))));
        let file = Header::File { path: b"shots/0001.jpg".into(), origin: None };
        assert_eq!(parse(b"FILE\nshots/0001.jpg\n\xff\xd8"), Ok(Some((file, 20))));
        let sent = b"FILE 2\nfiles/0f1e2d3c4b5a6978_setup.tmp\nC:\\Users\\ana\\setup.tmp\n2044 2101\n";
        let origin = Origin { filepath: b"C:\\Users\\ana\\setup.tmp".into(), pids: vec![2044, 2101] };
        let file =
            Header::File { path: b"files/0f1e2d3c4b5a6978_setup.tmp".into(), origin: Some(origin.clone()) };
        assert_eq!(parse(sent), Ok(Some((file.clone(), sent.len()))));
        for end in 0..sent.len() {
            assert_eq!(parse(&sent[..end]), Ok(None), "{end}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_and_named() {
        for text in ["GET / HTTP/1.1\n", "\n", "FILE 3\n", "log\n", "BSON\n", "LOG \n"] {
            assert_eq!(parse(text.as_bytes()), Err(Malformed::Command), "{text}");
        }
        for text in ["BSON x\n", "BSON -1\n", "BSON +1\n", "BSON 4294967296\n", "BSON 1 2\n", "BSON ../1\n"] {
            assert_eq!(parse(text.as_bytes()), Err(Malformed::Pid), "{text}");
        }
        // With its end a line has at most 4096 bytes.
        let long = |length: usize| [b"FILE\n".to_vec(), vec![b'a'; length], b"\n".to_vec()].concat();
        assert!(matches!(parse(&long(MAX_LINE - 1)), Ok(Some(_))));
        assert_eq!(parse(&long(MAX_LINE)), Err(Malformed::LongLine));
        assert_eq!(parse(&vec![b'A'; MAX_LINE]), Err(Malformed::LongLine));
    }

    #[test]
    fn ids_that_are_none_are_left_out() {
        assert_eq!(numbers(b"1 x -2 3  99999999999 \xff 4"), [1, 3, 4]);
        assert_eq!(numbers("7 ".repeat(2000).as_bytes()).len(), MAX_PIDS);
    }
}
