//! What the log of a network tells: one JSON object a line, in the order of what happened.

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The log, in the folder of an analysis.
pub const FILE: &str = "logs/network.jsonl";

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Seconds since 1970, by the host's clock.
    pub time: f64,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The network is there.
    Started {
        route: super::Route,
    },
    /// An address was given out.
    Dhcp {
        message: String,
        client: String,
        host_name: Option<String>,
    },
    Dns {
        flow: Flow,
        name: String,
        kind: String,
        answers: Vec<String>,
    },
    /// A datagram for no service. `data` is its beginning.
    Datagram {
        flow: Flow,
        length: usize,
        data: Blob,
    },
    Ping {
        src: Ipv4Addr,
        dst: Ipv4Addr,
        length: usize,
    },
    /// A TCP connection was opened, to an address that was given to this name.
    Connected {
        flow: Flow,
        name: Option<String>,
    },
    /// A connection was led through the proxy of the task, to a name or an address.
    Proxied {
        flow: Flow,
        host: String,
        port: u16,
    },
    /// A connection that the owner does not allow, and that nobody answered.
    Dropped {
        flow: Flow,
        name: Option<String>,
    },
    /// What was allowed could not be reached.
    Unreached {
        flow: Flow,
        why: String,
    },
    Closed {
        flow: Flow,
        received: u64,
        sent: u64,
    },
    Tls(Tls),
    Http(Box<Http>),
    Smtp(Box<Smtp>),
    Irc {
        flow: Flow,
        command: String,
        params: String,
    },
    Ftp {
        flow: Flow,
        command: String,
        argument: String,
    },
    /// What was said in no protocol that is known; its beginning.
    Said {
        flow: Flow,
        is_secure: bool,
        length: u64,
        data: Blob,
    },
    /// The network is gone: what it counted.
    Ended {
        counts: Counts,
    },
    /// The log is full: nothing follows.
    Cut,
}

/// A conversation, from the guest's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flow {
    pub src: Ipv4Addr,
    pub sport: u16,
    pub dst: Ipv4Addr,
    pub dport: u16,
}

/// A beginning of TLS, whether it came to an end or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    pub flow: Flow,
    pub sni: Option<String>,
    pub alpn: Vec<String>,
    /// The newest version that the guest offers, such as `TLS 1.3`.
    pub offered: String,
    /// As [salesforce/ja3](https://github.com/salesforce/ja3) defines it, and its MD5.
    pub ja3: String,
    pub ja3_hash: String,
    /// Hexadecimal.
    pub client_random: String,
    pub server_random: Option<String>,
    pub session_id: String,
    /// What was agreed on.
    pub version: Option<String>,
    pub cipher: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// A request and what was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Http {
    pub flow: Flow,
    pub is_secure: bool,
    pub method: String,
    /// The header, else the name that the address was given to, else the address.
    pub host: String,
    /// As in the request line.
    pub target: String,
    pub version: u8,
    pub user_agent: String,
    pub request: Blob,
    pub request_body: Body,
    pub status: u16,
    pub response: Blob,
    pub response_body: Blob,
}

/// The beginning of a body, and how long it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    pub data: Blob,
    pub length: u64,
}

/// One mail, or what was said in a session without one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Smtp {
    pub flow: Option<Flow>,
    pub is_secure: bool,
    pub banner: String,
    pub hostname: String,
    pub mail_from: String,
    pub mail_to: Vec<String>,
    pub auth_type: String,
    pub username: String,
    pub password: String,
    /// Headers and text as they came.
    pub message: Body,
    /// What the guest said up to here, without the message.
    pub raw: Blob,
}

/// What was not worth a line each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub frames: u64,
    /// Frames that are none, or of protocols that are not spoken here.
    pub ignored: u64,
    /// Connections that were refused because there were too many.
    pub refused: u64,
    /// Connections that were given up for newer ones.
    pub evicted: u64,
    /// The most connections at once.
    pub connections: u64,
}

/// Bytes, in Base64 (RFC 4648, section 4).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl Blob {
    /// The beginning of bytes.
    pub fn cut(bytes: &[u8], most: usize) -> Self {
        Self(bytes[..bytes.len().min(most)].to_vec())
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}
