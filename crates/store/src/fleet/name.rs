//! How names compare: ignoring case and outer blanks (the Fleet reference, section 15.1).

/// What two equal names have in common.
pub fn key(name: &str) -> String {
    name.trim().to_lowercase()
}
