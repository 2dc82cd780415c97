//! Counts connections in total and per peer, and gives each its slot back when it ends.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

#[derive(Debug)]
struct Counts {
    total: usize,
    peers: HashMap<IpAddr, usize>,
}

/// All slots of a listener.
#[derive(Clone, Debug)]
pub struct Slots {
    total: usize,
    per_peer: usize,
    counts: Arc<Mutex<Counts>>,
}

impl Slots {
    pub fn new(total: usize, per_peer: usize) -> Self {
        let counts = Arc::new(Mutex::new(Counts { total: 0, peers: HashMap::new() }));
        Self { total, per_peer, counts }
    }

    /// A slot for this peer, held until dropped; `None` when there are none left.
    pub fn take(&self, peer: IpAddr) -> Option<Slot> {
        let peer = network(peer);
        let mut counts = self.counts.lock();
        let of_peer = counts.peers.get(&peer).copied().unwrap_or(0);
        if counts.total >= self.total || of_peer >= self.per_peer {
            return None;
        }
        counts.total += 1;
        counts.peers.insert(peer, of_peer + 1);
        Some(Slot { crowd: Crowd { slots: self.clone(), peer } })
    }
}

/// One open connection.
#[derive(Debug)]
pub struct Slot {
    crowd: Crowd,
}

impl Slot {
    pub fn crowd(&self) -> Crowd {
        self.crowd.clone()
    }
}

/// What else is open next to a connection.
#[derive(Clone, Debug)]
pub struct Crowd {
    slots: Slots,
    peer: IpAddr,
}

impl Crowd {
    /// Whether more than half of all slots, or of those of this peer, are taken.
    pub fn is_crowded(&self) -> bool {
        let counts = self.slots.counts.lock();
        let of_peer = counts.peers.get(&self.peer).copied().unwrap_or(0);
        counts.total > self.slots.total / 2 || of_peer > self.slots.per_peer / 2
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.crowd.slots.counts.lock();
        counts.total -= 1;
        if let Some(count) = counts.peers.get_mut(&self.crowd.peer) {
            *count -= 1;
            if *count == 0 {
                counts.peers.remove(&self.crowd.peer);
            }
        }
    }
}

/// What one peer can easily have many addresses of counts as one.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_bounded_and_come_back() {
        let slots = Slots::new(3, 2);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = slots.take(ip("10.0.0.1")).unwrap();
        let _second = slots.take(ip("::ffff:10.0.0.1")).unwrap();
        assert!(slots.take(ip("10.0.0.1")).is_none());
        let _third = slots.take(ip("2001:db8::1")).unwrap();
        assert!(slots.take(ip("10.0.0.2")).is_none());
        drop(first);
        assert!(slots.take(ip("2001:db8::ffff")).is_some());
        assert_eq!(slots.counts.lock().peers.len(), 2);
    }

    #[test]
    fn it_is_crowded_from_half_of_all_or_of_a_peers_slots_on() {
        let slots = Slots::new(8, 4);
        let take = |text: &str| slots.take(text.parse().unwrap()).unwrap();
        let (first, _second, third) = (take("10.0.0.1"), take("10.0.0.1"), take("10.0.0.1"));
        let other = take("10.0.0.2");
        assert!(first.crowd().is_crowded());
        assert!(!other.crowd().is_crowded());
        drop(third);
        assert!(!first.crowd().is_crowded());
        let _more = [take("10.0.0.3"), take("10.0.0.4")];
        assert!(other.crowd().is_crowded());
    }
}
