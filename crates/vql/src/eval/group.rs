//! GROUP BY: one output row a group, the last as evaluated (reference, section 6.5).
//!
//! Groups live in a hash table keyed by the text of the key. When they outgrow the memory limit, rows of groups
//! not yet known go to a temporary file and are grouped in a later pass: groups still come out in order of first
//! appearance, because every group in memory appeared before any row in the file did.

use std::hash::BuildHasher;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use hashbrown::HashTable;

use crate::call::{Error, Flow, Sink, Stop};
use crate::codec;
use crate::eval::select::{Columns, GroupState, Raw};
use crate::host::Spill;
use crate::plan::{Expr, Select};
use crate::scope::{Cleanup, Scope};
use crate::value::{Row, Value, convert};

struct Group {
    key: Box<[u8]>,
    state: GroupState,
    row: Row,
}

/// Collects the rows of a grouped SELECT.
pub(super) struct Groups<'a> {
    scope: &'a Scope<'a>,
    key: &'a Expr,
    columns: Columns<'a>,
    table: Table,
    text: Vec<u8>,
    cleanup: Cleanup,
    overflow: Option<Overflow>,
}

#[derive(Default)]
struct Table {
    index: HashTable<u32>,
    groups: Vec<Group>,
    hasher: foldhash::fast::RandomState,
    bytes: usize,
}

impl Table {
    fn find(&self, key: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(key);
        self.index.find(hash, |i| *self.groups[*i as usize].key == *key).map(|i| *i as usize)
    }

    fn insert(&mut self, key: &[u8]) -> usize {
        let at = self.groups.len();
        self.groups.push(Group { key: key.into(), state: GroupState::default(), row: Row::default() });
        self.bytes += key.len() + size_of::<Group>() + 64;
        let (groups, hasher) = (&self.groups, &self.hasher);
        let hash = hasher.hash_one(key);
        self.index.insert_unique(hash, at as u32, |i| hasher.hash_one(&*groups[*i as usize].key));
        at
    }
}

/// Raw rows kept for a later pass.
struct Overflow {
    file: BufWriter<Box<dyn Spill>>,
    buffer: Vec<u8>,
}

impl Overflow {
    fn new(scope: &Scope<'_>) -> Result<Self, Error> {
        let file = scope.host().spill().map_err(failed)?;
        Ok(Overflow { file: BufWriter::with_capacity(1 << 18, file), buffer: Vec::new() })
    }

    fn push(&mut self, raw: &Raw<'_>) -> Result<(), Error> {
        self.buffer.clear();
        match raw {
            Raw::Row(row) => codec::write_row(row, &mut self.buffer),
            Raw::Value(value) => codec::write(value, &mut self.buffer),
        }
        self.file.write_all(&(self.buffer.len() as u64).to_le_bytes()).map_err(failed)?;
        self.file.write_all(&self.buffer).map_err(failed)
    }

    fn rewind(self) -> Result<BufReader<Box<dyn Spill>>, Error> {
        let mut file = self.file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        Ok(BufReader::with_capacity(1 << 18, file))
    }
}

fn failed(e: std::io::Error) -> Error {
    Error::new(format!("GROUP BY: temporary file: {e}"))
}

impl<'a> Groups<'a> {
    pub fn new(scope: &'a Scope<'a>, select: &'a Select, key: &'a Expr) -> Self {
        Groups {
            scope,
            key,
            columns: Columns::new(scope, select),
            table: Table::default(),
            text: Vec::new(),
            cleanup: Cleanup::default(),
            overflow: None,
        }
    }

    fn push(&mut self, raw: &Raw<'_>) -> Flow {
        self.scope.tick()?;
        let cleanup = std::mem::take(&mut self.cleanup);
        let scope = self.scope.with_row(raw.layer(), &cleanup);
        if self.columns.passes(&scope) {
            let key = self.columns.eval_with_columns(&scope, self.key);
            self.text.clear();
            convert::write_text(&key, &mut self.text);
            match self.place() {
                Some(at) => {
                    let group = &mut self.table.groups[at];
                    // Dropped first, so that a list which only this row holds can grow in place.
                    group.row.cells.clear();
                    let scope = scope.with_aggregates(&group.state);
                    std::mem::swap(&mut self.columns.out, &mut group.row);
                    self.columns.fill(&scope, raw);
                    std::mem::swap(&mut self.columns.out, &mut group.row);
                }
                None => self.postpone(raw)?,
            }
        }
        cleanup.run();
        self.cleanup = cleanup;
        Ok(())
    }

    /// The group of the present key; a new one is made while there is room.
    fn place(&mut self) -> Option<usize> {
        match self.table.find(&self.text) {
            Some(at) => Some(at),
            None if self.overflow.is_none()
                && self.table.bytes < self.scope.context().limits.operator_bytes =>
            {
                Some(self.table.insert(&self.text))
            }
            None => None,
        }
    }

    fn postpone(&mut self, raw: &Raw<'_>) -> Flow {
        let overflow = match &mut self.overflow {
            Some(overflow) => overflow,
            none => none.insert(Overflow::new(self.scope).map_err(Stop::Failed)?),
        };
        overflow.push(raw).map_err(Stop::Failed)
    }

    /// Emits the groups, then groups what was postponed, until nothing is left.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Flow {
        loop {
            for group in &mut std::mem::take(&mut self.table).groups {
                self.scope.tick()?;
                sink.row(&mut group.row)?;
            }
            let Some(overflow) = self.overflow.take() else { return Ok(()) };
            let mut file = overflow.rewind().map_err(Stop::Failed)?;
            while let Some(value) = read_back(&mut file).map_err(Stop::Failed)? {
                match value {
                    Value::Dict(dict) => self.push(&Raw::Row(&dict.snapshot()))?,
                    value => self.push(&Raw::Value(&value))?,
                }
            }
        }
    }
}

fn read_back(file: &mut impl Read) -> Result<Option<Value>, Error> {
    let mut length = [0; 8];
    match file.read_exact(&mut length) {
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other.map_err(failed)?,
    }
    let mut bytes = vec![0; u64::from_le_bytes(length) as usize];
    file.read_exact(&mut bytes).map_err(failed)?;
    codec::read(&mut &bytes[..]).map(Some)
}

impl Sink for Groups<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.push(&Raw::Row(row))
    }

    fn value(&mut self, value: Value) -> Flow {
        self.push(&Raw::Value(&value))
    }
}
