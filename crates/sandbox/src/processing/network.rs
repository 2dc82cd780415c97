//! `network`: what the capture shows (the report reference, section 5).
//!
//! The capture was made outside of the guest, but what is in it the sample chose: everything is counted and cut.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufReader};
use std::net::IpAddr;

use serde_json::{Value as Json, json};

use super::{Case, Module};
use crate::results::CAPTURE;
use crate::samples::sha256;

mod dns;
mod http;
mod log;
pub(crate) mod pcap;
mod stream;

use dns::Names;
use stream::Streams;

pub const MODULE: Module = Module { key: "network", run: of, empty: || Summary::default().report(None) };

/// Packets that are looked at, flows and questions that are told.
const MAX_PACKETS: u64 = 2_000_000;
const MAX_FLOWS: usize = 10_000;

fn of(case: &Case<'_>) -> io::Result<Json> {
    let told = log::read(case)?;
    let (mut summary, hash) = match case.folder.find(CAPTURE)? {
        Some(file) => {
            let hash = sha256(file.try_clone()?)?;
            (summarise(file)?, Some(hash))
        }
        None => (Summary::default(), None),
    };
    for (server, name, kind, answers) in &told.questions {
        summary.names.tell(*server, name, kind, answers);
    }
    let mut report = summary.report(hash);
    let mut requests = report["http"].as_array().cloned().unwrap_or_default();
    for request in told.requests.iter().map(log::request) {
        http::count(&mut requests, request);
    }
    report["http"] = requests.into();
    told.fill(&mut report);
    Ok(report)
}

/// Reads a whole capture.
pub fn summarise(mut file: File) -> io::Result<Summary> {
    io::Seek::rewind(&mut file)?;
    let mut summary = Summary::default();
    let mut packets = pcap::Reader::open(BufReader::with_capacity(256 << 10, file))?;
    while let Some(packet) = packets.next()? {
        if summary.packets == MAX_PACKETS {
            summary.is_cut = true;
            break;
        }
        summary.packets += 1;
        summary.add(&packet);
    }
    Ok(summary)
}

/// A conversation as its first packet showed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    src: IpAddr,
    sport: u16,
    dst: IpAddr,
    dport: u16,
}

struct Begun {
    flow: Flow,
    offset: u64,
    time: f64,
}

/// What there is to tell.
#[derive(Default)]
pub struct Summary {
    packets: u64,
    is_cut: bool,
    began: Option<f64>,
    tcp: Flows,
    udp: Flows,
    icmp: Vec<Json>,
    names: Names,
    streams: Streams,
    /// Ends of TCP connections that gave an answer, and those that were called.
    answered: BTreeSet<(IpAddr, u16)>,
    called: BTreeSet<(IpAddr, u16)>,
}

#[derive(Default)]
struct Flows {
    known: HashMap<Flow, ()>,
    list: Vec<Begun>,
}

impl Flows {
    /// Notes a flow whose other direction is not known.
    fn add(&mut self, flow: Flow, offset: u64, time: f64) {
        let back = Flow { src: flow.dst, sport: flow.dport, dst: flow.src, dport: flow.sport };
        if self.list.len() >= MAX_FLOWS || self.known.contains_key(&flow) || self.known.contains_key(&back) {
            return;
        }
        self.known.insert(flow.clone(), ());
        self.list.push(Begun { flow, offset, time });
    }

    fn report(&self) -> Json {
        let shown = |begun: &Begun| {
            json!({
                "src": begun.flow.src, "sport": begun.flow.sport, "dst": begun.flow.dst, "dport": begun.flow.dport,
                "offset": begun.offset, "time": begun.time,
            })
        };
        self.list.iter().map(shown).collect::<Vec<_>>().into()
    }
}

impl Summary {
    fn add(&mut self, packet: &pcap::Packet) {
        let began = *self.began.get_or_insert(packet.time);
        let time = (packet.time - began).max(0.0);
        let Ok(sliced) = etherparse::SlicedPacket::from_ethernet(&packet.bytes) else { return };
        let Some((src, dst)) = addresses(&sliced) else { return };
        match &sliced.transport {
            Some(etherparse::TransportSlice::Tcp(tcp)) => {
                let flow = Flow { src, sport: tcp.source_port(), dst, dport: tcp.destination_port() };
                match (tcp.syn(), tcp.ack()) {
                    (true, false) if self.called.len() < MAX_FLOWS => {
                        self.called.insert((dst, flow.dport));
                    }
                    (true, true) if self.answered.len() < MAX_FLOWS => {
                        self.answered.insert((src, flow.sport));
                    }
                    _ => {}
                }
                self.streams.add(&flow, tcp.sequence_number(), tcp.syn(), tcp.payload());
                self.tcp.add(flow, packet.offset, time);
            }
            Some(etherparse::TransportSlice::Udp(udp)) => {
                let flow = Flow { src, sport: udp.source_port(), dst, dport: udp.destination_port() };
                self.names.add(&flow, udp.payload());
                self.udp.add(flow, packet.offset, time);
            }
            Some(etherparse::TransportSlice::Icmpv4(icmp)) if self.icmp.len() < MAX_FLOWS => {
                let data = super::text::shown(icmp.payload());
                self.icmp.push(json!({"src": src, "dst": dst, "type": icmp.type_u8(), "data": data}));
            }
            _ => {}
        }
    }

    /// All keys, whether there is anything to tell or not: consumers index them.
    fn report(&self, pcap_sha256: Option<String>) -> Json {
        let dead = self.called.difference(&self.answered);
        let mut report = json!({
            "hosts": self.hosts(),
            "domains": self.names.domains(),
            "dns": self.names.questions(),
            "dns_servers": self.names.servers(),
            "tcp": self.tcp.report(),
            "udp": self.udp.report(),
            "icmp": self.icmp,
            "http": http::requests(&self.streams),
            "http_ex": [], "https_ex": [], "tls": [], "smtp": [], "smtp_ex": [], "irc": [], "mitm": [],
            "dead_hosts": dead.map(|(address, port)| json!([address, port])).collect::<Vec<_>>(),
        });
        if let Some(hash) = pcap_sha256 {
            report["pcap_sha256"] = hash.into();
        }
        if self.is_cut {
            report["packets_cut"] = true.into();
        }
        report
    }

    /// Destinations outside of the guest's own network, in the order of their first packet.
    fn hosts(&self) -> Vec<IpAddr> {
        let mut seen = BTreeMap::new();
        let mut hosts = Vec::new();
        for begun in self.tcp.list.iter().chain(&self.udp.list) {
            let address = begun.flow.dst;
            if is_elsewhere(address) && seen.insert(address, ()).is_none() {
                hosts.push(address);
            }
        }
        hosts
    }
}

fn addresses(sliced: &etherparse::SlicedPacket<'_>) -> Option<(IpAddr, IpAddr)> {
    match sliced.net.as_ref()? {
        etherparse::NetSlice::Ipv4(ip) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        etherparse::NetSlice::Ipv6(ip) => {
            Some((ip.header().source_addr().into(), ip.header().destination_addr().into()))
        }
        _ => None,
    }
}

/// Neither the guest's own network nor many at once.
fn is_elsewhere(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let own = v4.octets()[..3] == [10, 0, 2];
            !(own || v4.is_broadcast() || v4.is_multicast() || v4.is_unspecified() || v4.is_link_local())
        }
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified() || v6.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests;
