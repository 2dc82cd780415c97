//! The process that is a guest's internet. It has no network of its own, opens no file and starts nothing: all that it works
//! with comes over its standard input, a socket, at the start.

use std::fs::File;
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::link::Link;
use super::relays::Relays;
use super::settings::{MAX_BYTES, Settings};
use super::stack::Stack;
use super::world::World;

/// What is said when everything is in place.
pub const READY: u8 = b'R';
/// Frames between two looks at connections.
const BATCH: usize = 64;
/// The guest does not read: how long until that is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What the process is given.
struct Given {
    settings: Settings,
    network: UnixStream,
    log: File,
    relays: OwnedFd,
}

/// Runs until the machine or the server is gone. An error is told to the server by the exit of the process.
pub fn run() -> Result<(), String> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| format!("{what}: {error}")
    };
    let control = io::stdin().as_fd().try_clone_to_owned().map_err(failed("standard input"))?;
    let mut control = UnixStream::from(control);
    let given = receive(&mut control).map_err(failed("the settings"))?;
    given.network.set_nonblocking(true).map_err(failed("the guest's network"))?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
    let world = World::new(given.settings, Box::new(io::BufWriter::new(given.log)))?;
    let mut relays = Relays::new(given.relays).map_err(|error| format!("the switchboard: {error}"))?;
    let mut stack = Stack::new(world, u64::from_ne_bytes(seed), Instant::now());
    stack.flush_log().map_err(failed("the log"))?;
    control.write_all(&[READY]).map_err(failed("the server"))?;
    let served = serve(&mut Link::new(given.network), &control, &mut relays, &mut stack);
    stack.end();
    stack.flush_log().map_err(failed("the log"))?;
    served
}

/// Settings, their length in four bytes before them; with the first bytes come three open files.
fn receive(control: &mut UnixStream) -> io::Result<Given> {
    let mut header = [0; 4];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got =
        recvmsg(&*control, &mut [IoSliceMut::new(&mut header)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let files: Vec<OwnedFd> = ancillary
        .drain()
        .flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => files.collect::<Vec<_>>(),
            _ => Vec::new(),
        })
        .collect();
    control.read_exact(&mut header[got.bytes..])?;
    let length = u32::from_be_bytes(header) as usize;
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    if length > MAX_BYTES {
        return Err(wrong("they are too long"));
    }
    let mut text = vec![0; length];
    control.read_exact(&mut text)?;
    let settings = serde_json::from_slice(&text)?;
    let [network, log, relays] =
        <[OwnedFd; 3]>::try_from(files).map_err(|_| wrong("the open files are missing"))?;
    Ok(Given { settings, network: network.into(), log: log.into(), relays })
}

fn serve(
    link: &mut Link<UnixStream>,
    control: &UnixStream,
    relays: &mut Relays,
    stack: &mut Stack,
) -> Result<(), String> {
    loop {
        let sleep = if link.has_room() { stack.sleep(Instant::now()) } else { LOOK_AGAIN };
        let (is_alone, is_readable) =
            wait(link, control, relays.wanted(stack), sleep).map_err(|error| error.to_string())?;
        if is_alone || is_readable && !link.fill().unwrap_or(false) {
            return Ok(());
        }
        let mut frames = 0;
        while let Some(frame) = link.next()? {
            stack.receive(frame, Instant::now());
            frames += 1;
            if frames % BATCH == 0 {
                stack.poll(Instant::now());
            }
        }
        relays.go_on(stack, Instant::now())?;
        stack.poll(Instant::now());
        // What was opened just now is asked for before anybody sleeps, and what was taken is handed on.
        relays.go_on(stack, Instant::now())?;
        while link.has_room() {
            let Some(frame) = stack.take_frame() else { break };
            link.send(&frame);
        }
        // A machine that ended is noticed by reading.
        let _ = link.flush();
        stack.flush_log().map_err(|error| format!("the log cannot be written: {error}"))?;
    }
}

/// Whether the server is gone, and whether the machine sent something.
fn wait(
    link: &Link<UnixStream>,
    control: &UnixStream,
    relays: Vec<(BorrowedFd<'_>, PollFlags)>,
    sleep: Duration,
) -> io::Result<(bool, bool)> {
    let mut wanted = PollFlags::empty();
    wanted.set(PollFlags::IN, link.has_room());
    wanted.set(PollFlags::OUT, link.has_waiting());
    let mut all = vec![PollFd::new(link.stream(), wanted), PollFd::new(control, PollFlags::IN)];
    all.extend(relays.into_iter().map(|(file, flags)| PollFd::from_borrowed_fd(file, flags)));
    // Rounded up: a timer that is about to end is not asked for a hundred times.
    let sleep = sleep + Duration::from_micros(500);
    let sleep = Timespec { tv_sec: sleep.as_secs() as i64, tv_nsec: sleep.subsec_nanos().into() };
    match poll(&mut all, Some(&sleep)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let (link, control) = (all[0].revents(), all[1].revents());
    Ok((!control.is_empty(), link.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)))
}
