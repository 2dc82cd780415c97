//! Hosts (the Fleet reference, section 4).

use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::Time;
use store::fleet::host::{Host, Moment, Status};
use store::rights::{Action, Object};

use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

mod change;
mod list;
mod macadmins;
mod one;
mod report;
mod summary;

pub use one::readable;

pub const NOUN: Noun = Noun { name: "hosts", routes };

fn routes() -> Vec<Route> {
    let list = Access::May(Action::List, Object::Host);
    let read = Access::May(Action::Read, Object::Host);
    let write = Access::May(Action::Write, Object::Host);
    vec![
        Route::get("hosts", list, "The hosts that match.", list::list),
        Route::get("hosts/count", list, "How many hosts match.", list::count),
        Route::get("hosts/report", list, "The hosts that match, as a table.", report::report),
        Route::get("labels/{id}/hosts", list, "The hosts of a label.", list::of_label),
        Route::get("host_summary", list, "Hosts by status and platform.", summary::summary),
        Route::get("os_versions", list, "Hosts by operating system.", summary::os_versions),
        Route::get("macadmins", list, "Munki and device management of all hosts.", macadmins::all),
        Route::get("hosts/{id}", read, "One host in detail.", one::show),
        Route::get("hosts/identifier/{identifier}", read, "One host in detail, by any name.", one::named),
        Route::get("hosts/{id}/device_mapping", read, "Mail addresses of a host.", one::device_mapping),
        Route::get("hosts/{id}/macadmins", read, "Munki and management of a host.", macadmins::one),
        Route::post("hosts/{id}/refetch", read, "Ask a host for all its details.", one::refetch),
        Route::delete("hosts/{id}", write, "Delete a host.", change::delete),
        Route::post("hosts/delete", write, "Delete hosts.", change::delete_many),
        Route::post("hosts/transfer", write, "Give hosts to a team.", change::transfer),
        Route::post(
            "hosts/transfer/filter",
            write,
            "Give hosts that match to a team.",
            change::transfer_matching,
        ),
    ]
}

/// A host, and what follows from it now.
#[derive(Serialize, JsonSchema)]
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
        Self::at(host, Time::now())
    }

    /// As of a moment, for hosts that were chosen by their status at that moment.
    pub fn at(host: Host, now: Time) -> Self {
        let display_name = match (&*host.computer_name, &*host.hostname) {
            ("", "") => format!("{} ({})", host.hardware_model, host.hardware_serial),
            ("", hostname) => hostname.to_owned(),
            (name, _) => name.to_owned(),
        };
        let (status, display_text) = (host.status(now), host.hostname.clone());
        Self { host, status, display_text, display_name }
    }
}

/// Runs `work` with one moment, for which all of it tells statuses.
pub fn at_moment<T>(fleet: &Fleet, work: impl FnOnce(Moment<'_>) -> T) -> T {
    let seen = |id| fleet.agents.last_seen(id);
    work(Moment { now: Time::now(), seen: &seen })
}
