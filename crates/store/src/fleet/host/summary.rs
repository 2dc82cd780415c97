//! Hosts counted by status, platform and operating system (the Fleet reference, section 4.3).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Counts;
use super::filter::{Facts, Filter, Moment};
use crate::db::{Tx, Value};
use crate::fleet::Visible;
use crate::fleet::fault::Outcome;
use crate::fleet::list::Owned;

/// How many hosts there are.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub counts: Counts,
    pub platforms: Vec<PlatformCount>,
}

/// Hosts of one platform.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct PlatformCount {
    pub platform: String,
    pub hosts_count: u64,
}

/// Hosts of one operating system.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OsVersion {
    pub hosts_count: u64,
    pub name: String,
    pub platform: String,
}

/// Counts the hosts that fit, by the same rule as lists show their status.
pub fn summary(tx: &mut Tx<'_>, filter: &Filter, visible: &Visible, moment: Moment<'_>) -> Outcome<Summary> {
    let conditions = filter.conditions(tx, visible);
    let arguments: Vec<Value<'_>> = conditions.arguments.iter().map(Owned::value).collect();
    let sql = format!("SELECT {}, h.platform FROM hosts h WHERE {}", Facts::COLUMNS, conditions.sql);
    let mut counts = Counts::default();
    let mut platforms: BTreeMap<String, u64> = BTreeMap::new();
    tx.all(&sql, &arguments, |row| {
        let facts = Facts::from_row(row, moment)?;
        counts.add(facts.status, facts.created_at, moment.now);
        *platforms.entry(row.take()?).or_default() += 1;
        Ok(())
    })?;
    let platforms = platforms.into_iter();
    let platforms =
        platforms.map(|(platform, hosts_count)| PlatformCount { platform, hosts_count }).collect();
    Ok(Summary { counts, platforms })
}

/// The operating systems of the hosts that fit, the most frequent first.
pub fn os_versions(tx: &mut Tx<'_>, filter: &Filter, visible: &Visible) -> Outcome<Vec<OsVersion>> {
    let conditions = filter.conditions(tx, visible);
    let arguments: Vec<Value<'_>> = conditions.arguments.iter().map(Owned::value).collect();
    let sql = format!(
        "SELECT COUNT(*), h.os_version, h.platform FROM hosts h WHERE {} AND h.os_version <> '' \
            GROUP BY h.os_version, h.platform ORDER BY 1 DESC, 2, 3",
        conditions.sql
    );
    Ok(tx.all(&sql, &arguments, |row| {
        Ok(OsVersion { hosts_count: row.take()?, name: row.take()?, platform: row.take()? })
    })?)
}
