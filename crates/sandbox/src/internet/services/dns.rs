//! DNS (RFC 1035): every name exists. Its address is its own, see [`super::super::names`].

use std::net::Ipv4Addr;

use simple_dns::rdata::{A, MX, NS, PTR, RData, SOA, SRV, TXT};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use super::{Next, Service, Talk};
use crate::internet::event::{Event, Flow};
use crate::internet::world::World;

pub const PORT: u16 = 53;
const SECONDS: u32 = 300;
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Answers one message; none when it is no question.
pub fn answer(message: &[u8], flow: &Flow, world: &mut World, most: usize) -> Option<Vec<u8>> {
    let asked = Packet::parse(message).ok()?;
    if asked.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let mut reply = Packet::new_reply(asked.id());
    reply.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if asked.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    let question = asked.questions.first();
    match question {
        Some(question) if asked.opcode() == OPCODE::StandardQuery => {
            let name = question.qname.to_string();
            let (kind, data) = records(&name, question.qtype, world);
            let answers = data.iter().filter_map(shown).collect();
            world.tell(Event::Dns { flow: *flow, name: name.clone(), kind, answers });
            reply.questions.push(question.clone());
            let record = |data| ResourceRecord::new(question.qname.clone(), CLASS::IN, SECONDS, data);
            reply.answers.extend(data.into_iter().map(record));
        }
        Some(_) => *reply.rcode_mut() = RCODE::NotImplemented,
        None => *reply.rcode_mut() = RCODE::FormatError,
    }
    let bytes = reply.build_bytes_vec_compressed().ok()?;
    if bytes.len() <= most {
        return Some(bytes);
    }
    // A name that fills the message: the guest may ask again over TCP.
    reply.answers.clear();
    reply.set_flags(PacketFlag::TRUNCATION);
    reply.build_bytes_vec_compressed().ok().filter(|bytes| bytes.len() <= most)
}

/// What the name has of this kind.
fn records(name: &str, kind: QTYPE, world: &mut World) -> (String, Vec<RData<'static>>) {
    let below = |label: &str| Name::new(&format!("{label}.{name}")).map(Name::into_owned).ok();
    let QTYPE::TYPE(kind) = kind else {
        // Whoever asks for everything gets what there is most of.
        return (format!("{kind:?}"), vec![address(name, world)]);
    };
    let data = match kind {
        TYPE::A => Some(address(name, world)),
        TYPE::MX => below("mail").map(|exchange| RData::MX(MX { preference: 10, exchange })),
        TYPE::NS => below("ns1").map(|server| RData::NS(NS(server))),
        TYPE::TXT => {
            TXT::new().with_string("v=spf1 a mx -all").ok().map(|text| RData::TXT(text.into_owned()))
        }
        TYPE::PTR => pointer(name, world).map(|name| RData::PTR(PTR(name))),
        TYPE::SRV => {
            // _service._protocol.domain
            let target = name.splitn(3, '.').nth(2).unwrap_or(name);
            let target = Name::new(&format!("srv.{target}")).map(Name::into_owned).ok();
            target.map(|target| RData::SRV(SRV { priority: 0, weight: 5, port: 443, target }))
        }
        TYPE::SOA => below("ns1").zip(below("hostmaster")).map(|(mname, rname)| {
            RData::SOA(SOA {
                mname,
                rname,
                serial: 1,
                refresh: 7200,
                retry: 900,
                expire: 1_209_600,
                minimum: 300,
            })
        }),
        // There is no version 6 of IP here, and an empty answer makes programs use version 4.
        _ => None,
    };
    (format!("{kind:?}"), data.into_iter().collect())
}

fn address(name: &str, world: &mut World) -> RData<'static> {
    let address = match name.trim_end_matches('.') {
        "localhost" => LOOPBACK,
        name => world.names.address(name),
    };
    RData::A(A { address: address.into() })
}

/// The name of an address, as `7.0.18.198.in-addr.arpa` asks for it.
fn pointer(name: &str, world: &World) -> Option<Name<'static>> {
    let parts = name.trim_end_matches('.').to_ascii_lowercase();
    let mut parts: Vec<u8> = parts
        .strip_suffix(".in-addr.arpa")?
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    parts.reverse();
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(parts).ok()?);
    let name = match world.names.name(address) {
        Some(name) => name.to_owned(),
        None => format!("host-{}.example.net", address.to_string().replace('.', "-")),
    };
    Name::new(&name).map(Name::into_owned).ok()
}

fn shown(data: &RData<'_>) -> Option<String> {
    match data {
        RData::A(a) => Some(Ipv4Addr::from(a.address).to_string()),
        RData::MX(mx) => Some(mx.exchange.to_string()),
        RData::NS(name) => Some(name.0.to_string()),
        RData::PTR(name) => Some(name.0.to_string()),
        RData::SRV(srv) => Some(srv.target.to_string()),
        RData::TXT(text) => String::try_from(text.clone()).ok(),
        RData::SOA(soa) => Some(soa.mname.to_string()),
        _ => None,
    }
}

/// The same over TCP: each message follows its length, two bytes (RFC 1035, section 4.2.2).
pub struct OverTcp;

impl Service for OverTcp {
    fn take(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next {
        let Some((header, rest)) = input.split_first_chunk::<2>() else { return Next::Wait };
        let length = usize::from(u16::from_be_bytes(*header));
        let Some(message) = rest.get(..length) else { return Next::Wait };
        let Some(reply) = answer(message, &talk.peer.flow, talk.world, usize::from(u16::MAX)) else {
            return Next::Close;
        };
        talk.out.extend(u16::try_from(reply.len()).unwrap_or(0).to_be_bytes());
        talk.out.extend(reply);
        input.drain(..2 + length);
        Next::Again
    }
}
