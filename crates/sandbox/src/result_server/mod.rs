//! The result server: where analyzers of Cuckoo's kind send logs, files and pictures (the sandbox reference, section 9).
//!
//! A guest is known by the address that it comes from, so that it cannot name another's task. What it sends lies in one of
//! the folders that guests may write into, under a name that was not there before, and within the limits of its task.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::StreamExt as _;
use parking_lot::Mutex;
use serve::listener::Incoming;
use tokio::io::AsyncRead;
use tokio::net::UnixStream;

pub mod header;
pub mod name;
mod receive;
mod session;
mod settings;

#[cfg(test)]
mod tests;

pub use session::Remarks;
pub use settings::Limits;

use crate::results::Folder;
use session::Session;

/// The port that analyzers know.
pub const PORT: u16 = 2042;

/// Who may send, and for which task.
#[derive(Default)]
pub struct ResultServer {
    limits: Limits,
    guests: Mutex<HashMap<IpAddr, Arc<Session>>>,
}

impl ResultServer {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, guests: Mutex::default() })
    }

    /// From now on what comes from this address belongs to this task. An address that another task has is an error: its
    /// results would be mixed with another's.
    pub fn register(self: &Arc<Self>, guest: IpAddr, task: u32, folder: &Folder) -> io::Result<Registration> {
        let guest = guest.to_canonical();
        let session = Arc::new(Session::begin(task, folder.try_clone()?, self.limits)?);
        match self.guests.lock().entry(guest) {
            Entry::Occupied(known) => {
                let text = format!("the address {guest} belongs to task {} already", known.get().task);
                return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
            }
            Entry::Vacant(free) => free.insert(session.clone()),
        };
        Ok(Registration { server: self.clone(), guest: Some(guest), session })
    }

    /// The same for a guest whose connections are brought here by hand: nobody else can be taken for it.
    pub fn begin(self: &Arc<Self>, task: u32, folder: &Folder) -> io::Result<Registration> {
        let session = Arc::new(Session::begin(task, folder.try_clone()?, self.limits)?);
        Ok(Registration { server: self.clone(), guest: None, session })
    }

    /// Takes what guests send until `stop`.
    pub async fn serve(self: Arc<Self>, mut incoming: Incoming, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let connection = tokio::select! {
                () = &mut stop => return,
                connection = incoming.next() => connection,
            };
            let Some(Ok(connection)) = connection else { return };
            let peer = connection.info().peer_addr;
            self.take(peer.ip(), connection);
        }
    }

    /// Takes one connection. One from an address that no task has is closed without an answer.
    fn take(&self, peer: IpAddr, stream: impl AsyncRead + Unpin + Send + 'static) {
        let Some(session) = self.guests.lock().get(&peer.to_canonical()).cloned() else {
            // Everybody who reaches the port can cause this line.
            tracing::debug!(target: "sandbox", %peer, "results from an address that no task has");
            return;
        };
        let open = session.open.clone();
        open.spawn(receive::receive(session, stream));
    }
}

/// The address of a guest belongs to a task until this ends. Dropped, whatever is open is cut.
pub struct Registration {
    server: Arc<ResultServer>,
    guest: Option<IpAddr>,
    session: Arc<Session>,
}

impl Registration {
    /// Takes connections of the guest, as long as the task lasts.
    pub fn taker(&self) -> Box<dyn Fn(UnixStream) + Send + Sync> {
        let session = self.session.clone();
        Box::new(move |stream| {
            let open = session.open.clone();
            open.spawn(receive::receive(session.clone(), stream));
        })
    }

    /// Waits a little for files that are on their way, after the analyzer said that it is done.
    pub async fn settle(&self) {
        self.session.uploads.close();
        // Time is up for those that are not whole by then.
        let _ = tokio::time::timeout(self.session.limits.grace, self.session.uploads.wait()).await;
    }

    /// Nothing is taken any more; what is open is cut. Gives what went other than it should.
    pub async fn end(self) -> Remarks {
        self.forget();
        self.session.open.close();
        self.session.open.wait().await;
        self.session.take_remarks()
    }

    fn forget(&self) {
        if let Some(guest) = self.guest {
            let mut guests = self.server.guests.lock();
            if guests.get(&guest).is_some_and(|known| Arc::ptr_eq(known, &self.session)) {
                guests.remove(&guest);
            }
        }
        self.session.over.cancel();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.forget();
    }
}
