//! What hosts are asked: labels, policies and details, read once after each change and shared by all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value as Json;
use store::db::Db;
use store::fleet::app_config;
use store::fleet::host::Host;
use store::fleet::label::{self, LabelQuery};
use store::fleet::policy::{self, PolicyQuery};

use super::details::platform_family;
use crate::error::Result;

/// After that long everything is read again: another process may have changed it.
const MAX_AGE: Duration = Duration::from_secs(30);
/// A question that was asked is not asked again for that long.
const IN_FLIGHT: Duration = Duration::from_secs(90);
/// An answer may come again for that long.
const ANSWERS_AGAIN_WITHIN: Duration = Duration::from_secs(600);

/// What hosts are asked at present.
#[derive(Debug)]
pub struct Work {
    pub labels: Vec<LabelQuery>,
    pub policies: Vec<PolicyQuery>,
    /// Names and texts of the additional queries.
    pub additional: Vec<(String, String)>,
    pub users: bool,
    pub software: bool,
}

impl Work {
    /// The labels that a host is asked about.
    pub fn labels_of<'w>(&'w self, host: &'w Host) -> impl Iterator<Item = &'w LabelQuery> {
        self.labels.iter().filter(|label| label.platform.is_empty() || label.platform == host.platform)
    }

    /// The policies that a host is asked about.
    pub fn policies_of<'w>(&'w self, host: &'w Host) -> impl Iterator<Item = &'w PolicyQuery> {
        let family = platform_family(&host.platform);
        let fits = move |policy: &&PolicyQuery| {
            let of_team = policy.team_id.is_none() || policy.team_id == host.team_id;
            of_team
                && (policy.platform.is_empty()
                    || policy.platform.split(',').any(|platform| platform == family))
        };
        self.policies.iter().filter(fits)
    }

    async fn read(db: &Db) -> Result<Self> {
        db.read(|tx| -> Result<Self> {
            let config = app_config::get(tx)?;
            let settings = &config["host_settings"];
            let additional = settings["additional_queries"].as_object().into_iter().flatten();
            let text = |(name, sql): (&String, &Json)| Some((name.clone(), sql.as_str()?.to_owned()));
            Ok(Self {
                labels: label::dynamic(tx)?,
                policies: policy::queries(tx)?,
                additional: additional.filter_map(text).collect(),
                users: settings["enable_host_users"].as_bool().unwrap_or(true),
                software: settings["enable_software_inventory"].as_bool().unwrap_or(true),
            })
        })
        .await
    }
}

/// The work as it was last read.
#[derive(Debug, Default)]
pub struct WorkCache {
    current: Mutex<Option<(u64, Instant, Arc<Work>)>>,
}

impl WorkCache {
    pub async fn get(&self, db: &Db, version: u64) -> Result<Arc<Work>> {
        if let Some((of, read, work)) = &*self.current.lock()
            && *of == version
            && read.elapsed() < MAX_AGE
        {
            return Ok(work.clone());
        }
        let work = Arc::new(Work::read(db).await?);
        *self.current.lock() = Some((version, Instant::now(), work.clone()));
        Ok(work)
    }
}

/// What an agent was asked: it may answer that and nothing else.
#[derive(Debug, Default)]
pub struct Asked {
    pub details: Question,
    pub labels: Question,
    pub policies: Question,
}

/// One kind of question.
#[derive(Debug, Default)]
pub struct Question {
    /// While no answer has come.
    sent: Option<Instant>,
    /// What was asked, once anything was.
    of: Option<Arc<Work>>,
    /// When the first answer came.
    answered: Option<Instant>,
}

impl Question {
    /// Notes that it is asked.
    pub fn ask(&mut self, work: &Arc<Work>) {
        *self = Self { sent: Some(Instant::now()), of: Some(work.clone()), answered: None };
    }

    /// Notes an answer: it may be asked again whenever it is due.
    pub fn answered(&mut self) {
        self.sent = None;
        self.answered.get_or_insert_with(Instant::now);
    }

    /// What may be answered: what was asked, however late the answer is, and for a while the same again, since an agent that did
    /// not hear that its answer arrived sends it once more.
    pub fn answerable(&self) -> Option<&Arc<Work>> {
        let is_over = self.answered.is_some_and(|at| at.elapsed() >= ANSWERS_AGAIN_WITHIN);
        self.of.as_ref().filter(|_| !is_over)
    }

    /// Whether it was asked a moment ago and the agent is at it.
    pub fn is_in_flight(&self) -> bool {
        self.sent.is_some_and(|at| at.elapsed() < IN_FLIGHT)
    }
}
