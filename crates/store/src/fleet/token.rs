//! Tokens that let somebody in. Only their hashes are kept.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

/// A new random token of so many bytes, as base64.
pub fn random(bytes: usize) -> String {
    BASE64_STANDARD.encode(random_bytes(bytes))
}

/// The same, of characters that stay as they are in addresses: for tokens that are sent by mail.
pub fn random_for_urls(bytes: usize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(random_bytes(bytes))
}

fn random_bytes(count: usize) -> Vec<u8> {
    let mut raw = vec![0; count];
    // The generator of the system fails only when there is none, and nothing can be safe then.
    getrandom::fill(&mut raw).expect("the system has a random generator");
    raw
}

/// What is kept of a token: tokens are random, so that a plain digest cannot be searched.
pub fn hash(token: &str) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref().to_vec()
}
