//! Names: how long they may be, and how they compare, ignoring case and outer blanks (the Fleet reference, section 15).

use super::fault::{Fault, Outcome};

/// The longest name, in characters.
const MAX_NAME: usize = 255;

/// What two equal names have in common.
pub fn key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Refuses a name, or another text of one line, that is too long or holds what no line has.
pub fn check_line(field: &'static str, text: &str) -> Outcome<()> {
    if text.chars().count() > MAX_NAME {
        return Err(Fault::invalid(field, format!("must have {MAX_NAME} characters at most")));
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Fault::invalid(field, "must not hold control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_have_255_characters_at_most() {
        assert_eq!(key("  All Hosts "), key("all hosts"));
        assert!(check_line("name", &"ü".repeat(255)).is_ok());
        for name in ["ü".repeat(256), "a\0b".into(), "a\nb".into()] {
            assert!(
                matches!(check_line("name", &name), Err(Fault::Invalid { field: "name", .. })),
                "{name:?}"
            );
        }
    }
}
