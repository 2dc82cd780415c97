//! Changing users.

use std::sync::Arc;

use axum::extract::State;
use serde_json::Value as Json;
use store::db::Tx;
use store::fleet::user::{self, Changes, Roles, User};
use store::fleet::{Fault, app_config, email_change, key, password_reset};
use store::rights::{Action, Object};

use super::payload::Payload;
use super::roles::{
    administers, keep_an_admin, require_administers, require_roles, require_write, roles_now,
};
use super::{One, email, passwords};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::{Body, Id, Viewer};
use crate::server::Fleet;

/// What was found out before the transaction: the password that was checked, and the new one.
struct Prepared {
    id: u32,
    given: Payload,
    roles: Option<Roles>,
    /// The hash against which the old password was checked.
    checked: Option<Option<String>>,
    new_hash: Option<String>,
}

/// A token that is to be sent to a new address.
struct Confirmation {
    config: Json,
    to: String,
    token: String,
}

pub async fn patch(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Payload>,
) -> Result<Reply<One>> {
    let reader = viewer.clone();
    let found = fleet.db.read(move |tx| -> Result<_> {
        let target = user::by_id(tx, id)?;
        require_write(&reader, &target)?;
        Ok((target, user::password_hash(tx, id)?))
    });
    let (target, hash) = found.await?;
    let prepared = prepare(&viewer, &target, hash, given).await?;
    let (before, user, confirmation) = fleet.db.write(move |tx| apply(tx, &viewer, &prepared)).await?;
    if before != user.email {
        fleet.user_was(before, Some(user.email.clone())).await;
    }
    if let Some(Confirmation { config, to, token }) = confirmation {
        email::send(&config, to, &token).await?;
    }
    Ok(Reply(One { user }))
}

async fn prepare(viewer: &Viewer, target: &User, hash: Option<String>, given: Payload) -> Result<Prepared> {
    given.check_change()?;
    let roles = given.changed_roles()?;
    let is_self = viewer.user.id == target.id;
    let new_email = given.email.as_deref().is_some_and(|email| key(email) != key(&target.email));
    let old = given.password.as_deref().filter(|password| !password.is_empty());
    let mut checked = None;
    if is_self && (new_email || given.new_password.is_some()) {
        let Some(old) = old else {
            let reason = match given.new_password {
                Some(_) => "Old password cannot be empty",
                None => "Password cannot be empty if email is changed",
            };
            return Err(Error::invalid("password", reason));
        };
        if !passwords::matches(old, hash.clone()).await {
            return Err(Error::permission_denied());
        }
        if let Some(new) = &given.new_password {
            passwords::check_new(old, new)?;
        }
        checked = Some(hash);
    }
    let new_hash = match given.new_password.clone() {
        // Of others only global administrators.
        Some(_) if !is_self && !viewer.is_admin() => return Err(Error::forbidden()),
        Some(_) if target.sso_enabled => {
            return Err(Error::invalid("new_password", "not allowed for SSO users"));
        }
        Some(new) => Some(passwords::hash(new).await?),
        None => None,
    };
    Ok(Prepared { id: target.id, given, roles, checked, new_hash })
}

/// The address before, and the user after it.
fn apply(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    prepared: &Prepared,
) -> Result<(String, User, Option<Confirmation>)> {
    let Prepared { id, given, .. } = prepared;
    let target = user::by_id(tx, *id)?;
    require_write(viewer, &target)?;
    if let Some(checked) = &prepared.checked {
        passwords::require_unchanged(tx, *id, checked)?;
    }
    let for_admins = [given.sso_enabled, given.api_only, given.admin_forced_password_reset];
    let current = [target.sso_enabled, target.api_only, target.force_password_reset];
    if for_admins.iter().zip(current).any(|(wanted, now)| wanted.is_some_and(|wanted| wanted != now)) {
        require_administers(viewer, &target)?;
    }
    if let Some(after) = &prepared.roles {
        require_roles(tx, viewer, Action::Write, Object::UserRole, &roles_now(&target), after)?;
    }
    let (email, confirmation) = new_email(tx, viewer, &target, given.email.as_deref())?;
    let changes = Changes {
        name: given.name.clone(),
        email,
        password_hash: prepared.new_hash.clone(),
        force_password_reset: given.admin_forced_password_reset,
        gravatar_url: given.gravatar_url.clone(),
        position: given.position.clone(),
        sso_enabled: given.sso_enabled,
        api_only: given.api_only,
        roles: prepared.roles.clone(),
    };
    let user = user::update(tx, *id, &changes)?;
    if changes.email.is_some() {
        password_reset::delete_of_user(tx, *id)?;
    }
    if prepared.new_hash.is_some() || given.admin_forced_password_reset == Some(true) {
        passwords::expel(tx, *id, (viewer.user.id == *id).then_some(viewer.session_id))?;
    }
    keep_an_admin(tx)?;
    Ok((target.email, user, confirmation))
}

/// The address to be set now, or the token with which it will be set. Without a mail server nobody could confirm
/// anything, so that administrators set addresses at once.
fn new_email(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    target: &User,
    wanted: Option<&str>,
) -> Result<(Option<String>, Option<Confirmation>)> {
    let Some(wanted) = wanted.filter(|wanted| wanted.trim() != target.email) else { return Ok((None, None)) };
    if key(wanted) == key(&target.email) {
        return Ok((Some(wanted.to_owned()), None));
    }
    match user::by_email(tx, wanted) {
        Ok(_) => return Err(Fault::Exists { kind: "User", name: wanted.trim().to_owned() }.into()),
        Err(Fault::NotFound { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    let config = app_config::get(tx)?;
    if config["smtp_settings"]["enable_smtp"] == true {
        let token = email_change::create(tx, target.id, wanted)?;
        return Ok((None, Some(Confirmation { config, to: wanted.trim().to_owned(), token })));
    }
    if administers(viewer, target) {
        return Ok((Some(wanted.to_owned()), None));
    }
    let reason = "cannot be confirmed while no mail server is configured, ask an administrator to change it";
    Err(Error::invalid("email", reason))
}
