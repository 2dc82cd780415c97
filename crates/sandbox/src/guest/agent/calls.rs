//! Calls under way: who waits for which replies, and how many a guest may still send.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use guest_protocol::window::{Window, cost};
use guest_protocol::{Reply, Request, ToHost};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Agent;
use crate::error::{End, Error, Result};

/// Lines of the agent's log that are kept, and how long each may be.
const LOG_LINES: usize = 100;
const LOG_LINE: usize = 1024;
/// Calls side by side.
const MOST: usize = 64;

#[derive(Default)]
pub struct Calls(Mutex<State>);

#[derive(Default)]
struct State {
    next: u32,
    open: HashMap<u32, Open>,
    log: VecDeque<String>,
    ended: Option<End>,
}

struct Open {
    /// Never longer than the window, which is why it needs no bound of its own.
    replies: UnboundedSender<(Reply, u64)>,
    /// None: only a last reply is allowed.
    window: Option<Window>,
}

impl Calls {
    pub fn open(this: &Arc<Self>, agent: Agent, window: Option<u64>) -> Result<Call> {
        let mut state = this.state();
        if let Some(end) = &state.ended {
            return Err(Error::Ended(end.clone()));
        }
        if state.open.len() >= MOST {
            return Err(Error::Protocol(format!("more than {MOST} calls at once")));
        }
        // Never 0, which is nobody's.
        state.next = state.next.wrapping_add(1).max(1);
        let number = state.next;
        let (sender, replies) = unbounded_channel();
        state.open.insert(number, Open { replies: sender, window: window.map(Window::new) });
        Ok(Call { agent, number, replies, owed: 0, window: window.unwrap_or(0), is_over: false })
    }

    /// A reply arrived.
    pub fn take(&self, ToHost { call, reply }: ToHost, payload: usize) -> Result<(), End> {
        let mut state = self.state();
        if let Reply::Log(text) = reply {
            if state.log.len() == LOG_LINES {
                state.log.pop_front();
            }
            state.log.push_back(text.to_text().chars().take(LOG_LINE).collect());
            return Ok(());
        }
        if reply.is_last() {
            // A call that nobody waits for any more is none of ours.
            if let Some(open) = state.open.remove(&call) {
                let _ = open.replies.send((reply, 0));
            }
            return Ok(());
        }
        let Some(open) = state.open.get_mut(&call) else { return Ok(()) };
        let cost = cost(payload);
        if !open.window.as_mut().is_some_and(|window| window.take(cost)) {
            return Err(End::Hostile("more than it was granted".into()));
        }
        let _ = open.replies.send((reply, cost));
        Ok(())
    }

    /// Nothing comes any more. The first reason is the one that counts.
    pub fn end(&self, end: End) {
        let mut state = self.state();
        state.ended.get_or_insert(end);
        state.open.clear();
    }

    pub fn why_ended(&self) -> End {
        self.state().ended.clone().unwrap_or(End::Closed)
    }

    pub fn take_log(&self) -> Vec<String> {
        self.state().log.drain(..).collect()
    }

    fn give(&self, call: u32, bytes: u64) {
        if let Some(window) = self.state().open.get_mut(&call).and_then(|open| open.window.as_mut()) {
            window.give(bytes);
        }
    }

    fn close(&self, call: u32) {
        self.state().open.remove(&call);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call. Dropped early, the guest is told to stop.
pub struct Call {
    agent: Agent,
    number: u32,
    replies: UnboundedReceiver<(Reply, u64)>,
    /// Credit that the guest has earned back and was not told yet.
    owed: u64,
    window: u64,
    is_over: bool,
}

impl Call {
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether there is something to take.
    pub fn is_answered(&self) -> bool {
        self.is_over || !self.replies.is_empty() || self.replies.is_closed()
    }

    /// The next reply. A failure of the guest is an error.
    pub async fn next(&mut self) -> Result<Reply> {
        let Some((reply, cost)) = self.replies.recv().await else {
            self.is_over = true;
            return Err(Error::Ended(self.agent.calls.why_ended()));
        };
        self.owed += cost;
        // In portions: a message for each message would be a message too many.
        if self.owed > self.window / 4 && self.window > 0 {
            let bytes = std::mem::take(&mut self.owed);
            // Granted here first, or a quick guest would seem to take too much.
            self.agent.calls.give(self.number, bytes);
            self.agent.send(self.number, Request::Credit { bytes }).await?;
        }
        self.is_over |= reply.is_last();
        match reply {
            Reply::Failed(failure) => Err(Error::Guest(failure)),
            reply => Ok(reply),
        }
    }

    /// The last reply of a call that has only that.
    pub async fn last(&mut self) -> Result<Reply> {
        self.next().await
    }

    /// Asks the guest to end it; what it still sends may be taken.
    pub async fn kill(&self) -> Result<()> {
        self.agent.send(self.number, Request::Kill).await
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.agent.calls.close(self.number);
        if !self.is_over && self.window > 0 {
            self.agent.try_send(self.number, Request::Kill);
            self.agent.try_send(self.number, Request::Cancel);
        }
    }
}
