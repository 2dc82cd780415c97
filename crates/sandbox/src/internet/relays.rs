//! In the process: the sockets behind connections that lead on. The server makes them all; this side asks for them by number and
//! never sends one.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendFlags, recvmsg, sendmsg,
};

use super::pipe::{Pipe, ROOM};
use super::stack::Stack;
use super::switchboard::{Answer, Ask, MAX_MESSAGE};

const PIECE: usize = 16 << 10;

pub struct Relays {
    board: OwnedFd,
    open: HashMap<u32, Relay>,
    /// Questions that did not fit yet.
    waiting: Vec<Ask>,
}

struct Relay {
    stream: UnixStream,
    is_shut: bool,
}

impl Relays {
    pub fn new(board: OwnedFd) -> rustix::io::Result<Self> {
        rustix::io::ioctl_fionbio(&board, true)?;
        Ok(Self { board, open: HashMap::new(), waiting: Vec::new() })
    }

    /// What to wait for. An end that is done with is left out: it would wake nobody for anything.
    pub fn wanted(&self, stack: &Stack) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut all = vec![(self.board.as_fd(), PollFlags::IN)];
        for (number, relay) in &self.open {
            let Some(pipe) = stack.pipe(*number) else { continue };
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, pipe.has_room());
            flags.set(PollFlags::OUT, !pipe.from_guest.is_empty());
            if !flags.is_empty() {
                all.push((relay.stream.as_fd(), flags));
            }
        }
        all
    }

    /// Goes on with everything; an error when the server is not to be understood.
    pub fn go_on(&mut self, stack: &mut Stack, now: Instant) -> Result<(), String> {
        while let Some((answer, file)) = self.receive()? {
            self.obey(answer, file, stack, now);
        }
        self.waiting.extend(stack.take_asks());
        while let Some(ask) = self.waiting.first() {
            let text = serde_json::to_vec(ask).map_err(|error| error.to_string())?;
            match sendmsg(
                &self.board,
                &[IoSlice::new(&text)],
                &mut SendAncillaryBuffer::default(),
                SendFlags::NOSIGNAL,
            ) {
                Ok(_) => drop(self.waiting.remove(0)),
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(error) => return Err(format!("the server cannot be asked: {error}")),
            }
        }
        self.open.retain(|number, relay| match stack.pipe_mut(*number) {
            Some(pipe) => {
                relay.go_on(pipe);
                true
            }
            None => false,
        });
        Ok(())
    }

    fn obey(&mut self, answer: Answer, file: Option<OwnedFd>, stack: &mut Stack, now: Instant) {
        let stream = file.map(UnixStream::from).filter(|stream| stream.set_nonblocking(true).is_ok());
        let number = match answer {
            Answer::Given { number } => Some(number),
            Answer::Refused { number, why } => {
                stack.refuse(number, &why);
                None
            }
            Answer::Call { port } => stack.call(port, now),
        };
        match (number, stream) {
            (Some(number), Some(stream)) if stack.pipe(number).is_some() => {
                self.open.insert(number, Relay { stream, is_shut: false });
            }
            (Some(number), None) => stack.refuse(number, "the server gave nothing"),
            _ => {}
        }
    }

    fn receive(&self) -> Result<Option<(Answer, Option<OwnedFd>)>, String> {
        let mut bytes = [0; MAX_MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let got = match recvmsg(
            &self.board,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        ) {
            Ok(got) => got.bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(error) => return Err(format!("the server cannot be heard: {error}")),
        };
        if got == 0 {
            return Err("the server hung up".into());
        }
        let file = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        let answer =
            serde_json::from_slice(&bytes[..got]).map_err(|error| format!("the server says {error}"))?;
        Ok(Some((answer, file)))
    }
}

impl Relay {
    fn go_on(&mut self, pipe: &mut Pipe) {
        while !pipe.from_guest.is_empty() {
            match self.stream.write(&pipe.from_guest) {
                Ok(length @ 1..) => drop(pipe.from_guest.drain(..length)),
                Err(error) if is_later(&error) => break,
                _ => {
                    pipe.is_broken = true;
                    return;
                }
            }
        }
        if pipe.guest_ended && pipe.from_guest.is_empty() && !self.is_shut {
            self.is_shut = true;
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        let mut piece = [0; PIECE];
        while pipe.has_room() {
            match self.stream.read(&mut piece[..PIECE.min(ROOM)]) {
                Ok(0) => pipe.other_ended = true,
                Ok(length) => pipe.to_guest.extend_from_slice(&piece[..length]),
                Err(error) if is_later(&error) => break,
                Err(_) => {
                    pipe.is_broken = true;
                    return;
                }
            }
        }
    }
}

fn is_later(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::Interrupted)
}
