//! TCP for every address and port, on smoltcp.
//!
//! For each SYN there is a listening socket before smoltcp sees the frame; it accepts that connection and no other. What a guest
//! can make us hold is bounded: connections, buffers, and how long a connection may say nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as Moment;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpListenEndpoint};

use super::GATEWAY;
use super::conversation::Conversation;
use super::datagram::{self, Found, MAC};
use super::device::Card;
use super::event::{Counts, Event, Flow};
use super::world::World;

/// Connections at once, and the bytes that each holds for smoltcp in each direction.
pub const MAX_CONNECTIONS: usize = 256;
const BUFFER: usize = 16 << 10;

/// A connection that is not open after so long never will be.
const HALF_OPEN: Duration = Duration::from_secs(10);
/// A connection on which nothing was said for so long.
const IDLE: Duration = Duration::from_secs(120);
/// The same, when there is no room for another one.
const IDLE_WHEN_FULL: Duration = Duration::from_secs(15);
/// What is sent and never acknowledged.
const UNANSWERED: smoltcp::time::Duration = smoltcp::time::Duration::from_secs(30);
/// The longest sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const PIECE: usize = 4096;

pub struct Stack {
    interface: Interface,
    card: Card,
    sockets: SocketSet<'static>,
    connections: HashMap<Flow, Connection>,
    world: World,
    counts: Counts,
    start: Instant,
}

struct Connection {
    socket: SocketHandle,
    /// Once it is open.
    conversation: Option<Conversation>,
    /// When something was last sent or received.
    active: Instant,
    received: u64,
    sent: u64,
}

impl Stack {
    pub fn new(world: World, seed: u64, now: Instant) -> Self {
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(MAC)));
        config.random_seed = seed;
        let mut card = Card::default();
        let mut interface = Interface::new(config, &mut card, Moment::ZERO);
        interface.update_ip_addrs(|all| {
            let _ = all.push(IpCidr::new(IpAddress::Ipv4(GATEWAY), 24));
        });
        // Every address is ours, if the way to it leads to us.
        interface.set_any_ip(true);
        let _ = interface.routes_mut().add_default_ipv4_route(GATEWAY);
        let sockets = SocketSet::new(Vec::new());
        Self {
            interface,
            card,
            sockets,
            connections: HashMap::new(),
            world,
            counts: Counts::default(),
            start: now,
        }
    }

    /// A frame from the guest.
    pub fn receive(&mut self, frame: &[u8], now: Instant) {
        self.counts.frames += 1;
        match datagram::take(frame, &mut self.world) {
            Found::Answered(answer) => {
                if let Some(answer) = answer {
                    self.card.send(answer);
                }
            }
            Found::Ignored => self.counts.ignored += 1,
            Found::Arp => self.hand_over(frame, now),
            Found::Tcp { flow, begins } => {
                let is_new = begins && self.listen(flow, now);
                self.hand_over(frame, now);
                if is_new {
                    self.forget_unless_taken(&flow);
                }
            }
        }
    }

    /// Goes on with all connections: what came, what is to be sent, and what is over.
    pub fn poll(&mut self, now: Instant) {
        loop {
            self.converse(now);
            let moment = self.moment(now);
            let result = self.interface.poll_egress(moment, &mut self.card, &mut self.sockets);
            if result == PollResult::None || self.card.is_full() {
                break;
            }
        }
        self.interface.poll_maintenance(self.moment(now));
        self.bury();
    }

    /// The next frame for the guest.
    pub fn next(&mut self) -> Option<Vec<u8>> {
        self.card.take()
    }

    /// How long nothing happens unless a frame comes.
    pub fn sleep(&mut self, now: Instant) -> Duration {
        let moment = self.moment(now);
        let delay = self.interface.poll_delay(moment, &self.sockets);
        let delay = delay.map_or(LOOK_AGAIN, |delay| Duration::from_micros(delay.total_micros()));
        let conversations =
            self.connections.values().filter_map(|connection| connection.conversation.as_ref());
        let wakes = conversations.filter_map(Conversation::wakes).map(|at| at.saturating_duration_since(now));
        wakes.min().unwrap_or(LOOK_AGAIN).min(delay).min(LOOK_AGAIN)
    }

    /// The machine is gone. Whatever was begun is told.
    pub fn end(&mut self) {
        for (flow, connection) in &mut self.connections {
            connection.end(flow, &mut self.world);
        }
        self.connections.clear();
        self.world.tell_end(Event::Ended { counts: self.counts });
    }

    pub fn flush_log(&mut self) -> std::io::Result<()> {
        self.world.log.flush()
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn moment(&self, now: Instant) -> Moment {
        let micros = now.saturating_duration_since(self.start).as_micros();
        Moment::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }

    fn hand_over(&mut self, frame: &[u8], now: Instant) {
        self.card.incoming = Some(frame.to_vec());
        let moment = self.moment(now);
        self.interface.poll_ingress_single(moment, &mut self.card, &mut self.sockets);
        self.card.incoming = None;
    }

    /// Makes a socket for a connection that begins. False when it is known, or one too many.
    fn listen(&mut self, flow: Flow, now: Instant) -> bool {
        if let Some(known) = self.connections.get(&flow) {
            let state = self.sockets.get::<Socket<'_>>(known.socket).state();
            if !matches!(state, State::Closed | State::TimeWait) {
                return false;
            }
            self.remove(&flow);
        }
        if self.connections.len() >= MAX_CONNECTIONS && !self.evict(now) {
            self.counts.refused += 1;
            return false;
        }
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_timeout(Some(UNANSWERED));
        socket.set_nagle_enabled(false);
        let endpoint = IpListenEndpoint { addr: Some(flow.dst.into()), port: flow.dport };
        if socket.listen(endpoint).is_err() {
            return false;
        }
        let socket = self.sockets.add(socket);
        let connection = Connection { socket, conversation: None, active: now, received: 0, sent: 0 };
        self.connections.insert(flow, connection);
        self.counts.connections = self.counts.connections.max(self.connections.len() as u64);
        true
    }

    /// A frame that smoltcp refused, for its checksum for example, leaves nothing behind.
    fn forget_unless_taken(&mut self, flow: &Flow) {
        let Some(connection) = self.connections.get(flow) else { return };
        if self.sockets.get::<Socket<'_>>(connection.socket).state() == State::Listen {
            self.remove(flow);
        }
    }

    /// Makes room: the oldest that is not open any more or not yet, else the one that was silent longest.
    fn evict(&mut self, now: Instant) -> bool {
        let worth = |connection: &Connection| {
            let is_open = connection.conversation.as_ref().is_some_and(|known| !known.is_closing());
            (is_open, connection.active)
        };
        let oldest = self.connections.iter().min_by_key(|(_, connection)| worth(connection));
        let Some((flow, connection)) = oldest else { return false };
        let (is_open, active) = worth(connection);
        if is_open && now.saturating_duration_since(active) < IDLE_WHEN_FULL {
            return false;
        }
        let flow = *flow;
        self.counts.evicted += 1;
        self.remove(&flow);
        true
    }

    fn remove(&mut self, flow: &Flow) {
        if let Some(mut connection) = self.connections.remove(flow) {
            connection.end(flow, &mut self.world);
            self.sockets.remove(connection.socket);
        }
    }

    fn converse(&mut self, now: Instant) {
        for (flow, connection) in &mut self.connections {
            let socket = self.sockets.get_mut::<Socket<'_>>(connection.socket);
            connection.go_on(flow, socket, &mut self.world, now);
        }
    }

    /// Lets go of those that are over. One that was broken off still has to say so.
    fn bury(&mut self) {
        let is_over = |connection: &Connection| {
            let socket = self.sockets.get::<Socket<'_>>(connection.socket);
            socket.state() == State::Closed && socket.remote_endpoint().is_none()
        };
        let over: Vec<Flow> = self
            .connections
            .iter()
            .filter(|(_, connection)| is_over(connection))
            .map(|(flow, _)| *flow)
            .collect();
        over.iter().for_each(|flow| self.remove(flow));
    }
}

impl Connection {
    fn go_on(&mut self, flow: &Flow, socket: &mut Socket<'_>, world: &mut World, now: Instant) {
        let silent = now.saturating_duration_since(self.active);
        let state = socket.state();
        if self.conversation.is_none() {
            match state {
                State::SynReceived | State::Listen if silent > HALF_OPEN => socket.abort(),
                State::Established | State::CloseWait => {
                    self.conversation = Some(Conversation::open(*flow, world, now));
                    self.active = now;
                }
                _ => {}
            }
        }
        let Some(conversation) = &mut self.conversation else { return };
        let mut piece = [0; PIECE];
        while conversation.has_room() && socket.can_recv() {
            let Ok(length @ 1..) = socket.recv_slice(&mut piece) else { break };
            conversation.receive(&piece[..length], world);
            self.received += length as u64;
            self.active = now;
        }
        conversation.tick(world, now);
        while !conversation.out.is_empty() && socket.can_send() {
            let Ok(length @ 1..) = socket.send_slice(&conversation.out) else { break };
            conversation.out.drain(..length);
            self.sent += length as u64;
            self.active = now;
        }
        let is_shut = matches!(
            socket.state(),
            State::CloseWait | State::Closed | State::Closing | State::LastAck | State::TimeWait
        );
        if is_shut && socket.recv_queue() == 0 && conversation.out.is_empty() {
            conversation.end(world);
        }
        if conversation.is_closing() && conversation.out.is_empty() {
            // What else the guest sends is not wanted.
            while socket.recv(|bytes| (bytes.len(), bytes.len())).is_ok_and(|length| length > 0) {}
            socket.close();
        }
        if silent > IDLE {
            conversation.end(world);
            socket.abort();
        }
    }

    fn end(&mut self, flow: &Flow, world: &mut World) {
        if let Some(mut conversation) = self.conversation.take() {
            conversation.end(world);
            world.tell(Event::Closed { flow: *flow, received: self.received, sent: self.sent });
        }
    }
}
