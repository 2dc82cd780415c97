//! Where the rows of a source go: a file, within the limits of the collection.

use store::rows::RowWriter;
use vql::call::{Error, Flow, Sink, Stop};
use vql::json::{self, JsonOptions};
use vql::schema::Schema;
use vql::value::{Row, Value};

use super::Collection;
use crate::server::failed;

/// Rows between two looks at what else goes on.
const FLUSH_EVERY: u64 = 256;

/// Stores the rows of one source.
pub struct Results<'a> {
    collection: &'a Collection,
    source: &'a str,
    options: JsonOptions,
    writer: Option<RowWriter>,
    text: Vec<u8>,
    pub rows: u64,
}

impl<'a> Results<'a> {
    pub fn new(collection: &'a Collection, source: &'a str, options: JsonOptions) -> Self {
        Results { collection, source, options, writer: None, text: Vec::new(), rows: 0 }
    }

    fn push(&mut self) -> Flow {
        self.charge()?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let (flows, of) = (&self.collection.server.flows, self.collection);
                let writer = flows.results_writer(&of.client_id, &of.flow_id, self.source).map_err(failed)?;
                self.writer.insert(writer)
            }
        };
        writer.push(&self.text).map_err(failed)?;
        self.rows += 1;
        if self.rows.is_multiple_of(FLUSH_EVERY) {
            writer.flush().map_err(failed)?;
        }
        Ok(())
    }

    /// Counts a row against the limits, which all sources share.
    fn charge(&self) -> Flow {
        let limits = &self.collection.limits;
        let mut state = self.collection.state.lock();
        let over = if state.flow.total_collected_rows >= limits.rows {
            Some(format!("Row count exceeded limit {}", limits.rows))
        } else if state.result_bytes + self.text.len() as u64 > limits.bytes {
            Some(format!("Rows take more than the limit of {} bytes", limits.bytes))
        } else {
            state.flow.total_collected_rows += 1;
            state.result_bytes += self.text.len() as u64 + 1;
            None
        };
        drop(state);
        match over {
            None => Ok(()),
            Some(why) => {
                self.collection.stop(why);
                Err(Stop::Done)
            }
        }
    }

    /// Returns when all rows are on disk; how many there are.
    pub fn finish(self) -> Result<u64, Error> {
        if let Some(writer) = self.writer {
            writer.finish().map_err(failed)?;
        }
        Ok(self.rows)
    }
}

impl Sink for Results<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.text.clear();
        json::write_row(row, &mut self.text, &self.options);
        self.push()
    }

    fn value(&mut self, value: Value) -> Flow {
        match value {
            Value::Dict(dict) => self.row(&mut dict.snapshot()),
            other => self.row(&mut Row { schema: Schema::value().clone(), cells: vec![other] }),
        }
    }
}
