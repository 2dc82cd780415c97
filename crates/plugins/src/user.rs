//! Users as queries show and change them.

use std::sync::Arc;

use serde_json::json;
use store::rights::Grant;
use store::user::{Acl, SUPER_USER, User};
use vql::call::Error;
use vql::permission::{Permission, Permissions};
use vql::scope::Scope;
use vql::value::{Row, Value};

use crate::server::{ROOT_ORG, Server, demand, failed, shown, to_stored_object};
use crate::world::Surroundings;

/// What it takes to see and change others.
const ADMINS: &[Permission] = &[Permission::ServerAdmin, Permission::OrgAdmin];

/// What the only org is called.
pub const ROOT_NAME: &str = "<root>";

/// Refuses those who may not see or change everybody.
pub fn check_admin(scope: &Scope<'_>) -> Result<(), Error> {
    demand(scope.context().permissions, ADMINS)
}

/// Refuses those who are neither the user in question nor an administrator.
pub fn check_self_or_admin(scope: &Scope<'_>, name: &str) -> Result<(), Error> {
    let caller = &Surroundings::of(scope)?.user;
    if !caller.is_empty() && caller.eq_ignore_ascii_case(name) { Ok(()) } else { check_admin(scope) }
}

/// The user of that name; none is an error.
pub fn get(server: &Server, name: &str) -> Result<Arc<User>, Error> {
    server.users()?.get(name).map_err(failed)
}

/// All users, by name.
pub fn all(server: &Server) -> Result<Vec<User>, Error> {
    server.users()?.list().map_err(failed)
}

/// The cells of a row about a user; what the user may do only with `detail`.
pub fn cells(user: &User, detail: bool) -> Result<Vec<Value>, Error> {
    let roles = user.roles().map(Value::from).collect();
    let (own, effective) = match detail {
        true => (shown(&user.acl)?, shown(&effective(user)?)?),
        false => (Value::Null, Value::Null),
    };
    Ok(vec![
        Value::from(user.name.as_str()),
        Value::from(ROOT_ORG),
        Value::from(ROOT_NAME),
        Value::from(""),
        Value::from(""),
        Value::list(roles),
        own,
        effective,
    ])
}

/// What a user may do in all, as a record.
fn effective(user: &User) -> Result<Acl, Error> {
    let mut acl = Acl::default();
    acl.grant(&Grant { roles: &[], permissions: user.effective() }).map_err(failed)?;
    Ok(acl)
}

/// The columns of [`cells`].
pub const COLUMNS: &[&str] =
    &["name", "org_id", "org_name", "picture", "email", "roles", "_policy", "effective_policy"];

/// Replaces the rights of a user, who is made when missing: roles, and single permissions as the members of an
/// access control record.
pub fn set(
    scope: &Scope<'_>,
    name: &str,
    roles: &[String],
    policy: Option<&Row>,
    what: &str,
) -> Result<(), Error> {
    check_admin(scope)?;
    let server = Server::of(scope)?;
    let mut acl = match policy {
        None => Acl::default(),
        Some(policy) => {
            let mut members = to_stored_object(policy)?;
            // A list of one is written as its only element in VQL.
            for name in ["publish_queues", "roles"] {
                if let Some(one) = members.get_mut(name).filter(|value| value.is_string()) {
                    *one = serde_json::Value::Array(vec![one.take()]);
                }
            }
            serde_json::from_value(members.into()).map_err(|e| Error::new(format!("policy: {e}")))?
        }
    };
    if acl.super_user {
        return Err(Error::new(format!("only {SUPER_USER} is a super user")));
    }
    let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
    acl.grant(&Grant { roles: &roles, permissions: Permissions::NONE }).map_err(failed)?;
    server.record(scope, what, json!({ "user": name, "acl": acl }))?;
    server.users()?.set_acl(name, acl).map(drop).map_err(failed)
}

/// Removes a user; says whether there was one.
pub fn remove(scope: &Scope<'_>, name: &str) -> Result<bool, Error> {
    let server = Server::of(scope)?;
    server.record(scope, "DeleteUser", json!({ "user": name }))?;
    let was_there = server.users()?.remove(name).map_err(failed)?;
    server.profiles.remove(name).map_err(failed)?;
    Ok(was_there)
}

/// Forgets what users kept whose deletion a kill cut short, so that nobody who gets the name finds it.
pub fn forget_removed(server: &Server) -> Result<(), Error> {
    let users = all(server)?;
    // A database without anybody is another one than theirs, or not set up yet.
    if users.is_empty() {
        return Ok(());
    }
    let names = users.iter().map(|user| user.name.as_str()).chain([SUPER_USER]);
    match server.profiles.keep_only(names).map_err(failed)? {
        0 => {}
        forgotten => tracing::info!(forgotten, "what users kept who are gone was removed"),
    }
    Ok(())
}
