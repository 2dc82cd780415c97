//! What the caches of queries are made of: `lru()`, `cache()` and `memoize()`.

mod aged_map;
mod saved;
mod single_flight;

pub use aged_map::AgedMap;
pub use saved::Saved;
pub use single_flight::{Entry, SingleFlight};
