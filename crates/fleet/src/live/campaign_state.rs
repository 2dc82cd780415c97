//! One campaign while it runs: which host is how far, who reads, and what waits for a reader.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use store::fleet::campaign::Target;
use store::fleet::host::Host;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::host_state::Progress;
use super::message;
use crate::agent::Row;

/// Results that wait for one reader; beyond that agents wait.
const WAITING: usize = 256;
/// How long agents wait for a reader that does not keep up, before it is told so and left.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of results that are kept until the first reader comes.
const MAX_SPOOL: usize = 64 << 20;

/// What a host answered.
#[derive(Clone, Debug)]
pub struct LiveResult {
    pub rows: Vec<Row>,
    /// The agent's message when the query failed.
    pub error: Option<String>,
}

/// A result on its way to readers.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub host_id: u32,
    pub rows: Arc<Vec<Row>>,
    pub error: Option<String>,
    /// The message of streams, ready to be sent.
    pub text: Arc<str>,
}

/// Somebody who reads results.
#[derive(Debug)]
pub struct Reader {
    pub results: mpsc::Receiver<Delivery>,
    /// Set when the reader did not keep up and gets no more.
    pub too_slow: CancellationToken,
}

#[derive(Debug)]
struct Line {
    results: mpsc::Sender<Delivery>,
    too_slow: CancellationToken,
}

#[derive(Debug)]
struct Spool {
    waiting: Vec<Delivery>,
    bytes: usize,
    readers: Vec<Arc<Line>>,
    had_reader: bool,
}

/// A campaign.
#[derive(Debug)]
pub struct Campaign {
    pub id: u32,
    pub user_id: u32,
    pub sql: Arc<str>,
    /// The hosts, fixed at the beginning.
    pub targets: Vec<Target>,
    began: Instant,
    hosts: Mutex<HashMap<u32, Progress>>,
    spool: Mutex<Spool>,
    answers: AtomicUsize,
    /// Set at the end.
    pub ended: CancellationToken,
}

impl Campaign {
    pub fn new(id: u32, user_id: u32, sql: &str, targets: Vec<Target>) -> Self {
        let hosts = targets.iter().map(|target| (target.host_id, Progress::Waiting)).collect();
        let spool = Spool { waiting: Vec::new(), bytes: 0, readers: Vec::new(), had_reader: false };
        Self {
            id,
            user_id,
            sql: sql.into(),
            targets,
            began: Instant::now(),
            hosts: Mutex::new(hosts),
            spool: Mutex::new(spool),
            answers: AtomicUsize::new(0),
            ended: CancellationToken::new(),
        }
    }

    /// The query, if the host should be asked now.
    pub fn ask(&self, host_id: u32) -> Option<Arc<str>> {
        let mut hosts = self.hosts.lock();
        let progress = hosts.get_mut(&host_id)?;
        progress.is_due().then(|| {
            *progress = Progress::Asked(Instant::now());
            self.sql.clone()
        })
    }

    /// Looks at how far each host is, in the order of targets.
    pub fn each_host(&self, mut look: impl FnMut(&Target, &Progress)) {
        let hosts = self.hosts.lock();
        for target in &self.targets {
            look(target, hosts.get(&target.host_id).unwrap_or(&Progress::Waiting));
        }
    }

    /// How many hosts have answered, well or not.
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::Relaxed)
    }

    /// Hands an answer to all readers, or keeps it for the first. False when the host was not asked or answered before.
    pub async fn publish(&self, host: &Arc<Host>, result: LiveResult) -> bool {
        {
            let mut hosts = self.hosts.lock();
            match hosts.get_mut(&host.id) {
                Some(progress @ Progress::Asked(_)) => *progress = Progress::after(result.error.as_deref()),
                _ => return false,
            }
        }
        let delivery = message::delivery(self.id, host, result);
        let readers = match self.keep_or_readers(delivery.clone()) {
            Kept::Spooled => Vec::new(),
            Kept::ForReaders(readers) => readers,
            Kept::Full => {
                // Asked again later: by then somebody may read.
                self.hosts.lock().insert(host.id, Progress::Waiting);
                return true;
            }
        };
        self.answers.fetch_add(1, Ordering::Relaxed);
        for reader in readers {
            self.deliver(&reader, delivery.clone()).await;
        }
        true
    }

    fn keep_or_readers(&self, delivery: Delivery) -> Kept {
        let mut spool = self.spool.lock();
        if !spool.readers.is_empty() {
            return Kept::ForReaders(spool.readers.clone());
        }
        if spool.bytes + delivery.text.len() > MAX_SPOOL {
            return Kept::Full;
        }
        spool.bytes += delivery.text.len();
        spool.waiting.push(delivery);
        Kept::Spooled
    }

    async fn deliver(&self, reader: &Arc<Line>, delivery: Delivery) {
        match reader.results.send_timeout(delivery, PATIENCE).await {
            Ok(()) | Err(mpsc::error::SendTimeoutError::Closed(_)) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                tracing::warn!(target: "live", campaign = self.id, "a reader did not keep up and was left");
                reader.too_slow.cancel();
                self.spool.lock().readers.retain(|one| !Arc::ptr_eq(one, reader));
            }
        }
    }

    /// Begins to read. The first reader gets what waited as well.
    pub fn read(&self) -> (Vec<Delivery>, Reader) {
        let (sender, results) = mpsc::channel(WAITING);
        let too_slow = CancellationToken::new();
        let line = Arc::new(Line { results: sender, too_slow: too_slow.clone() });
        let mut spool = self.spool.lock();
        spool.readers.push(line);
        spool.had_reader = true;
        spool.bytes = 0;
        (std::mem::take(&mut spool.waiting), Reader { results, too_slow })
    }

    /// Lets go of what only readers need.
    pub fn forget_results(&self) {
        let mut spool = self.spool.lock();
        spool.waiting = Vec::new();
        spool.readers = Vec::new();
    }

    /// Whether nobody has begun to read for that long.
    pub fn is_unread_for(&self, time: Duration) -> bool {
        self.began.elapsed() >= time && !self.spool.lock().had_reader
    }
}

enum Kept {
    Spooled,
    ForReaders(Vec<Arc<Line>>),
    Full,
}
