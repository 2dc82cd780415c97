//! One host.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::db::Tx;
use store::fleet::host::{self, Detail, DeviceMapping, Host};
use store::rights::{Action, Object, Of};

use super::Shown;
use crate::agent::platform_family;
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Id, Name, Viewer};
use crate::server::Fleet;

#[derive(Serialize, JsonSchema)]
pub struct One {
    host: Whole,
}

#[derive(Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    shown: Shown,
    #[serde(flatten)]
    detail: Detail,
}

#[derive(Serialize, JsonSchema)]
pub struct Mails {
    host_id: u32,
    device_mapping: Option<Vec<DeviceMapping>>,
}

/// The host, when the viewer may see it.
pub fn readable(tx: &mut Tx<'_>, viewer: &Viewer, id: u32) -> Result<Host> {
    let host = host::by_id(tx, id)?;
    viewer.require(Action::Read, Object::Host, Of::Team(host.team_id))?;
    Ok(host)
}

fn whole(tx: &mut Tx<'_>, fleet: &Fleet, mut host: Host) -> Result<One> {
    let mut detail = host::detail(tx, &host, platform_family(&host.platform))?;
    let stats = std::mem::take(&mut detail.pack_stats);
    host.pack_stats = Some(stats.iter().filter_map(|stats| serde_json::to_value(stats).ok()).collect());
    let failing = detail.policies.iter().filter(|policy| policy.response == "fail").count() as u64;
    host.issues.total_issues_count = failing;
    host.issues.failing_policies_count = failing;
    host.additional = detail.additional.take().and_then(|text| serde_json::from_str(&text).ok());
    Ok(One { host: Whole { shown: Shown::of(fleet, host), detail } })
}

pub async fn show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<One>> {
    let db = fleet.db.clone();
    let read = db.read(move |tx| {
        let host = readable(tx, &viewer, id)?;
        whole(tx, &fleet, host)
    });
    Ok(Reply(read.await?))
}

/// Of several hosts with that name the first one counts that the viewer may see.
pub async fn named(State(fleet): State<Arc<Fleet>>, viewer: Viewer, name: Name) -> Result<Reply<One>> {
    let db = fleet.db.clone();
    let read = db.read(move |tx| {
        for reading in name.readings() {
            let mut hosts = host::by_identifier(tx, reading)?;
            if hosts.is_empty() {
                continue;
            }
            hosts.retain(|host| viewer.subject.may(Action::Read, Object::Host, Of::Team(host.team_id)));
            let host = hosts.into_iter().next().ok_or_else(Error::forbidden)?;
            return whole(tx, &fleet, host);
        }
        Err(Error::not_found("Host", &name.once))
    });
    Ok(Reply(read.await?))
}

pub async fn device_mapping(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
) -> Result<Reply<Mails>> {
    let read = fleet.db.read(move |tx| -> Result<_> {
        readable(tx, &viewer, id)?;
        Ok(Mails { host_id: id, device_mapping: host::device_mapping(tx, id)? })
    });
    Ok(Reply(read.await?))
}

pub async fn refetch(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    let write = fleet.db.write(move |tx| -> Result<()> {
        readable(tx, &viewer, id)?;
        Ok(host::request_refetch(tx, id)?)
    });
    write.await?;
    fleet.agents.refresh(&fleet.db, id).await?;
    Ok(DONE)
}
