//! Passwords: argon2id hashes, and what a password must be like.

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};

use super::fault::{Fault, Outcome};

/// The longest password that is hashed, in bytes.
const MAX_LENGTH: usize = 1024;

/// The hash to keep. Takes tens of milliseconds: call it off the async threads, and outside of transactions.
pub fn hash(password: &str) -> Outcome<String> {
    if password.len() > MAX_LENGTH {
        return Err(Fault::invalid("password", "Password is too long"));
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|_| Fault::invalid("password", "Password cannot be hashed"))
}

/// Whether the password is the one that was hashed. Without a hash the same time passes, so that nobody learns from it who
/// is known.
pub fn matches(password: &str, hash: Option<&str>) -> bool {
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$VmFyaWVkU2FsdFZhcmllZA$nS8wnfXDDV1y0gA5wXz7oFJfQ4jV3b1pVg5Y1Y1Y1Y0";
    let Ok(parsed) = argon2::PasswordHash::new(hash.unwrap_or(NOBODY)) else { return false };
    let same = password.len() <= MAX_LENGTH
        && Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    same && hash.is_some()
}

/// What users may choose for themselves: at least seven characters, a number and a symbol among them (the Fleet
/// reference, section 2.5).
pub fn is_good(password: &str) -> bool {
    password.chars().count() >= 7
        && password.chars().any(char::is_numeric)
        && password.chars().any(|c| !c.is_alphanumeric() && !c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_matches() {
        let kept = hash("correct-horse1!").unwrap();
        assert!(kept.starts_with("$argon2id$"));
        assert!(matches("correct-horse1!", Some(&kept)));
        assert!(!matches("correct-horse1", Some(&kept)));
        assert!(!matches("correct-horse1!", None));
        assert_ne!(kept, hash("correct-horse1!").unwrap());
    }

    #[test]
    fn nobody_is_checked_as_long_as_somebody() {
        assert!(argon2::PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$VmFyaWVkU2FsdFZhcmllZA$nS8wnfXDDV1y0gA5wXz7oFJfQ4jV3b1pVg5Y1Y1Y1Y0").is_ok());
    }

    #[test]
    fn good_passwords_have_seven_characters_a_number_and_a_symbol() {
        assert!(is_good("abcde1!"));
        assert!(!is_good("abcd1!") && !is_good("abcdefg1") && !is_good("abcdefg!"));
    }
}
