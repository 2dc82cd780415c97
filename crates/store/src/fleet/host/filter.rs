//! Which hosts a list, a count, a report or a change is about (the Fleet reference, section 4.3).

use super::status::NEW_SECONDS;
use super::{Status, Time, status};
use crate::db::{DbResult, Row, Tx};
use crate::fleet::Visible;
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::list::{Owned, pattern};
use crate::params;

/// The platforms that `linux` stands for.
const LINUX: [&str; 9] = ["linux", "ubuntu", "debian", "rhel", "centos", "sles", "kali", "gentoo", "amzn"];

/// The statuses that lists can be narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    Is(Status),
    /// Enrolled within the last day, whatever its status.
    New,
}

impl StatusFilter {
    pub fn parse(text: &str) -> Outcome<Self> {
        Ok(match text {
            "online" => Self::Is(Status::Online),
            "offline" => Self::Is(Status::Offline),
            "mia" => Self::Is(Status::Mia),
            "new" => Self::New,
            other => return Err(Fault::invalid("status", format!("invalid status {other}"))),
        })
    }
}

/// What narrows a list of hosts. Everything that is given has to hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<StatusFilter>,
    /// Part of a hostname, UUID, serial number or primary address; of a mail address when it has an `@`.
    pub query: String,
    pub team: Option<u32>,
    pub label: Option<u32>,
    pub policy: Option<u32>,
    /// Whether they pass `policy`; without it, hosts that have not answered.
    pub passes: Option<bool>,
    pub software: Option<u32>,
    /// As osquery names it; `linux` is all of its distributions.
    pub platform: Option<String>,
}

/// An error when there is no such label.
pub fn label_exists(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    let found = tx.value::<u32>("SELECT id FROM labels WHERE id = $1", params![id])?;
    found.map(drop).ok_or_else(|| Fault::not_found("Label", id))
}

/// The moment for which a status is told, and what is known of contacts that are not written down yet.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    pub now: Time,
    /// When a host last called; long ago when not known.
    pub seen: &'a dyn Fn(u32) -> Time,
}

impl Moment<'_> {
    /// The later of what is stored and what is known.
    pub fn seen(&self, id: u32, stored: Time) -> Time {
        (self.seen)(id).max(stored)
    }
}

/// The condition of a statement, and its arguments.
pub(super) struct Conditions {
    pub sql: String,
    pub arguments: Vec<Owned>,
}

impl Conditions {
    /// Adds an argument; gives its marker.
    fn marker(&mut self, argument: Owned) -> String {
        self.arguments.push(argument);
        format!("${}", self.arguments.len())
    }

    fn number(&mut self, id: u32) -> String {
        self.marker(Owned::Int(id.into()))
    }

    fn and(&mut self, condition: &str) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
    }
}

impl Filter {
    /// The condition on `hosts h`, without the status: that is decided row by row, see [`Facts`].
    pub(super) fn conditions(&self, tx: &Tx<'_>, visible: &Visible) -> Conditions {
        let visible = self.team.map_or_else(|| visible.clone(), |team| visible.within(team));
        let mut all = Conditions { sql: visible.condition("h.team_id"), arguments: Vec::new() };
        if let Some(pattern) = pattern(&self.query) {
            let is_mail = pattern.contains('@');
            let marker = all.marker(Owned::Text(pattern));
            let like = |column: &str| format!("{column} {} {marker} ESCAPE '\\'", tx.like());
            let columns =
                ["h.hostname", "h.uuid", "h.hardware_serial", "h.primary_ip"].map(like).join(" OR ");
            let mail = like("e.email");
            let mail = format!(" OR EXISTS (SELECT 1 FROM host_emails e WHERE e.host_id = h.id AND {mail})");
            all.and(&format!("({columns}{})", if is_mail { &*mail } else { "" }));
        }
        if let Some(label) = self.label {
            let marker = all.number(label);
            all.and(&format!(
                "EXISTS (SELECT 1 FROM label_membership l WHERE l.host_id = h.id AND l.label_id = {marker})"
            ));
        }
        if let Some(policy) = self.policy {
            let marker = all.number(policy);
            let (not, passes) = match self.passes {
                Some(true) => ("", "= 1"),
                Some(false) => ("", "= 0"),
                None => ("NOT ", "IS NOT NULL"),
            };
            all.and(&format!(
                "{not}EXISTS (SELECT 1 FROM policy_membership p WHERE p.host_id = h.id AND p.policy_id = {marker} \
                    AND p.passes {passes})"
            ));
        }
        if let Some(software) = self.software {
            let marker = all.number(software);
            all.and(&format!(
                "EXISTS (SELECT 1 FROM host_software s WHERE s.host_id = h.id AND s.software_id = {marker})"
            ));
        }
        if let Some(platform) = &self.platform {
            let names = if platform == "linux" { &LINUX[..] } else { &[platform.as_str()] };
            let markers: Vec<String> =
                names.iter().map(|name| all.marker(Owned::Text((*name).to_owned()))).collect();
            all.and(&format!("h.platform IN ({})", markers.join(", ")));
        }
        all
    }
}

/// What decides about the status of a host.
pub(super) struct Facts {
    pub id: u32,
    pub created_at: Time,
    pub seen: Time,
    pub status: Status,
}

impl Facts {
    pub const COLUMNS: &str = "h.id, h.created_at, h.seen_time, h.distributed_interval, h.config_tls_refresh";

    pub fn from_row(row: &mut Row, moment: Moment<'_>) -> DbResult<Self> {
        let (id, created_at) = (row.take()?, row.take()?);
        let seen = moment.seen(id, row.take()?);
        let status = status(seen, row.take()?, row.take()?, moment.now);
        Ok(Self { id, created_at, seen, status })
    }

    pub fn fits(&self, wanted: Option<StatusFilter>, now: Time) -> bool {
        match wanted {
            None => true,
            Some(StatusFilter::Is(status)) => self.status == status,
            Some(StatusFilter::New) => self.created_at.plus_seconds(NEW_SECONDS) >= now,
        }
    }
}
