//! A new password for those who forgot theirs.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use store::fleet::{Fault, app_config, password_reset, user};

use super::passwords::{check_quality, expel, hash};
use crate::describe::{Form, Shapes, Written};
use crate::error::{Error, Result};
use crate::mail::{Mail, Mailer};
use crate::reply::{DONE, Empty, Reply, pretty};
use crate::request::{Body, Peer};
use crate::server::Fleet;

#[derive(Deserialize, JsonSchema)]
pub struct Ask {
    #[serde(default)]
    email: String,
}

/// Nothing but that it was heard.
pub struct Accepted;

impl Form for Accepted {
    const STATUSES: &'static [u16] = &[202];

    fn shape(shapes: &mut Shapes) -> Json {
        shapes.shown::<Empty>()
    }
}

/// Answers before anything is looked up, so that neither the answer nor its time tells who is known.
pub async fn ask(
    State(fleet): State<Arc<Fleet>>,
    Peer(peer): Peer,
    Body(given): Body<Ask>,
) -> Result<Written<Accepted>> {
    fleet.throttles.forgot_password.check(peer)?;
    tokio::spawn(async move {
        if let Err(error) = send(&fleet, given.email).await {
            tracing::warn!(target: "fleet", reason = error.message, "no token for a new password was sent");
        }
    });
    Ok(pretty(StatusCode::ACCEPTED, &Empty {}).into())
}

async fn send(fleet: &Fleet, email: String) -> Result<()> {
    let made = fleet.db.write(move |tx| -> Result<_> {
        let user = match user::by_email(tx, &email) {
            // Who never had a password, as those who were made for gRPC, gets one from an administrator only.
            Ok(user) if !user.sso_enabled && user::password_hash(tx, user.id)?.is_some() => user,
            Ok(_) | Err(Fault::NotFound { .. }) => return Ok(None),
            Err(other) => return Err(other.into()),
        };
        let token = password_reset::create(tx, user.id)?;
        Ok(Some((user.email, token, app_config::get(tx)?)))
    });
    let Some((to, token, config)) = made.await? else { return Ok(()) };
    let Some(mailer) = Mailer::of(&config)? else {
        tracing::warn!(target: "fleet", "somebody forgot a password, and no mail server is configured");
        return Ok(());
    };
    let server = config["server_settings"]["server_url"].as_str().unwrap_or_default();
    let text = format!(
        "Somebody, most likely you, asked for a new password on {server}.\n\n\
         The token for it, valid for one day:\n\n{token}\n\n\
         Send it with the new password to {server}/api/v1/fleet/reset_password.\n\
         If you did not ask, do nothing: your password stays as it is.\n"
    );
    Ok(mailer.send(&Mail { to, subject: "A new password", text }).await?)
}

#[derive(Deserialize, JsonSchema)]
pub struct Reset {
    #[serde(default)]
    password_reset_token: String,
    #[serde(default)]
    new_password: String,
}

pub async fn reset(State(fleet): State<Arc<Fleet>>, Body(given): Body<Reset>) -> Result<Reply<Empty>> {
    let token = given.password_reset_token;
    if token.is_empty() {
        return Err(Error::invalid("token", "Token cannot be empty field"));
    }
    if given.new_password.is_empty() {
        return Err(Error::invalid("new_password", "New password cannot be empty"));
    }
    let unknown = || Error::invalid("password_reset_token", "is not known, was used, or is too old");
    let wanted = token.clone();
    // Hashing is slow: only for those who have a token.
    fleet.db.read(move |tx| password_reset::user_of(tx, &wanted)).await?.ok_or_else(unknown)?;
    check_quality("new_password", &given.new_password)?;
    let new = hash(given.new_password).await?;
    let done = fleet.db.write(move |tx| -> Result<()> {
        let id = password_reset::user_of(tx, &token)?.ok_or_else(unknown)?;
        user::set_password(tx, id, &new)?;
        expel(tx, id, None)
    });
    done.await?;
    Ok(DONE)
}
