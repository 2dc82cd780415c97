//! A connection on which no message of the server is longer than we are willing to hold.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::dial::Line;

/// The longest message: one row, as a rule.
const MAX_MESSAGE: u32 = 100 << 20;

/// A kind and a length, which counts itself.
const HEADER: usize = 5;

pub struct Bounded {
    line: Line,
    messages: Messages,
}

impl Bounded {
    pub fn new(line: Line) -> Self {
        Bounded { line, messages: Messages::default() }
    }
}

/// Where in a message the bytes are.
#[derive(Default)]
struct Messages {
    header: [u8; HEADER],
    /// How much of the header is there.
    filled: usize,
    /// How much of the message is still to come.
    left: usize,
}

impl Messages {
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let skipped = self.left.min(bytes.len());
            self.left -= skipped;
            bytes = &bytes[skipped..];
            let wanted = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + wanted].copy_from_slice(&bytes[..wanted]);
            self.filled += wanted;
            bytes = &bytes[wanted..];
            if self.filled == HEADER {
                let [_, length @ ..] = self.header;
                let length = u32::from_be_bytes(length);
                if !(4..=MAX_MESSAGE).contains(&length) {
                    return Err(io::Error::other(format!("the server sends a message of {length} bytes")));
                }
                self.left = length as usize - 4;
                self.filled = 0;
            }
        }
        Ok(())
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.line).poll_read(cx, buf))?;
        Poll::Ready(self.messages.follow(&buf.filled()[before..]))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.line).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.line).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_refused_wherever_they_are_cut() {
        let mut bytes = Vec::new();
        for length in [4_u32, 5, 1000] {
            bytes.push(b'D');
            bytes.extend(length.to_be_bytes());
            bytes.extend(vec![0xff; length as usize - 4]);
        }
        for piece in [1, 2, 3, 7, bytes.len()] {
            let mut messages = Messages::default();
            for part in bytes.chunks(piece) {
                messages.follow(part).unwrap();
            }
            assert_eq!((messages.filled, messages.left), (0, 0));
            let end: io::Result<()> =
                [b'D', 0x7f, 0, 0, 0].chunks(piece).try_for_each(|part| messages.follow(part));
            assert_eq!(end.unwrap_err().to_string(), "the server sends a message of 2130706432 bytes");
        }
        assert!(Messages::default().follow(&[b'D', 0, 0, 0, 3]).is_err());
    }
}
