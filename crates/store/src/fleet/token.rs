//! Tokens that let somebody in. Only their hashes are kept.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A new random token of so many bytes, as base64.
pub fn random(bytes: usize) -> String {
    let mut raw = vec![0; bytes];
    // The generator of the system fails only when there is none, and nothing can be safe then.
    getrandom::fill(&mut raw).expect("the system has a random generator");
    BASE64_STANDARD.encode(raw)
}

/// What is kept of a token: tokens are random, so that a plain digest cannot be searched.
pub fn hash(token: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref().to_vec()
}
