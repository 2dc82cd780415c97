//! Materialised rows: what `LET x <= SELECT …` keeps (reference, sections 8.2 and 8.3).
//!
//! The first rows stay in memory; beyond the limit rows go to a temporary file with an index of places, so that
//! iteration and indexing keep working at any size.

use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};

use parking_lot::Mutex;

use crate::call::{Error, Flow, Stop};
use crate::codec;
use crate::host::{Host, Spill};
use crate::value::Value;

/// Rows that do not change any more.
pub struct Rows {
    memory: Vec<Value>,
    spilled: Option<Mutex<Spilled>>,
    count: usize,
}

impl Drop for Rows {
    fn drop(&mut self) {
        crate::value::items::shed(&mut self.memory);
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.count)
    }
}

struct Spilled {
    file: Box<dyn Spill>,
    /// Where each row starts, and where the last one ends.
    places: Vec<u64>,
}

impl Spilled {
    fn read(&mut self, from: usize, to: usize) -> Result<Vec<Value>, Error> {
        let failed = |e: std::io::Error| Error::new(format!("cannot read rows back: {e}"));
        let (start, end) = (self.places[from], self.places[to]);
        let mut bytes = vec![0; (end - start) as usize];
        self.file.seek(SeekFrom::Start(start)).map_err(failed)?;
        self.file.read_exact(&mut bytes).map_err(failed)?;
        let mut rest = &bytes[..];
        (from..to).map(|_| codec::read(&mut rest)).collect()
    }
}

/// How many spilled rows are read at a time.
const READ_AHEAD: usize = 256;

impl Rows {
    pub fn in_memory(rows: Vec<Value>) -> Self {
        Rows { count: rows.len(), memory: rows, spilled: None }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The row at a place.
    pub fn get(&self, at: usize) -> Option<Value> {
        if at >= self.count {
            return None;
        }
        if let Some(row) = self.memory.get(at) {
            return Some(row.clone());
        }
        let at = at - self.memory.len();
        self.spilled.as_ref()?.lock().read(at, at + 1).ok()?.pop()
    }

    /// Hands each row to `each`, in order.
    pub fn each(&self, mut each: impl FnMut(Value) -> Flow) -> Flow {
        for row in &self.memory {
            each(row.clone())?;
        }
        let Some(spilled) = &self.spilled else { return Ok(()) };
        let count = self.count - self.memory.len();
        let mut from = 0;
        while from < count {
            let to = (from + READ_AHEAD).min(count);
            let batch = spilled.lock().read(from, to).map_err(Stop::Failed)?;
            for row in batch {
                each(row)?;
            }
            from = to;
        }
        Ok(())
    }
}

/// Collects rows, moving to a temporary file beyond a limit.
pub struct Collector<'a> {
    host: &'a dyn Host,
    limit: usize,
    bytes_limit: usize,
    bytes: usize,
    rows: Rows,
    buffer: Vec<u8>,
    end: u64,
}

impl<'a> Collector<'a> {
    /// Keeps up to `limit` rows, and up to `bytes_limit` bytes, in memory.
    pub fn new(host: &'a dyn Host, limit: usize, bytes_limit: usize) -> Self {
        let rows = Rows::in_memory(Vec::new());
        Collector { host, limit, bytes_limit, bytes: 0, rows, buffer: Vec::new(), end: 0 }
    }

    /// Adds a row; true when this is the first that went to the file.
    pub fn push(&mut self, row: Value) -> Result<bool, Error> {
        self.rows.count += 1;
        if self.rows.spilled.is_none() && self.rows.memory.len() < self.limit && self.bytes < self.bytes_limit
        {
            self.bytes += row.weight();
            self.rows.memory.push(row);
            return Ok(false);
        }
        let first = self.rows.spilled.is_none();
        if first {
            let file =
                self.host.spill().map_err(|e| Error::new(format!("cannot make a temporary file: {e}")))?;
            self.rows.spilled = Some(Mutex::new(Spilled { file, places: vec![0] }));
        }
        let before = self.buffer.len();
        codec::write(&row, &mut self.buffer);
        self.end += (self.buffer.len() - before) as u64;
        if let Some(spilled) = &mut self.rows.spilled {
            spilled.get_mut().places.push(self.end);
        }
        if self.buffer.len() > 1 << 20 {
            self.flush()?;
        }
        Ok(first)
    }

    fn flush(&mut self) -> Result<(), Error> {
        if let Some(spilled) = &mut self.rows.spilled {
            let file = &mut spilled.get_mut().file;
            file.write_all(&self.buffer)
                .map_err(|e| Error::new(format!("cannot write a temporary file: {e}")))?;
        }
        self.buffer.clear();
        Ok(())
    }

    pub fn finish(mut self) -> Result<Rows, Error> {
        self.flush()?;
        Ok(self.rows)
    }
}
