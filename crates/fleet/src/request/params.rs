//! Parameters in paths (the Fleet reference, section 1.1).

use axum::extract::{FromRequestParts, RawPathParams};
use http::StatusCode;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use store::fleet::Outcome;

use crate::error::{Error, Result};

/// The one number of a path. Something else makes the path unknown.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub u32);

/// The two numbers of a path: of a team, say, and of something that it has.
#[derive(Clone, Copy, Debug)]
pub struct Ids(pub u32, pub u32);

/// The one name of a path. Some clients encode names twice, so there may be two readings: the first is tried first.
#[derive(Clone, Debug)]
pub struct Name {
    pub once: String,
    pub twice: Option<String>,
}

impl Name {
    fn of(once: String) -> Self {
        let twice = percent_decode_str(&once).decode_utf8().ok().filter(|text| *text != once);
        let twice = twice.map(|text| text.into_owned());
        Self { once, twice }
    }

    /// The readings, in the order to be tried.
    pub fn readings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.once.as_str()).chain(self.twice.as_deref())
    }

    /// What the first reading that names something names, or 404.
    pub fn find<T>(&self, kind: &'static str, mut look: impl FnMut(&str) -> Outcome<Option<T>>) -> Result<T> {
        for reading in self.readings() {
            if let Some(found) = look(reading)? {
                return Ok(found);
            }
        }
        Err(Error::not_found(kind, &self.once))
    }
}

/// The parameters of a path that the router knows by its very words.
#[derive(Clone, Debug)]
pub struct Given(pub Vec<String>);

async fn values<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>> {
    if let Some(Given(values)) = parts.extensions.get() {
        return Ok(values.clone());
    }
    let raw = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unknown())?;
    Ok(raw.iter().map(|(_, value)| value.to_owned()).collect())
}

fn unknown() -> Error {
    Error::plain(StatusCode::NOT_FOUND, "404 page not found")
}

fn number(text: &str) -> Result<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(unknown)
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let values = values(parts, state).await?;
        Ok(Self(number(values.last().ok_or_else(unknown)?)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        match &values(parts, state).await?[..] {
            [first, second] => Ok(Self(number(first)?, number(second)?)),
            _ => Err(unknown()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Ok(Self::of(values(parts, state).await?.pop().ok_or_else(unknown)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_encoded_twice_and_hold_percent_signs() {
        let readings =
            |text: &str| Name::of(text.to_owned()).readings().map(String::from).collect::<Vec<_>>();
        assert_eq!(readings("All Hosts"), ["All Hosts"]);
        assert_eq!(readings("All%20Hosts"), ["All%20Hosts", "All Hosts"]);
        assert_eq!(readings("100%"), ["100%"]);
        assert_eq!(readings("a%2Fb"), ["a%2Fb", "a/b"]);
    }
}
