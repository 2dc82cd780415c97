//! Lines on the server's own output, for those who run it under something that collects them.

use std::io::{self, Write};

use store::result_log::Stored;

use super::follower::{Batch, Failure};

pub struct StdoutSink;

impl StdoutSink {
    pub fn deliver(&mut self, rows: &Batch) -> Result<(), Failure> {
        // Held for the batch, so that two logs do not mix within a line.
        let mut out = io::stdout().lock();
        let written = lines(rows, &mut out).and_then(|()| out.flush());
        written.map_err(|error| Failure::new(0, error))
    }
}

/// Writes the lines of rows as the agents sent them.
pub fn lines(rows: &Batch, out: &mut impl Write) -> io::Result<()> {
    for (_, row) in rows {
        // Rows that were stored can be read.
        if let Ok(stored) = Stored::parse(row) {
            out.write_all(stored.line.get().as_bytes())?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
