//! What users did, for other users to see (the Fleet reference, section 12.2).

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::fault::Outcome;
use super::list::{ListOptions, OrderKey, Owned};
use super::time::Time;
use crate::db::{Row, Tx};
use crate::params;

/// An activity as on the wire. What is told of the actor besides the name is absent once the user is gone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Activity {
    pub created_at: Time,
    pub id: u32,
    pub actor_full_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_gravatar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_email: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub details: Json,
}

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "a.id"),
    ("created_at", "a.created_at"),
    ("type", "a.type"),
    ("activity_type", "a.type"),
    ("actor_full_name", "a.user_name"),
];

/// Writes down what a user (id and name) did. Call it in the transaction of the change itself.
pub fn record(tx: &mut Tx<'_>, by: (u32, &str), kind: &str, details: &Json) -> Outcome<()> {
    let details = (!details.is_null()).then(|| details.to_string());
    let sql =
        "INSERT INTO activities (created_at, user_id, user_name, type, details) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(sql, params![Time::now(), by.0, by.1, kind, details])?;
    Ok(())
}

/// A page of activities, oldest first unless asked otherwise.
pub fn list(tx: &mut Tx<'_>, options: &ListOptions) -> Outcome<Vec<Activity>> {
    let tail = options.tail(ORDER_KEYS, 1)?;
    let sql = format!(
        "SELECT a.created_at, a.id, a.user_name, u.id, u.gravatar_url, u.email, a.type, a.details \
         FROM activities a LEFT JOIN users u ON u.id = a.user_id WHERE 1 = 1{}",
        tail.sql
    );
    let arguments: Vec<_> = tail.after.iter().map(Owned::value).collect();
    Ok(tx.all(&sql, &arguments, from_row)?)
}

fn from_row(row: &mut Row) -> crate::db::DbResult<Activity> {
    Ok(Activity {
        created_at: row.take()?,
        id: row.take()?,
        actor_full_name: row.take()?,
        actor_id: row.take()?,
        actor_gravatar: row.take()?,
        actor_email: row.take()?,
        kind: row.take()?,
        details: row
            .take::<Option<String>>()?
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or(Json::Null),
    })
}
