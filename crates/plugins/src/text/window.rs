//! A window that moves over a file: patterns are searched in what it shows.

use std::io::{self, Read};

/// What is visible of a file, at most so many bytes.
pub struct Window<R> {
    source: R,
    buffer: Vec<u8>,
    size: usize,
    is_over: bool,
}

impl<R: Read> Window<R> {
    pub fn new(source: R, size: usize) -> Self {
        Window { source, buffer: Vec::new(), size: size.max(16), is_over: false }
    }

    /// Reads until the window is full or the file over.
    pub fn fill(&mut self) -> io::Result<()> {
        let room = (self.size - self.buffer.len()) as u64;
        if !self.is_over && room > 0 {
            let count = self.source.by_ref().take(room).read_to_end(&mut self.buffer)?;
            self.is_over = (count as u64) < room;
        }
        Ok(())
    }

    pub fn visible(&self) -> &[u8] {
        &self.buffer
    }

    /// Whether there is nothing after what is visible.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Moves on by so many bytes.
    pub fn consume(&mut self, count: usize) {
        self.buffer.drain(..count.min(self.buffer.len()));
    }
}
