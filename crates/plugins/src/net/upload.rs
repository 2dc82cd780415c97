//! Request bodies: nothing, something held in memory, or parts that are read while they are sent.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use futures_util::stream;
use parking_lot::Mutex;
use reqwest::Body as Outgoing;
use tokio::sync::mpsc;
// The bytes of a body, as the HTTP library passes them on.
pub use tokio_util::bytes::Bytes;

use crate::accessor::{Content, read_full};

/// How much is read and sent at a time.
const PIECE: usize = 64 << 10;
/// Pieces that are read ahead.
const AHEAD: usize = 4;

/// What a request carries.
#[derive(Clone, Default)]
pub enum Body {
    #[default]
    Empty,
    Held(Bytes),
    Parts(Arc<Parts>),
}

/// One after the other, they are the body.
pub enum Part {
    Held(Bytes),
    File {
        content: Box<dyn Content>,
        /// How much of it is sent; `None`: what there is.
        length: Option<u64>,
    },
}

impl Part {
    /// A file from its beginning. Files that do not know their length (such as those of the kernel) are looked at.
    pub fn file(mut content: Box<dyn Content>) -> io::Result<Self> {
        let length = content.seek(SeekFrom::End(0)).unwrap_or(0);
        content.rewind()?;
        if length > 0 {
            return Ok(Part::File { content, length: Some(length) });
        }
        let mut start = vec![0; PIECE];
        let count = read_full(&mut *content, &mut start)?;
        if count < PIECE {
            start.truncate(count);
            return Ok(Part::Held(start.into()));
        }
        content.rewind()?;
        Ok(Part::File { content, length: None })
    }

    /// A piece of a file.
    pub fn range(content: Box<dyn Content>, length: u64) -> Self {
        Part::File { content, length: Some(length) }
    }

    pub fn length(&self) -> Option<u64> {
        match self {
            Part::Held(bytes) => Some(bytes.len() as u64),
            Part::File { length, .. } => *length,
        }
    }

    /// Hands out the part piece by piece; `false`: nobody wants more.
    fn feed(&mut self, send: &mut dyn FnMut(Bytes) -> bool) -> io::Result<bool> {
        let (content, length) = match self {
            Part::Held(bytes) => return Ok(send(bytes.clone())),
            Part::File { content, length } => (content, length),
        };
        content.rewind()?;
        let mut left = length.unwrap_or(u64::MAX);
        while left > 0 {
            let mut piece = vec![0; usize::try_from(left).unwrap_or(PIECE).min(PIECE)];
            let count = content.read(&mut piece)?;
            if count == 0 && length.is_some() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
            }
            if count == 0 {
                break;
            }
            piece.truncate(count);
            left -= count as u64;
            if !send(piece.into()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Parts that can be sent again: a redirect may ask for it.
pub struct Parts {
    parts: Mutex<Vec<Part>>,
    length: Option<u64>,
}

impl Body {
    pub fn parts(parts: Vec<Part>) -> Self {
        let length = parts.iter().map(Part::length).sum();
        Body::Parts(Arc::new(Parts { parts: Mutex::new(parts), length }))
    }

    /// How long it is, when that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Body::Empty => Some(0),
            Body::Held(bytes) => Some(bytes.len() as u64),
            Body::Parts(parts) => parts.length,
        }
    }

    /// The body as the HTTP library takes it.
    pub fn outgoing(&self) -> Option<Outgoing> {
        match self {
            Body::Empty => None,
            Body::Held(bytes) => Some(bytes.clone().into()),
            Body::Parts(parts) => Some(parts.clone().outgoing()),
        }
    }
}

impl Parts {
    fn outgoing(self: Arc<Self>) -> Outgoing {
        let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(AHEAD);
        // An earlier reader, if any, stops as nobody takes its pieces; the lock waits for that.
        tokio::task::spawn_blocking(move || {
            for part in self.parts.lock().iter_mut() {
                match part.feed(&mut |piece| sender.blocking_send(Ok(piece)).is_ok()) {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(e) => {
                        let _ = sender.blocking_send(Err(e));
                        return;
                    }
                }
            }
        });
        Outgoing::wrap_stream(stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|piece| (piece, receiver))
        }))
    }
}
