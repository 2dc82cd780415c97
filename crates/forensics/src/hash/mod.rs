//! Hashes by which similar content is found.

pub mod ssdeep;
pub mod tlsh;
