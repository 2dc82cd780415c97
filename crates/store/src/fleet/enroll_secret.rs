//! Secrets with which agents enrol: of all, or of a team (the Fleet reference, section 3.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fault::{Fault, Outcome};
use super::time::Time;
use super::token;
use crate::db::Tx;
use crate::params;

/// The longest secret, in characters.
const MAX_LENGTH: usize = 255;

/// A secret as on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnrollSecret {
    pub secret: String,
    #[serde(default = "Time::now")]
    pub created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub team_id: Option<u32>,
}

/// A new random secret: 32 characters.
pub fn random() -> String {
    token::random(24)
}

/// The secrets of a team, or those of no team.
pub fn list(tx: &mut Tx<'_>, team: Option<u32>) -> Outcome<Vec<EnrollSecret>> {
    let sql = "SELECT secret, created_at, team_id FROM enroll_secrets \
        WHERE team_id = $1 OR ($2 = 1 AND team_id IS NULL) ORDER BY created_at, secret";
    Ok(tx.all(sql, params![team, team.is_none()], |row| {
        Ok(EnrollSecret { secret: row.take()?, created_at: row.take()?, team_id: row.take()? })
    })?)
}

/// Replaces the secrets of a team, or those of no team. Secrets that stay keep their time.
pub fn replace(tx: &mut Tx<'_>, team: Option<u32>, secrets: &[String]) -> Outcome<()> {
    for secret in secrets {
        if secret.is_empty() {
            return Err(Fault::invalid("secret", "enroll secret must not be empty"));
        }
        if secret.chars().count() > MAX_LENGTH {
            return Err(Fault::invalid("secret", "enroll secret must have 255 characters at most"));
        }
    }
    for known in list(tx, team)? {
        if !secrets.contains(&known.secret) {
            tx.execute("DELETE FROM enroll_secrets WHERE secret = $1", params![known.secret])?;
        }
    }
    for secret in secrets {
        let owner =
            tx.first("SELECT team_id FROM enroll_secrets WHERE secret = $1", params![secret], |row| {
                row.take::<Option<u32>>()
            })?;
        match owner {
            Some(owner) if owner == team => {}
            // Naming whose it is would help nobody but those who guess.
            Some(_) => return Err(Fault::Exists { kind: "EnrollSecret", name: "…".into() }),
            None => {
                let sql = "INSERT INTO enroll_secrets (secret, created_at, team_id) VALUES ($1, $2, $3)";
                tx.execute(sql, params![secret, Time::now(), team])?;
            }
        }
    }
    Ok(())
}

/// The team of a secret: `None` when there is no such secret, `Some(None)` for one of no team.
pub fn team_of(tx: &mut Tx<'_>, secret: &str) -> Outcome<Option<Option<u32>>> {
    Ok(tx.first("SELECT team_id FROM enroll_secrets WHERE secret = $1", params![secret], |row| row.take())?)
}
