//! Defining and forgetting artifacts, with the rights and the audit lines it takes.

use std::sync::Arc;

use serde_json::json;
use vql::call::Error;
use vql::permission::{Permission, Permissions};

use super::definition::{Definition, Metadata};
use super::repository::Repository;
use crate::server::{Server, demand};

/// Who asks, and where.
pub struct Author<'a> {
    pub server: &'a Server,
    pub artifacts: &'a Repository,
    pub user: &'a str,
    pub permissions: Permissions,
}

impl Author<'_> {
    /// Defines an artifact, replacing an earlier one of that name.
    pub fn set(&self, yaml: &str, tags: &[String]) -> Result<Arc<Definition>, Error> {
        let definition = parse(yaml)?;
        self.check_writer(&definition)?;
        let details = json!({ "artifact": definition.name, "details": yaml });
        self.server.record_as(self.user, "SetArtifactFile", details)?;
        let kept = self.artifacts.set(yaml)?;
        if !tags.is_empty() {
            let metadata = Metadata { tags: tags.to_vec(), ..kept.metadata.clone() };
            self.artifacts.set_metadata(&kept.name, &metadata)?;
        }
        Ok(kept)
    }

    /// Forgets an artifact that somebody defined.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        let definition = self.find(name)?;
        self.check_writer(&definition)?;
        self.server.record_as(self.user, "DeleteArtifactFile", json!({ "artifact": name }))?;
        self.artifacts.delete(name).map(drop)
    }

    /// The artifact of that name; none is an error.
    pub fn find(&self, name: &str) -> Result<Arc<Definition>, Error> {
        self.artifacts.find(name).ok_or_else(|| Error::new(format!("artifact {name} is not known")))
    }

    /// What runs on the server, or with rights of its own, takes more trust to define.
    pub fn check_writer(&self, definition: &Definition) -> Result<(), Error> {
        let has_own_rights = !definition.impersonate.is_empty() || !definition.implied_permissions.is_empty();
        let needed = match definition.kind.is_server() || has_own_rights {
            true => Permission::ServerArtifactWriter,
            false => Permission::ArtifactWriter,
        };
        demand(self.permissions, &[needed])
    }
}

/// Reads a definition; what is wrong with it is one line.
pub fn parse(yaml: &str) -> Result<Definition, Error> {
    Definition::parse(yaml).map_err(|problems| {
        Error::new(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })
}
