//! Query strings of lists (the Fleet reference, section 1.6).

use std::collections::HashMap;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use store::fleet::ListOptions;

use crate::error::{Error, Result};

/// The query string: the options that all lists have, and everything by name.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    pub options: ListOptions,
    values: HashMap<String, String>,
}

impl ListQuery {
    /// A parameter that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter that is a number.
    pub fn number(&self, name: &'static str) -> Result<Option<u32>> {
        let parse =
            |text: &str| text.parse().map_err(|_| Error::invalid(name, format!("{text} is not a number")));
        self.get(name).map(parse).transpose()
    }

    /// A parameter that is a truth value.
    pub fn flag(&self, name: &'static str) -> Result<bool> {
        let parse = |text: &str| {
            parse_bool(text).ok_or_else(|| Error::invalid(name, format!("{text} is not a truth value")))
        };
        self.get(name).map(parse).transpose().map(Option::unwrap_or_default)
    }

    fn parse(query: &str) -> Result<Self> {
        let values: HashMap<String, String> = pairs(query).collect();
        let mut list = Self { options: ListOptions::default(), values };
        list.options = options(&list)?;
        Ok(list)
    }
}

/// Names and values of a query string or form, decoded.
pub fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn options(list: &ListQuery) -> Result<ListOptions> {
    let refuse = |text: String| Error::plain(StatusCode::BAD_REQUEST, text);
    let number = |name: &str| match list.get(name) {
        None => Ok(None),
        Some(text) => text.parse::<i64>().map(Some).map_err(|_| refuse(format!("non-int {name} value"))),
    };
    let page = number("page")?.unwrap_or(0);
    let page = u32::try_from(page).map_err(|_| refuse("negative page value".into()))?;
    let per_page = match number("per_page")? {
        Some(size) => Some(
            u32::try_from(size)
                .ok()
                .filter(|size| *size > 0)
                .ok_or_else(|| refuse("invalid per_page value".into()))?,
        ),
        None => None,
    };
    let order_key = list.get("order_key").map(|key| {
        key.chars().filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)).collect::<String>()
    });
    let descending = match (list.get("order_direction"), &order_key) {
        (None, _) => false,
        (Some(_), None) => return Err(refuse("order_key must be specified with order_direction".into())),
        (Some("asc"), _) => false,
        (Some("desc"), _) => true,
        (Some(other), _) => return Err(refuse(format!("unknown order_direction: {other}"))),
    };
    let query = list.get("query").unwrap_or_default().to_owned();
    Ok(ListOptions {
        page,
        per_page,
        order_key,
        descending,
        query,
        after: list.get("after").map(String::from),
    })
}

/// The texts that Go takes for truth values.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

impl<S: Sync> FromRequestParts<S> for ListQuery {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_errors_have_the_published_texts() {
        let list =
            ListQuery::parse("page=2&per_page=50&order_key=host%24name&order_direction=desc&query=a+b%25")
                .unwrap();
        assert_eq!((list.options.page, list.options.per_page, list.options.descending), (2, Some(50), true));
        assert_eq!((list.options.order_key.as_deref(), &*list.options.query), (Some("hostname"), "a b%"));
        for (query, text) in [
            ("page=x", "non-int page value"),
            ("page=-1", "negative page value"),
            ("per_page=x", "non-int per_page value"),
            ("per_page=0", "invalid per_page value"),
            ("order_direction=asc", "order_key must be specified with order_direction"),
            ("order_key=id&order_direction=up", "unknown order_direction: up"),
        ] {
            let error = ListQuery::parse(query).unwrap_err();
            assert_eq!((error.status.as_u16(), &*error.message), (400, text), "{query}");
        }
    }
}
