//! New mail addresses, which take effect once they are confirmed.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;
use store::fleet::{email_change, password_reset, user};

use crate::error::{Error, Result};
use crate::mail::{Mail, Mailer};
use crate::reply::Reply;
use crate::request::{Name, Viewer};
use crate::server::Fleet;

#[derive(Serialize, JsonSchema)]
pub struct Confirmed {
    new_email: String,
}

pub async fn confirm(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    token: Name,
) -> Result<Reply<Confirmed>> {
    let (id, before) = (viewer.user.id, viewer.user.email.clone());
    let done = fleet.db.write(move |tx| -> Result<_> {
        let taken = email_change::take(tx, id, &token.once)?;
        let new_email = taken.ok_or_else(|| Error::not_found("EmailChange", "with that token"))?;
        user::confirm_email(tx, id, &new_email)?;
        // Tokens that went to the old address are worth nothing now.
        password_reset::delete_of_user(tx, id)?;
        Ok(new_email)
    });
    let new_email = done.await?;
    fleet.user_was(before, Some(new_email.clone())).await;
    Ok(Reply(Confirmed { new_email }))
}

/// Sends the token to the new address.
pub async fn send(config: &Json, to: String, token: &str) -> Result<()> {
    let Some(mailer) = Mailer::of(config)? else { return Ok(()) };
    let server = config["server_settings"]["server_url"].as_str().unwrap_or_default();
    let text = format!(
        "This is to be your mail address on {server}.\n\nThe token that confirms it, valid for one day:\n\n{token}\n\n\
         Log in and get {server}/api/v1/fleet/email/change/ with the token at the end. Until then the old address \
         counts.\n"
    );
    Ok(mailer.send(&Mail { to, subject: "Confirm your new mail address", text }).await?)
}
