//! The network card on our end of the cable.

use std::collections::VecDeque;

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// Frames that wait to be sent. While there are more, TCP waits.
const MAX_FRAMES: usize = 256;
/// Of Ethernet, with its header.
const LONGEST: usize = 1514;

#[derive(Default)]
pub struct Card {
    pub incoming: Option<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

impl Card {
    /// Sends a frame; it is lost when too many wait, as on any network.
    pub fn send(&mut self, frame: Vec<u8>) {
        if self.outgoing.len() < MAX_FRAMES {
            self.outgoing.push_back(frame);
        }
    }

    pub fn take(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    pub fn is_full(&self) -> bool {
        self.outgoing.len() >= MAX_FRAMES
    }
}

impl Device for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sender<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sender<'_>)> {
        let frame = self.incoming.take()?;
        Some((Received(frame), Sender(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sender<'_>> {
        (!self.is_full()).then_some(Sender(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = LONGEST;
        capabilities
    }
}

pub struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

pub struct Sender<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for Sender<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        // An answer to a frame that came; those that come are bounded by the room for answers.
        self.0.push_back(frame);
        result
    }
}
