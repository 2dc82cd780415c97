//! The agents that were here since the start, kept in memory: a check-in that has nothing to do asks no database.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use store::db::Db;
use store::fleet::Time;
use store::fleet::host::{self, Host};

use super::log::Intake;
use super::work::{Asked, Work, WorkCache};
use crate::error::Result;

/// How long a check-in may stay in memory before it is written down.
const FLUSH_EVERY: Duration = Duration::from_secs(3);
/// Hosts whose last contact is written in one transaction.
const FLUSH_BATCH: usize = 5_000;

/// One agent.
#[derive(Debug)]
pub struct Agent {
    pub host_id: u32,
    /// When it last called.
    seen: AtomicI64,
    /// The same, as it was written down.
    written: AtomicI64,
    pub state: Mutex<State>,
}

/// What decides about an agent's work.
#[derive(Debug)]
pub struct State {
    /// The row of the host as it was last read.
    pub host: Arc<Host>,
    /// What it was asked and may therefore answer.
    pub asked: Asked,
    /// The configuration as last built: for which version of everything, its etag and text.
    pub config: Option<super::config::Built>,
}

/// All agents, and what they are asked.
pub struct Agents {
    by_key: RwLock<HashMap<[u8; 32], Arc<Agent>>>,
    by_host: RwLock<HashMap<u32, ([u8; 32], Arc<Agent>)>>,
    work: WorkCache,
    /// Raised by every change through the API.
    version: AtomicU64,
    flushed: Mutex<Instant>,
    pub intake: Intake,
    /// Refused answers, by reason.
    pub refused: Mutex<HashMap<&'static str, u64>>,
    jitter: RandomState,
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            by_key: RwLock::default(),
            by_host: RwLock::default(),
            work: WorkCache::default(),
            version: AtomicU64::new(1),
            flushed: Mutex::new(Instant::now()),
            intake: Intake::default(),
            refused: Mutex::default(),
            jitter: RandomState::new(),
        }
    }
}

impl Agents {
    /// Something changed that agents may have to be told.
    pub fn changed(&self) {
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// How often something changed.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }

    /// What hosts are asked at present.
    pub async fn work(&self, db: &Db) -> Result<Arc<Work>> {
        self.work.get(db, self.version()).await
    }

    /// The agent with this hash of a node key, as far as it was here.
    pub fn find(&self, key: &[u8; 32]) -> Option<Arc<Agent>> {
        self.by_key.read().get(key).cloned()
    }

    /// Keeps an agent, in place of what was known of its host.
    pub fn keep(&self, key: [u8; 32], host: Host) -> Arc<Agent> {
        let id = host.id;
        let seen = host.seen_time.0;
        let state = State { host: Arc::new(host), asked: Asked::default(), config: None };
        let agent = Arc::new(Agent {
            host_id: id,
            seen: AtomicI64::new(seen),
            written: AtomicI64::new(seen),
            state: Mutex::new(state),
        });
        let before = self.by_host.write().insert(id, (key, agent.clone()));
        let mut by_key = self.by_key.write();
        if let Some((before, _)) = before {
            by_key.remove(&before);
        }
        by_key.insert(key, agent.clone());
        agent
    }

    /// The agent of a host, as far as it was here.
    pub fn of_host(&self, id: u32) -> Option<Arc<Agent>> {
        self.by_host.read().get(&id).map(|(_, agent)| agent.clone())
    }

    /// Forgets a host that was deleted, or whose key changed.
    pub fn forget(&self, id: u32) {
        if let Some((key, _)) = self.by_host.write().remove(&id) {
            self.by_key.write().remove(&key);
        }
    }

    /// Reads the row of a host again after it was changed by somebody else than its agent.
    pub async fn refresh(&self, db: &Db, id: u32) -> Result<()> {
        let Some(agent) = self.of_host(id) else { return Ok(()) };
        let host = db.read(move |tx| host::by_id(tx, id)).await?;
        let mut state = agent.state.lock();
        state.host = Arc::new(host);
        state.config = None;
        Ok(())
    }

    /// How many agents called since the start, and how many of them are online.
    pub fn count_online(&self, now: Time) -> (usize, usize) {
        let all: Vec<Arc<Agent>> = self.by_host.read().values().map(|(_, agent)| agent.clone()).collect();
        (all.len(), all.iter().filter(|agent| agent.is_online(now)).count())
    }

    /// When a host last called, as far as this is known here.
    pub fn last_seen(&self, id: u32) -> Time {
        let seen = self.of_host(id).map(|agent| agent.seen.load(Ordering::Relaxed));
        Time(seen.unwrap_or(i64::MIN / 2))
    }

    /// Writes down who called, every few seconds.
    pub async fn flush(&self, db: &Db) {
        {
            let mut flushed = self.flushed.lock();
            if flushed.elapsed() < FLUSH_EVERY {
                return;
            }
            *flushed = Instant::now();
        }
        let due: Vec<(u32, Time)> =
            self.by_host.read().values().filter_map(|(_, agent)| agent.due()).collect();
        for batch in due.chunks(FLUSH_BATCH) {
            let hosts = batch.to_vec();
            match db.write(move |tx| host::seen(tx, &hosts)).await {
                Ok(()) => self.written(batch),
                Err(error) => {
                    tracing::warn!(target: "agents", %error, "the last contacts of hosts were not written")
                }
            }
        }
    }

    fn written(&self, batch: &[(u32, Time)]) {
        let by_host = self.by_host.read();
        for (id, time) in batch {
            if let Some((_, agent)) = by_host.get(id) {
                agent.written.store(time.0, Ordering::Relaxed);
            }
        }
    }

    /// Counts a refused answer.
    pub fn refuse(&self, reason: &'static str) {
        *self.refused.lock().entry(reason).or_default() += 1;
    }

    /// A number below `range` that is always the same for a host.
    pub fn jitter(&self, host_id: u32, range: u64) -> u64 {
        if range == 0 { 0 } else { self.jitter.hash_one(host_id) % range }
    }
}

impl Agent {
    /// Notes a call.
    pub fn touch(&self, now: Time) {
        self.seen.fetch_max(now.0, Ordering::Relaxed);
    }

    fn is_online(&self, now: Time) -> bool {
        let seen = Time(self.seen.load(Ordering::Relaxed));
        let host = self.state.lock().host.clone();
        host::status(seen, host.distributed_interval, host.config_tls_refresh, now) == host::Status::Online
    }

    fn due(&self) -> Option<(u32, Time)> {
        let seen = self.seen.load(Ordering::Relaxed);
        (seen > self.written.load(Ordering::Relaxed)).then_some((self.host_id, Time(seen)))
    }
}
