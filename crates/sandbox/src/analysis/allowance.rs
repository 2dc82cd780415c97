//! What a guest may still send of one kind. The agent keeps to the limits; a guest that is not the agent's any more need not.

/// How many there may be, and of how many bytes together.
pub struct Allowance {
    many: u32,
    bytes: u64,
    refused: u64,
}

impl Allowance {
    pub fn new(many: u32, bytes: u64) -> Self {
        Self { many, bytes, refused: 0 }
    }

    /// Whether one more may come.
    pub fn takes_one(&mut self) -> bool {
        let left = self.many.checked_sub(1);
        self.many = left.unwrap_or_default();
        self.counted(left.is_some())
    }

    /// Whether this piece of one may come. If not, the rest of that one is not asked about.
    pub fn takes(&mut self, piece: &[u8]) -> bool {
        let left = self.bytes.checked_sub(piece.len() as u64);
        self.bytes = left.unwrap_or(self.bytes);
        self.counted(left.is_some())
    }

    /// How many came beyond the limits.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn counted(&mut self, is_taken: bool) -> bool {
        self.refused += u64::from(!is_taken);
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_counted_and_takes_nothing() {
        let mut allowance = Allowance::new(2, 10);
        assert!(allowance.takes_one() && allowance.takes(b"eight..."));
        assert!(allowance.takes_one() && !allowance.takes(b"four") && allowance.takes(b"22"));
        assert!(!allowance.takes_one() && !allowance.takes_one() && !allowance.takes(b"1"));
        assert_eq!(allowance.refused(), 4);
    }
}
