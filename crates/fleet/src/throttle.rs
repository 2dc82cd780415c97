//! How often the routes that ask for nothing but a password may be called (the Fleet reference, section 1.4).
//!
//! The published limits hold for each address; the server as a whole takes ten times as much, so that one client that
//! guesses passwords does not lock everybody out, and many together still cannot. Each limit is a leaky bucket kept as one
//! point in time. Only calls that the limit of the server lets through are remembered, and only until their address could
//! call as if it never had: so memory is bounded by that limit, which is what the stores of the crate `governor` leave to
//! their users.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use http::StatusCode;
use parking_lot::Mutex;

use crate::error::{Error, Result};

/// How much more than one address the server takes.
const SERVER_TAKES: u32 = 10;
/// Addresses are looked through for old ones when there are more.
const TIDY_ABOVE: usize = 256;

/// The limits of the server.
pub struct Throttles {
    pub login: Throttle,
    pub forgot_password: Throttle,
    /// All requests to the API that need no session, these two among them.
    pub before_login: Throttle,
}

impl Default for Throttles {
    fn default() -> Self {
        Self {
            login: Throttle::new(10, 9, Duration::from_secs(60)),
            forgot_password: Throttle::new(10, 9, Duration::from_secs(3600)),
            before_login: Throttle::new(600, 99, Duration::from_secs(60)),
        }
    }
}

/// One limit.
pub struct Throttle {
    address: Limit,
    server: Limit,
    state: Mutex<State>,
}

/// A call each `every`, and as many at once as fit into `slack` besides.
#[derive(Clone, Copy)]
struct Limit {
    every: Duration,
    slack: Duration,
}

struct State {
    server: Instant,
    /// When the bucket of each address is empty again.
    addresses: HashMap<IpAddr, Instant>,
}

impl Limit {
    fn new(calls: u32, burst: u32, per: Duration) -> Self {
        let every = per / calls;
        Self { every, slack: every * burst }
    }

    /// When the bucket will be empty after one more call, or how long to wait for it.
    fn take(self, empty: Instant, now: Instant) -> std::result::Result<Instant, Duration> {
        let empty = empty.max(now);
        let ahead = empty - now;
        if ahead > self.slack { Err(ahead - self.slack) } else { Ok(empty + self.every) }
    }
}

impl Throttle {
    /// So many calls per time and address, and a burst besides.
    pub fn new(calls: u32, burst: u32, per: Duration) -> Self {
        Self {
            address: Limit::new(calls, burst, per),
            server: Limit::new(calls * SERVER_TAKES, (burst + 1) * SERVER_TAKES - 1, per),
            state: Mutex::new(State { server: Instant::now(), addresses: HashMap::new() }),
        }
    }

    /// Counts a call from this address; 429 with the time to wait when it is too much.
    pub fn check(&self, peer: Option<IpAddr>) -> Result<()> {
        self.check_at(peer, Instant::now()).map_err(refusal)
    }

    fn check_at(&self, peer: Option<IpAddr>, now: Instant) -> std::result::Result<(), Duration> {
        let peer = network(peer.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)));
        let mut state = self.state.lock();
        let before = state.addresses.get(&peer).copied().unwrap_or(now);
        let of_address = self.address.take(before, now)?;
        state.server = self.server.take(state.server, now)?;
        if state.addresses.len() > TIDY_ABOVE {
            state.addresses.retain(|_, empty| *empty > now);
        }
        state.addresses.insert(peer, of_address);
        Ok(())
    }
}

/// Who has one address of version 6 has all that share its first half.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

fn refusal(wait: Duration) -> Error {
    let seconds = wait.as_secs() + 1;
    Error {
        status: StatusCode::TOO_MANY_REQUESTS,
        message: format!("limit exceeded, retry after: {seconds}s"),
        errors: None,
        code: None,
        retry_after: Some(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(n.into()))
    }

    #[test]
    fn each_address_has_its_burst_and_then_its_rate() {
        let throttle = Throttle::new(10, 9, Duration::from_secs(60));
        let start = Instant::now();
        for _ in 0..10 {
            assert!(throttle.check_at(address(1), start).is_ok());
        }
        assert_eq!(throttle.check_at(address(1), start), Err(Duration::from_secs(6)));
        assert!(throttle.check_at(address(2), start).is_ok());
        let later = start + Duration::from_secs(6);
        assert!(throttle.check_at(address(1), later).is_ok());
        assert!(throttle.check_at(address(1), later).is_err());
    }

    #[test]
    fn many_addresses_together_are_limited_and_not_remembered_for_ever() {
        let throttle = Throttle::new(10, 9, Duration::from_secs(60));
        let start = Instant::now();
        let let_in = (0..10_000).filter(|n| throttle.check_at(address(*n), start).is_ok()).count();
        assert_eq!(let_in, 100);
        let mut now = start;
        for n in 0..20_000 {
            now += Duration::from_millis(100);
            let _ = throttle.check_at(address(n), now);
        }
        assert!(throttle.state.lock().addresses.len() <= TIDY_ABOVE + 1);
    }

    #[test]
    fn an_address_that_is_refused_costs_the_others_nothing() {
        let throttle = Throttle::new(10, 9, Duration::from_secs(60));
        let start = Instant::now();
        for _ in 0..1_000 {
            let _ = throttle.check_at(address(1), start);
        }
        assert!(throttle.check_at(address(2), start).is_ok());
        let v6 = |low: u128| Some(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | low)));
        let let_in = (0..50).filter(|n| throttle.check_at(v6(*n), start).is_ok()).count();
        assert_eq!(let_in, 10);
    }
}
