//! The host of a query on this machine: clock, temporary files, log.

use std::any::Any;
use std::io;
use std::sync::Arc;

use vql::cancel::Cancel;
use vql::host::{Host, Level, Rates, Spill};
use vql::permission::Permissions;
use vql::value::Time;

use crate::collection::Collection;
use crate::throttle::{Budget, Throttle};
use crate::world::{Surroundings, World};

/// Where log lines of a query go.
pub type Logger = Box<dyn Fn(Level, &str) + Send + Sync>;

/// The host of one query.
pub struct QueryHost {
    surroundings: Surroundings,
    logger: Logger,
    throttle: Option<Arc<Throttle>>,
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
    pub fn with_throttle(mut self, throttle: Arc<Throttle>) -> Self {
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

    fn limited(self: Arc<Self>, rates: Rates, cancel: &Cancel) -> Option<Arc<dyn Host>> {
        Some(Arc::new(LimitedHost::new(self, rates, cancel)))
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

/// A host for a part of a query: its own rates count as well as those of the whole.
struct LimitedHost {
    whole: Arc<dyn Host>,
    throttle: Throttle,
}

impl LimitedHost {
    fn new(whole: Arc<dyn Host>, rates: Rates, cancel: &Cancel) -> Self {
        let budget = Budget {
            cpu_percent: rates.cpu_percent,
            io_per_second: rates.io_per_second,
            ..Budget::default()
        };
        LimitedHost { whole, throttle: Throttle::new(budget, cancel.clone()) }
    }
}

impl Host for LimitedHost {
    fn log(&self, level: Level, message: &str) {
        self.whole.log(level, message);
    }

    fn now(&self) -> Time {
        self.whole.now()
    }

    fn spill(&self) -> io::Result<Box<dyn Spill>> {
        self.whole.spill()
    }

    fn throttle(&self) {
        self.whole.throttle();
        self.throttle.charge();
    }

    fn limited(self: Arc<Self>, rates: Rates, cancel: &Cancel) -> Option<Arc<dyn Host>> {
        Some(Arc::new(LimitedHost::new(self, rates, cancel)))
    }

    fn permissions_of(&self, user: &str) -> Option<Permissions> {
        self.whole.permissions_of(user)
    }

    fn user(&self) -> &str {
        self.whole.user()
    }

    fn world(&self) -> &(dyn Any + Send + Sync) {
        self.whole.world()
    }
}
