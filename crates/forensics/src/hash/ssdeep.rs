//! ssdeep: context triggered piecewise hashing, after J. Kornblum, "Identifying almost identical files using context
//! triggered piecewise hashing" (2006).
//!
//! A rolling hash over the last seven bytes cuts the content into pieces where its value is a certain remainder of the
//! block size; each piece gives one character. The result is `<block size>:<pieces>:<pieces at twice the size>`, with the
//! block size chosen such that about 32 to 64 pieces come out. That is known only at the end, so all sizes that may be
//! chosen run side by side, in one pass.

mod compare;
mod rolling;

use std::mem::take;

pub use compare::compare;
use rolling::{WINDOW, bits_of_cuts, is_cut, lowest_bits, of_run, rolled};

/// Pieces in a signature at most; half of that in the second one.
const LENGTH: usize = 64;
const HALF: usize = LENGTH / 2;
const MIN_BLOCK: u64 = 3;
/// The largest block size is `MIN_BLOCK << (SIZES - 1)`.
const SIZES: usize = 31;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Content after which sizes are dropped that cannot be chosen any more.
const STRIDE: usize = 2 << 10;
/// Windows that are looked at together.
const BLOCK: usize = 32;
/// Hashes of pieces that are made together: those of 16 sizes, and seldom are there more than nine.
const LANES: usize = 32;

/// The running hashes of all sizes: FNV, of which only the lowest six bits are ever shown, and these depend on nothing else, so
/// that as few bits are kept as processors multiply many of at once. Each
/// size has two neighbours: for the signature, and for the half signature, which is cut less often once full.
#[derive(Clone)]
struct Hashes([u16; Hashes::LEN]);

impl Hashes {
    const LEN: usize = (2 * (SIZES + 1)).next_multiple_of(LANES);
    const START: u16 = 0x1967;
    const PRIME: u16 = 0x0193;

    /// Goes on with all, up to this number of sizes.
    fn push(&mut self, bytes: &[u8], sizes: usize) {
        for lanes in self.0.chunks_exact_mut(LANES).take((2 * sizes).div_ceil(LANES)) {
            let mut hashes = [0; LANES];
            hashes.copy_from_slice(lanes);
            for &byte in bytes {
                for hash in &mut hashes {
                    *hash = hash.wrapping_mul(Self::PRIME) ^ u16::from(byte);
                }
            }
            lanes.copy_from_slice(&hashes);
        }
    }

    fn full(&mut self, size: usize) -> &mut u16 {
        &mut self.0[2 * size]
    }

    fn half(&mut self, size: usize) -> &mut u16 {
        &mut self.0[2 * size + 1]
    }
}

/// The pieces of one block size.
#[derive(Clone, Default)]
struct Pieces {
    text: Vec<u8>,
    half_text: Vec<u8>,
    /// The character of the last piece, which goes on to the end once a signature is full.
    last: Option<u8>,
    half_last: Option<u8>,
}

impl Pieces {
    /// Whether further cuts change nothing but the last character.
    fn is_full(&self) -> bool {
        self.text.len() == LENGTH - 1 && self.half_text.len() == HALF - 1
    }

    /// Ends the running piece, whose hashes these are.
    fn cut(&mut self, full: &mut u16, half: &mut u16) {
        if self.text.len() < LENGTH - 1 {
            self.text.push(digit(*full));
            *full = Hashes::START;
        } else {
            self.last = Some(digit(*full));
        }
        if self.half_text.len() < HALF - 1 {
            self.half_text.push(digit(*half));
            *half = Hashes::START;
        } else {
            self.half_last = Some(digit(*half));
        }
    }
}

fn digit(hash: u16) -> u8 {
    DIGITS[usize::from(hash % 64)]
}

/// The hash of bytes handed over in pieces.
#[derive(Clone)]
pub struct Ssdeep {
    /// The bytes that the first window needs, and a stretch of content behind them.
    windows: Vec<u8>,
    /// Of the rolling hashes of these windows.
    lowest_bits: Vec<u8>,
    /// Block sizes from `first` on; the last has had no cut yet.
    sizes: Vec<Pieces>,
    hashes: Hashes,
    first: usize,
    total: u64,
}

/// What a value of the rolling hash does.
enum Effect {
    None,
    /// It ends a piece of the smallest size only, whose signature is full: of such ends the last alone counts.
    Passed,
    Cut,
}

/// A stretch of content on its way into the hashes.
struct Way<'a> {
    bytes: &'a [u8],
    /// How much of it is in them.
    done: usize,
    /// Behind the last cut that was passed since then.
    passed: Option<usize>,
}

impl Default for Ssdeep {
    fn default() -> Self {
        let hashes = Hashes([Hashes::START; Hashes::LEN]);
        let windows = vec![0; WINDOW];
        Ssdeep {
            windows,
            lowest_bits: Vec::new(),
            sizes: vec![Pieces::default()],
            hashes,
            first: 0,
            total: 0,
        }
    }
}

impl Ssdeep {
    pub fn update(&mut self, bytes: &[u8]) {
        let (mut windows, mut lowest) = (take(&mut self.windows), take(&mut self.lowest_bits));
        for stretch in bytes.chunks(STRIDE) {
            windows.drain(..windows.len() - (WINDOW - 1));
            windows.extend_from_slice(stretch);
            lowest.resize(stretch.len(), 0);
            lowest_bits(&windows, &mut lowest);
            self.hash(&windows, &lowest);
            self.total += stretch.len() as u64;
            self.forget();
        }
        (self.windows, self.lowest_bits) = (windows, lowest);
    }

    /// Goes through a stretch block by block: in most of them no cut is possible.
    fn hash(&mut self, windows: &[u8], lowest: &[u8]) {
        let cuts = bits_of_cuts(self.first);
        let mut way = Way { bytes: &windows[WINDOW - 1..], done: 0, passed: None };
        for (at, lowest) in (0..).step_by(BLOCK).zip(lowest.chunks(BLOCK)) {
            if !lowest.iter().fold(false, |any, bits| any | (bits & cuts == cuts)) {
                continue;
            }
            match of_run(&windows[at..][..lowest.len() + WINDOW - 1]).map(|rolled| self.effect(rolled)) {
                Some(Effect::None) => {}
                Some(Effect::Passed) => way.passed = Some(at + lowest.len()),
                Some(Effect::Cut) | None => self.hash_block(windows, at, lowest, &mut way),
            }
        }
        self.hash_to(way.bytes.len(), &mut way);
    }

    fn hash_block(&mut self, windows: &[u8], start: usize, lowest: &[u8], way: &mut Way<'_>) {
        let cuts = bits_of_cuts(self.first);
        let candidates = (start..).zip(lowest).filter(|(_, bits)| *bits & cuts == cuts);
        for (at, _) in candidates {
            let Some(rolled) = windows[at..].first_chunk().map(rolled) else { return };
            match self.effect(rolled) {
                Effect::None => {}
                Effect::Passed => way.passed = Some(at + 1),
                Effect::Cut => {
                    self.hash_to(at + 1, way);
                    self.cut(rolled);
                }
            }
        }
    }

    fn effect(&self, rolled: u32) -> Effect {
        match (is_cut(rolled, self.first), self.sizes[0].is_full()) {
            (false, _) => Effect::None,
            (true, true) if !is_cut(rolled, self.first + 1) => Effect::Passed,
            (true, _) => Effect::Cut,
        }
    }

    /// Takes the stretch into all hashes up to there.
    fn hash_to(&mut self, end: usize, way: &mut Way<'_>) {
        if let Some(passed) = way.passed.take() {
            self.hashes.push(&way.bytes[way.done..passed], self.sizes.len());
            self.cut_one(0);
            way.done = passed;
        }
        self.hashes.push(&way.bytes[way.done..end], self.sizes.len());
        way.done = end;
    }

    /// A cut of one block size may be one of the next as well, and only then.
    fn cut(&mut self, rolled: u32) {
        let mut i = 0;
        while i < self.sizes.len() && is_cut(rolled, self.first + i) {
            if i + 1 == self.sizes.len() && self.first + i + 1 < SIZES {
                // The next size had no cut so far either, so its state is that of this one.
                self.sizes.push(self.sizes[i].clone());
                *self.hashes.full(i + 1) = *self.hashes.full(i);
                *self.hashes.half(i + 1) = *self.hashes.half(i);
            }
            self.cut_one(i);
            i += 1;
        }
    }

    /// A cut of this size.
    fn cut_one(&mut self, i: usize) {
        let (mut full, mut half) = (*self.hashes.full(i), *self.hashes.half(i));
        self.sizes[i].cut(&mut full, &mut half);
        (*self.hashes.full(i), *self.hashes.half(i)) = (full, half);
    }

    /// Drops the sizes that cannot be chosen any more, since the content is too long already.
    fn forget(&mut self) {
        while self.sizes.len() > 1
            && (MIN_BLOCK << self.first) * (LENGTH as u64) < self.total
            && self.sizes[1].text.len() >= HALF
        {
            self.sizes.remove(0);
            self.hashes.0.copy_within(2.., 0);
            self.first += 1;
        }
    }

    pub fn finish(mut self) -> String {
        let mut chosen = self.first;
        while (MIN_BLOCK << chosen) * (LENGTH as u64) < self.total && chosen + 1 < SIZES {
            chosen += 1;
        }
        let has = |size: usize| self.sizes.get(size - self.first);
        let is_coarse = |size| has(size).is_none_or(|pieces| pieces.text.len() < HALF);
        while chosen > self.first && is_coarse(chosen) {
            chosen -= 1;
        }
        let open = self.windows.last_chunk().is_some_and(|window| rolled(window) != 0);
        let at = chosen - self.first;
        // Without a cut, the next size would have run along: its half signature is that of one open piece.
        let next = if at + 1 < self.sizes.len() { at + 1 } else { at };
        let (full_hash, half_hash) = (*self.hashes.full(at), *self.hashes.half(next));
        let Some((pieces, next)) = self.sizes.get(at).zip(self.sizes.get(next)) else {
            return String::new();
        };
        let full = closed(&pieces.text, pieces.last, open, full_hash);
        let half = closed(&next.half_text, next.half_last, open, half_hash);
        format!("{}:{full}:{half}", MIN_BLOCK << chosen)
    }
}

/// A signature with what stands for its last, open piece.
fn closed(text: &[u8], last: Option<u8>, open: bool, hash: u16) -> String {
    let end = if open { Some(digit(hash)) } else { last };
    text.iter().copied().chain(end).map(char::from).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Content that a few lines of any language can make again: a linear congruential generator's high bytes,
    /// reduced to letters so that it is less than random.
    pub(crate) fn sample(len: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345) & 0x7fff_ffff;
            b'a' + ((state >> 16) % 26) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    fn hash(bytes: &[u8], piece: usize) -> String {
        let mut hash = Ssdeep::default();
        bytes.chunks(piece.max(1)).for_each(|piece| hash.update(piece));
        hash.finish()
    }

    /// The same content with a part of it replaced.
    fn changed(len: usize, from: usize, to: usize) -> Vec<u8> {
        let mut bytes = sample(len);
        bytes[from..to].fill(b'#');
        bytes
    }

    /// `filled-BYTE-ZEROS` or `mixed-BYTE-ZEROS`: much of one byte, where each place may be a cut, and zeros, where none is.
    fn repetitive(kind: &str, len: usize) -> Vec<u8> {
        let words: Vec<&str> = kind.split('-').collect();
        let [kind, byte, zeros] = words[..] else { panic!("{kind}") };
        let (fill, zeros) = (|len| vec![byte.parse().unwrap(); len], vec![0; zeros.parse().unwrap()]);
        match kind {
            "filled" => [fill(len), zeros].concat(),
            _ => [sample(len), fill(3 * len), sample(len / 2), fill(len), zeros].concat(),
        }
    }

    #[test]
    fn hashes_are_those_of_the_reference_program() {
        for line in include_str!("testdata/ssdeep.txt").lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [kind, len, wanted] = words[..] else { continue };
            let len = len.parse().unwrap();
            let bytes = match kind {
                "sample" => sample(len),
                "zeros" => vec![0; len],
                "changed" => changed(len, len / 3, len / 3 + len / 10),
                kind => repetitive(kind, len),
            };
            for piece in [11, 4096, usize::MAX] {
                assert_eq!(hash(&bytes, piece), wanted, "{kind} {len} in pieces of {piece}");
            }
        }
    }
}
