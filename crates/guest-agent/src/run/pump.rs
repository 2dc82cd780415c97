//! Output of a run on its way to the host.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use guest_protocol::{CHUNK, Reply, Stream};

use crate::channel::Channel;

pub struct Pump {
    cut: Arc<AtomicU64>,
    ended: Receiver<()>,
}

impl Pump {
    /// Reads to the end, sends up to a limit and counts the rest, so that the program never blocks on it.
    pub fn start(
        host: &Arc<Channel>,
        call: u32,
        stream: Stream,
        mut pipe: impl Read + Send + 'static,
        most: u64,
    ) -> Self {
        let (host, cut) = (Arc::clone(host), Arc::new(AtomicU64::new(0)));
        let (end, ended) = channel();
        let counter = Arc::clone(&cut);
        std::thread::spawn(move || {
            let (mut buffer, mut left) = (vec![0; CHUNK], most);
            while let Ok(length @ 1..) = pipe.read(&mut buffer) {
                let sent = length.min(usize::try_from(left).unwrap_or(usize::MAX));
                left -= sent as u64;
                counter.fetch_add((length - sent) as u64, Ordering::Relaxed);
                if sent > 0 && !host.send(call, Reply::Output { stream, bytes: buffer[..sent].into() }) {
                    break;
                }
            }
            drop(end);
        });
        Self { cut, ended }
    }

    /// Waits for the end, within limits; gives how much was cut.
    pub fn finish(self, until: Instant) -> u64 {
        let _ = self.ended.recv_timeout(until.saturating_duration_since(Instant::now()));
        self.cut.load(Ordering::Relaxed)
    }
}
