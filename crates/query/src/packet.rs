//! Packing rows and log lines into responses (API reference, sections 2.3 and 2.4).
//!
//! Rows are written as JSON straight into the packet's text. A packet leaves when it is full, when it has
//! waited long enough, and at the end of its statement. The channel behind is short: a client that does not
//! read stops the query here.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use parking_lot::Mutex;
use proto::{VqlRequest, VqlResponse};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tonic::Status;
use vql::call::{Flow, Sink, Stop};
use vql::host::Level;
use vql::json::{self, JsonOptions};
use vql::value::{Row, Value};

/// Rows in a packet when the client does not say.
pub const DEFAULT_MAX_ROW: u64 = 1000;
/// Seconds a row waits at the most when the client does not say.
pub const DEFAULT_MAX_WAIT: u64 = 10;
/// A packet leaves before it outgrows what clients accept (4 MiB).
const MAX_BYTES: usize = 3 << 20;
/// Longer log lines are cut.
const MAX_LOG: usize = 64 << 10;

type Message = Result<VqlResponse, Status>;

/// The way to the client, shared by the query's threads and its timer.
pub struct Outbox {
    sender: Sender<Message>,
    max_row: u64,
    max_wait: Duration,
    send_logs: bool,
    started: Instant,
    state: Mutex<Packet>,
}

/// The packet being filled.
#[derive(Default)]
struct Packet {
    text: Vec<u8>,
    columns: Vec<String>,
    rows: u64,
    /// When its first row came.
    since: Option<Instant>,
    query: Option<VqlRequest>,
    query_id: u64,
    part: u64,
    /// Rows sent in all statements.
    total: u64,
}

impl Outbox {
    pub fn new(sender: Sender<Message>, max_row: u64, max_wait: u64, send_logs: bool) -> Self {
        let or = |given: u64, default: u64| if given == 0 { default } else { given };
        Outbox {
            sender,
            max_row: or(max_row, DEFAULT_MAX_ROW),
            max_wait: Duration::from_secs(or(max_wait, DEFAULT_MAX_WAIT)),
            send_logs,
            started: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// How long a row may wait.
    pub fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Rows packed so far, in all statements.
    pub fn rows(&self) -> u64 {
        let packet = self.state.lock();
        packet.total + packet.rows
    }

    /// Begins the packets of a statement.
    pub fn begin(&self, query: &VqlRequest, query_id: u64) {
        let mut packet = self.state.lock();
        packet.query = Some(query.clone());
        packet.query_id = query_id;
        packet.part = 0;
    }

    /// Ends the packets of a statement: the rest is always sent, even when empty.
    pub fn end(&self) -> Flow {
        let mut packet = self.state.lock();
        let is_first = packet.part == 0;
        if packet.rows > 0 || is_first { self.send_packet(&mut packet) } else { Ok(()) }
    }

    fn push(&self, row: &Row, options: &JsonOptions) -> Flow {
        let mut packet = self.state.lock();
        if packet.rows >= self.max_row || packet.text.len() >= MAX_BYTES {
            self.send_packet(&mut packet)?;
        }
        if packet.rows == 0 {
            packet.columns = row.schema.names().iter().map(|n| n.to_string()).collect();
            packet.since = Some(Instant::now());
            packet.text.push(b'[');
        } else {
            packet.text.extend_from_slice(b",\n");
        }
        packet.rows += 1;
        json::write_row(row, &mut packet.text, options);
        // A client that left is noticed with the next packet, but a very large row should not wait for it.
        if self.sender.is_closed() { Err(Stop::Done) } else { Ok(()) }
    }

    fn send_packet(&self, packet: &mut Packet) -> Flow {
        if self.send_logs {
            self.send(log_response(&self.part_line(packet)))?;
        }
        let response = self.take(packet);
        self.send(response)
    }

    fn part_line(&self, packet: &Packet) -> String {
        let name = packet.query.as_ref().map_or("", |q| q.name.as_str());
        let seconds = self.started.elapsed().as_secs();
        let size = size_text(packet.text.len() + 1);
        format!(
            "Time {seconds}: {name}: Sending response part {} {size} ({} rows).\n",
            packet.part, packet.rows
        )
    }

    /// The packet as a response; an empty one takes its place.
    fn take(&self, packet: &mut Packet) -> VqlResponse {
        let mut text = std::mem::take(&mut packet.text);
        packet.text = Vec::with_capacity(text.len().min(MAX_BYTES));
        if packet.rows == 0 {
            text.push(b'[');
        }
        text.push(b']');
        let response = VqlResponse {
            // The encoder writes valid UTF-8 only; checking costs little beside encoding.
            response: String::from_utf8(text)
                .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
            columns: std::mem::take(&mut packet.columns),
            query: packet.query.clone(),
            query_id: packet.query_id,
            part: packet.part,
            total_rows: packet.rows,
            timestamp: now(),
            ..VqlResponse::default()
        };
        packet.part += 1;
        packet.total += packet.rows;
        packet.rows = 0;
        packet.since = None;
        response
    }

    fn send(&self, response: VqlResponse) -> Flow {
        self.sender.blocking_send(Ok(response)).map_err(|_| Stop::Done)
    }

    /// Sends what has waited long enough, if the channel has room; called by the query's timer.
    pub fn flush_due(&self) {
        // Held by a thread that is sending: then nothing is waiting either.
        let Some(mut packet) = self.state.try_lock() else { return };
        let is_due = packet.since.is_some_and(|since| since.elapsed() >= self.max_wait);
        if !is_due {
            return;
        }
        let needed = if self.send_logs { 2 } else { 1 };
        if self.sender.capacity() < needed {
            return;
        }
        if self.send_logs {
            let _ = self.sender.try_send(Ok(log_response(&self.part_line(&packet))));
        }
        let response = self.take(&mut packet);
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Ok(response)) {
            // Only this lock's holder sends, and there was room.
            tracing::error!("a packet found no room");
        }
    }

    /// When the packet being filled is due; `None` while it is empty or on its way. Never waits: the query's
    /// thread holds the lock for as long as the client does not read, and the timer runs on a thread that many share.
    pub fn due_in(&self) -> Option<Duration> {
        let since = self.state.try_lock()?.since?;
        Some(self.max_wait.saturating_sub(since.elapsed()))
    }

    /// Sends a log line, if the client wants them.
    pub fn log(&self, level: Level, message: &str) {
        if !self.send_logs {
            return;
        }
        let cut = message.floor_char_boundary(MAX_LOG);
        let prefix = if level == Level::Default { "" } else { level.name() };
        let colon = if level == Level::Default { "" } else { ":" };
        let line = format!("{prefix}{colon}{}\n", message[..cut].trim_end_matches('\n'));
        // The lock keeps lines and packets of several threads in order.
        let _packet = self.state.lock();
        let _ = self.send(log_response(&line));
    }

    /// Ends the stream with an error.
    pub fn fail(&self, status: Status) {
        let _ = self.sender.blocking_send(Err(status));
    }
}

fn log_response(line: &str) -> VqlResponse {
    VqlResponse { log: line.to_owned(), timestamp: now(), ..VqlResponse::default() }
}

/// Microseconds since the epoch.
fn now() -> u64 {
    Timestamp::now().as_microsecond().max(0) as u64
}

/// `1.2 kB`: powers of 1000.
fn size_text(bytes: usize) -> String {
    let units = ["B", "kB", "MB", "GB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < units.len() {
        size /= 1000.0;
        unit += 1;
    }
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{size:.1} {}", units[unit]),
    }
}

/// The rows of one statement on their way into packets.
pub struct PacketSink<'a> {
    pub outbox: &'a Outbox,
    pub options: JsonOptions,
}

impl Sink for PacketSink<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.outbox.push(row, &self.options)
    }

    fn value(&mut self, value: Value) -> Flow {
        match value {
            Value::Dict(dict) => self.outbox.push(&dict.snapshot(), &self.options),
            _ => self.outbox.push(&Row::default(), &self.options),
        }
    }
}

/// Whether a caller understands log packets (section 2.4): newer clients set one of these, the seed's code neither.
pub fn wants_logs(request: &proto::VqlCollectorArgs) -> bool {
    request.max_wait > 0 || request.max_row > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_use_powers_of_a_thousand() {
        assert_eq!(size_text(999), "999 B");
        assert_eq!(size_text(1_234), "1.2 kB");
        assert_eq!(size_text(2_000_000), "2.0 MB");
    }
}
