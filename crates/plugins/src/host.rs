//! The host of a query on this machine: clock, temporary files, log.

use std::any::Any;
use std::io;
use std::sync::Arc;

use vql::host::{Host, Level, Spill};
use vql::permission::Permissions;
use vql::value::Time;

use crate::throttle::Throttle;
use crate::world::World;

/// Where log lines of a query go.
pub type Logger = Box<dyn Fn(Level, &str) + Send + Sync>;

/// The host of one query.
pub struct QueryHost {
    world: Arc<World>,
    logger: Logger,
    throttle: Option<Throttle>,
    user: String,
}

impl QueryHost {
    pub fn new(world: Arc<World>, logger: Logger) -> Self {
        QueryHost { world, logger, throttle: None, user: String::new() }
    }

    #[must_use]
    pub fn with_throttle(mut self, throttle: Throttle) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// The user whose query it is.
    #[must_use]
    pub fn with_user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
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
        Ok(Box::new(tempfile::tempfile_in(&self.world.temp_dir)?))
    }

    fn throttle(&self) {
        if let Some(throttle) = &self.throttle {
            throttle.charge();
        }
    }

    fn permissions_of(&self, user: &str) -> Option<Permissions> {
        self.world.rights_of.as_ref()?(user)
    }

    fn user(&self) -> &str {
        &self.user
    }

    fn world(&self) -> &(dyn Any + Send + Sync) {
        &self.world
    }
}
