//! Users: who may call the API, and what each may do.
//!
//! A user is a row of the database, the same for gRPC and for Fleet's API. Over gRPC it is known by the name in the client
//! certificate, which is looked up among the mail addresses, ignoring case; those who were made for gRPC have a plain name there. What
//! a user may is its own record ([`Acl`]) and what the global role brings along.
//!
//! Every call looks its user up anew, in one read of one row by key: changes by whomever, in whatever process, count from the next call
//! on, and there is no cache that could lag behind. It takes some 40 µs on SQLite and a millisecond on PostgreSQL (`cargo run -p store
//! --example user_speed`). A query that runs goes on with what it began with.
//! Source: the gRPC reference, sections 5 and 8.

use std::sync::Arc;

use serde::Serialize;
use vql::permission::{Permission, Permissions};

use crate::db::{Db, DbResult, Location};
use crate::error::{Error, Result};
use crate::fleet::Fault;
use crate::rights::{Grant, Role};

mod acl;
pub mod import;
mod record;

pub use acl::Acl;

/// The server's own name: as a client it may do everything and needs no record.
pub const SUPER_USER: &str = "VelociraptorServer";

/// The gateway's name, which may act for others.
pub const GATEWAY: &str = "GRPC_GW";

/// The longest name, as certificates allow no longer common name.
const MAX_NAME: usize = 64;

/// One user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct User {
    /// The name as it was first written.
    pub name: String,
    /// What the user may do over gRPC besides what the role brings along.
    pub acl: Acl,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_role: Option<Role>,
    /// Whether the user has roles on teams. They count in Fleet's API alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_on_teams: bool,
}

impl User {
    /// All permissions of the user.
    pub fn effective(&self) -> Permissions {
        let role = self.global_role.map_or(Permissions::NONE, Role::permissions);
        self.acl.effective().union(role)
    }

    /// The names of the roles over gRPC: those of the own record, and the one that the global role brings along.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        let brought = self.global_role.map(|role| role.grpc().name);
        let brought = brought.filter(|name| !self.acl.roles.iter().any(|own| own.eq_ignore_ascii_case(name)));
        self.acl.roles.iter().map(String::as_str).chain(brought)
    }

    /// Whether rows may be pushed to this queue.
    pub fn may_publish(&self, queue: &str) -> bool {
        self.acl.may_publish(queue) || self.effective().has(Permission::Publish)
    }
}

/// Whether a name belongs to the server itself, so that nobody may take it.
pub fn is_reserved(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    [SUPER_USER, GATEWAY].iter().any(|reserved| reserved.to_lowercase() == name)
}

/// Refuses names that no certificate can have.
pub fn check_name(name: &str) -> Result<()> {
    if is_reserved(name) {
        return Err(Error::NameReserved(name.to_owned()));
    }
    if can_be(name) {
        return Ok(());
    }
    Err(Error::NameInvalid {
        what: "user name",
        name: name.to_owned(),
        rule: "1 to 64 bytes without control characters or outer blanks",
    })
}

fn can_be(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.chars().any(char::is_control) && name.trim() == name
}

/// The users of a database. All calls but [`Users::fetch`] block: use them from threads that may.
#[derive(Clone, Debug)]
pub struct Users {
    db: Db,
    super_user: Arc<User>,
}

impl Users {
    /// The users of this database.
    pub fn new(db: Db) -> Self {
        let acl = Acl { super_user: true, ..Acl::default() };
        let super_user = Arc::new(User { name: SUPER_USER.to_owned(), acl, ..User::default() });
        Self { db, super_user }
    }

    /// Opens the database for its users alone. Blocks.
    pub fn open(location: &Location) -> DbResult<Self> {
        Db::open_blocking(location).map(Self::new)
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The user of that name, or [`Error::UserNotFound`].
    pub fn get(&self, name: &str) -> Result<Arc<User>> {
        self.find(name)?.ok_or_else(|| Error::UserNotFound(name.to_owned()))
    }

    /// The user of that name, when there is one. [`SUPER_USER`] is always there.
    pub fn find(&self, name: &str) -> Result<Option<Arc<User>>> {
        if let Some(known) = self.without_looking(name) {
            return Ok(known);
        }
        let name = name.to_owned();
        self.db.read_blocking(move |tx| record::find(tx, &name)).map(|user| user.map(Arc::new))
    }

    /// As [`Users::find`], for async code.
    pub async fn fetch(&self, name: &str) -> Result<Option<Arc<User>>> {
        if let Some(known) = self.without_looking(name) {
            return Ok(known);
        }
        let name = name.to_owned();
        let user = self.db.read(move |tx| record::find(tx, &name)).await;
        user.map(|user| user.map(Arc::new))
    }

    /// What is known of a name without asking the database.
    fn without_looking(&self, name: &str) -> Option<Option<Arc<User>>> {
        if name == SUPER_USER {
            return Some(Some(self.super_user.clone()));
        }
        // A name that cannot be stored cannot be found; the caller's certificate is not at fault.
        (is_reserved(name) || !can_be(name)).then_some(None)
    }

    /// The permissions of the user of that name, or [`Error::UserNotFound`].
    pub fn effective(&self, name: &str) -> Result<Permissions> {
        self.get(name).map(|user| user.effective())
    }

    /// All users, by name.
    pub fn list(&self) -> Result<Vec<User>> {
        self.db.read_blocking(record::list)
    }

    /// Changes a record in one step, making the user (without any rights) when missing; gives the user as it is then. `change` may
    /// be run more than once, see [`Db::write`].
    pub fn update(
        &self,
        name: &str,
        change: impl Fn(&mut Acl) -> Result<()> + Send + Sync + 'static,
    ) -> Result<User> {
        check_name(name)?;
        let (name, change) = (name.to_owned(), Arc::new(change));
        let once = || {
            let (name, change) = (name.clone(), change.clone());
            self.db.write_blocking(move |tx| record::change(tx, &name, |acl| change(acl)))
        };
        match once() {
            // Somebody else made the same user meanwhile.
            Err(Error::Fault(Fault::Exists { .. })) => once(),
            done => done,
        }
    }

    /// Adds rights to a user, who is made when missing.
    pub fn grant(&self, name: &str, grant: &Grant<'_>) -> Result<User> {
        let roles: Vec<String> = grant.roles.iter().map(|role| (*role).to_owned()).collect();
        let permissions = grant.permissions;
        self.update(name, move |acl| {
            let roles: Vec<&str> = roles.iter().map(String::as_str).collect();
            acl.grant(&Grant { roles: &roles, permissions })
        })
    }

    /// Replaces the record of a user, who is made when missing.
    pub fn set_acl(&self, name: &str, acl: Acl) -> Result<User> {
        self.update(name, move |now| {
            now.clone_from(&acl);
            Ok(())
        })
    }

    /// Removes a user with all roles and sessions; says whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        let name = name.to_owned();
        self.db.write_blocking(move |tx| record::remove(tx, &name))
    }
}

#[cfg(test)]
mod tests;
