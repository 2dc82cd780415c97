//! Mail addresses that users want and have not confirmed yet (the Fleet reference, section 2.5).

use super::fault::Outcome;
use super::time::Time;
use super::token;
use crate::db::Tx;
use crate::params;

/// How long a token can be used.
pub const VALID_SECONDS: i64 = 86_400;
const TOKEN_BYTES: usize = 24;

/// A new token, to be sent to the new address. It replaces an earlier one of this user.
pub fn create(tx: &mut Tx<'_>, user_id: u32, new_email: &str) -> Outcome<String> {
    tx.execute("DELETE FROM email_changes WHERE user_id = $1", params![user_id])?;
    let token = token::random_for_urls(TOKEN_BYTES);
    let sql =
        "INSERT INTO email_changes (token_hash, user_id, new_email, expires_at) VALUES ($1, $2, $3, $4)";
    let expires_at = Time::now().plus_seconds(VALID_SECONDS);
    tx.execute(sql, params![token::hash(&token), user_id, new_email.trim(), expires_at])?;
    Ok(token)
}

/// The address that this user confirms with this token, which is used up by that.
pub fn take(tx: &mut Tx<'_>, user_id: u32, token: &str) -> Outcome<Option<String>> {
    let sql =
        "SELECT new_email FROM email_changes WHERE token_hash = $1 AND user_id = $2 AND expires_at > $3";
    let found = tx.value(sql, params![token::hash(token), user_id, Time::now()])?;
    if found.is_some() {
        tx.execute("DELETE FROM email_changes WHERE user_id = $1", params![user_id])?;
    }
    Ok(found)
}
