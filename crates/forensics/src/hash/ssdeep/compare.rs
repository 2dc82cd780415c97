//! How alike two contents are, told by their hashes.

use super::{DIGITS, LENGTH, MIN_BLOCK, WINDOW};

/// How alike the contents of two hashes are: 0 (nothing in common found) to 100. `None` for what is no hash.
pub fn compare(a: &str, b: &str) -> Option<u32> {
    let (a, b) = (Parsed::new(a)?, Parsed::new(b)?);
    Some(match (a.block, b.block) {
        (x, y) if x == y && a.full == b.full && a.half == b.half => 100,
        (x, y) if x == y => score(&a.full, &b.full, x).max(score(&a.half, &b.half, x * 2)),
        (x, y) if x == y * 2 => score(&a.full, &b.half, x),
        (x, y) if y == x * 2 => score(&a.half, &b.full, y),
        _ => 0,
    })
}

struct Parsed {
    block: u64,
    full: Vec<u8>,
    half: Vec<u8>,
}

impl Parsed {
    fn new(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let block = parts.next()?.parse().ok().filter(|b| (MIN_BLOCK..1 << 40).contains(b))?;
        let (full, half) = (parts.next()?, parts.next()?);
        // A file name may follow, after a comma.
        let half = half.split(',').next()?;
        let is_signature = |s: &str| s.len() <= LENGTH && s.bytes().all(|b| DIGITS.contains(&b));
        if !is_signature(full) || !is_signature(half) {
            return None;
        }
        Some(Parsed { block, full: shortened(full), half: shortened(half) })
    }
}

/// Runs of one character say little; three of them are kept.
fn shortened(text: &str) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if !out.ends_with(&[byte, byte, byte]) {
            out.push(byte);
        }
    }
    out
}

fn score(a: &[u8], b: &[u8], block: u64) -> u32 {
    // Without seven characters in common, likeness is chance.
    let is_related = a.windows(WINDOW).any(|w| b.windows(WINDOW).any(|v| v == w));
    if !is_related {
        return 0;
    }
    let distance = distance(a, b) * LENGTH / (a.len() + b.len());
    let score = 100_u64.saturating_sub((100 * distance / LENGTH) as u64);
    // Small blocks must not claim more likeness than their little content supports.
    let most = block / MIN_BLOCK * a.len().min(b.len()) as u64;
    let is_small = block < (99 + WINDOW as u64) / WINDOW as u64 * MIN_BLOCK;
    u32::try_from(if is_small { score.min(most) } else { score }).unwrap_or(100)
}

/// The least number of characters to insert or remove to make one text of the other.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if x == y { diagonal } else { above.min(row[j]) + 1 };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_reference_program() {
        for line in include_str!("../testdata/ssdeep_scores.txt").lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [a, b, wanted] = words[..] else { continue };
            assert_eq!(compare(a, b), wanted.parse().ok(), "{a} {b}");
            assert_eq!(compare(b, a), wanted.parse().ok(), "{b} {a}");
        }
    }

    #[test]
    fn what_is_no_hash_has_no_score() {
        for text in ["", "3", "3:a", "0:a:b", "x:a:b", "3:a b:c", &format!("3:{}:a", "a".repeat(65))] {
            assert_eq!(compare(text, "3:a:b"), None, "{text}");
        }
    }
}
