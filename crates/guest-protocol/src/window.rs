//! Credit: how much a guest may send for a call before the host has taken it.

/// What a message takes up beside its bytes, wherever it waits.
const OVERHEAD: u64 = 128;

/// What a reply with a payload of so many bytes takes from its call's window.
pub fn cost(payload: usize) -> u64 {
    OVERHEAD + payload as u64
}

/// The smallest useful window: one message of any size.
pub const LEAST: u64 = OVERHEAD + crate::frame::MAX_PAYLOAD as u64;

/// The credit of one call, kept alike on both sides.
#[derive(Debug)]
pub struct Window {
    left: u64,
}

impl Window {
    pub fn new(bytes: u64) -> Self {
        Self { left: bytes.max(LEAST) }
    }

    /// Takes the cost of a message, if there is that much.
    pub fn take(&mut self, cost: u64) -> bool {
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }

    pub fn give(&mut self, bytes: u64) {
        self.left = self.left.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_gives_what_it_has_and_no_more() {
        let mut window = Window::new(0);
        assert!(window.take(cost(crate::frame::MAX_PAYLOAD)), "the longest message always fits");
        assert!(!window.take(1));
        window.give(u64::MAX);
        window.give(1);
        assert!(window.take(u64::MAX));
    }
}
