//! A file or memory of a guest, piece by piece.

use guest_protocol::{Bytes, FileFacts, Reply};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::calls::Call;
use super::unexpected;
use crate::error::{Error, Result};

pub struct Content {
    call: Call,
    facts: Option<FileFacts>,
    cut: Option<bool>,
}

impl Content {
    pub(super) fn new(call: Call) -> Self {
        Self { call, facts: None, cut: None }
    }

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.cut.is_none() {
            match self.call.next().await? {
                Reply::File(facts) => self.facts = Some(facts),
                Reply::Data(bytes) => return Ok(Some(bytes)),
                Reply::End { cut } => self.cut = Some(cut),
                other => return Err(unexpected(&other)),
            }
        }
        Ok(None)
    }

    /// Writes all of it, and gives how much that was.
    pub async fn write_to(&mut self, mut target: impl AsyncWrite + Unpin) -> Result<u64> {
        let mut written = 0;
        while let Some(bytes) = self.next().await? {
            target.write_all(&bytes).await.map_err(Error::io("write", "content of a guest"))?;
            written += bytes.len() as u64;
        }
        target.flush().await.map_err(Error::io("write", "content of a guest"))?;
        Ok(written)
    }

    /// What the guest says about a file, after the first piece.
    pub fn facts(&self) -> Option<&FileFacts> {
        self.facts.as_ref()
    }

    /// Whether there was more, at the end.
    pub fn is_cut(&self) -> bool {
        self.cut.unwrap_or(false)
    }
}
