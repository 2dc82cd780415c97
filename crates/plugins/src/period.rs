//! Lengths of time that a query names.

use std::time::Duration;

use vql::args::Args;
use vql::call::Error;

/// A century: more than any query lives, and little enough to be added to any moment.
const LONGEST: u64 = 100 * 366 * 24 * 3600;

/// So many seconds; negative numbers are none.
pub fn seconds(count: i64) -> Duration {
    Duration::from_secs(count.max(0).unsigned_abs().min(LONGEST))
}

/// An argument in seconds; the default when it is absent, zero or less.
pub fn positive(args: &Args<'_>, slot: usize, default: i64) -> Result<Duration, Error> {
    let given = args.int(slot, default)?;
    Ok(seconds(if given > 0 { given } else { default }))
}
