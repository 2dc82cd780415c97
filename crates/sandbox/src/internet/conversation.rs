//! One TCP connection: TLS where the guest begins it, and a service for what is inside.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use rustls::ServerConnection;

use super::event::{Event, Flow, Tls};
use super::hello::{self, Hello};
use super::recognise::{Found, by_bytes, by_port};
use super::services::{Next, Peer, Service, Talk, banner};
use super::world::World;
use crate::samples::hex;

/// Bytes of the guest that wait for a service; and of ours that wait for the guest.
const MAX_INPUT: usize = 128 << 10;
const MAX_OUTPUT: usize = 256 << 10;

/// A client that says nothing for so long waits for the server. Inside of TLS hardly any does, and emulated guests are slow.
const SILENCE: Duration = Duration::from_secs(2);
const SILENCE_INSIDE: Duration = Duration::from_secs(10);
/// Where it is for the client to begin. Emulated machines load a library of TLS for seconds.
const SILENCE_OF_CLIENTS: Duration = Duration::from_secs(30);

pub struct Conversation {
    peer: Peer,
    service: Option<Box<dyn Service>>,
    tls: Layer,
    /// What came and nobody took yet, in the clear.
    input: Vec<u8>,
    /// For the guest, as it goes over the wire.
    pub out: Vec<u8>,
    server_random: Option<String>,
    /// Since when a service could have been asked for.
    readable_since: Instant,
    /// The handshake ended since the last tick.
    is_fresh: bool,
    has_greeted: bool,
    is_closing: bool,
    is_over: bool,
}

/// What is around the service.
enum Layer {
    None,
    /// The client's first message is awaited.
    Hello,
    Handshake(Box<ServerConnection>, Box<Hello>),
    Open(Box<ServerConnection>),
}

impl Conversation {
    pub fn open(flow: Flow, world: &mut World, now: Instant) -> Self {
        let name = world.name_of(flow.dst);
        world.tell(Event::Connected { flow, name: name.clone() });
        let mut conversation = Self {
            peer: Peer { flow, name, is_secure: false },
            service: None,
            tls: Layer::None,
            input: Vec::new(),
            out: Vec::new(),
            server_random: None,
            readable_since: now,
            is_fresh: false,
            has_greeted: false,
            is_closing: false,
            is_over: false,
        };
        // Ports of TLS wait for the client; the service comes after the handshake.
        if !is_tls_port(flow.dport) {
            conversation.begin(by_port(flow.dport), world);
        }
        conversation
    }

    /// Whether more can be taken now.
    pub fn has_room(&self) -> bool {
        !self.is_closing && self.input.len() < MAX_INPUT && self.out.len() < MAX_OUTPUT
    }

    /// Whether nothing will follow what is in `out`.
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// When [`Conversation::tick`] has something to do.
    pub fn wakes(&self) -> Option<Instant> {
        let is_waiting = self.service.is_none() && self.is_readable() && !self.is_closing;
        // Said once; what the client says then is recognised all the same.
        let is_due = is_waiting && !(self.has_greeted && self.input.is_empty());
        let silence = match self.peer.is_secure {
            // A slow one is thinking: what it would hear is no answer to it.
            is_secure
                if self.input.is_empty() && banner::is_clients_turn(self.peer.flow.dport, is_secure) =>
            {
                SILENCE_OF_CLIENTS
            }
            true => SILENCE_INSIDE,
            false => SILENCE,
        };
        is_due.then(|| self.readable_since + silence)
    }

    /// Whether `input` is what a service would read.
    fn is_readable(&self) -> bool {
        matches!(self.tls, Layer::None | Layer::Open(_))
    }

    /// Bytes from the wire.
    pub fn receive(&mut self, bytes: &[u8], world: &mut World) {
        match &mut self.tls {
            Layer::None | Layer::Hello => self.input.extend_from_slice(bytes),
            Layer::Handshake(..) | Layer::Open(_) => self.decrypt(bytes, world),
        }
        self.advance(world);
    }

    /// Goes on after bytes were sent, or time went by.
    pub fn tick(&mut self, world: &mut World, now: Instant) {
        if std::mem::take(&mut self.is_fresh) {
            self.readable_since = now;
        }
        if self.wakes().is_some_and(|at| now >= at) {
            if self.input.is_empty() {
                self.has_greeted = true;
                self.say(banner::GENERIC.as_bytes());
            } else {
                // It could be many things and does not go on.
                self.begin(Some(Box::new(banner::Anything::default())), world);
            }
        }
        self.advance(world);
    }

    /// The guest closed its direction, or the connection is gone. What was begun is told.
    pub fn end(&mut self, world: &mut World) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.advance(world);
        match &self.tls {
            Layer::Hello => {
                self.tell_tls(&Hello::default(), None, Some("the client's first message broke off"), world)
            }
            Layer::Handshake(connection, hello) => {
                self.tell_tls(hello, Some(connection), Some("the handshake broke off"), world);
            }
            Layer::None | Layer::Open(_) => {}
        }
        if self.service.is_none() && !self.input.is_empty() && self.is_readable() {
            self.service = Some(Box::new(banner::Anything::default()));
            self.advance(world);
        }
        if let Some(mut service) = self.service.take() {
            let mut said = Vec::new();
            service.end(&self.input, &mut Talk { out: &mut said, world, peer: &self.peer });
        }
        self.input.clear();
        self.close();
    }

    fn close(&mut self) {
        if std::mem::replace(&mut self.is_closing, true) {
            return;
        }
        if let Layer::Open(connection) = &mut self.tls {
            connection.send_close_notify();
            let _ = connection.write_tls(&mut self.out);
        }
    }

    fn begin(&mut self, service: Option<Box<dyn Service>>, world: &mut World) {
        let Some(mut service) = service else { return };
        let mut said = Vec::new();
        service.open(&mut Talk { out: &mut said, world, peer: &self.peer });
        self.service = Some(service);
        self.say(&said);
    }

    /// Takes what can be taken, until there is nothing more to take or the guest has to read first.
    fn advance(&mut self, world: &mut World) {
        while !self.is_closing && self.out.len() < MAX_OUTPUT {
            if matches!(self.tls, Layer::Hello) {
                if !self.shake_hands(world) {
                    return;
                }
                continue;
            }
            let Some(service) = &mut self.service else {
                if !self.choose(world) {
                    return;
                }
                continue;
            };
            let mut said = Vec::new();
            let next = service.take(&mut self.input, &mut Talk { out: &mut said, world, peer: &self.peer });
            self.say(&said);
            match next {
                Next::Wait => return,
                Next::Again => {}
                Next::Close => self.close(),
                Next::StartTls => {
                    // What came in the clear behind the command is not taken for encrypted (RFC 3207, section 4.2).
                    self.input.clear();
                    self.tls = Layer::Hello;
                }
                Next::Anew => self.service = None,
            }
        }
    }

    /// Chooses a service by the first bytes; false while it is too early.
    fn choose(&mut self, world: &mut World) -> bool {
        if matches!(self.tls, Layer::Handshake(..)) {
            return false;
        }
        if matches!(self.tls, Layer::None) && !self.input.is_empty() && hello::begins(&self.input) {
            self.tls = Layer::Hello;
            return true;
        }
        match by_bytes(&self.input, self.peer.flow.dport) {
            Found::Unclear => false,
            Found::Service(service) => {
                // Those that speak first were chosen too late for that.
                self.begin(Some(service), world);
                true
            }
        }
    }

    /// Reads the client's first message; false while it is not whole.
    fn shake_hands(&mut self, world: &mut World) -> bool {
        let hello = match hello::read(&self.input) {
            hello::Read::Partial => return false,
            hello::Read::Bad => {
                self.tell_tls(
                    &Hello::default(),
                    None,
                    Some("the client's first message cannot be read"),
                    world,
                );
                self.tls = Layer::None;
                self.close();
                return true;
            }
            hello::Read::Whole(hello) => hello,
        };
        let name = hello.sni.clone().unwrap_or_else(|| self.peer.flow.dst.to_string());
        let now = world.guest_time().as_second();
        let config = world.certificates.config(&name, &hello.alpn, now);
        let connection =
            config.and_then(|config| ServerConnection::new(config).map_err(|error| error.to_string()));
        if hello.sni.is_some() {
            self.peer.name.clone_from(&hello.sni);
        }
        match connection {
            Ok(connection) => {
                self.tls = Layer::Handshake(Box::new(connection), Box::new(hello));
                let came = std::mem::take(&mut self.input);
                self.decrypt(&came, world);
            }
            Err(error) => {
                self.tell_tls(&hello, None, Some(&error), world);
                self.tls = Layer::None;
                self.close();
            }
        }
        true
    }

    /// Bytes of TLS: an open handshake goes on, and what is inside goes to `input`.
    fn decrypt(&mut self, mut bytes: &[u8], world: &mut World) {
        let (Layer::Handshake(connection, _) | Layer::Open(connection)) = &mut self.tls else { return };
        let mut failed = None;
        while !bytes.is_empty() && failed.is_none() {
            // It takes only so much at once.
            if connection.read_tls(&mut bytes).is_err() {
                break;
            }
            failed = connection.process_new_packets().err();
            let mut reader = connection.reader();
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut piece) {
                self.input.extend_from_slice(&piece[..length]);
            }
        }
        let before = self.out.len();
        while connection.wants_write() && connection.write_tls(&mut self.out).is_ok_and(|length| length > 0) {
        }
        if self.server_random.is_none() {
            self.server_random = hello::server_random(&self.out[before..]).map(hex);
        }
        let is_done = !connection.is_handshaking();
        match (std::mem::replace(&mut self.tls, Layer::None), failed) {
            (Layer::Handshake(connection, hello), Some(error)) => {
                self.tell_tls(&hello, Some(&connection), Some(&error.to_string()), world);
                self.close();
            }
            (Layer::Handshake(connection, hello), None) if is_done => {
                self.tell_tls(&hello, Some(&connection), None, world);
                self.tls = Layer::Open(connection);
                self.peer.is_secure = true;
                self.is_fresh = true;
                // After STARTTLS the service goes on.
                if self.service.is_none() && self.input.is_empty() {
                    self.begin(by_port(inner_port(self.peer.flow.dport)), world);
                }
            }
            (layer, failed) => {
                self.tls = layer;
                if failed.is_some() {
                    self.close();
                }
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match &mut self.tls {
            Layer::Open(connection) => {
                connection.set_buffer_limit(None);
                let _ = connection.writer().write_all(bytes);
                while connection.wants_write()
                    && connection.write_tls(&mut self.out).is_ok_and(|length| length > 0)
                {}
            }
            _ => self.out.extend_from_slice(bytes),
        }
    }

    fn tell_tls(
        &self,
        hello: &Hello,
        connection: Option<&ServerConnection>,
        error: Option<&str>,
        world: &mut World,
    ) {
        let version = connection.and_then(|connection| connection.protocol_version());
        let cipher = connection.and_then(|connection| connection.negotiated_cipher_suite());
        world.tell(Event::Tls(Tls {
            flow: self.peer.flow,
            sni: hello.sni.clone(),
            alpn: hello.alpn.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
            offered: hello.newest_name(),
            ja3: hello.ja3(),
            ja3_hash: hello.ja3_hash(),
            client_random: hex(&hello.random),
            server_random: self.server_random.clone(),
            session_id: hex(&hello.session_id),
            version: version.filter(|_| error.is_none()).map(version_name),
            cipher: cipher.filter(|_| error.is_none()).map(|suite| cipher_name(suite.suite())),
            error: error.map(str::to_owned),
        }));
    }
}

/// As [`Hello::newest_name`] has it.
fn version_name(version: rustls::ProtocolVersion) -> String {
    format!("{version:?}").replace("TLSv", "TLS ").replace('_', ".")
}

/// As it is registered.
fn cipher_name(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replace("TLS13_", "TLS_")
}

/// Ports on which TLS begins at once and the server would speak first inside.
fn is_tls_port(port: u16) -> bool {
    inner_port(port) != port
}

/// The port of the same protocol in the clear.
fn inner_port(port: u16) -> u16 {
    match port {
        465 => 25,
        990 => 21,
        993 => 143,
        995 => 110,
        port => port,
    }
}
