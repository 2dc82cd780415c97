//! What live queries can be aimed at (the Fleet reference, section 10).

use schemars::JsonSchema;
use serde::Serialize;

use super::fault::Outcome;
use super::host::{Filter, Host, HostLabel, Moment, With};
use super::list::{ListOptions, pattern};
use super::time::Time;
use super::visible::Visible;
use crate::db::Tx;
use crate::params;

/// Hosts that a search shows at most.
const HOSTS: u32 = 10;
/// The label that every search shows.
const ALL_HOSTS: u32 = 6;

/// A label, with the number of its hosts that count for the caller.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LabelTarget {
    #[serde(flatten)]
    pub label: HostLabel,
    #[serde(skip_serializing_if = "is_zero")]
    pub host_count: u64,
    pub display_text: String,
    pub count: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A team. Its options are for those who may read teams.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TeamTarget {
    pub id: u32,
    pub created_at: Time,
    pub name: String,
    pub description: String,
    pub user_count: u64,
    pub host_count: u64,
    pub display_text: String,
    pub count: u64,
}

/// The newest hosts that match, without those that are selected already.
pub fn hosts(
    tx: &mut Tx<'_>,
    query: &str,
    excluded: &[u32],
    visible: &Visible,
    moment: Moment<'_>,
) -> Outcome<Vec<Host>> {
    let enough = u32::try_from(excluded.len()).unwrap_or(u32::MAX).saturating_add(HOSTS);
    let filter = Filter { query: query.to_owned(), ..Filter::default() };
    let options = ListOptions {
        per_page: Some(enough),
        order_key: Some("id".into()),
        descending: true,
        ..ListOptions::default()
    };
    let found = super::host::list(tx, &filter, visible, &options, moment, &With::default())?;
    let fresh = found.into_iter().filter(|host| !excluded.contains(&host.id));
    Ok(fresh.take(HOSTS as usize).collect())
}

/// The labels that match, and all hosts, without those that are selected already.
pub fn labels(
    tx: &mut Tx<'_>,
    query: &str,
    excluded: &[u32],
    visible: &Visible,
) -> Outcome<Vec<LabelTarget>> {
    let sql = format!(
        "SELECT {}, (SELECT COUNT(*) FROM label_membership m JOIN hosts h ON h.id = m.host_id \
            WHERE m.label_id = l.id AND {}) FROM labels l WHERE lower(l.name) LIKE $1 ESCAPE '\\' OR l.id = $2 \
            ORDER BY l.id",
        HostLabel::COLUMNS,
        visible.condition("h.team_id")
    );
    let pattern = pattern(query).unwrap_or_else(|| "%".into());
    let mut all = tx.all(&sql, params![pattern, ALL_HOSTS], |row| {
        let label = HostLabel::from_row(row)?;
        let count = row.take()?;
        Ok(LabelTarget { display_text: label.name.clone(), label, host_count: count, count })
    })?;
    all.retain(|target| !excluded.contains(&target.label.id));
    Ok(all)
}

/// The caller's teams that match, without those that are selected already.
pub fn teams(tx: &mut Tx<'_>, query: &str, excluded: &[u32], visible: &Visible) -> Outcome<Vec<TeamTarget>> {
    let sql = format!(
        "SELECT t.id, t.created_at, t.name, t.description, (SELECT COUNT(*) FROM user_teams u WHERE u.team_id = t.id), \
            (SELECT COUNT(*) FROM hosts h WHERE h.team_id = t.id) FROM teams t \
            WHERE lower(t.name) LIKE $1 ESCAPE '\\' AND {} ORDER BY t.id",
        visible.condition("t.id")
    );
    let pattern = pattern(query).unwrap_or_else(|| "%".into());
    let mut all = tx.all(&sql, params![pattern], |row| {
        let (id, created_at): (u32, Time) = (row.take()?, row.take()?);
        let (name, description): (String, String) = (row.take()?, row.take()?);
        let (user_count, host_count) = (row.take()?, row.take()?);
        let display_text = name.clone();
        Ok(TeamTarget {
            id,
            created_at,
            name,
            description,
            user_count,
            host_count,
            display_text,
            count: host_count,
        })
    })?;
    all.retain(|target| !excluded.contains(&target.id));
    Ok(all)
}
