//! Sessions: chosen by clients, kept while somebody receives.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedMutexGuard, mpsc};

use super::frame::{ENDED, Frame, INTERRUPTED};
use crate::live::converse::converse;
use crate::server::Fleet;

/// A session that nobody receives from ends after that long.
const UNRECEIVED_FOR: Duration = Duration::from_secs(5);
/// A sign of life when nothing else is said for that long.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// The most sessions at a time.
const MAX_SESSIONS: usize = 10_000;
/// Messages that wait for a receiver, and for the conversation.
const WAITING: usize = 16;
/// The most messages of one frame.
const MAX_TOGETHER: usize = 64;

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    by_id: Mutex<HashMap<String, Arc<Session>>>,
}

/// One session.
pub struct Session {
    /// To the conversation; gone when the session has ended.
    to_talk: Mutex<Option<mpsc::Sender<String>>>,
    /// From the conversation. Who holds the lock receives.
    from_talk: Arc<tokio::sync::Mutex<mpsc::Receiver<Arc<str>>>>,
    state: Mutex<State>,
}

struct State {
    opened: bool,
    closed: Option<Frame>,
    receivers: usize,
    /// When the last receiver left.
    left: Instant,
}

impl Sessions {
    /// The session of this name.
    pub fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.by_id.lock().get(id).cloned()
    }

    /// The session of this name, begun when there is none; `None` when there are too many.
    pub fn find_or_begin(&self, fleet: &Arc<Fleet>, id: &str) -> Option<Arc<Session>> {
        let mut by_id = self.by_id.lock();
        if let Some(session) = by_id.get(id) {
            return Some(session.clone());
        }
        if by_id.len() >= MAX_SESSIONS {
            return None;
        }
        let session = Session::begin(fleet);
        by_id.insert(id.to_owned(), session.clone());
        tokio::spawn(watch(fleet.clone(), id.to_owned(), session.clone()));
        Some(session)
    }
}

/// Ends a session that nobody receives from, and forgets it a while later.
async fn watch(fleet: Arc<Fleet>, id: String, session: Arc<Session>) {
    loop {
        tokio::time::sleep(UNRECEIVED_FOR / 5).await;
        let is_left = {
            let state = session.state.lock();
            state.receivers == 0 && state.left.elapsed() >= UNRECEIVED_FOR
        };
        if is_left {
            session.close(ENDED);
            fleet.sockjs.by_id.lock().remove(&id);
            return;
        }
    }
}

impl Session {
    fn begin(fleet: &Arc<Fleet>) -> Arc<Self> {
        let (to_talk, from_client) = mpsc::channel(WAITING);
        let (to_client, from_talk) = mpsc::channel(WAITING);
        tokio::spawn(converse(fleet.clone(), from_client, to_client));
        Arc::new(Self {
            to_talk: Mutex::new(Some(to_talk)),
            from_talk: Arc::new(tokio::sync::Mutex::new(from_talk)),
            state: Mutex::new(State { opened: false, closed: None, receivers: 0, left: Instant::now() }),
        })
    }

    /// Hands a message to the conversation; false when it has ended.
    pub async fn send(&self, message: String) -> bool {
        let Some(sender) = self.to_talk.lock().clone() else { return false };
        sender.send(message).await.is_ok()
    }

    /// Ends the conversation. The first reason stays.
    pub fn close(&self, frame: Frame) {
        self.to_talk.lock().take();
        self.state.lock().closed.get_or_insert(frame);
    }

    /// Begins to receive; `None` when somebody else does.
    pub fn receive(self: &Arc<Self>) -> Option<Receiver> {
        let lock = self.from_talk.clone().try_lock_owned().ok()?;
        self.state.lock().receivers += 1;
        Some(Receiver { session: self.clone(), from_talk: lock, left_well: false })
    }
}

/// A receiving request while it runs. One that is dropped before it has said that it leaves was broken off.
pub struct Receiver {
    session: Arc<Session>,
    from_talk: OwnedMutexGuard<mpsc::Receiver<Arc<str>>>,
    left_well: bool,
}

impl Receiver {
    /// The next frame, as soon as there is one.
    pub async fn next(&mut self) -> Frame {
        {
            let mut state = self.session.state.lock();
            if !state.opened {
                state.opened = true;
                return Frame::Open;
            }
            if let Some(frame) = &state.closed {
                return frame.clone();
            }
        }
        match tokio::time::timeout(HEARTBEAT, self.from_talk.recv()).await {
            Err(_) => Frame::Heartbeat,
            Ok(Some(first)) => {
                let mut messages = vec![first];
                while messages.len() < MAX_TOGETHER
                    && let Ok(message) = self.from_talk.try_recv()
                {
                    messages.push(message);
                }
                Frame::Messages(messages)
            }
            Ok(None) => {
                self.session.close(ENDED);
                ENDED
            }
        }
    }

    /// The request ends as it should.
    pub fn leave(mut self) {
        self.left_well = true;
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if !self.left_well {
            self.session.close(INTERRUPTED);
        }
        let mut state = self.session.state.lock();
        state.receivers -= 1;
        state.left = Instant::now();
    }
}
