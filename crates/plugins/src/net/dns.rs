//! Asking a name server: one question, by UDP, and by TCP when the answer did not fit.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::dial::Dialler;

/// How long one try may take, and how many there are.
const PATIENCE: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Text(String),
    Mx { host: String, preference: u16 },
}

/// Which server to ask.
#[derive(Clone, Debug)]
pub enum Server {
    /// Those of this machine, as its configuration names them.
    System,
    /// One that the query names; it must be an allowed destination.
    Named(String, u16),
}

/// The name under which an address has its names.
pub fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let digits = v6.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            digits.map(|digit| format!("{digit:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

/// The records of that type; empty when the name has none.
pub async fn ask(dialler: &Dialler, server: &Server, name: &str, kind: TYPE) -> io::Result<Vec<Record>> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    let query = question(u16::from_be_bytes(id), name, kind)?;
    let mut failure = io::ErrorKind::NotFound.into();
    for (host, port) in servers(server).await? {
        for _ in 0..TRIES {
            match exchange(dialler, server, &host, port, &query).await {
                Ok(answer) => return read(&answer, &query, kind),
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Err(e),
                Err(e) => failure = e,
            }
        }
    }
    Err(failure)
}

fn question(id: u16, name: &str, kind: TYPE) -> io::Result<Vec<u8>> {
    let bad = |_| io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no host name"));
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name.trim_end_matches('.')).map_err(bad)?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(io::Error::other)
}

async fn servers(server: &Server) -> io::Result<Vec<(String, u16)>> {
    let Server::Named(host, port) = server else {
        let text = tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
        let named: Vec<(String, u16)> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("nameserver"))
            .filter_map(|rest| rest.trim().parse::<IpAddr>().ok())
            .map(|address| (address.to_string(), 53))
            .collect();
        return Ok(if named.is_empty() { vec![("127.0.0.1".into(), 53)] } else { named });
    };
    Ok(vec![(host.clone(), *port)])
}

async fn exchange(
    dialler: &Dialler,
    server: &Server,
    host: &str,
    port: u16,
    query: &[u8],
) -> io::Result<Vec<u8>> {
    timeout(PATIENCE, async {
        // The machine's own servers may stand anywhere; that is how it is set up.
        let socket = match server {
            Server::Named(..) => dialler.udp(host, port).await?,
            Server::System => {
                let own = if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" };
                let socket = UdpSocket::bind(own).await?;
                socket.connect((host, port)).await?;
                socket
            }
        };
        socket.send(query).await?;
        let mut answer = vec![0; 64 << 10];
        loop {
            let count = socket.recv(&mut answer).await?;
            // What answers another question is not ours.
            if count >= 4 && answer[..2] == query[..2] {
                answer.truncate(count);
                break;
            }
        }
        let is_cut = answer[2] & 0x02 != 0;
        if !is_cut {
            return Ok(answer);
        }
        let mut stream = match server {
            Server::Named(..) => dialler.tcp(host, port).await?,
            Server::System => TcpStream::connect((host, port)).await?,
        };
        stream.write_u16(query.len() as u16).await?;
        stream.write_all(query).await?;
        let mut answer = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    })
    .await?
}

fn read(answer: &[u8], query: &[u8], kind: TYPE) -> io::Result<Vec<Record>> {
    let bad = |_| io::Error::new(io::ErrorKind::InvalidData, "the server's answer is unreadable");
    if answer.get(..2) != query.get(..2) {
        return Err(bad(()));
    }
    let packet = Packet::parse(answer).map_err(|_| bad(()))?;
    match packet.rcode() {
        RCODE::NoError | RCODE::NameError => {}
        other => return Err(io::Error::other(format!("the server answered {other:?}"))),
    }
    let fits = |record: &&simple_dns::ResourceRecord<'_>| record.rdata.type_code() == kind;
    Ok(packet.answers.iter().filter(fits).filter_map(|record| shown(&record.rdata)).collect())
}

fn shown(data: &RData<'_>) -> Option<Record> {
    let host = |name: &Name<'_>| Record::Text(format!("{name}."));
    Some(match data {
        RData::A(a) => Record::Text(std::net::Ipv4Addr::from(a.address).to_string()),
        RData::AAAA(a) => Record::Text(std::net::Ipv6Addr::from(a.address).to_string()),
        RData::CNAME(name) => host(&name.0),
        RData::NS(name) => host(&name.0),
        RData::PTR(name) => host(&name.0),
        RData::MX(mx) => Record::Mx { host: format!("{}.", mx.exchange), preference: mx.preference },
        RData::TXT(text) => Record::Text(String::try_from(text.clone()).ok()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_names() {
        assert_eq!(reverse("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
        let wanted = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
        assert_eq!(reverse("2001:db8::1".parse().unwrap()), wanted);
    }

    #[test]
    fn unreadable_answers_are_errors() {
        let query = question(7, "a.test", TYPE::A).unwrap();
        for answer in [&[][..], &[0, 7], &query[..12], &[0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(read(answer, &query, TYPE::A).is_err() || answer == &query[..12]);
        }
        let mut looped = query.clone();
        looped[7] = 1;
        looped.extend([0xc0, 0x18, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
        assert!(read(&looped, &query, TYPE::A).is_err());
        assert!(question(1, &"x".repeat(300), TYPE::A).is_err());
    }
}
