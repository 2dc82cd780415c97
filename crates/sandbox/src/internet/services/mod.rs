//! What answers on TCP and UDP, one file for each protocol.

use super::event::Flow;
use super::world::World;

pub mod banner;
pub mod dhcp;
pub mod dns;
pub mod ftp;
pub mod http;
pub mod irc;
mod lines;
pub mod ntp;
pub mod smtp;

/// One connection's end of a protocol: bytes in, bytes out, and lines of the log.
pub trait Service: Send {
    /// What is said before the guest says anything.
    fn open(&mut self, _: &mut Talk<'_>) {}

    /// Takes at most one request from the beginning of `input`. What is left is offered again with what comes.
    fn take(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next;

    /// Nothing more will come: what was begun is told. `rest` is what was not taken.
    fn end(&mut self, _rest: &[u8], _: &mut Talk<'_>) {}
}

/// What a service works with.
pub struct Talk<'a> {
    /// For the guest.
    pub out: &'a mut Vec<u8>,
    pub world: &'a mut World,
    pub peer: &'a Peer,
}

/// Whom the guest takes us for.
#[derive(Clone, Debug)]
pub struct Peer {
    pub flow: Flow,
    /// The name in the handshake, or the one that the address was given to.
    pub name: Option<String>,
    /// Whether TLS is around it.
    pub is_secure: bool,
}

impl Peer {
    /// A name, or the address.
    pub fn host(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.flow.dst.to_string())
    }
}

/// What a service wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More bytes.
    Wait,
    /// To be asked again: something was taken, and there may be more.
    Again,
    /// The connection closed, once everything was sent.
    Close,
    /// A handshake now, by STARTTLS.
    StartTls,
    /// Another service: what follows is something else, as after CONNECT.
    Anew,
}
