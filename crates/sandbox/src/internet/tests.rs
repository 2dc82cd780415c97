//! The whole stack, driven by a guest that is a TCP stack itself, or by frames that no honest guest sends.

use std::io::{Read as _, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use parking_lot::Mutex;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use super::datagram::MAC;
use super::device::Card;
use super::event::{Entry, Event};
use super::services::banner;
use super::*;

mod pipes;

const CARD: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
const SITE: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A guest and its internet, with a clock of their own.
struct Lab {
    stack: Stack,
    log: Shared,
    start: Instant,
    now: Instant,
    guest: Interface,
    card: Card,
    sockets: SocketSet<'static>,
    port: u16,
}

impl Lab {
    fn new(settings: Settings) -> Self {
        let (log, start) = (Shared::default(), Instant::now());
        let world = World::new(settings, Box::new(log.clone())).unwrap();
        let mut card = Card::default();
        let config = Config::new(HardwareAddress::Ethernet(EthernetAddress(CARD)));
        let mut guest = Interface::new(config, &mut card, Moment::ZERO);
        guest.update_ip_addrs(|all| all.push(IpCidr::new(GUEST.into(), 24)).unwrap());
        guest.routes_mut().add_default_ipv4_route(GATEWAY).unwrap();
        let stack = Stack::new(world, 7, start);
        Self { stack, log, start, now: start, guest, card, sockets: SocketSet::new(Vec::new()), port: 40_000 }
    }

    fn fake() -> Self {
        Self::new(Settings::new(Route::Fake))
    }

    /// A while in small steps; frames travel both ways.
    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(5);
            let moment = Moment::from_micros((self.now - self.start).as_micros() as i64);
            self.guest.poll(moment, &mut self.card, &mut self.sockets);
            while let Some(frame) = self.card.take() {
                self.stack.receive(&frame, self.now);
            }
            self.stack.poll(self.now);
            while let Some(frame) = self.stack.take_frame() {
                self.card.incoming = Some(frame);
                self.guest.poll_ingress_single(moment, &mut self.card, &mut self.sockets);
            }
        }
    }

    fn open(&mut self, site: Ipv4Addr, port: u16) -> SocketHandle {
        let buffer = || SocketBuffer::new(vec![0; 64 << 10]);
        let mut socket = Socket::new(buffer(), buffer());
        self.port += 1;
        socket.connect(self.guest.context(), (site, port), self.port).unwrap();
        self.sockets.add(socket)
    }

    fn socket(&mut self, socket: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut(socket)
    }

    fn read(&mut self, socket: SocketHandle) -> Vec<u8> {
        let mut all = Vec::new();
        let socket = self.socket(socket);
        while socket.can_recv() {
            socket.recv(|bytes| (bytes.len(), all.extend_from_slice(bytes))).unwrap();
        }
        all
    }

    /// What a site says to this within a while.
    fn ask(&mut self, site: Ipv4Addr, port: u16, text: &[u8]) -> Vec<u8> {
        let socket = self.open(site, port);
        self.run(Duration::from_millis(60));
        self.socket(socket).send_slice(text).unwrap();
        self.run(Duration::from_millis(200));
        let said = self.read(socket);
        self.socket(socket).close();
        self.run(Duration::from_millis(200));
        said
    }

    fn events(&self) -> Vec<Event> {
        let text = String::from_utf8(self.log.0.lock().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str::<Entry>(line).unwrap().event).collect()
    }

    fn ends(mut self) -> Vec<Event> {
        self.stack.end();
        self.events()
    }

    /// Frames in answer to one frame.
    fn frame(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        self.stack.receive(frame, self.now);
        self.stack.poll(self.now);
        std::iter::from_fn(|| self.stack.take_frame()).collect()
    }
}

fn udp(to: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<u8> {
    let packet = PacketBuilder::ethernet2(CARD, MAC).ipv4(GUEST.octets(), to.octets(), 64).udp(5000, port);
    let mut frame = Vec::new();
    packet.write(&mut frame, payload).unwrap();
    frame
}

fn syn(to: Ipv4Addr, from_port: u16, port: u16) -> Vec<u8> {
    let packet = PacketBuilder::ethernet2(CARD, MAC).ipv4(GUEST.octets(), to.octets(), 64);
    let mut frame = Vec::new();
    packet.tcp(from_port, port, 1, 1000).syn().write(&mut frame, &[]).unwrap();
    frame
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn any_address_and_port_is_a_web_server() {
    let mut lab = Lab::fake();
    let two = b"GET /a.json HTTP/1.1\r\nHost: x.example\r\n\r\nHEAD /b HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n\r\n";
    let said = text(&lab.ask(SITE, 8081, two));
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
    assert!(said.contains("{\"status\":\"ok\"}") && said.ends_with("Connection: close\r\n\r\n"), "{said}");
    let body =
        [&b"POST /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"[..], b"4\r\nloot\r\n0\r\n\r\n"].concat();
    lab.ask(SITE, 80, &body);
    let events = lab.ends();
    let http: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Http(http) = event { Some(http) } else { None })
        .collect();
    assert_eq!(http.len(), 3);
    assert_eq!((&http[0].host[..], &http[2].host[..]), ("x.example", "203.0.113.9"));
    assert_eq!((&http[2].request_body.data.0[..], http[2].flow.dport), (&b"loot"[..], 80));
}

#[test]
fn encrypted_requests_are_read_with_the_guests_trust() {
    let dir = tempfile::tempdir().unwrap();
    crate::guest::build::authority::make(dir.path(), "test").unwrap();
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let mut settings = Settings::new(Route::Fake);
    settings.authority = Some(Authority { certificate: read("ca.pem"), key: read("ca.key") });
    let mut lab = Lab::new(settings);
    let config = serve::tls::web_client_config(&read("ca.pem")).unwrap();
    for name in ["c2.example", "203.0.113.9"] {
        let server = rustls::pki_types::ServerName::try_from(name).unwrap();
        let mut tls = rustls::ClientConnection::new(Arc::new(config.clone()), server).unwrap();
        tls.writer().write_all(b"GET /secret.txt HTTP/1.0\r\n\r\n").unwrap();
        let socket = lab.open(SITE, 9443);
        lab.run(Duration::from_millis(60));
        let mut page = String::new();
        for round in 0..20 {
            // An emulated guest thinks about the handshake for longer than most clients are silent.
            if round == 1 {
                lab.run(Duration::from_secs(3));
            }
            let mut wire = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut wire).unwrap();
            }
            let _ = lab.socket(socket).send_slice(&wire);
            lab.run(Duration::from_millis(50));
            let got = lab.read(socket);
            let mut got = &got[..];
            while !got.is_empty() {
                tls.read_tls(&mut got).unwrap();
                tls.process_new_packets().unwrap();
            }
            let _ = tls.reader().read_to_string(&mut page);
        }
        assert!(page.ends_with("\r\n\r\nOK\n"), "{name}: {page}");
    }
    let events = lab.ends();
    let http = events.iter().filter(|event| matches!(event, Event::Http(http) if http.is_secure));
    assert_eq!(http.count(), 2);
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Tls(tls) if tls.sni.as_deref() == Some("c2.example")
        && tls.error.is_none() && tls.server_random.as_ref().is_some_and(|random| random.len() == 64)))
    );
}

#[test]
fn handshakes_that_fail_or_break_off_are_told() {
    // Without an authority every handshake fails, and what was asked for is known all the same.
    let mut lab = Lab::fake();
    let hello: Vec<u8> = {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(
            rustls::crypto::aws_lc_rs::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
        let name = rustls::pki_types::ServerName::try_from("late.example").unwrap();
        let mut tls = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut wire = Vec::new();
        tls.write_tls(&mut wire).unwrap();
        wire
    };
    lab.ask(SITE, 443, &hello);
    lab.ask(SITE, 443, &hello[..40]);
    lab.ask(SITE, 443, b"\x16\x03\x01\x00\x05\x02\x00\x00\x00\x00");
    let events = lab.ends();
    let tls: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Tls(tls) = event { Some(tls) } else { None })
        .collect();
    let errors: Vec<&str> = tls.iter().map(|tls| tls.error.as_deref().unwrap()).collect();
    assert_eq!(
        errors,
        [
            "the guest trusts no authority of ours",
            "the client's first message broke off",
            "the client's first message cannot be read"
        ]
    );
    assert_eq!((tls[0].sni.as_deref(), &tls[0].offered[..]), (Some("late.example"), "TLS 1.3"));
}

#[test]
fn servers_that_speak_first_do() {
    let mut lab = Lab::fake();
    let mail = b"EHLO pc\r\nAUTH PLAIN AHUAcA==\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n";
    assert!(text(&lab.ask(SITE, 25, mail)).ends_with("221 2.0.0 Bye\r\n"));
    assert!(text(&lab.ask(SITE, 21, b"USER me\r\nPASS secret\r\n")).contains("230 Login"));
    assert!(text(&lab.ask(SITE, 22, b"")).starts_with("SSH-2.0-"));
    // Nothing on this port speaks first, until the guest has waited.
    let socket = lab.open(SITE, 4000);
    lab.run(Duration::from_millis(1500));
    assert_eq!(lab.read(socket), b"");
    lab.run(Duration::from_millis(1000));
    assert_eq!(lab.read(socket), banner::GENERIC.as_bytes());
    // Here it is for the client to begin, and slow ones take their time.
    let socket = lab.open(SITE, 443);
    lab.run(Duration::from_secs(20));
    assert_eq!(lab.read(socket), b"");
    // A slow client is understood after that as well.
    lab.socket(socket).send_slice(b"GET /slow.txt HTTP/1.0\r\n\r\n").unwrap();
    lab.run(Duration::from_millis(200));
    assert!(text(&lab.read(socket)).ends_with("\r\n\r\nOK\n"));
    let events = lab.ends();
    let mails: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Smtp(mail) = event { Some(mail) } else { None })
        .collect();
    assert_eq!(mails.len(), 1, "a farewell is no mail");
    let mail = mails[0];
    assert_eq!((&mail.username[..], &mail.password[..], &mail.mail_from[..]), ("u", "p", "a@b"));
    assert_eq!(text(&mail.message.data.0), "Subject: x\r\n\r\n.dot\r\n");
    assert!(events.iter().any(|event| matches!(event, Event::Ftp { command, argument, .. } if command == "PASS" && argument == "secret")));
}

#[test]
fn names_have_addresses_and_addresses_names() {
    let mut lab = Lab::fake();
    let mut asked = simple_dns::Packet::new_query(7);
    let question = |name: &'static str, kind| {
        simple_dns::Question::new(
            simple_dns::Name::new_unchecked(name),
            simple_dns::QTYPE::TYPE(kind),
            simple_dns::CLASS::IN.into(),
            false,
        )
    };
    asked.questions.push(question("c2.example", simple_dns::TYPE::A));
    let frames = lab.frame(&udp(GATEWAY, 53, &asked.build_bytes_vec().unwrap()));
    let sliced = etherparse::SlicedPacket::from_ethernet(&frames[0]).unwrap();
    let Some(etherparse::TransportSlice::Udp(answer)) = sliced.transport else { panic!() };
    let reply = simple_dns::Packet::parse(answer.payload()).unwrap();
    let simple_dns::rdata::RData::A(a) = &reply.answers[0].rdata else { panic!() };
    let site = Ipv4Addr::from(a.address);
    asked.questions[0] = question("c2.example", simple_dns::TYPE::AAAA);
    assert_eq!(lab.frame(&udp(GATEWAY, 53, &asked.build_bytes_vec().unwrap())).len(), 1);
    lab.ask(site, 80, b"GET / HTTP/1.0\r\n\r\n");
    let events = lab.ends();
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Connected { name: Some(name), .. } if name == "c2.example"))
    );
    assert!(events.iter().any(|event| matches!(event, Event::Http(http) if http.host == "c2.example")));
    assert!(events.iter().any(
        |event| matches!(event, Event::Dns { kind, answers, .. } if kind == "AAAA" && answers.is_empty())
    ));
}

#[test]
fn a_flood_of_beginnings_is_bounded_and_the_next_connection_works() {
    let mut lab = Lab::fake();
    for number in 0..5000_u16 {
        lab.frame(&syn(Ipv4Addr::new(198, 51, 100, (number % 250) as u8 + 1), 1000 + number, 80));
    }
    let counts = lab.stack.counts();
    assert_eq!(counts.connections, stack::MAX_CONNECTIONS as u64);
    assert!(counts.evicted >= 4000, "{counts:?}");
    assert!(text(&lab.ask(SITE, 80, b"GET / HTTP/1.0\r\n\r\n")).contains("200 OK"));
    // Those that were never opened are given up.
    lab.run(Duration::from_secs(45));
    assert!(lab.stack.sleep(lab.now) > Duration::from_millis(10), "nothing is left to do");
}

#[test]
fn connections_that_are_open_are_not_given_up_for_a_flood() {
    let mut lab = Lab::fake();
    let socket = lab.open(SITE, 80);
    lab.run(Duration::from_millis(60));
    for number in 0..600_u16 {
        lab.frame(&syn(SITE, 1000 + number, 81));
    }
    lab.socket(socket).send_slice(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    lab.run(Duration::from_millis(200));
    assert!(text(&lab.read(socket)).contains("200 OK"));
}

#[test]
fn frames_that_lie_are_ignored() {
    let mut lab = Lab::fake();
    let good = syn(SITE, 1, 80);
    let mut frames: Vec<Vec<u8>> = (0..good.len()).map(|length| good[..length].to_vec()).collect();
    frames.extend((0..good.len()).map(|at| {
        let mut frame = good.clone();
        frame[at] ^= 0xff;
        frame
    }));
    frames.extend([
        vec![0xff; 65_000],
        udp(Ipv4Addr::BROADCAST, 9, b"x"),
        udp(GATEWAY, 53, b"\xff\xff"),
        udp(GATEWAY, 67, &[1; 300]),
    ]);
    frames.push(udp(
        GATEWAY,
        53,
        &[&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &[0xc0, 12, 0, 1, 0, 1]].concat(),
    ));
    // A land attack: from the guest to itself, and from us to us.
    let builder = PacketBuilder::ethernet2(CARD, MAC)
        .ipv4(GATEWAY.octets(), GATEWAY.octets(), 64)
        .tcp(80, 80, 1, 9)
        .syn();
    let mut land = Vec::new();
    builder.write(&mut land, &[]).unwrap();
    frames.push(land);
    for frame in &frames {
        lab.frame(frame);
    }
    lab.run(Duration::from_secs(1));
    assert!(text(&lab.ask(SITE, 80, b"GET / HTTP/1.0\r\n\r\n")).contains("200 OK"));
    assert!(lab.stack.counts().ignored > 20);
}

#[test]
fn endless_heads_and_slow_bodies_end() {
    let mut lab = Lab::fake();
    let socket = lab.open(SITE, 80);
    lab.run(Duration::from_millis(60));
    lab.socket(socket).send_slice(b"GET / HTTP/1.1\r\n").unwrap();
    for _ in 0..400 {
        let _ = lab
            .socket(socket)
            .send_slice(&[b"X: "[..].to_vec(), vec![b'y'; 1000], b"\r\n".to_vec()].concat());
        lab.run(Duration::from_millis(10));
    }
    assert!(text(&lab.read(socket)).starts_with("HTTP/1.1 400"));
    let slow = lab.open(SITE, 80);
    lab.run(Duration::from_millis(60));
    lab.socket(slow)
        .send_slice(b"POST /x HTTP/1.1\r\nContent-Length: 18446744073709551615\r\n\r\nbegin")
        .unwrap();
    lab.run(Duration::from_secs(130));
    assert!(!lab.socket(slow).is_active());
    let events = lab.ends();
    let told = events.iter().find_map(|event| match event {
        Event::Http(http) if http.target == "/x" => Some(http),
        _ => None,
    });
    assert_eq!((told.unwrap().request_body.length, told.unwrap().status), (5, 0));
}

#[test]
fn the_log_is_bounded_and_says_so() {
    let mut settings = Settings::new(Route::Fake);
    settings.log_bytes = 20_000;
    let mut lab = Lab::new(settings);
    for _ in 0..100 {
        lab.frame(&udp(SITE, 9, &[1; 1000]));
    }
    let log = lab.log.clone();
    let events = lab.ends();
    assert!(log.0.lock().len() <= 20_000);
    assert!(matches!(events[events.len() - 2..], [Event::Cut, Event::Ended { .. }]));
}

#[test]
fn a_route_that_drops_answers_only_neighbours() {
    let mut lab = Lab::new(Settings::new(Route::Drop));
    assert_eq!(lab.ask_nothing(), (false, true));
    assert!(lab.frame(&udp(GATEWAY, 53, b"x")).is_empty());
}

impl Lab {
    /// Whether a connection opens, and whether the gateway's address was learnt.
    fn ask_nothing(&mut self) -> (bool, bool) {
        let socket = self.open(SITE, 80);
        self.run(Duration::from_secs(3));
        let is_open = self.socket(socket).may_send();
        // Frames of TCP are only sent to a neighbour that is known.
        (is_open, self.stack.counts().frames > 1)
    }
}

#[test]
fn routes_are_what_tasks_ask_for_or_nothing() {
    assert_eq!(Route::asked(None), Ok(Route::Fake));
    for name in crate::api::options::ROUTES {
        assert!(Route::asked(Some(name)).is_ok(), "{name}");
    }
    assert_eq!(Route::asked(Some("internet")).unwrap_err(), "the network \"internet\" is not there");
}
