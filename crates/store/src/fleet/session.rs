//! Sessions: who logged in and when, found by the hash of the token (the Fleet reference, sections 1.4 and 2.3).

use schemars::JsonSchema;
use serde::Serialize;

use super::fault::{Fault, Outcome};
use super::time::Time;
use super::token;
use super::user::{self, User};
use crate::db::{DbResult, Row, Tx};
use crate::params;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 64;

/// How stale the time of the last use may be: writing it with every request would cost a commit each.
const USE_IS_NOTED_EVERY_SECONDS: i64 = 60;

/// A session as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Session {
    #[serde(rename = "session_id")]
    pub id: u32,
    pub user_id: u32,
    pub created_at: Time,
    #[serde(skip)]
    pub accessed_at: Time,
}

impl Session {
    /// Whether the last use should be written down.
    pub fn use_is_due(&self, now: Time) -> bool {
        now >= self.accessed_at.plus_seconds(USE_IS_NOTED_EVERY_SECONDS)
    }
}

fn from_row(row: &mut Row) -> DbResult<Session> {
    Ok(Session { id: row.take()?, user_id: row.take()?, created_at: row.take()?, accessed_at: row.take()? })
}

const COLUMNS: &str = "id, user_id, created_at, accessed_at";

/// A new session; gives its token, which is kept nowhere.
pub fn create(tx: &mut Tx<'_>, user_id: u32) -> Outcome<String> {
    let token = token::random(TOKEN_BYTES);
    let sql = "INSERT INTO sessions (user_id, token_hash, created_at, accessed_at) VALUES ($1, $2, $3, $3)";
    tx.execute(sql, params![user_id, token::hash(&token), Time::now()])?;
    Ok(token)
}

/// The session of a token, and its user, unless it ended. `lasts` is in seconds since the last use; 0 is for ever, and
/// sessions of API-only users never end.
pub fn find(tx: &mut Tx<'_>, token: &str, lasts: i64) -> Outcome<Option<(Session, User)>> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE token_hash = $1");
    let Some(session) = tx.first(&sql, params![token::hash(token)], from_row)? else { return Ok(None) };
    let user = user::by_id(tx, session.user_id)?;
    let ended = lasts > 0 && !user.api_only && Time::now() >= session.accessed_at.plus_seconds(lasts);
    Ok((!ended).then_some((session, user)))
}

/// Notes that a session was used.
pub fn touch(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    tx.execute("UPDATE sessions SET accessed_at = $2 WHERE id = $1", params![id, Time::now()])?;
    Ok(())
}

/// The session with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Session> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = $1");
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Session", id))
}

/// The sessions of a user, oldest first.
pub fn of_user(tx: &mut Tx<'_>, user_id: u32) -> Outcome<Vec<Session>> {
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE user_id = $1 ORDER BY id");
    Ok(tx.all(&sql, params![user_id], from_row)?)
}

/// Ends a session.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    tx.execute("DELETE FROM sessions WHERE id = $1", params![id])?;
    Ok(())
}

/// Ends all sessions of a user.
pub fn delete_of_user(tx: &mut Tx<'_>, user_id: u32) -> Outcome<()> {
    tx.execute("DELETE FROM sessions WHERE user_id = $1", params![user_id])?;
    Ok(())
}

/// Ends all sessions of a user but one.
pub fn delete_others(tx: &mut Tx<'_>, user_id: u32, but: u32) -> Outcome<()> {
    tx.execute("DELETE FROM sessions WHERE user_id = $1 AND id <> $2", params![user_id, but])?;
    Ok(())
}
