//! Lists and counts of hosts.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::host::{self, AdditionalNames, DeviceMapping, Filter, StatusFilter, With};
use store::fleet::software::{self, Software};

use super::{Shown, at_moment};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::{Asked, Id, Kind, ListQuery, Paging, Parameter, Parameters, Viewer};
use crate::server::Fleet;

#[derive(Serialize, JsonSchema)]
pub struct Hosts {
    hosts: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software: Option<Software>,
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    #[serde(flatten)]
    shown: Shown,
    /// There when it was asked for, null when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_mapping: Option<Option<Vec<DeviceMapping>>>,
}

#[derive(Serialize, JsonSchema)]
pub struct Count {
    count: u64,
}

/// The parameters that narrow a list of hosts, and more.
macro_rules! filters {
    ($($more:expr),* $(,)?) => {
        &[
            Parameter("status", Kind::OneOf(&["new", "online", "offline", "mia"]), "Only hosts of this status."),
            Parameter("query", Kind::Text, "Part of a name, serial number or address."),
            Parameter("team_id", Kind::Number, "Only hosts of this team."),
            Parameter("label_id", Kind::Number, "Only hosts with this label."),
            Parameter("policy_id", Kind::Number, "Only hosts that answered this policy."),
            Parameter("policy_response", Kind::OneOf(&["passing", "failing"]), "Needs policy_id."),
            Parameter("software_id", Kind::Number, "Only hosts that have this program."),
            $($more),*
        ]
    };
}

/// What lists of hosts take.
pub struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(host::ORDER_KEYS);
    const OWN: &'static [Parameter] = filters![
        Parameter(
            "additional_info_filters",
            Kind::Text,
            "Names of additional queries, with commas between; * for all."
        ),
        Parameter("disable_failing_policies", Kind::Flag, "Do not count failing policies."),
        Parameter("device_mapping", Kind::Flag, "Show mail addresses of users, too."),
    ];
}

/// What counts of hosts take.
pub struct Counting;

impl Parameters for Counting {
    const PAGING: Paging = Paging::None;
    const OWN: &'static [Parameter] = filters![];
}

/// What reports about hosts take.
pub struct Reporting;

impl Parameters for Reporting {
    const PAGING: Paging = Paging::Ordered(host::ORDER_KEYS);
    const OWN: &'static [Parameter] =
        filters![Parameter("format", Kind::Exactly("csv"), "How the table is written.")];
}

/// The filter of a query string.
pub fn filter(query: &ListQuery) -> Result<Filter> {
    let policy = query.number("policy_id")?;
    let passes = match query.get("policy_response") {
        None => None,
        Some(_) if policy.is_none() => {
            return Err(Error::invalid("policy_response", "needs policy_id"));
        }
        Some("passing") => Some(true),
        Some("failing") => Some(false),
        Some(other) => {
            return Err(Error::invalid("policy_response", format!("invalid policy_response {other}")));
        }
    };
    Ok(Filter {
        status: query.get("status").map(StatusFilter::parse).transpose()?,
        query: query.options.query.clone(),
        team: query.number("team_id")?,
        label: query.number("label_id")?,
        policy,
        passes,
        software: query.number("software_id")?,
        platform: None,
    })
}

pub async fn list(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Listing>,
) -> Result<Reply<Hosts>> {
    let filter = filter(&query)?;
    page(fleet, viewer, query.0, filter).await
}

pub async fn of_label(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    query: Asked<Listing>,
) -> Result<Reply<Hosts>> {
    let filter = Filter { label: Some(id), ..filter(&query)? };
    fleet.db.read(move |tx| host::label_exists(tx, id)).await?;
    page(fleet, viewer, query.0, filter).await
}

async fn page(fleet: Arc<Fleet>, viewer: Viewer, query: ListQuery, filter: Filter) -> Result<Reply<Hosts>> {
    let names = query.get("additional_info_filters").unwrap_or_default();
    let with =
        With { issues: !query.flag("disable_failing_policies")?, additional: AdditionalNames::parse(names) };
    let with_mails = query.flag("device_mapping")?;
    let visible = viewer.subject.visible_hosts();
    let db = fleet.db.clone();
    let read = db.read(move |tx| -> Result<_> {
        let software = filter.software.map(|id| software::by_id(tx, id)).transpose()?.flatten();
        let (hosts, now) = at_moment(&fleet, |moment| {
            let hosts = host::list(tx, &filter, &visible, &query.options, moment, &with);
            hosts.map(|hosts| (hosts, moment.now))
        })?;
        let mut mails = match with_mails {
            true => host::device_mappings(tx, &hosts.iter().map(|host| host.id).collect::<Vec<_>>())?,
            false => Default::default(),
        };
        let listed = hosts.into_iter().map(|host| Listed {
            device_mapping: with_mails.then(|| mails.remove(&host.id)),
            shown: Shown::at(host, now),
        });
        Ok(Hosts { hosts: listed.collect(), software })
    });
    Ok(Reply(read.await?))
}

pub async fn count(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Counting>,
) -> Result<Reply<Count>> {
    let filter = filter(&query)?;
    let visible = viewer.subject.visible_hosts();
    let db = fleet.db.clone();
    let count =
        db.read(move |tx| at_moment(&fleet, |moment| host::count(tx, &filter, &visible, moment))).await?;
    Ok(Reply(Count { count }))
}
