//! The capture of a machine, without what passed between its agent and this host: consumers take all that is in it for the sample's
//! (the sandbox reference, section 11.1).

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use crate::processing::network::pcap::Reader;

/// Ends of connections that are ours: the agent in the guest, and the result server.
pub(super) struct Own {
    pub agent: SocketAddr,
    pub results: SocketAddr,
}

impl Own {
    /// Writes `to` from what is in `from`.
    pub fn leave_out(&self, from: File, to: &Path) -> io::Result<()> {
        let mut packets = Reader::open(BufReader::with_capacity(256 << 10, from))?;
        let mut kept = BufWriter::with_capacity(256 << 10, File::create(to)?);
        kept.write_all(&packets.header)?;
        while let Some(packet) = packets.next()? {
            if !self.has(&packet.bytes) {
                kept.write_all(&packet.header)?;
                kept.write_all(&packet.bytes)?;
            }
        }
        kept.flush()
    }

    /// Whether a frame is one of these connections, in either direction. Both addresses count: a sample that listens on the agent's
    /// port, or calls another host's port 2042, is told.
    fn has(&self, frame: &[u8]) -> bool {
        let Ok(sliced) = SlicedPacket::from_ethernet(frame) else { return false };
        let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (&sliced.net, &sliced.transport)
        else {
            return false;
        };
        let (src, dst): (IpAddr, IpAddr) =
            (ip.header().source_addr().into(), ip.header().destination_addr().into());
        let ends = [
            (SocketAddr::new(src, tcp.source_port()), dst),
            (SocketAddr::new(dst, tcp.destination_port()), src),
        ];
        ends.into_iter().any(|(end, other)| {
            end == self.agent && other == self.results.ip() || end == self.results && other == self.agent.ip()
        })
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    fn frame(src: &str, dst: &str) -> Vec<u8> {
        let ends: [std::net::SocketAddrV4; 2] = [src, dst].map(|end| end.parse().unwrap());
        let packet =
            PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(ends[0].ip().octets(), ends[1].ip().octets(), 64);
        let mut frame = Vec::new();
        packet.tcp(ends[0].port(), ends[1].port(), 1, 100).write(&mut frame, b"x").unwrap();
        frame
    }

    #[test]
    fn only_what_is_between_the_agent_and_this_host_is_left_out() {
        let own = Own { agent: "10.0.2.15:8000".parse().unwrap(), results: "10.0.2.2:2042".parse().unwrap() };
        for (src, dst, expected) in [
            ("10.0.2.2:61001", "10.0.2.15:8000", true),
            ("10.0.2.15:8000", "10.0.2.2:61001", true),
            ("10.0.2.15:40000", "10.0.2.2:2042", true),
            ("10.0.2.2:2042", "10.0.2.15:40000", true),
            ("10.0.2.15:40000", "203.0.113.9:2042", false),
            ("203.0.113.9:5", "10.0.2.15:8000", false),
            ("10.0.2.15:40000", "10.0.2.2:80", false),
        ] {
            assert_eq!(own.has(&frame(src, dst)), expected, "{src} {dst}");
        }
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let mut bytes =
            vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
        let head = bytes.clone();
        let (mine, other) =
            (frame("10.0.2.15:8000", "10.0.2.2:61001"), frame("10.0.2.15:1", "198.18.0.9:80"));
        let record = |frame: &[u8]| {
            let length = (frame.len() as u32).to_le_bytes();
            [&[1, 0, 0, 0, 2, 0, 0, 0][..], &length, &length, frame].concat()
        };
        for frame in [&mine, &other, &mine] {
            bytes.extend(record(frame));
        }
        std::fs::write(&from, bytes).unwrap();
        own.leave_out(File::open(&from).unwrap(), &to).unwrap();
        assert_eq!(std::fs::read(to).unwrap(), [head, record(&other)].concat());
    }
}
