//! Rows in a file of their own: one JSON object in each line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// The longest row that is read back.
const MAX_ROW: u64 = 64 << 20;

/// Adds rows to a file. They are certainly on disk after [`RowWriter::finish`].
#[derive(Debug)]
pub struct RowWriter {
    file: BufWriter<File>,
    rows: u64,
    bytes: u64,
}

impl RowWriter {
    /// Writes to a new file.
    pub fn new(file: File) -> Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(64 << 10, file), rows: 0, bytes: 0 })
    }

    /// Adds a row: the text of a JSON object without line feeds.
    pub fn push(&mut self, row: &[u8]) -> Result<()> {
        let write = |file: &mut BufWriter<File>| file.write_all(row).and_then(|()| file.write_all(b"\n"));
        write(&mut self.file).map_err(failed)?;
        self.rows += 1;
        self.bytes += row.len() as u64 + 1;
        Ok(())
    }

    /// How many rows were added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bytes they take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes what was written visible to readers.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(failed)
    }

    /// Returns when all is on disk.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.file.get_ref().sync_all().map_err(failed)
    }
}

fn failed(source: io::Error) -> Error {
    Error::io("write", Path::new("rows"))(source)
}

/// Reads rows one after another. A last line without its end is still being written and left out.
pub struct RowReader {
    file: Option<BufReader<File>>,
}

impl RowReader {
    pub fn new(file: File) -> Self {
        Self { file: Some(BufReader::with_capacity(256 << 10, file)) }
    }

    /// No rows.
    pub fn empty() -> Self {
        Self { file: None }
    }

    fn line(file: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        file.by_ref().take(MAX_ROW).read_until(b'\n', &mut line)?;
        Ok((line.pop() == Some(b'\n')).then_some(line))
    }
}

impl Iterator for RowReader {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = Self::line(self.file.as_mut()?);
        if !matches!(line, Ok(Some(_))) {
            self.file = None;
        }
        line.map_err(Error::io("read", Path::new("rows"))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_being_written_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows");
        std::fs::write(&path, "{\"a\":1}\n{\"a\":2}\n{\"a\"").unwrap();
        let rows: Vec<_> = RowReader::new(File::open(&path).unwrap()).map(Result::unwrap).collect();
        assert_eq!(rows, [b"{\"a\":1}", b"{\"a\":2}"]);
    }
}
