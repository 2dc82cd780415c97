//! What callables of this crate know of the program they run in.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vql::call::Error;
use vql::permission::Permissions;
use vql::scope::Scope;

use crate::write_policy::WritePolicy;

/// Event queues, as far as queries use them (`watch_monitoring()`).
pub trait Events: Send + Sync {
    /// Listens to a queue from now on.
    fn subscribe(&self, queue: &str) -> Result<Box<dyn Subscription>, Error>;
}

/// A listener on one queue.
pub trait Subscription: Send {
    /// The next row (a JSON object), `None` when the time is over; an error ends the listening.
    fn next(&mut self, wait: Duration) -> Result<Option<Arc<[u8]>>, Error>;
}

/// Looks up the rights of a user; `None` if there is no such user.
pub type Rights = Arc<dyn Fn(&str) -> Option<Permissions> + Send + Sync>;

/// The surroundings of a query: everything a built-in may need besides its arguments.
#[derive(Default)]
pub struct World {
    /// Environment variables as `environ()` shows them; those of the server's own configuration are left out.
    pub environment: Vec<(String, String)>,
    /// Where temporary files are made.
    pub temp_dir: PathBuf,
    /// Where files may be written.
    pub writes: WritePolicy,
    /// When the server started.
    pub started: Option<jiff::Timestamp>,
    pub events: Option<Arc<dyn Events>>,
    /// The rights of a user, for `query(runas=)`.
    pub rights_of: Option<Rights>,
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

    /// The world of the query that `scope` belongs to.
    pub fn of<'a>(scope: &Scope<'a>) -> Result<&'a World, Error> {
        scope.world::<Arc<World>>().map(|w| &**w).ok_or_else(|| "this host has no outside world".into())
    }
}
