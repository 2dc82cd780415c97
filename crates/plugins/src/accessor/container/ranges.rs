//! A content made of stretches of another; between them are zeros.

use std::io::{self, Read, Seek, SeekFrom};

use vql::json;
use vql::path::OsPath;
use vql::value::{Row, Value, convert};

use super::shared::target;

/// How many ranges a map may have.
const MAX_RANGES: usize = 1_000_000;

/// A stretch: so many bytes at `offset`, of which the first `present` come from `source` of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub offset: u64,
    pub length: u64,
    pub source: u64,
    pub present: u64,
}

impl Range {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }
}

/// Ranges in the order of their offsets, none overlapping.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map(Vec<Range>);

impl Map {
    /// The map that the components of a path are the text of: JSON objects with `Offset` and `Length`, and where the bytes
    /// come from another place than they go to, `FileOffset` and `FileLength`.
    pub fn parse(path: &OsPath) -> io::Result<Map> {
        let mut ranges = Vec::new();
        for component in &path.components {
            add(&json::parse(component).map_err(|_| wrong())?, &mut ranges)?;
        }
        Map::new(ranges)
    }

    /// A map of these ranges.
    pub fn new(mut ranges: Vec<Range>) -> io::Result<Map> {
        ranges.sort_by_key(|r| r.offset);
        if ranges.windows(2).any(|pair| pair[0].end() > pair[1].offset) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the ranges overlap"));
        }
        Ok(Map(ranges))
    }

    /// The size of a file with this map.
    pub fn size(&self) -> u64 {
        self.0.last().map_or(0, Range::end)
    }

    /// Where the bytes at a place come from, or `None` in a hole, and for how many bytes that goes on; `None` at the end.
    pub fn stretch(&self, at: u64) -> Option<(Option<u64>, u64)> {
        let range = self.0.get(self.0.partition_point(|r| r.end() <= at))?;
        if at < range.offset {
            return Some((None, range.offset - at));
        }
        let inside = at - range.offset;
        Some(match range.present.checked_sub(inside).filter(|left| *left > 0) {
            Some(left) => (Some(range.source.saturating_add(inside)), left),
            None => (None, range.end() - at),
        })
    }
}

fn wrong() -> io::Error {
    let text = "the path should be a list of ranges, as [{\"Offset\":0,\"Length\":10}]";
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn add(value: &Value, ranges: &mut Vec<Range>) -> io::Result<()> {
    match value {
        Value::List(items) => items.iter().try_for_each(|item| add(item, ranges)),
        Value::Dict(dict) if ranges.len() < MAX_RANGES => {
            ranges.push(dict.with(range).ok_or_else(wrong)?);
            Ok(())
        }
        _ => Err(wrong()),
    }
}

fn range(row: &Row) -> Option<Range> {
    let number = |name: &str| -> Option<u64> {
        row.get_str(name).and_then(convert::to_int_arg).and_then(|i| u64::try_from(i).ok())
    };
    let (offset, length) = (number("Offset")?, number("Length")?);
    let present = number("FileLength").unwrap_or(length).min(length);
    Some(Range { offset, length, source: number("FileOffset").unwrap_or(offset), present })
}

/// A file seen through a map.
pub struct Mapped<C> {
    content: C,
    map: Map,
    at: u64,
}

impl<C: Read + Seek> Mapped<C> {
    pub fn new(content: C, map: Map) -> Self {
        Mapped { content, map, at: 0 }
    }
}

impl<C: Read + Seek> Read for Mapped<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((source, length)) = self.map.stretch(self.at) else { return Ok(0) };
        let wanted = buffer.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let buffer = &mut buffer[..wanted];
        let mut count = 0;
        if let Some(source) = source.filter(|_| wanted > 0) {
            self.content.seek(SeekFrom::Start(source))?;
            count = self.content.read(buffer)?;
        }
        if count == 0 {
            // A hole, or beyond the end of the file.
            buffer.fill(0);
            count = wanted;
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl<C: Read + Seek> Seek for Mapped<C> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = target(to, self.at, self.map.size())?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use vql::path::PathKind;

    use super::*;

    fn read(map: &str) -> Result<String, String> {
        let path = OsPath::new(PathKind::Generic, vec![map.into()]);
        let map = Map::parse(&path).map_err(|e| e.to_string())?;
        let mut mapped = Mapped::new(Cursor::new(b"0123456789abcdef"), map);
        let mut text = String::new();
        mapped.read_to_string(&mut text).unwrap();
        Ok(text.replace('\0', "."))
    }

    #[test]
    fn truth_table() {
        for (map, wanted) in [
            ("[]", ""),
            (r#"[{"Offset":0,"Length":5},{"Offset":10,"Length":5}]"#, "01234.....abcde"),
            (r#"{"Offset":2,"Length":2}"#, "..23"),
            (r#"[{"Offset":14,"Length":4}]"#, "..............ef.."),
            (r#"[{"Offset":0,"Length":3,"FileOffset":10},{"Offset":3,"Length":2,"FileOffset":0}]"#, "abc01"),
            (r#"[{"Offset":0,"Length":4,"FileOffset":1,"FileLength":2}]"#, "12.."),
            (r#"[{"Offset":0,"Length":3,"FileLength":0},{"Offset":3,"Length":1}]"#, "...3"),
        ] {
            assert_eq!(read(map).as_deref(), Ok(wanted), "{map}");
        }
        for map in ["x", "5", r#"[{"Offset":0}]"#, r#"[{"Offset":-1,"Length":1}]"#] {
            assert!(read(map).unwrap_err().starts_with("the path should be"), "{map}");
        }
        let overlapping = r#"[{"Offset":0,"Length":5},{"Offset":4,"Length":5}]"#;
        assert_eq!(read(overlapping), Err("the ranges overlap".into()));
    }
}
