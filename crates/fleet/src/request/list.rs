//! Query strings of lists (the Fleet reference, section 1.6).

use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;
use serde_json::{Value as Json, json};
use store::fleet::{ListOptions, OrderKey};

use crate::error::{Error, Result};

/// What the query string of a route may hold.
pub trait Parameters {
    const PAGING: Paging;
    /// Those of the route alone.
    const OWN: &'static [Parameter];
}

/// How a route gives a part of a list.
#[derive(Clone, Copy, Debug)]
pub enum Paging {
    /// Not at all.
    None,
    /// By `page` and `per_page`.
    Pages,
    /// By `per_page`, and `after` with what the page before gave.
    Cursor,
    /// By pages, ordered by one of these keys.
    Ordered(&'static [OrderKey]),
}

/// A parameter: its name, what it can be, and one sentence.
#[derive(Clone, Copy, Debug)]
pub struct Parameter(pub &'static str, pub Kind, pub &'static str);

/// What a parameter can be.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    Number,
    Flag,
    OneOf(&'static [&'static str]),
    /// It has to be there, and to be this.
    Exactly(&'static str),
}

/// The parameters for the document.
pub fn described<P: Parameters>() -> Vec<Json> {
    let number = |least: u32| json!({"type": "integer", "minimum": least, "maximum": u32::MAX});
    let page = ("page", number(0), "Which page, from 0 on.");
    let per_page = ("per_page", number(1), "How many on a page.");
    let after = |text| ("after", json!({"type": "string"}), text);
    let paging = match P::PAGING {
        Paging::None => vec![],
        Paging::Pages => vec![page, per_page],
        Paging::Cursor => vec![per_page, after("Where to go on: what the page before gave.")],
        Paging::Ordered(keys) => {
            let keys: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
            vec![
                page,
                per_page,
                ("order_key", json!({"type": "string", "enum": keys}), "What to order by."),
                ("order_direction", json!({"type": "string", "enum": ["asc", "desc"]}), "Needs order_key."),
                after("With order_key: only what comes after this value."),
            ]
        }
    };
    let own = P::OWN.iter().map(|Parameter(name, kind, text)| {
        let shape = match kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Number => number(0),
            Kind::Flag => json!({"type": "boolean"}),
            Kind::OneOf(texts) => json!({"type": "string", "enum": texts}),
            Kind::Exactly(text) => json!({"type": "string", "const": text}),
        };
        (*name, shape, *text)
    });
    let is_required = |name: &str| {
        P::OWN.iter().any(|parameter| parameter.0 == name && matches!(parameter.1, Kind::Exactly(_)))
    };
    let described = |(name, schema, text)| {
        let required = is_required(name);
        json!({"name": name, "in": "query", "required": required, "description": text, "schema": schema})
    };
    paging.into_iter().chain(own).map(described).collect()
}

/// The query string of a route.
#[derive(Debug)]
pub struct Asked<P>(pub ListQuery, PhantomData<P>);

impl<P> Deref for Asked<P> {
    type Target = ListQuery;

    fn deref(&self) -> &ListQuery {
        &self.0
    }
}

/// The query string: the options that all lists have, and everything by name.
#[derive(Clone, Debug, Default)]
pub struct ListQuery {
    pub options: ListOptions,
    values: HashMap<String, String>,
    declared: &'static [Parameter],
}

impl ListQuery {
    /// A parameter that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(
            self.declared.iter().any(|parameter| parameter.0 == name),
            "{name} is not among the parameters of its route"
        );
        self.value(name)
    }

    fn value(&self, name: &str) -> Option<&str> {
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

    fn parse(query: &str, declared: &'static [Parameter]) -> Result<Self> {
        let values: HashMap<String, String> = pairs(query).collect();
        let mut list = Self { options: ListOptions::default(), values, declared };
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
    let number = |name: &str| match list.value(name) {
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
    let order_key = list.value("order_key").map(|key| {
        key.chars().filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)).collect::<String>()
    });
    let descending = match (list.value("order_direction"), &order_key) {
        (None, _) => false,
        (Some(_), None) => return Err(refuse("order_key must be specified with order_direction".into())),
        (Some("asc"), _) => false,
        (Some("desc"), _) => true,
        (Some(other), _) => return Err(refuse(format!("unknown order_direction: {other}"))),
    };
    let query = list.value("query").unwrap_or_default().to_owned();
    Ok(ListOptions {
        page,
        per_page,
        order_key,
        descending,
        query,
        after: list.value("after").map(String::from),
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

impl<S: Sync, P: Parameters> FromRequestParts<S> for Asked<P> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = ListQuery::parse(parts.uri.query().unwrap_or_default(), P::OWN)?;
        Ok(Self(query, PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_errors_have_the_published_texts() {
        let list = ListQuery::parse(
            "page=2&per_page=50&order_key=host%24name&order_direction=desc&query=a+b%25",
            &[],
        )
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
            let error = ListQuery::parse(query, &[]).unwrap_err();
            assert_eq!((error.status.as_u16(), &*error.message), (400, text), "{query}");
        }
    }
}
