//! `info`: the task and its machine (the report reference, section 1).

use serde_json::{Value as Json, json};
use store::sandbox::Stamp;

use super::{Case, Module};

pub const MODULE: Module = Module { key: "info", run: |case| Ok(of(case)), empty: || json!({}) };

fn of(case: &Case<'_>) -> Json {
    let task = case.task;
    let text = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.to_string()).unwrap_or_default();
    let guest = task.guest.as_ref();
    let of_guest = |get: fn(&store::sandbox::Guest) -> &str| guest.map(get).unwrap_or_default();
    json!({
        "id": task.id,
        "category": task.category,
        "added": task.added_on.as_seconds(),
        "started": task.started_on.unwrap_or(task.added_on).as_seconds(),
        "ended": task.completed_on.unwrap_or_else(Stamp::now).as_seconds(),
        "duration": task.duration,
        "score": 0.0,
        "version": env!("CARGO_PKG_VERSION"),
        "owner": task.owner,
        "custom": task.custom,
        "package": task.package,
        "platform": task.platform,
        "route": task.route,
        "options": task.options.as_deref().unwrap_or_default(),
        "monitor": null,
        "machine": {
            "name": of_guest(|guest| &guest.name),
            "label": of_guest(|guest| &guest.label),
            "manager": of_guest(|guest| &guest.manager),
            "status": of_guest(|guest| &guest.status),
            "started_on": text(guest.map(|guest| guest.started_on)),
            "shutdown_on": text(guest.and_then(|guest| guest.shutdown_on)),
        },
        "git": {"head": env!("CARGO_PKG_VERSION"), "fetch_head": env!("CARGO_PKG_VERSION")},
    })
}
