//! ssdeep: context triggered piecewise hashing, after J. Kornblum, "Identifying almost identical files using context
//! triggered piecewise hashing" (2006).
//!
//! A rolling hash over the last seven bytes cuts the content into pieces where its value is a certain remainder of the
//! block size; each piece gives one character. The result is `<block size>:<pieces>:<pieces at twice the size>`, with the
//! block size chosen such that about 32 to 64 pieces come out. That is known only at the end, so all sizes that may be
//! chosen run side by side, in one pass.

mod compare;

pub use compare::compare;

/// Pieces in a signature at most; half of that in the second one.
const LENGTH: usize = 64;
const HALF: usize = LENGTH / 2;
const MIN_BLOCK: u64 = 3;
const WINDOW: usize = 7;
/// The largest block size is `MIN_BLOCK << (SIZES - 1)`.
const SIZES: usize = 31;
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Content after which sizes are dropped that cannot be chosen any more.
const STRIDE: usize = 64 << 10;
/// Hashes of pieces that are made together, in two registers.
const LANES: usize = 16;

/// The hash of the last seven bytes.
#[derive(Clone, Default)]
struct Rolling {
    /// The bytes themselves, the oldest first, below an eighth that does not count.
    window: u64,
    sum: u32,
    weighted: u32,
    shifted: u32,
}

impl Rolling {
    fn push(&mut self, byte: u8) -> u32 {
        let c = u32::from(byte);
        let oldest = (self.window >> (8 * (WINDOW - 1))) as u8;
        self.weighted = self.weighted.wrapping_sub(self.sum).wrapping_add(WINDOW as u32 * c);
        self.sum = self.sum.wrapping_add(c).wrapping_sub(u32::from(oldest));
        self.window = self.window << 8 | u64::from(byte);
        self.shifted = (self.shifted << 5) ^ c;
        self.value()
    }

    fn value(&self) -> u32 {
        self.sum.wrapping_add(self.weighted).wrapping_add(self.shifted)
    }

    /// Goes on to the first place where a piece of this size ends; one that `passes` goes on to where one of the next size does.
    fn next_cut(&mut self, bytes: &[u8], size: usize, passes: bool) -> Way {
        let mask = (1_u32 << size) - 1;
        let mut rolling = self.clone();
        let mut passed = 0;
        for (at, &byte) in bytes.iter().enumerate() {
            let rolled = rolling.push(byte);
            // Most places fail here already.
            if rolled.wrapping_add(1) & mask == 0 && is_cut(rolled, size) {
                if passes && !is_cut(rolled, size + 1) {
                    passed = at + 1;
                    continue;
                }
                *self = rolling;
                return Way { count: at + 1, cut: Some(rolled), passed };
            }
        }
        *self = rolling;
        Way { count: bytes.len(), cut: None, passed }
    }
}

/// How far one went.
struct Way {
    count: usize,
    /// The value at its end, which is a cut.
    cut: Option<u32>,
    /// Behind the last cut that was passed; 0 when there was none.
    passed: usize,
}

/// Whether a piece of the size `MIN_BLOCK << size` ends where the rolling hash has this value: whether that and one is a multiple of
/// the size.
fn is_cut(rolled: u32, size: usize) -> bool {
    // What a third is multiplied with modulo 2^32; products of no multiples of three are larger than any third.
    const THIRD: u32 = 0xAAAA_AAAB;
    let next = rolled.wrapping_add(1);
    let (whole, part) = (next >> size, next & ((1 << size) - 1));
    part == 0 && next != 0 && whole.wrapping_mul(THIRD) <= u32::MAX / 3
}

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
pub struct Ssdeep {
    rolling: Rolling,
    /// Block sizes from `first` on; the last has had no cut yet.
    sizes: Vec<Pieces>,
    hashes: Hashes,
    first: usize,
    total: u64,
}

impl Default for Ssdeep {
    fn default() -> Self {
        let hashes = Hashes([Hashes::START; Hashes::LEN]);
        Ssdeep { rolling: Rolling::default(), sizes: vec![Pieces::default()], hashes, first: 0, total: 0 }
    }
}

impl Ssdeep {
    pub fn update(&mut self, bytes: &[u8]) {
        for mut bytes in bytes.chunks(STRIDE) {
            self.total += bytes.len() as u64;
            while !bytes.is_empty() {
                // Of the cuts of a full signature the last alone counts.
                let way = self.rolling.next_cut(bytes, self.first, self.sizes[0].is_full());
                let (piece, rest) = bytes.split_at(way.count);
                let (passed, piece) = piece.split_at(way.passed);
                if !passed.is_empty() {
                    self.hashes.push(passed, self.sizes.len());
                    self.cut_one(0);
                }
                self.hashes.push(piece, self.sizes.len());
                if let Some(rolled) = way.cut {
                    self.cut(rolled);
                }
                bytes = rest;
            }
            self.forget();
        }
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
        let open = self.rolling.value() != 0;
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
            for piece in [1, 4096, usize::MAX] {
                assert_eq!(hash(&bytes, piece), wanted, "{kind} {len} in pieces of {piece}");
            }
        }
    }
}
