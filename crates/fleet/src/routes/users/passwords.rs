//! Passwords of users who are logged in.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use store::db::Tx;
use store::fleet::user::{self, Changes};
use store::fleet::{password, password_reset, session};

use super::One;
use super::roles::require_administers;
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Body, Id, Viewer};
use crate::server::Fleet;

/// The hash of a password, made off the async threads.
pub async fn hash(password: String) -> Result<String> {
    let hashed = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    let failed = |_| Error::plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot hash the password");
    Ok(hashed.map_err(failed)??)
}

/// Whether a password is the one that was hashed; likewise.
pub async fn matches(password: &str, hash: Option<String>) -> bool {
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || password::matches(&password, hash.as_deref())).await.unwrap_or(false)
}

/// 422 unless a user may choose this password.
pub fn check_quality(field: &str, password: &str) -> Result<()> {
    if password::is_good(password) {
        return Ok(());
    }
    Err(Error::invalid(field, "Password does not meet validation requirements"))
}

/// Whoever else may have known the old password is out: sessions but the one given end, and tokens that were sent are void.
pub fn expel(tx: &mut Tx<'_>, user_id: u32, but: Option<u32>) -> Result<()> {
    session::delete_others(tx, user_id, but.unwrap_or(0))?;
    Ok(password_reset::delete_of_user(tx, user_id)?)
}

/// 403 when a password was checked against one that was changed meanwhile.
pub fn require_unchanged(tx: &mut Tx<'_>, user_id: u32, checked: &Option<String>) -> Result<()> {
    if user::password_hash(tx, user_id)? == *checked { Ok(()) } else { Err(Error::permission_denied()) }
}

#[derive(Deserialize, JsonSchema)]
pub struct Change {
    #[serde(default)]
    old_password: String,
    #[serde(default)]
    new_password: String,
}

pub async fn change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Change>,
) -> Result<Reply<Empty>> {
    if viewer.user.sso_enabled {
        return Err(Error::invalid("new_password", "not allowed for SSO users"));
    }
    if given.old_password.is_empty() {
        return Err(Error::invalid("old_password", "Old password cannot be empty"));
    }
    if given.new_password.is_empty() {
        return Err(Error::invalid("new_password", "New password cannot be empty"));
    }
    let id = viewer.user.id;
    let old = fleet.db.read(move |tx| user::password_hash(tx, id)).await?;
    if !matches(&given.old_password, old.clone()).await {
        return Err(Error::permission_denied());
    }
    check_new(&given.old_password, &given.new_password)?;
    let new = hash(given.new_password).await?;
    let done = fleet.db.write(move |tx| -> Result<()> {
        require_unchanged(tx, id, &old)?;
        user::set_password(tx, id, &new)?;
        expel(tx, id, Some(viewer.session_id))
    });
    done.await?;
    Ok(DONE)
}

/// 422 unless the new password is good and another one.
pub fn check_new(old: &str, new: &str) -> Result<()> {
    if old == new {
        return Err(Error::invalid("new_password", "cannot reuse old password"));
    }
    check_quality("new_password", new)
}

#[derive(Deserialize, JsonSchema)]
pub struct Perform {
    #[serde(default)]
    id: Option<u32>,
    #[serde(default)]
    new_password: String,
}

pub async fn perform(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Perform>,
) -> Result<Reply<One>> {
    let id = viewer.user.id;
    if given.id.is_some_and(|given| given != id) {
        return Err(Error::forbidden());
    }
    if !viewer.user.force_password_reset {
        return Err(Error::bad_request("no password reset is required of this user"));
    }
    check_quality("new_password", &given.new_password)?;
    let old = fleet.db.read(move |tx| user::password_hash(tx, id)).await?;
    if matches(&given.new_password, old.clone()).await {
        return Err(Error::invalid("new_password", "cannot reuse old password"));
    }
    let new = hash(given.new_password).await?;
    let done = fleet.db.write(move |tx| -> Result<_> {
        require_unchanged(tx, id, &old)?;
        let user = user::set_password(tx, id, &new)?;
        expel(tx, id, Some(viewer.session_id))?;
        Ok(user)
    });
    Ok(Reply(One { user: done.await? }))
}

#[derive(Deserialize, JsonSchema)]
pub struct Require {
    #[serde(default)]
    require: bool,
}

pub async fn require(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Require>,
) -> Result<Reply<One>> {
    let done = fleet.db.write(move |tx| -> Result<_> {
        let target = user::by_id(tx, id)?;
        require_administers(&viewer, &target)?;
        if target.sso_enabled {
            return Err(Error::invalid("require", "not allowed for SSO users"));
        }
        if given.require {
            session::delete_of_user(tx, id)?;
        }
        let changes = Changes { force_password_reset: Some(given.require), ..Changes::default() };
        Ok(user::update(tx, id, &changes)?)
    });
    Ok(Reply(One { user: done.await? }))
}
