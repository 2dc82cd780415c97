//! The host of a query on this machine: clock, temporary files, log.

use std::any::Any;
use std::io;
use std::sync::Arc;

use vql::host::{Host, Level, Spill};
use vql::permission::Permissions;
use vql::value::Time;

use crate::collection::Collection;
use crate::throttle::Throttle;
use crate::world::{Surroundings, World};

/// Where log lines of a query go.
pub type Logger = Box<dyn Fn(Level, &str) + Send + Sync>;

/// The host of one query.
pub struct QueryHost {
    surroundings: Surroundings,
    logger: Logger,
    throttle: Option<Throttle>,
}

impl QueryHost {
    pub fn new(world: Arc<World>, logger: Logger) -> Self {
        let surroundings = Surroundings { world, user: String::new(), collection: None };
        QueryHost { surroundings, logger, throttle: None }
    }

    /// For a user of the server.
    #[must_use]
    pub fn with_user(mut self, name: impl Into<String>) -> Self {
        self.surroundings.user = name.into();
        self
    }

    /// For a query of a collection: what it uploads belongs there.
    #[must_use]
    pub fn within(mut self, collection: Arc<Collection>) -> Self {
        self.surroundings.collection = Some(collection);
        self
    }

    #[must_use]
    pub fn with_throttle(mut self, throttle: Throttle) -> Self {
        self.throttle = Some(throttle);
        self
    }
}

impl Host for QueryHost {
    fn log(&self, level: Level, message: &str) {
        (self.logger)(level, message);
    }

    fn now(&self) -> Time {
        Time::now()
    }

    fn spill(&self) -> io::Result<Box<dyn Spill>> {
        Ok(Box::new(tempfile::tempfile_in(&self.surroundings.world.temp_dir)?))
    }

    fn throttle(&self) {
        if let Some(throttle) = &self.throttle {
            throttle.charge();
        }
    }

    fn permissions_of(&self, user: &str) -> Option<Permissions> {
        self.surroundings.world.rights_of.as_ref()?(user)
    }

    fn user(&self) -> &str {
        &self.surroundings.user
    }

    fn world(&self) -> &(dyn Any + Send + Sync) {
        &self.surroundings
    }
}
