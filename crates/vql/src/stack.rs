//! Recursion over trees of any shape, on stacks of any size.
//!
//! The parser bounds how tall a tree gets ([`crate::parser::MAX_HEIGHT`]); walking one that tall still needs more
//! stack than a test or worker thread has (2 MiB, in debug builds). Every recursive walk goes through [`deep`].

/// Runs `f`, on a new piece of stack if the present one is nearly used up.
pub fn deep<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(128 * 1024, 1024 * 1024, f)
}
