//! Clients: the endpoints that this server knows, and how to find them.
//!
//! Each is a small JSON file in `clients/`, written when something about it changes; all are kept in memory with an
//! index of search terms, so that a search reads no file. Fields are those of the message `ApiClient` (the gRPC
//! reference, section 11) in its order: queries show records as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use crate::data_dir::create_private_dir;
use crate::durable;
use crate::encode;
use crate::error::{Error, Result};

mod record;
mod search;

pub use record::{Agent, Client, Uname};
pub use search::Search;

/// The longest id.
const MAX_ID: usize = 64;

/// Every id starts so.
const PREFIX: &str = "C.";

/// Refuses ids that no client can have. `server` is not a client.
pub fn check_id(id: &str) -> Result<()> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let rest = id.strip_prefix(PREFIX).unwrap_or_default();
    if !rest.is_empty() && id.len() <= MAX_ID && rest.chars().all(is_part) {
        return Ok(());
    }
    Err(Error::NameInvalid {
        what: "client id",
        name: id.to_owned(),
        rule: "C. and letters, digits, dots, dashes or underscores, 64 at most",
    })
}

/// All clients.
#[derive(Debug)]
pub struct Clients {
    dir: PathBuf,
    known: RwLock<Known>,
    /// Held while a record changes, so that changes follow one another on disk as in memory.
    changing: Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    by_id: BTreeMap<Arc<str>, Arc<Client>>,
    /// Search terms in lower case, each with the client it is about.
    terms: BTreeSet<(Box<str>, Arc<str>)>,
}

impl Known {
    fn put(&mut self, client: Arc<Client>) {
        let id: Arc<str> = client.client_id.as_str().into();
        self.take(&id);
        self.terms.extend(search::terms(&client).into_iter().map(|term| (term, id.clone())));
        self.by_id.insert(id, client);
    }

    fn take(&mut self, id: &str) -> Option<Arc<Client>> {
        let (id, client) = self.by_id.remove_entry(id)?;
        for term in search::terms(&client) {
            self.terms.remove(&(term, id.clone()));
        }
        Some(client)
    }
}

impl Clients {
    /// Uses the directory, creating it when missing, and reads all records. A damaged one is reported and left
    /// out: it must not keep the server from starting.
    pub fn open(dir: PathBuf) -> Result<Self> {
        create_private_dir(&dir)?;
        let mut known = Known::default();
        for entry in fs::read_dir(&dir).map_err(Error::io("list", &dir))? {
            let path = entry.map_err(Error::io("list", &dir))?.path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            let Some((_, text)) = durable::read(&path)? else { continue };
            match serde_json::from_slice::<Client>(&text) {
                Ok(client) => known.put(Arc::new(client)),
                Err(source) => {
                    let error = Error::Damaged { path, source };
                    tracing::error!(%error, "a client is left out");
                }
            }
        }
        Ok(Self { dir, known: RwLock::new(known), changing: Mutex::default() })
    }

    /// A new id: `C.` and 16 hexadecimal digits.
    pub fn new_id(&self) -> Result<String> {
        let mut bytes = [0; 8];
        encode::random(&mut bytes)?;
        Ok(format!("{PREFIX}{:016x}", u64::from_be_bytes(bytes)))
    }

    /// The client of that id.
    pub fn find(&self, id: &str) -> Option<Arc<Client>> {
        self.known.read().by_id.get(id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.read().by_id.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The clients that a search finds, by id; `recent:` gives those seen last first.
    pub fn search(&self, search: &Search) -> Vec<Arc<Client>> {
        let known = self.known.read();
        let mut found: Vec<Arc<Client>> = match search.term() {
            None => known.by_id.values().cloned().collect(),
            Some(term) => {
                let ids = search::matching(&known.terms, term);
                ids.into_iter().filter_map(|id| known.by_id.get(id).cloned()).collect()
            }
        };
        drop(known);
        if *search == Search::Recent {
            found.sort_by_key(|client| std::cmp::Reverse(client.last_seen_at));
        }
        found
    }

    /// Every label that any client has, by name.
    pub fn labels(&self) -> Vec<String> {
        let known = self.known.read();
        let labels: BTreeSet<&String> = known.by_id.values().flat_map(|c| &c.labels).collect();
        labels.into_iter().cloned().collect()
    }

    /// Adds a client; on disk when this returns. One of that id that exists already is an error.
    pub fn add(&self, client: Client) -> Result<Arc<Client>> {
        check_id(&client.client_id)?;
        let _changing = self.changing.lock();
        if self.find(&client.client_id).is_some() {
            return Err(Error::ClientKnown(client.client_id));
        }
        self.store(client)
    }

    /// Changes a record in one step. When nothing changes, nothing is written.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Client)) -> Result<Arc<Client>> {
        let _changing = self.changing.lock();
        let known = self.find(id).ok_or_else(|| Error::ClientUnknown(id.to_owned()))?;
        let mut client = (*known).clone();
        change(&mut client);
        // The id is the name of the file.
        id.clone_into(&mut client.client_id);
        if client == *known { Ok(known) } else { self.store(client) }
    }

    /// Forgets a client; says whether there was one.
    pub fn remove(&self, id: &str) -> Result<bool> {
        let _changing = self.changing.lock();
        if self.find(id).is_none() {
            return Ok(false);
        }
        durable::remove(&self.path(id)?)?;
        self.known.write().take(id);
        Ok(true)
    }

    fn store(&self, client: Client) -> Result<Arc<Client>> {
        let path = self.path(&client.client_id)?;
        durable::write_json(&path, &client)?;
        let client = Arc::new(client);
        self.known.write().put(client.clone());
        Ok(client)
    }

    fn path(&self, id: &str) -> Result<PathBuf> {
        let name = encode::file_name(id).ok_or(Error::PathInvalid)?;
        Ok(self.dir.join(name + ".json"))
    }
}

#[cfg(test)]
mod tests;
