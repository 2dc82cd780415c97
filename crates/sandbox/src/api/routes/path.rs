//! Parameters in paths (the Cuckoo reference, section 1.4).

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::api::{Error, Result};

/// The texts of a path, decoded, in their order.
#[derive(Clone, Debug)]
pub struct Texts(pub Vec<String>);

impl Texts {
    /// The text at this place; empty when there is none.
    pub fn at(&self, place: usize) -> &str {
        self.0.get(place).map(String::as_str).unwrap_or_default()
    }

    /// The number at this place: digits and nothing else, or the path is not known.
    pub fn number(&self, place: usize) -> Result<u32> {
        number(self.at(place))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Texts {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let raw = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unknown())?;
        Ok(Self(raw.iter().map(|(_, value)| value.to_owned()).collect()))
    }
}

/// The one number of a path.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub u32);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Texts::from_request_parts(parts, state).await?.number(0).map(Self)
    }
}

fn number(text: &str) -> Result<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // There is nothing with a larger number.
    if is_number { Ok(text.parse().unwrap_or(u32::MAX)) } else { Err(unknown()) }
}

fn unknown() -> Error {
    Error::not_found("Not found: there is no such path")
}
