//! How long a peer may take to say what it wants.
//!
//! hyper's limit for the headers of a request runs while none is under way, too: it cannot tell a client that sends them slowly
//! from one that has nothing to ask. [`Watched`] counts what arrives, and the timer that hyper is given ([`Pace`]) looks at the
//! count: waiting ends late, headers that have begun end soon. Before a connection's first byte there is no timer of hyper's
//! at all; that time [`Watched`] limits itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{self, sleep, sleep_until};

use crate::listener::Crowd;

/// The first bytes of HTTP/2. Whoever sent as many has said which HTTP it speaks.
const PREFACE_BYTES: usize = 24;

/// How long each may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The headers of a request, from the first byte on. On a new connection: what tells the kind of HTTP, then the headers.
    pub headers: Duration,
    /// The time between two requests. While connections are scarce `headers` holds instead.
    pub idle: Duration,
}

impl Patience {
    /// What servers do. Agents ask every 10 s by default; the idle limit is the one that common servers have.
    pub const DEFAULT: Self = Self { headers: Duration::from_secs(5), idle: Duration::from_secs(75) };
}

/// What is known of one connection: hyper's timer for its headers.
#[derive(Clone)]
pub struct Pace(Arc<State>);

struct State {
    patience: Patience,
    crowd: Crowd,
    /// Bytes that arrived.
    read: AtomicUsize,
    /// Whether headers are awaited, or were: the connection speaks HTTP/1.
    has_begun: AtomicBool,
}

impl Pace {
    pub fn new(patience: Patience, crowd: Crowd) -> Self {
        let (read, has_begun) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self(Arc::new(State { patience, crowd, read, has_begun }))
    }

    fn read(&self) -> usize {
        self.0.read.load(Ordering::Relaxed)
    }

    fn is_version_known(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed) || self.read() >= PREFACE_BYTES
    }
}

/// hyper asks an HTTP/1 connection's timer for one thing: when to stop waiting for the headers of the next request.
impl Timer for Pace {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, idle_until: Instant) -> Pin<Box<dyn Sleep>> {
        let is_first = !self.0.has_begun.swap(true, Ordering::Relaxed);
        let soon = time::Instant::now() + self.0.patience.headers;
        let is_short = is_first || self.0.crowd.is_crowded();
        let until = if is_short { soon } else { idle_until.into() };
        // What tells HTTP/1 from HTTP/2 is the beginning of the first headers, and was counted before.
        let idle_at = (!is_first).then(|| self.read());
        Box::pin(Headers { pace: self.clone(), idle_at, sleep: Box::pin(sleep_until(until)) })
    }

    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }
}

/// Ends when the headers took too long, or did not begin.
struct Headers {
    pace: Pace,
    /// How many bytes had arrived when the connection became idle, until there are more.
    idle_at: Option<usize>,
    sleep: Pin<Box<time::Sleep>>,
}

impl Sleep for Headers {}

impl Future for Headers {
    type Output = ();

    // hyper polls it after each read that did not complete the headers.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.idle_at.is_some_and(|at| at != self.pace.read()) {
            self.idle_at = None;
            let until = time::Instant::now() + self.pace.0.patience.headers;
            self.sleep.as_mut().reset(until);
        }
        self.sleep.as_mut().poll(cx)
    }
}

/// A connection that counts what it reads, and ends when its peer does not begin to speak.
pub struct Watched<IO> {
    io: IO,
    pace: Pace,
    /// Runs until it is known which HTTP is spoken.
    silence: Option<Pin<Box<time::Sleep>>>,
}

impl<IO> Watched<IO> {
    pub fn new(io: IO, pace: Pace) -> Self {
        let silence = Some(Box::pin(sleep(pace.0.patience.headers)));
        Self { io, pace, silence }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pace.is_version_known() {
            self.silence = None;
        }
        let Some(silence) = &mut self.silence else { return Poll::Pending };
        silence.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Ready(Ok(())) => {
                self.pace.0.read.fetch_add(buf.filled().len() - before, Ordering::Relaxed);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_silence(cx),
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
