//! Sockets, as `/proc/net` shows them.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use vql::call::{Flow, Stop};
use vql::schema::Schema;
use vql::scope::Scope;
use vql::value::{Row, Value};

use super::process;

/// Where sockets are listed, with their family and type as numbers.
const TABLES: [(&str, i64, i64); 4] = [("tcp", 2, 1), ("udp", 2, 2), ("tcp6", 10, 1), ("udp6", 10, 2)];

/// One socket.
#[derive(Debug, PartialEq, Eq)]
pub struct Socket {
    pub local: (IpAddr, u16),
    pub remote: (IpAddr, u16),
    pub status: &'static str,
    pub uid: u32,
    pub inode: u64,
}

/// A socket, with its place and who has it open.
pub struct Found {
    pub socket: Socket,
    /// 2: IPv4, 10: IPv6.
    pub family: i64,
    /// 1: TCP, 2: UDP.
    pub kind: i64,
    /// 0 when nobody is known to have it open.
    pub pid: i64,
    pub fd: i64,
}

/// The longest line of a table that is looked at.
const MAX_LINE: u64 = 4096;

/// Hands out every socket.
pub fn each(scope: &Scope<'_>, each: &mut dyn FnMut(Found) -> Flow) -> Flow {
    let owners = owners(scope)?;
    for (name, family, kind) in TABLES {
        let Ok(table) = File::open(format!("/proc/net/{name}")) else { continue };
        let mut table = BufReader::new(table);
        let mut line = Vec::new();
        loop {
            scope.tick()?;
            line.clear();
            if table.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).unwrap_or(0) == 0 {
                break;
            }
            let Some(socket) = parse(&String::from_utf8_lossy(&line), kind == 1) else { continue };
            let (pid, fd) = owners.get(&socket.inode).copied().unwrap_or((0, 0));
            each(Found { socket, family, kind, pid, fd })?;
        }
    }
    Ok(())
}

/// A line of such a table; `None` for the header.
fn parse(line: &str, is_tcp: bool) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let (local, remote) = (fields.nth(1)?, fields.next()?);
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let (uid, inode) = (fields.nth(3)?, fields.nth(1)?);
    Some(Socket {
        local: address(local)?,
        remote: address(remote)?,
        status: if is_tcp { status(state) } else { "" },
        uid: uid.parse().ok()?,
        inode: inode.parse().ok()?,
    })
}

/// `0100007F:1F90`: words of four bytes in the byte order of the machine, and a port.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |i: usize| Some(u32::from_str_radix(host.get(i * 8..i * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match host.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for i in 0..4 {
                bytes[i * 4..i * 4 + 4].copy_from_slice(&word(i)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some((ip, port))
}

fn status(state: u8) -> &'static str {
    const NAMES: [&str; 12] = [
        "",
        "ESTABLISHED",
        "SYN_SENT",
        "SYN_RECV",
        "FIN_WAIT1",
        "FIN_WAIT2",
        "TIME_WAIT",
        "CLOSE",
        "CLOSE_WAIT",
        "LAST_ACK",
        "LISTEN",
        "CLOSING",
    ];
    NAMES.get(usize::from(state)).copied().unwrap_or_default()
}

/// Which process has which socket open, as which file; by number of the socket.
fn owners(scope: &Scope<'_>) -> Result<HashMap<u64, (i64, i64)>, Stop> {
    let mut owners = HashMap::new();
    for pid in process::pids() {
        scope.tick()?;
        for (fd, target) in process::files(pid) {
            if let Some(inode) = process::socket(&target) {
                owners.entry(inode).or_insert((pid, fd));
            }
        }
    }
    Ok(owners)
}

static ADDRESS: LazyLock<Arc<Schema>> = LazyLock::new(|| {
    let mut schema = Schema::new().ignoring_case();
    for name in ["IP", "Port"] {
        let _ = schema.add(name.into());
    }
    schema.into()
});

/// An address as queries see it.
pub fn address_value((ip, port): (IpAddr, u16)) -> Value {
    let cells = vec![Value::from(ip.to_string()), Value::Int(i64::from(port))];
    Row { schema: ADDRESS.clone(), cells }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let line = " 0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1";
        let socket = parse(line, true).unwrap();
        assert_eq!(socket.status, "LISTEN");
        assert_eq!((socket.uid, socket.inode), (1000, 12345));
        if cfg!(target_endian = "little") {
            assert_eq!(socket.local, (IpAddr::from([127, 0, 0, 1]), 8080));
            let (ip, port) = address("00000000000000000000000001000000:0016").unwrap();
            assert_eq!((ip.to_string().as_str(), port), ("::1", 22));
        }
        assert_eq!(parse("  sl  local_address rem_address   st", true), None);
        assert_eq!(parse("", true), None);
        assert_eq!(address("0100007:1"), None);
        assert_eq!(address("é100007F:1"), None);
    }
}
