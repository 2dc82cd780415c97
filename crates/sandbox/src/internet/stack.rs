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

use super::conversation::Conversation;
use super::datagram::{self, FIRST_CALL, Found, MAC};
use super::device::Card;
use super::event::{Counts, Event, Flow};
use super::pipe::{Pipe, Way};
use super::settings::Addresses;
use super::switchboard::Ask;
use super::world::World;

/// Connections at once, and the bytes that each holds for smoltcp in each direction.
pub const MAX_CONNECTIONS: usize = 256;
const BUFFER: usize = 16 << 10;

/// Of these, connections that lead on.
const MAX_PIPES: usize = 128;

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
    /// Connections that lead on, by their numbers, and those for which nobody has asked yet.
    pipes: HashMap<u32, Flow>,
    asks: Vec<Ask>,
    next_pipe: u32,
    next_call: u16,
}

struct Connection {
    socket: SocketHandle,
    /// Once it is open.
    talk: Option<Talk>,
    /// When something was last sent or received.
    active: Instant,
    received: u64,
    sent: u64,
}

/// Who has the other end of a connection.
enum Talk {
    /// We do.
    Here(Box<Conversation>),
    /// Somebody else.
    Elsewhere(Pipe),
}

impl Talk {
    fn conversation(&self) -> Option<&Conversation> {
        match self {
            Self::Here(conversation) => Some(conversation),
            Self::Elsewhere(_) => None,
        }
    }
}

impl Stack {
    pub fn new(world: World, seed: u64, now: Instant) -> Self {
        let Addresses { gateway, prefix, .. } = world.settings.addresses;
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(MAC)));
        config.random_seed = seed;
        let mut card = Card::default();
        let mut interface = Interface::new(config, &mut card, Moment::ZERO);
        interface.update_ip_addrs(|all| {
            let _ = all.push(IpCidr::new(IpAddress::Ipv4(gateway), prefix));
        });
        // Every address is ours, if the way to it leads to us.
        interface.set_any_ip(true);
        let _ = interface.routes_mut().add_default_ipv4_route(gateway);
        let sockets = SocketSet::new(Vec::new());
        Self {
            interface,
            card,
            sockets,
            connections: HashMap::new(),
            world,
            counts: Counts::default(),
            start: now,
            pipes: HashMap::new(),
            asks: Vec::new(),
            next_pipe: 0,
            next_call: FIRST_CALL,
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
    pub fn take_frame(&mut self) -> Option<Vec<u8>> {
        self.card.take()
    }

    /// How long nothing happens unless a frame comes.
    pub fn sleep(&mut self, now: Instant) -> Duration {
        let moment = self.moment(now);
        let delay = self.interface.poll_delay(moment, &self.sockets);
        let delay = delay.map_or(LOOK_AGAIN, |delay| Duration::from_micros(delay.total_micros()));
        let conversations =
            self.connections.values().filter_map(|connection| connection.talk.as_ref()?.conversation());
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
        let leads_on = self.world.way(&flow).is_some();
        if leads_on && self.pipes.len() >= MAX_PIPES || !self.has_room(now) {
            self.counts.refused += 1;
            return false;
        }
        let mut socket = socket();
        let endpoint = IpListenEndpoint { addr: Some(flow.dst.into()), port: flow.dport };
        if socket.listen(endpoint).is_err() {
            return false;
        }
        self.add(flow, socket, None, now);
        true
    }

    fn add(&mut self, flow: Flow, socket: Socket<'static>, talk: Option<Talk>, now: Instant) {
        let socket = self.sockets.add(socket);
        self.connections.insert(flow, Connection { socket, talk, active: now, received: 0, sent: 0 });
        self.counts.connections = self.counts.connections.max(self.connections.len() as u64);
    }

    fn has_room(&mut self, now: Instant) -> bool {
        self.connections.len() < MAX_CONNECTIONS || self.evict(now)
    }

    /// Begins a connection to a port of the guest, for the server; its number.
    pub fn call(&mut self, port: u16, now: Instant) -> Option<u32> {
        let addresses = self.world.settings.addresses;
        if port == 0 || self.pipes.len() >= MAX_PIPES || !self.has_room(now) {
            return None;
        }
        let mut ports = (0..u16::MAX - FIRST_CALL).map(|_| {
            self.next_call = self.next_call.checked_add(1).unwrap_or(FIRST_CALL);
            self.next_call
        });
        let flow = |dport| Flow { src: addresses.guest, sport: port, dst: addresses.gateway, dport };
        let flow = ports.by_ref().map(flow).find(|flow| !self.connections.contains_key(flow))?;
        let mut socket = socket();
        let (remote, local) = ((addresses.guest, port), (addresses.gateway, flow.dport));
        socket.connect(self.interface.context(), remote, local).ok()?;
        let number = self.number(flow);
        self.add(flow, socket, Some(Talk::Elsewhere(Pipe::call(number))), now);
        Some(number)
    }

    fn number(&mut self, flow: Flow) -> u32 {
        self.next_pipe = self.next_pipe.wrapping_add(1);
        self.pipes.insert(self.next_pipe, flow);
        self.next_pipe
    }

    /// Connections for which the other end is wanted.
    pub fn take_asks(&mut self) -> Vec<Ask> {
        std::mem::take(&mut self.asks)
    }

    /// A connection that leads on, as long as there is something to move.
    pub fn pipe(&self, number: u32) -> Option<&Pipe> {
        match self.connections.get(self.pipes.get(&number)?)?.talk.as_ref()? {
            Talk::Elsewhere(pipe) if pipe.number == number => Some(pipe),
            _ => None,
        }
    }

    pub fn pipe_mut(&mut self, number: u32) -> Option<&mut Pipe> {
        match self.connections.get_mut(self.pipes.get(&number)?)?.talk.as_mut()? {
            Talk::Elsewhere(pipe) if pipe.number == number => Some(pipe),
            _ => None,
        }
    }

    /// There is no other end for a connection.
    pub fn refuse(&mut self, number: u32, why: &str) {
        if let Some(pipe) = self.pipe_mut(number) {
            pipe.is_broken = true;
            let flow = self.pipes[&number];
            self.world.tell(Event::Unreached { flow, why: why.chars().take(500).collect() });
        }
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
            let is_open = match &connection.talk {
                Some(Talk::Here(known)) => !known.is_closing(),
                Some(Talk::Elsewhere(pipe)) => !pipe.is_broken,
                None => false,
            };
            // What the server's work depends on is the last to go.
            (is_open, matches!(&connection.talk, Some(Talk::Elsewhere(_))), connection.active)
        };
        let oldest = self.connections.iter().min_by_key(|(_, connection)| worth(connection));
        let Some((flow, connection)) = oldest else { return false };
        let (is_open, leads_on, active) = worth(connection);
        if is_open && (leads_on || now.saturating_duration_since(active) < IDLE_WHEN_FULL) {
            return false;
        }
        let flow = *flow;
        self.counts.evicted += 1;
        self.remove(&flow);
        true
    }

    fn remove(&mut self, flow: &Flow) {
        if let Some(mut connection) = self.connections.remove(flow) {
            if let Some(Talk::Elsewhere(pipe)) = &connection.talk {
                self.pipes.remove(&pipe.number);
            }
            connection.end(flow, &mut self.world);
            self.sockets.remove(connection.socket);
        }
    }

    fn converse(&mut self, now: Instant) {
        self.lead_on(now);
        for (flow, connection) in &mut self.connections {
            let socket = self.sockets.get_mut::<Socket<'_>>(connection.socket);
            connection.go_on(flow, socket, &mut self.world, now);
        }
    }

    /// Asks for the other ends of connections that were opened and lead on.
    fn lead_on(&mut self, now: Instant) {
        let is_open = |connection: &Connection| {
            let state = self.sockets.get::<Socket<'_>>(connection.socket).state();
            connection.talk.is_none() && matches!(state, State::Established | State::CloseWait)
        };
        let opened = self.connections.iter().filter(|(_, connection)| is_open(connection));
        let ways: Vec<(Flow, Way)> =
            opened.filter_map(|(flow, _)| Some((*flow, self.world.way(flow)?))).collect();
        for (flow, way) in ways {
            let number = self.number(flow);
            if let Way::Proxy { host, port } = &way {
                self.world.tell(Event::Proxied { flow, host: host.clone(), port: *port });
            }
            self.asks.push(Ask { number, way });
            if let Some(connection) = self.connections.get_mut(&flow) {
                connection.talk = Some(Talk::Elsewhere(Pipe::out(number)));
                connection.active = now;
            }
        }
    }

    /// Lets go of those that are over. One that was broken off still has to say so.
    fn bury(&mut self) {
        let is_over = |connection: &Connection| {
            let socket = self.sockets.get::<Socket<'_>>(connection.socket);
            let is_done = match &connection.talk {
                Some(Talk::Elsewhere(pipe)) => pipe.is_done(),
                _ => true,
            };
            socket.state() == State::Closed && socket.remote_endpoint().is_none() && is_done
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

fn socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(vec![0; BUFFER]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.set_timeout(Some(UNANSWERED));
    socket.set_nagle_enabled(false);
    socket
}

impl Connection {
    fn go_on(&mut self, flow: &Flow, socket: &mut Socket<'_>, world: &mut World, now: Instant) {
        let silent = now.saturating_duration_since(self.active);
        let state = socket.state();
        if self.talk.is_none() {
            match state {
                State::SynReceived | State::Listen if silent > HALF_OPEN => socket.abort(),
                State::Established | State::CloseWait => {
                    self.talk = Some(Talk::Here(Box::new(Conversation::open(*flow, world, now))));
                    self.active = now;
                }
                _ => {}
            }
        }
        let conversation = match &mut self.talk {
            None => return,
            Some(Talk::Elsewhere(pipe)) => {
                let (received, sent) = pipe.go_on(socket);
                self.received += received;
                self.sent += sent;
                return;
            }
            Some(Talk::Here(conversation)) => conversation,
        };
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
        // Calls of the server are none of the guest's.
        let is_own = flow.dst == world.settings.addresses.gateway && flow.dport >= FIRST_CALL;
        let results =
            world.settings.results == Some(flow.dport) && flow.dst == world.settings.addresses.gateway;
        if let Some(talk) = self.talk.take().filter(|_| !is_own && !results) {
            if let Talk::Here(mut conversation) = talk {
                conversation.end(world);
            }
            world.tell(Event::Closed { flow: *flow, received: self.received, sent: self.sent });
        }
    }
}
