//! Hosts as a table.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse as _;
use http::{StatusCode, header};
use serde_json::{Value as Json, json};
use store::fleet::host::{self, Host, With};
use store::fleet::{ListOptions, Time};

use super::list::{Reporting, filter};
use super::{Shown, at_moment};
use crate::describe::{Form, Shapes, Written};
use crate::error::{Error, Result};
use crate::request::{Asked, Viewer};
use crate::server::Fleet;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The columns, as lists name them. What is nested has no room in a table.
const COLUMNS: [&str; 42] = [
    "created_at",
    "updated_at",
    "id",
    "detail_updated_at",
    "label_updated_at",
    "policy_updated_at",
    "last_enrolled_at",
    "seen_time",
    "refetch_requested",
    "hostname",
    "uuid",
    "platform",
    "osquery_version",
    "os_version",
    "build",
    "platform_like",
    "code_name",
    "uptime",
    "memory",
    "cpu_type",
    "cpu_subtype",
    "cpu_brand",
    "cpu_physical_cores",
    "cpu_logical_cores",
    "hardware_vendor",
    "hardware_model",
    "hardware_version",
    "hardware_serial",
    "computer_name",
    "public_ip",
    "primary_ip",
    "primary_mac",
    "distributed_interval",
    "config_tls_refresh",
    "logger_tls_period",
    "team_id",
    "team_name",
    "gigs_disk_space_available",
    "percent_disk_space_available",
    "status",
    "display_text",
    "display_name",
];

/// A table of comma-separated values.
pub struct Csv;

impl Form for Csv {
    const KINDS: &'static [&'static str] = &["text/csv"];

    fn shape(_: &mut Shapes) -> Json {
        json!({"type": "string"})
    }
}

/// All hosts that match, without pages.
pub async fn report(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Reporting>,
) -> Result<Written<Csv>> {
    if query.get("format") != Some("csv") {
        let error = Error::invalid("format", "unsupported or unspecified report format");
        return Err(Error { status: StatusCode::UNSUPPORTED_MEDIA_TYPE, ..error });
    }
    let filter = filter(&query)?;
    let options = ListOptions { page: 0, per_page: None, after: None, ..query.options.clone() };
    let visible = viewer.subject.visible_hosts();
    let db = fleet.db.clone();
    let table = db.read(move |tx| -> Result<_> {
        let (hosts, now) = at_moment(&fleet, |moment| {
            let hosts = host::list(tx, &filter, &visible, &options, moment, &With::default());
            hosts.map(|hosts| (hosts, moment.now))
        })?;
        table(hosts, now).map_err(|error| {
            tracing::error!(target: "fleet", %error, "a report cannot be written");
            Error::plain(StatusCode::INTERNAL_SERVER_ERROR, "the report cannot be written")
        })
    });
    let today = Time::now().to_string();
    let name = format!("attachment; filename=\"Hosts {}.csv\"", &today[..10]);
    let headers = [(header::CONTENT_TYPE, "text/csv".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, table.await?).into_response().into())
}

fn table(hosts: Vec<Host>, now: Time) -> std::result::Result<Vec<u8>, BoxError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for host in hosts {
        let Json::Object(mut row) = serde_json::to_value(Shown::at(host, now))? else { continue };
        writer.write_record(COLUMNS.map(|name| text(row.remove(name))))?;
    }
    writer.into_inner().map_err(|error| error.to_string().into())
}

fn text(value: Option<Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text,
        Some(other) => other.to_string(),
    }
}
