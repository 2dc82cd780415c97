//! The records of the sandbox: one file each, plain functions over a transaction.
//!
//! Records are named and serialised as on the wire (the Cuckoo reference, section 3).

pub mod guest;
pub mod sample;
mod stamp;
mod status;
pub mod task;

pub use guest::{Guest, GuestStatus};
pub use sample::{Digests, Sample};
pub use stamp::Stamp;
pub use status::Status;
pub use task::{Category, Filter, NewTask, Task};
