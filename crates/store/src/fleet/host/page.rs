//! Lists of hosts: which ones, in which order, with what (the Fleet reference, section 4.3).

use std::collections::HashMap;
use std::ops::ControlFlow;

use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::detail::DeviceMapping;
use super::filter::{Facts, Filter, Moment};
use super::{COLUMNS, FROM, Host, Issues, from_row};
use crate::db::{DbResult, Row, Tx, Value};
use crate::fleet::Visible;
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::list::{ListOptions, OrderKey, Owned};

/// Hosts that are read with one statement. Its text is always the same: databases keep prepared statements.
const CHUNK: usize = 200;

/// What lists of hosts can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "h.id"),
    ("created_at", "h.created_at"),
    ("updated_at", "h.updated_at"),
    ("detail_updated_at", "h.detail_updated_at"),
    ("label_updated_at", "h.label_updated_at"),
    ("policy_updated_at", "h.policy_updated_at"),
    ("last_enrolled_at", "h.last_enrolled_at"),
    ("seen_time", "h.seen_time"),
    ("hostname", "h.hostname"),
    ("display_text", "h.hostname"),
    ("display_name", "h.computer_name"),
    ("uuid", "h.uuid"),
    ("platform", "h.platform"),
    ("osquery_version", "h.osquery_version"),
    ("os_version", "h.os_version"),
    ("build", "h.build"),
    ("platform_like", "h.platform_like"),
    ("code_name", "h.code_name"),
    ("uptime", "h.uptime"),
    ("memory", "h.memory"),
    ("cpu_type", "h.cpu_type"),
    ("cpu_subtype", "h.cpu_subtype"),
    ("cpu_brand", "h.cpu_brand"),
    ("cpu_physical_cores", "h.cpu_physical_cores"),
    ("cpu_logical_cores", "h.cpu_logical_cores"),
    ("hardware_vendor", "h.hardware_vendor"),
    ("hardware_model", "h.hardware_model"),
    ("hardware_version", "h.hardware_version"),
    ("hardware_serial", "h.hardware_serial"),
    ("computer_name", "h.computer_name"),
    ("public_ip", "h.public_ip"),
    ("primary_ip", "h.primary_ip"),
    ("primary_mac", "h.primary_mac"),
    ("distributed_interval", "h.distributed_interval"),
    ("config_tls_refresh", "h.config_tls_refresh"),
    ("logger_tls_period", "h.logger_tls_period"),
    ("team_id", "h.team_id"),
    ("team_name", "t.name"),
    ("gigs_disk_space_available", "h.gigs_disk_space_available"),
    ("percent_disk_space_available", "h.percent_disk_space_available"),
];

/// Keys whose cursors are whole numbers.
const WHOLE: [&str; 7] = [
    "uptime",
    "memory",
    "cpu_physical_cores",
    "cpu_logical_cores",
    "distributed_interval",
    "config_tls_refresh",
    "logger_tls_period",
];

/// What a list shows of each host besides its row.
#[derive(Clone, Debug, Default)]
pub struct With {
    pub issues: bool,
    pub additional: AdditionalNames,
}

/// The results of which additional queries are shown.
#[derive(Clone, Debug, Default)]
pub enum AdditionalNames {
    #[default]
    None,
    All,
    Some(Vec<String>),
}

impl AdditionalNames {
    /// From names between commas; `*` is all.
    pub fn parse(text: &str) -> Self {
        let names: Vec<String> =
            text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect();
        match names.iter().any(|name| name == "*") {
            true => Self::All,
            false if names.is_empty() => Self::None,
            false => Self::Some(names),
        }
    }

    fn of(&self, text: String) -> Option<Box<RawValue>> {
        let text = match self {
            Self::None => return None,
            Self::All => text,
            Self::Some(names) => {
                let all: Map<String, Json> = serde_json::from_str(&text).ok()?;
                let wanted: Map<String, Json> =
                    all.into_iter().filter(|(name, _)| names.contains(name)).collect();
                Json::Object(wanted).to_string()
            }
        };
        RawValue::from_string(text).ok()
    }
}

/// A page of hosts. Their `seen_time` is what the moment knows of them.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &Filter,
    visible: &Visible,
    options: &ListOptions,
    moment: Moment<'_>,
    with: &With,
) -> Outcome<Vec<Host>> {
    let chosen = choose(tx, filter, visible, options, moment)?;
    let ids: Vec<u32> = chosen.iter().map(|facts| facts.id).collect();
    let mut hosts = fetch(tx, &ids, with)?;
    let in_order = chosen.iter().filter_map(|facts| {
        let mut host = hosts.remove(&facts.id)?;
        host.seen_time = facts.seen;
        Some(host)
    });
    Ok(in_order.collect())
}

/// The ids of all hosts that fit.
pub fn ids(tx: &mut Tx<'_>, filter: &Filter, visible: &Visible, moment: Moment<'_>) -> Outcome<Vec<u32>> {
    let chosen = choose(tx, filter, visible, &ListOptions::default(), moment)?;
    Ok(chosen.iter().map(|facts| facts.id).collect())
}

/// How many hosts fit.
pub fn count(tx: &mut Tx<'_>, filter: &Filter, visible: &Visible, moment: Moment<'_>) -> Outcome<u64> {
    if filter.status.is_some() {
        return Ok(ids(tx, filter, visible, moment)?.len() as u64);
    }
    let conditions = filter.conditions(tx, visible);
    let arguments: Vec<Value<'_>> = conditions.arguments.iter().map(Owned::value).collect();
    let sql = format!("SELECT COUNT(*) FROM hosts h WHERE {}", conditions.sql);
    Ok(tx.value(&sql, &arguments)?.unwrap_or(0))
}

/// The hosts of a page. With a status they are chosen here rather than by the database, which does not know who called
/// a moment ago.
fn choose(
    tx: &mut Tx<'_>,
    filter: &Filter,
    visible: &Visible,
    options: &ListOptions,
    moment: Moment<'_>,
) -> Outcome<Vec<Facts>> {
    let mut conditions = filter.conditions(tx, visible);
    let next = conditions.arguments.len() + 1;
    let tail = if filter.status.is_some() {
        options.order(ORDER_KEYS, next)?
    } else {
        options.tail(ORDER_KEYS, next)?
    };
    if let Some(after) = tail.after {
        conditions.arguments.push(cursor(options.order_key.as_deref().unwrap_or_default(), after)?);
    }
    let arguments: Vec<Value<'_>> = conditions.arguments.iter().map(Owned::value).collect();
    let sql = format!("SELECT {} FROM {FROM} WHERE {}{}", Facts::COLUMNS, conditions.sql, tail.sql);
    if filter.status.is_none() {
        return Ok(tx.all(&sql, &arguments, |row| Facts::from_row(row, moment))?);
    }
    let (mut left_out, limit) = options.window();
    let mut chosen = Vec::new();
    tx.each(&sql, &arguments, &mut |row| {
        let facts = Facts::from_row(row, moment)?;
        match (facts.fits(filter.status, moment.now), left_out) {
            (false, _) => {}
            (true, 0) => chosen.push(facts),
            (true, _) => left_out -= 1,
        }
        let is_full = chosen.len() as u64 >= limit;
        Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(chosen)
}

/// A cursor as its column wants it.
fn cursor(key: &str, after: Owned) -> Outcome<Owned> {
    let bare = key.rsplit('.').next().unwrap_or(key);
    let Owned::Text(text) = after else { return Ok(after) };
    let refuse = |text: &str| Fault::invalid("after", format!("{text} is not a number"));
    if WHOLE.contains(&bare) {
        return text.parse().map(Owned::Int).map_err(|_| refuse(&text));
    }
    if bare.ends_with("_disk_space_available") {
        return text.parse().map(Owned::Real).map_err(|_| refuse(&text));
    }
    Ok(Owned::Text(text))
}

fn fetch(tx: &mut Tx<'_>, ids: &[u32], with: &With) -> Outcome<HashMap<u32, Host>> {
    let issues = if with.issues {
        "(SELECT COUNT(*) FROM policy_membership m WHERE m.host_id = h.id AND m.passes = 0)"
    } else {
        "0"
    };
    let additional = match with.additional {
        AdditionalNames::None => "CAST(NULL AS TEXT)",
        _ => "h.additional",
    };
    let sql =
        |ids: &str| format!("SELECT {COLUMNS}, {issues}, {additional} FROM {FROM} WHERE h.id IN ({ids})");
    let hosts = by_chunks(tx, ids, sql, |row| {
        let mut host = from_row(row)?;
        let failing = row.take()?;
        host.issues = Issues { total_issues_count: failing, failing_policies_count: failing };
        host.additional = row.take::<Option<String>>()?.and_then(|text| with.additional.of(text));
        Ok((host.id, host))
    })?;
    Ok(hosts.into_iter().collect())
}

/// The mail addresses of hosts.
pub fn device_mappings(tx: &mut Tx<'_>, ids: &[u32]) -> Outcome<HashMap<u32, Vec<DeviceMapping>>> {
    let sql = |ids: &str| {
        format!(
            "SELECT host_id, email, source FROM host_emails WHERE host_id IN ({ids}) ORDER BY email, source"
        )
    };
    let found = by_chunks(tx, ids, sql, |row| {
        Ok((row.take::<u32>()?, DeviceMapping { email: row.take()?, source: row.take()? }))
    })?;
    let mut all: HashMap<u32, Vec<DeviceMapping>> = HashMap::new();
    for (id, mapping) in found {
        all.entry(id).or_default().push(mapping);
    }
    Ok(all)
}

/// Runs a statement that takes a list of ids for any number of them.
fn by_chunks<T>(
    tx: &mut Tx<'_>,
    ids: &[u32],
    sql: impl Fn(&str) -> String,
    mut make: impl FnMut(&mut Row) -> DbResult<T>,
) -> Outcome<Vec<T>> {
    let markers: Vec<String> = (1..=CHUNK).map(|number| format!("${number}")).collect();
    let sql = sql(&markers.join(", "));
    let mut all = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        // Nothing has the number zero.
        let padded = chunk.iter().copied().chain(std::iter::repeat(0)).take(CHUNK);
        let values: Vec<Value<'_>> = padded.map(|id| Value::Int(id.into())).collect();
        all.extend(tx.all(&sql, &values, &mut make)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wanted_additional_results_are_shown() {
        let shown = |names: &str| {
            let text = AdditionalNames::parse(names).of(r#"{"a":[1],"b":[]}"#.into());
            text.map(|text| text.get().to_owned())
        };
        assert_eq!(shown("").as_deref(), None);
        assert_eq!(shown(" , ").as_deref(), None);
        assert_eq!(shown("a, x").as_deref(), Some(r#"{"a":[1]}"#));
        assert_eq!(shown("a,*").as_deref(), Some(r#"{"a":[1],"b":[]}"#));
    }

    #[test]
    fn cursors_are_what_their_columns_hold() {
        let text = || Owned::Text("12".into());
        assert_eq!(cursor("hosts.memory", text()).unwrap(), Owned::Int(12));
        assert_eq!(cursor("gigs_disk_space_available", text()).unwrap(), Owned::Real(12.0));
        assert_eq!(cursor("hostname", text()).unwrap(), text());
        assert!(cursor("uptime", Owned::Text("x".into())).is_err());
    }
}
