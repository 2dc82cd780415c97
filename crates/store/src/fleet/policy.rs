//! Policies (the Fleet reference, section 9).

use super::fault::{Fault, Outcome};
use super::name::{check_line, key};
use super::time::Time;
use crate::db::{DbError, Tx};
use crate::params;

mod platform;
mod record;
mod spec;

pub use platform::platform_family;
pub use record::{Policy, by_id, list};
pub use spec::{PolicySpec, apply};

/// A policy as agents are asked it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyQuery {
    pub id: u32,
    pub team_id: Option<u32>,
    /// `windows`, `linux` and `darwin`, separated by commas; empty for all.
    pub platform: String,
    pub query: String,
}

/// Every policy.
pub fn queries(tx: &mut Tx<'_>) -> Outcome<Vec<PolicyQuery>> {
    Ok(tx.all("SELECT id, team_id, platform, query FROM policies ORDER BY id", &[], |row| {
        Ok(PolicyQuery { id: row.take()?, team_id: row.take()?, platform: row.take()?, query: row.take()? })
    })?)
}

/// The id and the team of the policy of this name; names are unique over all teams.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Outcome<Option<(u32, Option<u32>)>> {
    let sql = "SELECT id, team_id FROM policies WHERE name_key = $1";
    Ok(tx.first(sql, params![key(name)], |row| Ok((row.take()?, row.take()?)))?)
}

/// A policy to be made, or what one becomes.
#[derive(Clone, Debug, Default)]
pub struct NewPolicy {
    pub name: String,
    pub query: String,
    pub description: String,
    pub resolution: Option<String>,
    /// As the client wrote it.
    pub platform: String,
}

/// What refusals begin with.
#[derive(Clone, Copy, Debug)]
pub enum Given {
    Policy,
    Spec,
}

impl NewPolicy {
    /// The policy as it is, for changing part of it.
    pub fn of(policy: &Policy) -> Self {
        Self {
            name: policy.name.clone(),
            query: policy.query.clone(),
            description: policy.description.clone(),
            resolution: policy.resolution.clone(),
            platform: policy.platform.clone(),
        }
    }

    /// The platforms as they are stored, when everything is right.
    fn check(&self, given: Given) -> Outcome<String> {
        let refuse = |reason| Fault::BadRequest(format!("{} payload verification: {reason}", given.words()));
        if self.name.trim().is_empty() {
            return Err(refuse("policy name cannot be empty"));
        }
        check_line("name", &self.name)?;
        if self.query.trim().is_empty() {
            return Err(refuse("policy query cannot be empty"));
        }
        super::query::check_sql(&self.query).map_err(|_| refuse("invalid policy query"))?;
        platform::normalised(&self.platform).ok_or_else(|| refuse("invalid policy platform"))
    }
}

impl Given {
    fn words(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Spec => "policy spec",
        }
    }
}

/// Makes a policy of a team, or of all hosts; gives its id.
pub fn create(
    tx: &mut Tx<'_>,
    new: &NewPolicy,
    given: Given,
    author_id: u32,
    team_id: Option<u32>,
) -> Outcome<u32> {
    let platform = new.check(given)?;
    let sql = "INSERT INTO policies (created_at, updated_at, name, name_key, query, description, resolution, platform, \
        author_id, team_id) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    let id = tx
        .value(
            sql,
            params![
                Time::now(),
                new.name,
                key(&new.name),
                new.query,
                new.description,
                new.resolution,
                platform,
                author_id,
                team_id
            ],
        )
        .map_err(Fault::taken("Policy", &new.name))?;
    id.ok_or(Fault::Db(DbError::Closed))
}

/// Replaces what a policy says. Results of hosts that it is no longer for are dropped; others stay until the host is asked
/// again, also when the query is another one.
pub fn update(tx: &mut Tx<'_>, id: u32, new: &NewPolicy, given: Given) -> Outcome<()> {
    let platform = new.check(given)?;
    let sql = "UPDATE policies SET name = $2, name_key = $3, query = $4, description = $5, resolution = $6, \
        platform = $7, updated_at = $8 WHERE id = $1";
    tx.execute(
        sql,
        params![
            id,
            new.name,
            key(&new.name),
            new.query,
            new.description,
            new.resolution,
            platform,
            Time::now()
        ],
    )
    .map_err(Fault::taken("Policy", &new.name))?;
    if platform.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM policy_membership WHERE policy_id = $1 AND host_id IN (SELECT id FROM hosts WHERE NOT ({}))",
        platform::condition(&platform)
    );
    tx.execute(&sql, params![id])?;
    Ok(())
}

/// Deletes a policy with its results.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    match tx.execute("DELETE FROM policies WHERE id = $1", params![id])? {
        0 => Err(Fault::not_found("Policy", id)),
        _ => Ok(()),
    }
}
