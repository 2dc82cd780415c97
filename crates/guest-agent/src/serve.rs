//! The worker: reads requests and does them. What takes long gets a thread of its own.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use guest_protocol::frame::{self, Decoder};
use guest_protocol::{FailureKind, Greeting, Reply, Request, ToGuest, VERSION};

use crate::channel::Channel;
use crate::failure::{failed, failed_io};
use crate::run::Runs;
use crate::{clock, dump, file, network, random};

/// The port reads as ended while nobody is connected to it.
const PAUSE: Duration = Duration::from_millis(10);
/// Files that may be on their way into the guest at once.
const MOST_PUTS: usize = 16;

/// Serves until the process ends. `times` and `why`: the how manyth worker this is, and what ended the one before.
pub fn run(port: File, times: u32, why: &str) {
    let Ok(mut reader) = port.try_clone() else { return };
    let channel = Arc::new(Channel::new(port));
    let mut worker = Worker {
        channel: Arc::clone(&channel),
        runs: Runs::new(&channel),
        puts: HashMap::new(),
        session: None,
        times,
    };
    if times > 1 {
        worker.channel.born(times, why);
    }
    let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 64 * 1024]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) | Err(_) => {
                decoder.reset();
                std::thread::sleep(PAUSE);
            }
            Ok(length) => {
                decoder.push(&buffer[..length]);
                while let Some(found) = decoder.next() {
                    match frame::decode(found.payload) {
                        Some(message) => worker.take(found.session, message),
                        None => worker.channel.log("a request cannot be read and was left out".into()),
                    }
                }
            }
        }
    }
}

struct Worker {
    channel: Arc<Channel>,
    runs: Runs,
    puts: HashMap<u32, file::Incoming>,
    session: Option<u32>,
    times: u32,
}

impl Worker {
    fn take(&mut self, session: u32, ToGuest { call, request }: ToGuest) {
        if let Request::Hello { version } = request {
            return self.greet(session, call, version);
        }
        if self.session != Some(session) {
            return;
        }
        match request {
            Request::Hello { .. } => {}
            Request::Ping => self.channel.finish(call, Reply::Done),
            Request::Reseed(entropy) => self.answer(call, "random numbers", random::reseed(&entropy)),
            Request::SetClock { seconds, nanoseconds } => {
                self.answer(call, "clock", clock::set(seconds, nanoseconds));
            }
            Request::SetNetwork(network) => self.answer(call, "network", network::set(&network)),
            Request::Put(put) => self.begin_put(call, &put),
            Request::PutData(data) => self.put_data(call, &data),
            Request::PutEnd { whole } => self.end_put(call, whole),
            Request::Run(run) => self.runs.start(&self.channel, call, *run),
            Request::Get { path, read } => {
                self.channel.open(call, read.window);
                let channel = Arc::clone(&self.channel);
                self.on_thread(call, move || file::get(&channel, call, &path, read.most));
            }
            Request::DumpProcess { pid, read } => {
                self.channel.open(call, read.window);
                let channel = Arc::clone(&self.channel);
                self.on_thread(call, move || dump::process(&channel, call, pid, read.most));
            }
            Request::Kill => self.runs.kill(call),
            Request::Cancel => {
                self.channel.close(call);
                self.channel.finish(call, failed(FailureKind::Cancelled, "given up on request"));
            }
            Request::Credit { bytes } => self.channel.give(call, bytes),
            Request::Shutdown => self.shut_down(call),
        }
    }

    fn greet(&mut self, session: u32, call: u32, version: u16) {
        // The same host may knock until it is heard.
        if self.session != Some(session) {
            self.session = Some(session);
            self.puts.clear();
            self.runs.kill_all();
            self.channel.begin(session);
        }
        if version != VERSION {
            let text =
                format!("the host speaks version {version}, this guest {VERSION}: build the guest again");
            return self.channel.finish(call, failed(FailureKind::Unsupported, text));
        }
        self.channel.finish(
            call,
            Reply::Greeting(Greeting {
                version: VERSION,
                agent: env!("CARGO_PKG_VERSION").into(),
                kernel: rustix::system::uname().release().to_bytes().into(),
                times: self.times,
            }),
        );
    }

    fn begin_put(&mut self, call: u32, put: &guest_protocol::Put) {
        if self.puts.len() >= MOST_PUTS {
            return self.channel.finish(call, failed(FailureKind::TooMany, "too many files at once"));
        }
        match file::Incoming::begin(put) {
            Ok(incoming) => {
                self.puts.insert(call, incoming);
            }
            Err(error) => self.channel.finish(call, failed_io(put.path.to_text(), &error)),
        }
    }

    fn put_data(&mut self, call: u32, data: &[u8]) {
        // Pieces of a file that failed still arrive for a moment.
        let Some(incoming) = self.puts.get_mut(&call) else { return };
        if let Err(error) = incoming.write(data) {
            let reply = failed_io(incoming.path().display(), &error);
            self.puts.remove(&call);
            self.channel.finish(call, reply);
        }
    }

    fn end_put(&mut self, call: u32, whole: bool) {
        let Some(incoming) = self.puts.remove(&call) else { return };
        let path = incoming.path().display().to_string();
        match whole.then(|| incoming.finish()) {
            None => self.channel.finish(call, failed(FailureKind::Cancelled, "given up on request")),
            Some(outcome) => self.answer(call, &path, outcome),
        }
    }

    fn answer(&self, call: u32, what: &str, outcome: std::io::Result<()>) {
        let reply = outcome.map_or_else(|error| failed_io(what, &error), |()| Reply::Done);
        self.channel.finish(call, reply);
    }

    fn on_thread(&self, call: u32, work: impl FnOnce() + Send + 'static) {
        if let Err(error) = std::thread::Builder::new().spawn(work) {
            self.channel.finish(call, failed_io("no thread", &error));
        }
    }

    fn shut_down(&self, call: u32) {
        self.runs.kill_all();
        self.channel.finish(call, Reply::Done);
        rustix::fs::sync();
        let _ = rustix::system::reboot(rustix::system::RebootCommand::PowerOff);
    }
}
