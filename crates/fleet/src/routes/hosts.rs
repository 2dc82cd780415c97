//! Hosts (the Fleet reference, section 4).

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use store::fleet::Time;
use store::fleet::host::{self, Host, Status};
use store::rights::{Action, Object, Of};

use crate::error::Result;
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Id, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "hosts", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Host);
    vec![
        Route::get("hosts/{id}", read, "One host in detail.", show),
        Route::post("hosts/{id}/refetch", read, "Ask a host for all its details.", refetch),
    ]
}

/// A host, and what follows from it now.
#[derive(Serialize)]
pub struct Shown {
    #[serde(flatten)]
    pub host: Host,
    pub status: Status,
    pub display_text: String,
    pub display_name: String,
}

impl Shown {
    /// As of now. What was seen of the host since the last write counts as well.
    pub fn of(fleet: &Fleet, mut host: Host) -> Self {
        host.seen_time = fleet.agents.last_seen(host.id).max(host.seen_time);
        let display_name = match (&*host.computer_name, &*host.hostname) {
            ("", "") => format!("{} ({})", host.hardware_model, host.hardware_serial),
            ("", hostname) => hostname.to_owned(),
            (name, _) => name.to_owned(),
        };
        let (status, display_text) = (host.status(Time::now()), host.hostname.clone());
        Self { host, status, display_text, display_name }
    }
}

#[derive(Serialize)]
struct One {
    host: Shown,
}

async fn find(fleet: &Fleet, viewer: &Viewer, id: u32) -> Result<Host> {
    let host = fleet.db.read(move |tx| host::by_id(tx, id)).await?;
    viewer.require(Action::Read, Object::Host, Of::Team(host.team_id))?;
    Ok(host)
}

async fn show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<One>> {
    let host = find(&fleet, &viewer, id).await?;
    Ok(Reply(One { host: Shown::of(&fleet, host) }))
}

async fn refetch(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    find(&fleet, &viewer, id).await?;
    fleet.db.write(move |tx| host::request_refetch(tx, id)).await?;
    fleet.agents.refresh(&fleet.db, id).await?;
    Ok(DONE)
}
