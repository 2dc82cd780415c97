//! What is done every hour and every day (the Fleet reference, sections 4.4, 12.1 and 15.4). Each job may run at any time, and
//! again after it was cut off.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use store::fleet::{Time, app_config, carve, host, query, software};

use crate::error::Result;
use crate::server::Fleet;

const HOUR: Duration = Duration::from_secs(3600);
const HOURS_OF_A_DAY: u64 = 24;
/// A host that enrolled has that long to tell who it is.
const UNANSWERED_SECONDS: i64 = 300;
/// Archives are kept that long.
const CARVE_SECONDS: i64 = 86_400;
const DAY_SECONDS: i64 = 86_400;
/// Hosts that are deleted in one transaction, so that others get their turn.
const BATCH: usize = 500;

/// Runs all of them in their time. Hosts get an hour to call before any is taken for gone.
pub async fn run(fleet: Arc<Fleet>) {
    let mut tick = tokio::time::interval(HOUR);
    let mut hours = 0;
    loop {
        tick.tick().await;
        hourly(&fleet).await;
        if hours % HOURS_OF_A_DAY == 1 {
            daily(&fleet).await;
        }
        hours += 1;
    }
}

/// Counts programs, ends old carves, and deletes hosts that never told who they are.
pub async fn hourly(fleet: &Fleet) {
    told("programs were not counted", count_software(fleet).await);
    told("what queries cost was not summed up", aggregate_queries(fleet).await);
    told("old carves were not removed", expire_carves(fleet).await);
    told("archives were not hashed", hash_carves(fleet).await);
    told("hosts that never answered were not removed", delete_unanswered(fleet).await);
}

/// Deletes hosts that were not seen for long, when the settings say so.
pub async fn daily(fleet: &Fleet) {
    told("hosts that are gone were not removed", expire_hosts(fleet).await);
}

fn told(what: &str, done: Result<()>) {
    if let Err(error) = done {
        tracing::warn!(target: "jobs", error = error.message, "{what}");
    }
}

async fn aggregate_queries(fleet: &Fleet) -> Result<()> {
    fleet.db.write(query::aggregate).await?;
    Ok(())
}

/// Counting takes long in a large fleet, so nobody else waits for it.
async fn count_software(fleet: &Fleet) -> Result<()> {
    let counts = fleet.db.read(software::count_hosts).await?;
    fleet.db.write(move |tx| software::store_counts(tx, &counts)).await?;
    Ok(())
}

async fn delete_unanswered(fleet: &Fleet) -> Result<()> {
    let before = Time::now().plus_seconds(-UNANSWERED_SECONDS);
    for id in fleet.db.write(move |tx| host::delete_unanswered(tx, before)).await? {
        fleet.agents.forget(id);
    }
    Ok(())
}

async fn expire_carves(fleet: &Fleet) -> Result<()> {
    let before = Time::now().plus_seconds(-CARVE_SECONDS);
    fleet.db.write(move |tx| carve::expire(tx, before)).await?;
    let expired = fleet.db.read(carve::expired).await?;
    let dir = fleet.settings.dir.join("carves");
    // Also what an earlier run did not come to.
    let removed = tokio::task::spawn_blocking(move || {
        for id in expired {
            match std::fs::remove_dir_all(dir.join(id.to_string())) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(target: "jobs", carve = id, %error, "an archive was not removed");
                }
                _ => {}
            }
        }
    });
    // A panic in there is its end alone.
    let _ = removed.await;
    Ok(())
}

/// What a server that was killed did not come to.
async fn hash_carves(fleet: &Fleet) -> Result<()> {
    for id in fleet.db.read(carve::unhashed).await? {
        crate::archive::hash(fleet, id).await;
    }
    Ok(())
}

async fn expire_hosts(fleet: &Fleet) -> Result<()> {
    let config = fleet.db.read(app_config::get).await?;
    let settings = &config["host_expiry_settings"];
    let days = settings["host_expiry_window"].as_i64().unwrap_or(0);
    if settings["host_expiry_enabled"] != true || days <= 0 {
        return Ok(());
    }
    let before = Time::now().plus_seconds(days.saturating_mul(DAY_SECONDS).saturating_neg());
    let mut gone = fleet.db.read(move |tx| host::unseen_since(tx, before)).await?;
    gone.retain(|id| fleet.agents.last_seen(*id) < before);
    for batch in gone.chunks(BATCH) {
        let ids = batch.to_vec();
        fleet.db.write(move |tx| host::delete(tx, &ids)).await?;
        batch.iter().for_each(|id| fleet.agents.forget(*id));
    }
    Ok(())
}
