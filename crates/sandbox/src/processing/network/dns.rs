//! Names that were asked for, and the answers that the guest got.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value as Json, json};
use simple_dns::rdata::RData;
use simple_dns::{Packet, PacketFlag, QTYPE};

use super::Flow;

const PORT: u16 = 53;
const MAX_QUESTIONS: usize = 10_000;
const MAX_ANSWERS: usize = 64;

/// All questions, each once.
#[derive(Default)]
pub struct Names {
    order: Vec<(String, String)>,
    answers: BTreeMap<(String, String), BTreeSet<(String, String)>>,
    servers: BTreeSet<IpAddr>,
}

impl Names {
    pub fn add(&mut self, flow: &Flow, payload: &[u8]) {
        if flow.dport != PORT && flow.sport != PORT {
            return;
        }
        let Ok(packet) = Packet::parse(payload) else { return };
        let Some(question) = packet.questions.first() else { return };
        let kind = match question.qtype {
            QTYPE::TYPE(kind) => format!("{kind:?}"),
            other => format!("{other:?}"),
        };
        let key = (question.qname.to_string(), kind);
        if !self.answers.contains_key(&key) {
            if self.order.len() == MAX_QUESTIONS {
                return;
            }
            self.order.push(key.clone());
        }
        let answers = self.answers.entry(key).or_default();
        if packet.has_flags(PacketFlag::RESPONSE) {
            let shown = packet.answers.iter().filter_map(|answer| data(&answer.rdata));
            answers.extend(shown.take(MAX_ANSWERS));
        } else {
            self.servers.insert(flow.dst);
        }
    }

    /// A question that no datagram showed, as over TCP or inside of TLS.
    pub fn tell(&mut self, server: IpAddr, name: &str, kind: &str, answers: &[String]) {
        let key = (name.to_owned(), kind.to_owned());
        if self.answers.contains_key(&key) || self.order.len() == MAX_QUESTIONS {
            return;
        }
        let kind_of = |data: &str| if data.parse::<Ipv4Addr>().is_ok() { "A" } else { kind }.to_owned();
        let answers = answers.iter().take(MAX_ANSWERS).map(|data| (kind_of(data), data.clone()));
        self.answers.insert(key.clone(), answers.collect());
        self.order.push(key);
        self.servers.insert(server);
    }

    pub fn questions(&self) -> Json {
        let shown = |key: &(String, String)| {
            let answers = self.answers.get(key).into_iter().flatten();
            let answers: Vec<Json> =
                answers.map(|(kind, data)| json!({"type": kind, "data": data})).collect();
            json!({"request": key.0, "type": key.1, "answers": answers})
        };
        self.order.iter().map(shown).collect::<Vec<_>>().into()
    }

    /// Each name with the first address that the capture itself shows.
    pub fn domains(&self) -> Json {
        let mut seen = BTreeSet::new();
        let mut domains = Vec::new();
        for (name, _) in &self.order {
            if seen.insert(name) {
                let of_name = self.answers.iter().filter(|((other, _), _)| other == name);
                let mut addresses = of_name.flat_map(|(_, answers)| answers).filter(|(kind, _)| kind == "A");
                let ip = addresses.next().map_or("", |(_, data)| data.as_str());
                domains.push(json!({"domain": name, "ip": ip}));
            }
        }
        domains.into()
    }

    pub fn servers(&self) -> Vec<IpAddr> {
        self.servers.iter().copied().collect()
    }
}

fn data(rdata: &RData<'_>) -> Option<(String, String)> {
    let (kind, data) = match rdata {
        RData::A(a) => ("A", Ipv4Addr::from(a.address).to_string()),
        RData::AAAA(aaaa) => ("AAAA", std::net::Ipv6Addr::from(aaaa.address).to_string()),
        RData::CNAME(name) => ("CNAME", name.0.to_string()),
        RData::MX(mx) => ("MX", mx.exchange.to_string()),
        RData::NS(name) => ("NS", name.0.to_string()),
        RData::PTR(name) => ("PTR", name.0.to_string()),
        RData::SOA(soa) => ("SOA", format!("{} {} {}", soa.mname, soa.rname, soa.serial)),
        RData::SRV(srv) => ("SRV", format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target)),
        RData::TXT(text) => ("TXT", String::try_from(text.clone()).unwrap_or_default()),
        _ => return None,
    };
    Some((kind.to_owned(), data))
}
