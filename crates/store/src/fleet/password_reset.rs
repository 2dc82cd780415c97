//! Tokens with which users who forgot their password choose a new one (the Fleet reference, section 2.5).

use super::fault::Outcome;
use super::time::Time;
use super::token;
use crate::db::Tx;
use crate::params;

/// How long a token can be used.
pub const VALID_SECONDS: i64 = 86_400;
const TOKEN_BYTES: usize = 24;

/// A new token for a user. Tokens that are too old go.
pub fn create(tx: &mut Tx<'_>, user_id: u32) -> Outcome<String> {
    let now = Time::now();
    tx.execute("DELETE FROM password_resets WHERE expires_at <= $1", params![now])?;
    let token = token::random_for_urls(TOKEN_BYTES);
    let sql = "INSERT INTO password_resets (token_hash, user_id, expires_at) VALUES ($1, $2, $3)";
    tx.execute(sql, params![token::hash(&token), user_id, now.plus_seconds(VALID_SECONDS)])?;
    Ok(token)
}

/// The user of a token that can still be used.
pub fn user_of(tx: &mut Tx<'_>, token: &str) -> Outcome<Option<u32>> {
    let sql = "SELECT user_id FROM password_resets WHERE token_hash = $1 AND expires_at > $2";
    Ok(tx.value(sql, params![token::hash(token), Time::now()])?)
}

/// Makes all tokens of a user useless.
pub fn delete_of_user(tx: &mut Tx<'_>, user_id: u32) -> Outcome<()> {
    tx.execute("DELETE FROM password_resets WHERE user_id = $1", params![user_id])?;
    Ok(())
}
