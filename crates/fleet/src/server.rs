//! The server: what all requests share, and how it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serve::listener::Incoming;
use store::db::Db;
use store::fleet::{campaign, user};
use store::profile::Profiles;
use store::result_log::ResultLog;
use tokio::sync::Semaphore;

use crate::agent::Agents;
use crate::archive::Archives;
use crate::error::{Error, Result};
use crate::forward::Forwarders;
use crate::live::Live;
use crate::live::sockjs::Sessions;
use crate::metrics::Metrics;
use crate::request::BodyMemory;
use crate::settings::Settings;
use crate::throttle::Throttles;

/// Searches among what agents logged that run at a time; each may hold some megabytes.
const SEARCHES: usize = 4;

/// How often jobs that tidy up run.
const JOBS_EVERY: Duration = Duration::from_secs(1);

/// What all requests share.
pub struct Fleet {
    pub db: Db,
    pub settings: Settings,
    pub agents: Agents,
    pub live: Live,
    pub sockjs: Sessions,
    pub throttles: Throttles,
    pub bodies: BodyMemory,
    pub metrics: Metrics,
    /// What agents log.
    pub results: Arc<ResultLog>,
    pub forwarders: Forwarders,
    pub archives: Archives,
    /// What users keep for themselves over gRPC.
    profiles: Profiles,
    /// Searches among them that run at a time.
    pub searches: Semaphore,
    is_set_up: AtomicBool,
}

impl Fleet {
    /// A server on this database. Campaigns that another run left are ended: nobody reads their results any more.
    pub async fn open(db: Db, settings: Settings) -> Result<Arc<Self>> {
        db.write(campaign::complete_all).await?;
        let results =
            ResultLog::open(settings.dir.join("results"), settings.results).map_err(cannot_start)?;
        let results = Arc::new(results);
        let forwarders =
            Forwarders::start(&settings.destinations, &settings.dir, &results).map_err(cannot_start)?;
        let profiles = Profiles::in_data_dir(&settings.dir).map_err(cannot_start)?;
        let bodies = BodyMemory::new(settings.body_memory);
        Ok(Arc::new(Self {
            db,
            settings,
            agents: Agents::default(),
            bodies,
            live: Live::default(),
            sockjs: Sessions::default(),
            throttles: Throttles::default(),
            metrics: Metrics::default(),
            results,
            forwarders,
            archives: Archives::default(),
            profiles,
            searches: Semaphore::new(SEARCHES),
            is_set_up: AtomicBool::new(false),
        }))
    }

    /// Whether there was a set-up. Once there was, there always will have been.
    pub async fn is_set_up(&self) -> Result<bool> {
        if self.is_set_up.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let is_set_up = self.db.read(user::is_set_up).await?;
        self.is_set_up.store(is_set_up, Ordering::Relaxed);
        Ok(is_set_up)
    }
}

impl Fleet {
    /// What a user keeps goes with the user: to another name, or away. Call it when the database has it.
    pub async fn user_was(self: &Arc<Self>, name: String, is_now: Option<String>) {
        let fleet = self.clone();
        let changed = tokio::task::spawn_blocking(move || match is_now {
            Some(now) => fleet.profiles.rename(&name, &now),
            None => fleet.profiles.remove(&name),
        });
        if let Ok(Err(error)) = changed.await {
            tracing::error!(target: "fleet", %error, "what a user kept stays behind");
        }
    }
}

fn cannot_start(error: impl std::fmt::Display) -> Error {
    Error::plain(http::StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// Serves the API and the agents until `stop` is done.
pub async fn serve(fleet: Arc<Fleet>, incoming: Incoming, stop: impl Future<Output = ()>) {
    let jobs = tokio::spawn(jobs(fleet.clone()));
    let rare = tokio::spawn(crate::jobs::run(fleet.clone()));
    serve::http::serve(incoming, crate::router(fleet.clone()), stop).await;
    jobs.abort();
    rare.abort();
    fleet.agents.flush(&fleet.db).await;
    fleet.forwarders.stop().await;
}

async fn jobs(fleet: Arc<Fleet>) {
    let mut tick = tokio::time::interval(JOBS_EVERY);
    loop {
        tick.tick().await;
        fleet.agents.flush(&fleet.db).await;
        crate::live::expire(&fleet).await;
    }
}
