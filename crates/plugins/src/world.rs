//! What callables of this crate know of the program they run in.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;
use vql::call::Error;
use vql::permission::Permissions;
use vql::scope::Scope;

use crate::artifact::repository::Repository;
use crate::collection::Collection;
use crate::log_lines::LogLines;
use crate::net::Network;
use crate::net::secrets::Secrets;
use crate::server::Server;
use crate::write_policy::WritePolicy;

/// Looks up the rights of a user; `None` if there is no such user.
pub type Rights = Arc<dyn Fn(&str) -> Option<Permissions> + Send + Sync>;

/// The surroundings of a query: everything a built-in may need besides its arguments.
#[derive(Clone, Default)]
pub struct World {
    /// Environment variables as `environ()` shows them; those of the server's own configuration are left out.
    pub environment: Vec<(String, String)>,
    /// Where temporary files are made.
    pub temp_dir: PathBuf,
    /// Where files may be written.
    pub writes: WritePolicy,
    /// When the server started.
    pub started: Option<jiff::Timestamp>,
    /// The rights of a user, for `query(runas=)`.
    pub rights_of: Option<Rights>,
    /// The artifacts that queries can call.
    pub artifacts: Arc<Repository>,
    /// The state of the server that the query runs on.
    pub server: Option<Arc<Server>>,
    /// Where exchanges with the network run; without one, a runtime is started when it is first needed.
    pub runtime: Option<Handle>,
    pub network: Arc<Network>,
    /// Managed secrets; only servers have them.
    pub secrets: Option<Arc<dyn Secrets>>,
    /// The log of the program itself; only servers keep one.
    pub logs: Option<Arc<LogLines>>,
}

impl World {
    /// The world of a process: its environment and its temporary directory.
    pub fn of_process() -> Self {
        World {
            environment: std::env::vars_os()
                .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
                .filter(|(k, _)| !k.starts_with("VELOCIRAPTOR_") && !k.starts_with("HARRIER_"))
                .collect(),
            temp_dir: std::env::temp_dir(),
            started: Some(jiff::Timestamp::now()),
            ..World::default()
        }
    }

    /// An environment variable.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The world of the query that `scope` belongs to, for what outlives the call.
    pub fn shared(scope: &Scope<'_>) -> Result<Arc<World>, Error> {
        Surroundings::of(scope).map(|s| s.world.clone())
    }

    /// The world of the query that `scope` belongs to.
    pub fn of<'a>(scope: &Scope<'a>) -> Result<&'a World, Error> {
        Surroundings::of(scope).map(|s| &*s.world)
    }
}

/// What surrounds one query: the world, and on whose behalf it runs.
pub struct Surroundings {
    pub world: Arc<World>,
    /// The user of the server who asks; empty outside a server.
    pub user: String,
    /// The collection that the query is part of.
    pub collection: Option<Arc<Collection>>,
}

impl Surroundings {
    /// The surroundings of the query that `scope` belongs to.
    pub fn of<'a>(scope: &Scope<'a>) -> Result<&'a Surroundings, Error> {
        scope.world::<Surroundings>().ok_or_else(|| "this host has no outside world".into())
    }
}
