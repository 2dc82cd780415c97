//! UDP and ICMP: each frame is answered for itself, so that a flood of them costs no memory.

use std::net::Ipv4Addr;

use etherparse::{Icmpv4Type, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

use super::Route;
use super::event::{Blob, Event, Flow};
use super::services::{dhcp, dns, ntp};
use super::settings::Addresses;
use super::world::World;

/// Our own address on the Ethernet.
pub const MAC: [u8; 6] = [0x52, 0x55, 0x0a, 0x00, 0x02, 0x02];
const BROADCAST: [u8; 6] = [0xff; 6];

const TIME_TO_LIVE: u8 = 64;
/// Ports of ours from which the server's connections to the guest come.
pub const FIRST_CALL: u16 = 61_000;
/// The longest answer that fits an Ethernet frame.
const MAX_ANSWER: usize = 1472;
/// Bytes of a datagram that are told.
const TOLD: usize = 512;

/// What a frame is to the stack.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// TCP, for smoltcp.
    Tcp { flow: Flow, begins: bool },
    /// ARP that asks for us, for smoltcp.
    Arp,
    /// Done with; the answer, if there is one.
    Answered(Option<Vec<u8>>),
    /// Nothing that is spoken here.
    Ignored,
}

/// Looks at a frame, and answers it unless that takes TCP.
pub fn take(frame: &[u8], world: &mut World) -> Found {
    let Ok(sliced) = SlicedPacket::from_ethernet(frame) else { return Found::Ignored };
    let Some((sender, target)) = ends(frame) else { return Found::Ignored };
    // Bridges and other guests do not exist; a frame for somebody else has nobody to go to.
    if target != MAC && target[0] & 1 == 0 {
        return Found::Ignored;
    }
    let (src, dst) = match &sliced.net {
        Some(NetSlice::Arp(arp)) => {
            return if asks_for_us(arp, &world.settings.addresses) { Found::Arp } else { Found::Ignored };
        }
        Some(NetSlice::Ipv4(ip)) => (ip.header().source_addr(), ip.header().destination_addr()),
        _ => return Found::Ignored,
    };
    if sliced.is_ip_payload_fragmented() {
        return Found::Ignored;
    }
    let addresses = world.settings.addresses;
    let is_host = |address| is_host(address, &addresses);
    let route = world.settings.route;
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) if udp.destination_port() == dhcp::PORT => {
            let answer = dhcp::answer(udp.payload(), world);
            let of = |payload| {
                build(
                    (BROADCAST, addresses.gateway, dhcp::PORT),
                    (Ipv4Addr::BROADCAST, dhcp::CLIENT),
                    payload,
                )
            };
            Found::Answered(answer.and_then(of))
        }
        Some(TransportSlice::Tcp(tcp)) if is_host(dst) && tcp.destination_port() != 0 => {
            let flow = Flow { src, sport: tcp.source_port(), dst, dport: tcp.destination_port() };
            let begins = tcp.syn() && !tcp.ack() && !tcp.rst();
            // Only the server begins these.
            let is_call = !begins && dst == addresses.gateway && tcp.destination_port() >= FIRST_CALL;
            if route != Route::Fake && !is_call && world.way(&flow).is_none() {
                if route == Route::Proxy && begins {
                    let name = world.name_of(dst);
                    world.tell(Event::Dropped { flow, name });
                }
                return Found::Answered(None);
            }
            Found::Tcp { flow, begins }
        }
        Some(TransportSlice::Udp(udp)) if route == Route::Proxy && udp.destination_port() != dns::PORT => {
            let flow = Flow { src, sport: udp.source_port(), dst, dport: udp.destination_port() };
            let data = Blob::cut(udp.payload(), TOLD);
            world.tell(Event::Datagram { flow, length: udp.payload().len(), data });
            Found::Answered(None)
        }
        Some(TransportSlice::Udp(udp)) if matches!(route, Route::Proxy | Route::Fake) => {
            let flow = Flow { src, sport: udp.source_port(), dst, dport: udp.destination_port() };
            let answer = datagram(&flow, udp.payload(), world);
            let of = |payload| build((sender, dst, flow.dport), (src, flow.sport), payload);
            Found::Answered(answer.filter(|_| is_host(dst)).and_then(of))
        }
        _ if route != Route::Fake => Found::Answered(None),
        Some(TransportSlice::Icmpv4(icmp)) if is_host(dst) => match icmp.icmp_type() {
            Icmpv4Type::EchoRequest(echo) => {
                world.tell(Event::Ping { src, dst, length: icmp.payload().len() });
                let packet = PacketBuilder::ethernet2(MAC, sender)
                    .ipv4(dst.octets(), src.octets(), TIME_TO_LIVE)
                    .icmpv4_echo_reply(echo.id, echo.seq);
                let mut answer = Vec::new();
                Found::Answered(packet.write(&mut answer, icmp.payload()).is_ok().then_some(answer))
            }
            _ => Found::Answered(None),
        },
        _ => Found::Ignored,
    }
}

fn ends(frame: &[u8]) -> Option<([u8; 6], [u8; 6])> {
    let (target, rest) = frame.split_first_chunk::<6>()?;
    let (sender, _) = rest.split_first_chunk::<6>()?;
    Some((*sender, *target))
}

/// Only the gateway is a neighbour. Answering for others, also when the guest asks whether an address is free, would make every
/// address look taken.
fn asks_for_us(arp: &etherparse::ArpPacketSlice<'_>, addresses: &Addresses) -> bool {
    let gateway = addresses.gateway.octets();
    arp.target_protocol_addr() == gateway && arp.sender_protocol_addr() != gateway
}

/// Neither many at once, nor nobody, nor the guest itself.
fn is_host(address: Ipv4Addr, addresses: &Addresses) -> bool {
    let is_many = address.is_broadcast() || address.is_multicast() || address == addresses.broadcast();
    let is_nobody =
        is_many || address.is_unspecified() || address.is_loopback() || address == addresses.guest;
    !is_nobody
}

fn datagram(flow: &Flow, payload: &[u8], world: &mut World) -> Option<Vec<u8>> {
    match flow.dport {
        dns::PORT => dns::answer(payload, flow, world, MAX_ANSWER),
        ntp::PORT => ntp::answer(payload, flow, world),
        _ => {
            let data = Blob::cut(payload, TOLD);
            world.tell(Event::Datagram { flow: *flow, length: payload.len(), data });
            None
        }
    }
}

/// A frame from an address and a port of ours to the guest.
fn build(
    (target, from, port): ([u8; 6], Ipv4Addr, u16),
    (to, to_port): (Ipv4Addr, u16),
    payload: Vec<u8>,
) -> Option<Vec<u8>> {
    if payload.len() > MAX_ANSWER {
        return None;
    }
    let packet = PacketBuilder::ethernet2(MAC, target)
        .ipv4(from.octets(), to.octets(), TIME_TO_LIVE)
        .udp(port, to_port);
    let mut frame = Vec::new();
    packet.write(&mut frame, &payload).ok()?;
    Some(frame)
}
