//! Address, route and name server, told to the kernel by netlink: the guest needs no program for it.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Mutex;

use guest_protocol::Network;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};

use crate::channel::locked;

const CARD: &str = "eth0";

/// Protocol number 0.
const ROUTING: Option<rustix::net::Protocol> = None;

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;

const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const REPLACE: u16 = 0x100;
const CREATE: u16 = 0x400;

const IPV4: u8 = 2;
const UP: u32 = 1;

/// What was set last, and is taken away before something else is set.
static CURRENT: Mutex<Option<Network>> = Mutex::new(None);

pub fn set(network: &Network) -> io::Result<()> {
    let card = index(CARD)?;
    let link =
        Link { socket: socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, ROUTING)? };
    if let Ok(loopback) = index("lo") {
        link.up(loopback)?;
    }
    let mut current = locked(&CURRENT);
    // What process 1 set while booting, unless we have set something since. Gone already is as good.
    let old = current.take().unwrap_or_default();
    let _ = link.address(DELETE_ADDRESS, 0, card, &old);
    link.address(NEW_ADDRESS, CREATE | REPLACE, card, network)?;
    link.up(card)?;
    link.default_route(card, network)?;
    let server = network.name_server.map(|part| part.to_string()).join(".");
    fs::write("/etc/resolv.conf", format!("nameserver {server}\n"))?;
    *current = Some(network.clone());
    Ok(())
}

fn index(name: &str) -> io::Result<u32> {
    let text = fs::read_to_string(format!("/sys/class/net/{name}/ifindex"))?;
    text.trim().parse().map_err(|_| io::Error::other(format!("{name} has no number")))
}

struct Link {
    socket: OwnedFd,
}

impl Link {
    fn up(&self, card: u32) -> io::Result<()> {
        let mut body = vec![0; 4];
        for word in [card, UP, UP] {
            body.extend(word.to_ne_bytes());
        }
        self.ask(NEW_LINK, 0, &body)
    }

    fn address(&self, kind: u16, flags: u16, card: u32, network: &Network) -> io::Result<()> {
        let mut body = vec![IPV4, network.prefix.min(32), 0, 0];
        body.extend(card.to_ne_bytes());
        // Local address and address: the same on an Ethernet.
        attribute(&mut body, 2, &network.address);
        attribute(&mut body, 1, &network.address);
        self.ask(kind, flags, &body)
    }

    fn default_route(&self, card: u32, network: &Network) -> io::Result<()> {
        const MAIN_TABLE: u8 = 254;
        const BY_ADMINISTRATOR: u8 = 4;
        const UNICAST: u8 = 1;
        let mut body = vec![IPV4, 0, 0, 0, MAIN_TABLE, BY_ADMINISTRATOR, 0, UNICAST, 0, 0, 0, 0];
        attribute(&mut body, 5, &network.gateway);
        attribute(&mut body, 4, &card.to_ne_bytes());
        self.ask(NEW_ROUTE, CREATE | REPLACE, &body)
    }

    /// Sends one request and waits for the kernel's verdict.
    fn ask(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        const HEADER: usize = 16;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(((HEADER + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((REQUEST | ACKNOWLEDGE | flags).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        send(&self.socket, &message, SendFlags::empty())?;
        let mut answer = [0; 512];
        let (length, _) = recv(&self.socket, &mut answer[..], RecvFlags::empty())?;
        let code = answer[..length].get(HEADER..HEADER + 4).ok_or(Errno::BADMSG)?;
        match i32::from_ne_bytes([code[0], code[1], code[2], code[3]]) {
            0 => Ok(()),
            code => Err(io::Error::from_raw_os_error(-code)),
        }
    }
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend((4 + value.len() as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}
