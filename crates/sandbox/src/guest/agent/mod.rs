//! The host's end of the channel: [`Agent`] makes calls, [`Events`] and [`Content`] are what long ones give.

mod calls;
mod content;
mod events;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guest_protocol::frame::{self, Decoder, NO_SESSION};
use guest_protocol::{
    Bytes, CHUNK, Entropy, Greeting, Network, Owner, Put, Read, Reply, Request, Run, ToGuest, ToHost, VERSION,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

use crate::error::{End, Error, Result};
use calls::{Call, Calls};
pub use content::Content;
pub use events::{Event, Events};

/// How long a call without much work may take. An emulated machine under load is slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// A guest that is up answers at once; one that boots does not yet.
const KNOCK: Duration = Duration::from_millis(250);
/// Frames on their way to the guest.
const OUTGOING: usize = 16;
/// Bytes that belong to no message: the rest of a stale frame, at most. A sample that writes to the port itself sends more, and
/// looking for frames in that costs time.
const MOST_NOISE: u64 = (frame::HEADER + frame::MAX_PAYLOAD) as u64;
/// What a call may send before somebody takes it.
const WINDOW: u64 = 1 << 20;

/// A connection to the agent in a guest. Clones share it; it closes when all are gone.
#[derive(Clone)]
pub struct Agent {
    calls: Arc<Calls>,
    outgoing: mpsc::Sender<Vec<u8>>,
    session: u32,
}

impl Agent {
    /// Over a connected socket. Nothing is sent yet. `machine` tells why the machine ended, once it has.
    pub fn new(
        socket: impl AsyncRead + AsyncWrite + Send + 'static,
        machine: Option<watch::Receiver<Option<End>>>,
    ) -> Result<Self> {
        let (reader, writer) = tokio::io::split(socket);
        let (outgoing, frames) = mpsc::channel(OUTGOING);
        let mut session = [0; 4];
        getrandom::fill(&mut session).map_err(|error| Error::Protocol(error.to_string()))?;
        let session = u32::from_le_bytes(session).max(NO_SESSION + 1);
        let calls = Arc::new(Calls::default());
        let all = Arc::clone(&calls);
        tokio::spawn(async move {
            // Whichever ends first takes the other along, and the socket with both.
            let end = tokio::select! {
                end = read(reader, session, machine, &all) => end,
                () = write(writer, frames) => End::Closed,
            };
            all.end(end);
        });
        Ok(Self { calls, outgoing, session })
    }

    /// Knocks until the agent answers. Stale bytes of a snapshot, on either side, are got rid of on the way.
    pub async fn hello(&self, limit: Duration) -> Result<Greeting> {
        let knocking = async {
            for times in 0_u32.. {
                // Something the guest still waits for may have been cut in two.
                if times == 4 {
                    self.send_bytes(frame::padding()).await?;
                }
                let mut call = self.begin(Request::Hello { version: VERSION }, None).await?;
                match tokio::time::timeout(KNOCK, call.last()).await {
                    Ok(Ok(Reply::Greeting(greeting))) => return Ok(greeting),
                    Ok(Ok(other)) => return Err(unexpected(&other)),
                    Ok(Err(error)) => return Err(error),
                    Err(_) => {}
                }
            }
            Err(Error::Ended(End::Closed))
        };
        tokio::time::timeout(limit, knocking)
            .await
            .unwrap_or(Err(Error::TimedOut { what: "the guest's agent", limit }))
    }

    /// Whether the agent answers.
    pub async fn ping(&self) -> Result<()> {
        self.plain(Request::Ping).await
    }

    /// Gives the guest's kernel new randomness: clones of one template would draw the same.
    pub async fn reseed(&self) -> Result<()> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| Error::Protocol(error.to_string()))?;
        self.plain(Request::Reseed(Entropy(bytes))).await
    }

    pub async fn set_clock(&self, time: jiff::Timestamp) -> Result<()> {
        let nanoseconds = u32::try_from(time.subsec_nanosecond()).unwrap_or(0);
        self.plain(Request::SetClock { seconds: time.as_second(), nanoseconds }).await
    }

    pub async fn set_network(&self, network: Network) -> Result<()> {
        self.plain(Request::SetNetwork(network)).await
    }

    /// Writes everything to disk and switches the guest off.
    pub async fn shut_down(&self) -> Result<()> {
        self.plain(Request::Shutdown).await
    }

    /// Puts a file into the guest: `length` bytes of a reader. There is no limit of time but the caller's.
    pub async fn put(
        &self,
        path: impl Into<Bytes>,
        mode: u32,
        owner: Owner,
        length: u64,
        mut content: impl AsyncRead + Unpin,
    ) -> Result<()> {
        let mut call = self.begin(Request::Put(Put { path: path.into(), mode, owner, length }), None).await?;
        let mut buffer = vec![0; CHUNK];
        let mut left = length;
        while left > 0 && !call.is_answered() {
            let want = CHUNK.min(usize::try_from(left).unwrap_or(CHUNK));
            let read = content.read(&mut buffer[..want]).await;
            let Ok(read @ 1..) = read else {
                self.send(call.number(), Request::PutEnd { whole: false }).await?;
                let source = read.err().unwrap_or_else(|| std::io::ErrorKind::UnexpectedEof.into());
                return Err(Error::io("read", Path::new("the content for the guest"))(source));
            };
            self.send(call.number(), Request::PutData(buffer[..read].into())).await?;
            left -= read as u64;
        }
        if left == 0 {
            self.send(call.number(), Request::PutEnd { whole: true }).await?;
        }
        done(&within(call.last()).await?)
    }

    /// Starts a program. Its events must be taken, or it is held back.
    pub async fn run(&self, mut run: Run) -> Result<Events> {
        run.window = WINDOW;
        Ok(Events::new(self.begin(Request::Run(Box::new(run)), Some(WINDOW)).await?))
    }

    /// Reads a file of the guest, at most so many bytes.
    pub async fn get(&self, path: impl Into<Bytes>, most: u64) -> Result<Content> {
        let request = Request::Get { path: path.into(), read: Read { most, window: WINDOW } };
        Ok(Content::new(self.begin(request, Some(WINDOW)).await?))
    }

    /// Reads the memory of a process as an ELF core file.
    pub async fn dump_process(&self, pid: u32, most: u64) -> Result<Content> {
        let request = Request::DumpProcess { pid, read: Read { most, window: WINDOW } };
        Ok(Content::new(self.begin(request, Some(WINDOW)).await?))
    }

    /// What the agent had to say since the last time, the last lines.
    pub fn take_log(&self) -> Vec<String> {
        self.calls.take_log()
    }

    async fn plain(&self, request: Request) -> Result<()> {
        let mut call = self.begin(request, None).await?;
        done(&within(call.last()).await?)
    }

    async fn begin(&self, request: Request, window: Option<u64>) -> Result<Call> {
        let call = Calls::open(&self.calls, self.clone(), window)?;
        self.send(call.number(), request).await?;
        Ok(call)
    }

    async fn send(&self, call: u32, request: Request) -> Result<()> {
        let bytes = frame::encode(self.session, &ToGuest { call, request })
            .map_err(|error| Error::Protocol(error.to_string()))?;
        self.send_bytes(bytes).await
    }

    async fn send_bytes(&self, bytes: Vec<u8>) -> Result<()> {
        self.outgoing.send(bytes).await.map_err(|_| Error::Ended(self.calls.why_ended()))
    }

    /// From places that cannot wait. Lost when the way is jammed, as it is when the guest does not listen.
    fn try_send(&self, call: u32, request: Request) {
        if let Ok(bytes) = frame::encode(self.session, &ToGuest { call, request }) {
            let _ = self.outgoing.try_send(bytes);
        }
    }
}

async fn within<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    let limit = PATIENCE;
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or(Err(Error::TimedOut { what: "an answer of the guest", limit }))
}

fn done(reply: &Reply) -> Result<()> {
    if *reply == Reply::Done { Ok(()) } else { Err(unexpected(reply)) }
}

fn unexpected(reply: &Reply) -> Error {
    let text = format!("{reply:?}");
    Error::Protocol(format!("unexpected {}", text.chars().take(100).collect::<String>()))
}

/// Writes until nobody has anything to write any more.
async fn write(mut socket: impl AsyncWrite + Unpin, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if socket.write_all(&frame).await.is_err() {
            // The reader finds out why.
            return std::future::pending().await;
        }
    }
}

/// The machine's word is worth more than a closed socket, and comes a little later.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Reads as fast as the guest sends, until that ends: what is not granted ends it, so that nothing piles up.
async fn read(
    mut socket: impl AsyncRead + Unpin,
    session: u32,
    machine: Option<watch::Receiver<Option<End>>>,
    calls: &Calls,
) -> End {
    let (mut decoder, mut buffer) = (Decoder::default(), vec![0; 64 * 1024]);
    let mut machine_end = std::pin::pin!(ended(machine));
    loop {
        let length = tokio::select! {
            length = socket.read(&mut buffer) => length,
            end = &mut machine_end => return end,
        };
        let Ok(length @ 1..) = length else {
            return tokio::time::timeout(LAST_WORD, machine_end).await.unwrap_or(End::Closed);
        };
        decoder.push(&buffer[..length]);
        while let Some(found) = decoder.next() {
            if let Err(end) = take(found, session, calls) {
                return end;
            }
        }
        if decoder.skipped() > MOST_NOISE {
            return End::Hostile("bytes without frames".into());
        }
    }
}

fn take(found: frame::Frame<'_>, session: u32, calls: &Calls) -> Result<(), End> {
    if found.session != session && found.session != NO_SESSION {
        return Ok(());
    }
    match frame::decode::<ToHost>(found.payload) {
        None => Err(End::Hostile("a frame without a message".into())),
        Some(ToHost { reply: Reply::Born { times, why }, .. }) if times > 1 => {
            Err(End::AgentDied(why.to_text().chars().take(200).collect()))
        }
        Some(_) if found.session == NO_SESSION => Ok(()),
        Some(message) => calls.take(message, found.payload.len()),
    }
}

/// Waits for the machine's end. Without a machine there is none but that of the socket.
async fn ended(machine: Option<watch::Receiver<Option<End>>>) -> End {
    let Some(mut machine) = machine else { return std::future::pending().await };
    match machine.wait_for(Option::is_some).await {
        Ok(end) => end.clone().unwrap_or(End::Closed),
        Err(_) => End::Stopped,
    }
}

#[cfg(test)]
mod tests;
