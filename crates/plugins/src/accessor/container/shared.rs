//! One opened container, read by several readers, each at a place of its own.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::accessor::Content;

/// A reader of a content that others read as well.
#[derive(Clone)]
pub struct Shared {
    content: Arc<Mutex<Box<dyn Content>>>,
    at: u64,
}

impl Shared {
    pub fn new(content: Box<dyn Content>) -> Self {
        Shared { content: Arc::new(Mutex::new(content)), at: 0 }
    }

    /// Another reader, at the start.
    pub fn again(&self) -> Self {
        Shared { content: self.content.clone(), at: 0 }
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut content = self.content.lock();
        content.seek(SeekFrom::Start(self.at))?;
        let count = content.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::End(_) => self.content.lock().seek(to)?,
            to => target(to, self.at, 0)?,
        };
        Ok(self.at)
    }
}

/// The place that a seek leads to, from the present place and the end.
pub fn target(to: SeekFrom, at: u64, end: u64) -> io::Result<u64> {
    let place = match to {
        SeekFrom::Start(place) => Some(place),
        SeekFrom::Current(by) => at.checked_add_signed(by),
        SeekFrom::End(by) => end.checked_add_signed(by),
    };
    place.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))
}
