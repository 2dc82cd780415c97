//! The beginnings of TCP connections, put together from their packets.

use std::collections::HashMap;

use super::Flow;

/// Directions of connections, and the bytes that are kept of each.
const MAX_STREAMS: usize = 4096;
const MAX_BYTES: usize = 256 << 10;

/// What each side said, up to a limit.
#[derive(Default)]
pub struct Streams {
    order: Vec<Flow>,
    streams: HashMap<Flow, Stream>,
}

struct Stream {
    /// The number of the first byte.
    first: u32,
    bytes: Vec<u8>,
    /// Pieces that came too early, by their place.
    early: Vec<(usize, Vec<u8>)>,
}

impl Streams {
    pub fn add(&mut self, flow: &Flow, sequence: u32, is_first: bool, payload: &[u8]) {
        if !is_first && payload.is_empty() {
            return;
        }
        if !self.streams.contains_key(flow) {
            if self.streams.len() == MAX_STREAMS {
                return;
            }
            self.order.push(flow.clone());
            let first = if is_first { sequence.wrapping_add(1) } else { sequence };
            self.streams.insert(flow.clone(), Stream { first, bytes: Vec::new(), early: Vec::new() });
        }
        if let Some(stream) = self.streams.get_mut(flow) {
            stream.add(sequence, payload);
        }
    }

    /// Every direction that said something, in the order of their beginnings.
    pub fn iter(&self) -> impl Iterator<Item = (&Flow, &[u8])> {
        let said =
            self.order.iter().filter_map(|flow| Some((flow, self.streams.get(flow)?.bytes.as_slice())));
        said.filter(|(_, bytes)| !bytes.is_empty())
    }
}

impl Stream {
    fn add(&mut self, sequence: u32, payload: &[u8]) {
        let place = sequence.wrapping_sub(self.first) as usize;
        if payload.is_empty() || place >= MAX_BYTES {
            return;
        }
        self.early.push((place, payload[..payload.len().min(MAX_BYTES - place)].to_vec()));
        while let Some(at) = self.early.iter().position(|(place, _)| *place <= self.bytes.len()) {
            let (place, piece) = self.early.swap_remove(at);
            // What was sent twice is taken once.
            if let Some(new) = piece.get(self.bytes.len() - place..) {
                self.bytes.extend_from_slice(new);
            }
        }
        if self.early.len() > 256 {
            self.early.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_put_in_order_and_taken_once() {
        let flow = Flow { src: [10, 0, 2, 15].into(), sport: 1, dst: [192, 0, 2, 1].into(), dport: 80 };
        let mut streams = Streams::default();
        streams.add(&flow, u32::MAX, true, b"");
        for (sequence, piece) in [(4, &b"efgh"[..]), (0, b"ab"), (1, b"bcde"), (0, b"ab"), (1 << 20, b"far")]
        {
            streams.add(&flow, sequence, false, piece);
        }
        assert_eq!(streams.iter().collect::<Vec<_>>(), [(&flow, &b"abcdefgh"[..])]);
    }
}
