//! NTP (RFC 5905): the time that the task asked for.

use crate::internet::event::{Blob, Event, Flow};
use crate::internet::world::World;

pub const PORT: u16 = 123;
/// Without extensions (section 7.3).
const LENGTH: usize = 48;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;
/// Seconds from 1900 to 1970.
const EPOCH: i64 = 2_208_988_800;

pub fn answer(message: &[u8], flow: &Flow, world: &mut World) -> Option<Vec<u8>> {
    let data = Blob::cut(message, LENGTH);
    world.tell(Event::Datagram { flow: *flow, length: message.len(), data });
    let asked: &[u8; LENGTH] = message.first_chunk()?;
    let (version, mode) = (asked[0] >> 3 & 7, asked[0] & 7);
    if mode != CLIENT || !(1..=4).contains(&version) {
        return None;
    }
    let now = timestamp(world.guest_time());
    let mut reply = [0; LENGTH];
    reply[0] = version << 3 | SERVER;
    // Stratum 2, the interval that was asked for, a precision of about a microsecond.
    (reply[1], reply[2], reply[3]) = (2, asked[2], 0xec);
    // Delay and dispersion to the reference: about a millisecond each.
    (reply[6], reply[10]) = (0x40, 0x40);
    reply[12..16].copy_from_slice(&[198, 18, 0, 1]);
    reply[16..24].copy_from_slice(&now);
    // What the client sent as its own time comes back, or it takes the answer for a forgery.
    reply[24..32].copy_from_slice(&asked[40..48]);
    reply[32..40].copy_from_slice(&now);
    reply[40..48].copy_from_slice(&now);
    Some(reply.to_vec())
}

/// Seconds since 1900, and parts of one in 32 bits; the era is left out (section 6).
fn timestamp(time: jiff::Timestamp) -> [u8; 8] {
    let micros = time.as_microsecond();
    let seconds = micros.div_euclid(1_000_000) + EPOCH;
    let part = (micros.rem_euclid(1_000_000) << 32) / 1_000_000;
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&(seconds as u32).to_be_bytes());
    bytes[4..].copy_from_slice(&(part as u32).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn seconds_are_counted_from_1900_and_begin_anew_in_2036() {
        let at = |text: &str| super::timestamp(text.parse().unwrap());
        assert_eq!(at("1970-01-01T00:00:00.5Z"), [0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0]);
        assert_eq!(at("2036-02-07T06:28:16Z"), [0; 8]);
    }
}
