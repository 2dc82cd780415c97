//! The server's end of connections that lead out of a guest's internet, or into the guest. The process there may be in a sample's
//! hands: it asks in short messages, each of which is checked here anew, and no open file is ever taken from it.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;

use super::pipe::{OPEN, Way};
use super::proxy::Proxy;

/// The longest message.
pub const MAX_MESSAGE: usize = 2048;
/// Connections through the proxy at once.
const MAX_PROXIED: usize = 128;
/// Until a port of the guest is open.
const CONNECT: Duration = Duration::from_secs(5);

/// The process asks for the other end of a connection.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ask {
    pub number: u32,
    pub way: Way,
}

/// What it is told. With `Given` and `Call` comes a socket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Given {
        number: u32,
    },
    Refused {
        number: u32,
        why: String,
    },
    /// Connect this to a port of the guest.
    Call {
        port: u16,
    },
}

/// Where connections of the guest may lead.
#[derive(Default)]
pub struct Beyond {
    /// Takes what is sent to the result server.
    pub results: Option<Box<dyn Fn(UnixStream) + Send + Sync>>,
    pub proxy: Option<Proxy>,
}

/// The switchboard of one guest. Dropped, no more connections are made.
pub struct Switchboard {
    board: Arc<UnixStream>,
    answering: tokio::task::JoinHandle<()>,
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl Switchboard {
    /// One, and the socket for the process.
    pub fn new(beyond: Beyond) -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        // Messages keep their ends; waiting for them is the same as for a stream.
        let board = Arc::new(UnixStream::from_std(ours.into())?);
        let answering = tokio::spawn(answer(board.clone(), Arc::new(beyond)));
        Ok((Self { board, answering }, theirs))
    }

    /// A connection to a port of the guest.
    pub async fn call(&self, port: u16) -> io::Result<UnixStream> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(ours)?;
        send(&self.board, &Answer::Call { port }, Some(theirs.as_fd())).await?;
        drop(theirs);
        let mut first = [0];
        match tokio::time::timeout(CONNECT, stream.read(&mut first)).await {
            Ok(Ok(1)) if first == [OPEN] => Ok(stream),
            Ok(Ok(_)) => Err(io::ErrorKind::ConnectionRefused.into()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

async fn answer(board: Arc<UnixStream>, beyond: Arc<Beyond>) {
    let free = Arc::new(Semaphore::new(MAX_PROXIED));
    // Ends with the process, or with this side.
    while let Ok(Some(ask)) = receive(&board).await {
        let number = ask.number;
        let done = match ask.way {
            Way::Results => results(&board, number, &beyond).await,
            Way::Proxy { host, port } => {
                let Ok(place) = free.clone().try_acquire_owned() else {
                    let why = "too many connections at once".to_owned();
                    if send(&board, &Answer::Refused { number, why }, None).await.is_err() {
                        return;
                    }
                    continue;
                };
                let (board, beyond) = (board.clone(), beyond.clone());
                tokio::spawn(async move {
                    proxied(&board, number, &beyond, &host, port).await;
                    drop(place);
                });
                Ok(())
            }
        };
        if done.is_err() {
            return;
        }
    }
}

async fn results(board: &UnixStream, number: u32, beyond: &Beyond) -> io::Result<()> {
    let Some(take) = &beyond.results else {
        return send(board, &Answer::Refused { number, why: "nobody takes results".into() }, None).await;
    };
    take(give(board, number).await?);
    Ok(())
}

/// Connects through the proxy, then copies until either end is gone.
async fn proxied(board: &UnixStream, number: u32, beyond: &Beyond, host: &str, port: u16) {
    let connected = match &beyond.proxy {
        Some(proxy) if proxy.permits(host, port) => {
            proxy.connect(host, port).await.map_err(|error| error.to_string())
        }
        Some(_) => Err("it is not allowed".into()),
        None => Err("there is no proxy".into()),
    };
    match connected {
        Ok(mut upstream) => {
            if let Ok(mut guest) = give(board, number).await {
                let _ = tokio::io::copy_bidirectional(&mut guest, &mut upstream).await;
            }
        }
        Err(mut why) => {
            why.truncate(why.floor_char_boundary(500));
            let _ = send(board, &Answer::Refused { number, why }, None).await;
        }
    }
}

/// Our end of a connection of which the process gets the other.
async fn give(board: &UnixStream, number: u32) -> io::Result<UnixStream> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    send(board, &Answer::Given { number }, Some(theirs.as_fd())).await?;
    UnixStream::from_std(ours)
}

async fn send(board: &UnixStream, answer: &Answer, file: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let text = serde_json::to_vec(answer)?;
    let files: Vec<BorrowedFd<'_>> = file.into_iter().collect();
    let sent = board.async_io(Interest::WRITABLE, || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(&files));
        }
        Ok(sendmsg(board.as_fd(), &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)?)
    });
    sent.await.map(drop)
}

/// The next question; none when the process is gone. One that cannot be read is nobody's.
async fn receive(board: &UnixStream) -> io::Result<Option<Ask>> {
    let mut bytes = [0; MAX_MESSAGE];
    loop {
        let got = board.async_io(Interest::READABLE, || {
            // Without room for open files the kernel drops those that come.
            let mut none = RecvAncillaryBuffer::default();
            let mut into = [IoSliceMut::new(&mut bytes)];
            Ok(recvmsg(board.as_fd(), &mut into, &mut none, RecvFlags::CMSG_CLOEXEC)?.bytes)
        });
        match got.await? {
            0 => return Ok(None),
            length => {
                if let Ok(ask) = serde_json::from_slice(&bytes[..length]) {
                    return Ok(Some(ask));
                }
            }
        }
    }
}
