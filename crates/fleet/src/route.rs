//! What a route declares about itself: everything the router, the checks, the documentation and the tests need.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;
use store::rights::{Action, Object};

use crate::describe::{Described, Operation, Shapes};
use crate::server::Fleet;

/// Under which versions of the API a route is (the Fleet reference, section 1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    All,
    /// `v1` alone.
    V1,
    /// `2022-04` and `latest`.
    Dated,
}

impl Versions {
    /// The names in paths.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::All => &["v1", "2022-04", "latest"],
            Self::V1 => &["v1"],
            Self::Dated => &["2022-04", "latest"],
        }
    }
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody. The text says what protects the route instead.
    Public(&'static str),
    /// Every user who is logged in.
    Session,
    /// Users with this right on anything at all; what exactly they may is decided when the thing is known.
    May(Action, Object),
}

/// One route.
pub struct Route {
    pub method: Method,
    /// Below `/api/{version}/fleet/`; parameters in braces.
    pub path: &'static str,
    /// Other paths that lead here.
    pub aliases: &'static [&'static str],
    pub versions: Versions,
    pub access: Access,
    /// One sentence.
    pub summary: &'static str,
    pub handler: MethodRouter<Arc<Fleet>>,
    /// What the handler takes and gives.
    pub describe: fn(&mut Shapes) -> Operation,
}

impl Route {
    fn new<H, T>(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Fleet>> + Described<T>,
        T: 'static,
    {
        // Every method that is used here has a filter.
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let handler = on(filter, handler);
        let describe = <H as Described<T>>::describe;
        Self { method, path, aliases: &[], versions: Versions::All, access, summary, handler, describe }
    }

    pub fn get<H: Handler<T, Arc<Fleet>> + Described<T>, T: 'static>(
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::GET, path, access, summary, handler)
    }

    pub fn post<H: Handler<T, Arc<Fleet>> + Described<T>, T: 'static>(
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::POST, path, access, summary, handler)
    }

    pub fn patch<H: Handler<T, Arc<Fleet>> + Described<T>, T: 'static>(
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::PATCH, path, access, summary, handler)
    }

    pub fn delete<H: Handler<T, Arc<Fleet>> + Described<T>, T: 'static>(
        path: &'static str,
        access: Access,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::DELETE, path, access, summary, handler)
    }

    /// The same under other paths.
    pub fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Under these versions only.
    pub fn under(mut self, versions: Versions) -> Self {
        self.versions = versions;
        self
    }
}

/// A noun of the API.
pub struct Noun {
    pub name: &'static str,
    pub routes: fn() -> Vec<Route>,
}
