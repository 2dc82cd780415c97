//! A connection of the guest that leads on, out of this process. What carries it there is another's matter: here are bytes.

use serde::{Deserialize, Serialize};
use smoltcp::socket::tcp::{Socket, State};

/// Bytes that wait in each direction.
pub const ROOM: usize = 64 << 10;
const PIECE: usize = 4096;

/// The first byte of a connection to the guest, for who asked for it: it is open.
pub const OPEN: u8 = b'C';

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// To the result server.
    Results,
    /// Through the proxy of the task, to a name or an address.
    Proxy { host: String, port: u16 },
}

/// Both directions.
#[derive(Default)]
pub struct Pipe {
    pub number: u32,
    pub to_guest: Vec<u8>,
    pub from_guest: Vec<u8>,
    /// Nothing more comes from the guest, or for it.
    pub guest_ended: bool,
    pub other_ended: bool,
    /// There is no other end any more.
    pub is_broken: bool,
    is_call: bool,
    is_open: bool,
}

impl Pipe {
    /// From the guest; the other end is asked for.
    pub fn out(number: u32) -> Self {
        Self { number, is_open: true, ..Self::default() }
    }

    /// To a port of the guest, for somebody who waits.
    pub fn call(number: u32) -> Self {
        Self { number, is_call: true, ..Self::default() }
    }

    /// Whether more can be taken for the guest.
    pub fn has_room(&self) -> bool {
        !self.other_ended && self.to_guest.len() < ROOM
    }

    /// Whether nothing is left that somebody could want.
    pub fn is_done(&self) -> bool {
        self.is_broken || self.from_guest.is_empty()
    }

    /// Moves what can be moved; whether anything was, and how many bytes came and went.
    pub fn go_on(&mut self, socket: &mut Socket<'_>) -> (u64, u64) {
        if self.is_broken {
            socket.abort();
            return (0, 0);
        }
        // An analyzer's log may say nothing for as long as its sample sleeps: only the machine's end is the end of that.
        if matches!(socket.state(), State::Established | State::CloseWait) {
            socket.set_timeout(None);
        }
        if self.is_call && !self.is_open && matches!(socket.state(), State::Established | State::CloseWait) {
            self.is_open = true;
            self.from_guest.push(OPEN);
        }
        let (mut received, mut sent) = (0, 0);
        let mut piece = [0; PIECE];
        while self.from_guest.len() < ROOM && socket.can_recv() {
            let Ok(length @ 1..) = socket.recv_slice(&mut piece) else { break };
            self.from_guest.extend_from_slice(&piece[..length]);
            received += length as u64;
        }
        while !self.to_guest.is_empty() && socket.can_send() {
            let Ok(length @ 1..) = socket.send_slice(&self.to_guest) else { break };
            self.to_guest.drain(..length);
            sent += length as u64;
        }
        let is_shut = !matches!(socket.state(), State::SynSent | State::SynReceived | State::Listen)
            && !socket.may_recv();
        self.guest_ended |= is_shut && socket.recv_queue() == 0;
        if self.other_ended && self.to_guest.is_empty() {
            socket.close();
        }
        (received, sent)
    }
}
