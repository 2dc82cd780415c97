//! Sending to the host: one frame at a time, and never more for a call than the host granted.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use guest_protocol::frame::{self, HEADER};
use guest_protocol::window::{Window, cost};
use guest_protocol::{Reply, ToHost};

pub struct Channel {
    port: Mutex<Port>,
    windows: Mutex<HashMap<u32, Window>>,
    /// Told when a window grew or closed.
    changed: Condvar,
}

struct Port {
    file: File,
    session: u32,
}

impl Channel {
    pub fn new(file: File) -> Self {
        Self {
            port: Mutex::new(Port { file, session: frame::NO_SESSION }),
            windows: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Another host, or the same one anew: whoever still sends for the one before is told to stop.
    pub fn begin(&self, session: u32) {
        locked(&self.windows).clear();
        self.changed.notify_all();
        locked(&self.port).session = session;
    }

    /// Opens a call that gives many replies.
    pub fn open(&self, call: u32, window: u64) {
        locked(&self.windows).insert(call, Window::new(window));
    }

    pub fn give(&self, call: u32, bytes: u64) {
        if let Some(window) = locked(&self.windows).get_mut(&call) {
            window.give(bytes);
        }
        self.changed.notify_all();
    }

    /// Closes a call before its end; its senders stop.
    pub fn close(&self, call: u32) {
        locked(&self.windows).remove(&call);
        self.changed.notify_all();
    }

    /// Sends a reply when there is credit for it. False: nobody wants it any more.
    #[must_use = "a call that nobody wants must stop"]
    pub fn send(&self, call: u32, reply: Reply) -> bool {
        let session = locked(&self.port).session;
        let Ok(bytes) = frame::encode(session, &ToHost { call, reply }) else { return true };
        let cost = cost(bytes.len() - HEADER);
        let mut windows = locked(&self.windows);
        loop {
            let Some(window) = windows.get_mut(&call) else { return false };
            if window.take(cost) {
                break;
            }
            windows = self.changed.wait(windows).unwrap_or_else(PoisonError::into_inner);
        }
        drop(windows);
        // A frame of a session that ended meanwhile is dropped by the host.
        let _ = locked(&self.port).file.write_all(&bytes);
        true
    }

    /// Ends a call with its last reply, or answers one that has only that. Needs no credit.
    pub fn finish(&self, call: u32, reply: Reply) {
        locked(&self.windows).remove(&call);
        self.write(&ToHost { call, reply });
    }

    /// A line for the host's log; no call waits for it.
    pub fn log(&self, text: String) {
        self.write(&ToHost { call: 0, reply: Reply::Log(text.into()) });
    }

    /// Sends without a session: nobody greeted yet.
    pub fn born(&self, times: u32, why: &str) {
        self.write(&ToHost { call: 0, reply: Reply::Born { times, why: why.into() } });
    }

    fn write(&self, message: &ToHost) {
        let mut port = locked(&self.port);
        if let Ok(bytes) = frame::encode(port.session, message) {
            // A host that went away has no use for an error.
            let _ = port.file.write_all(&bytes);
        }
    }
}

/// No invariant spans a panic here.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
