//! The two configuration files of the published API: the server's and the API client's.
//!
//! Both are YAML with PEM texts inside. Readers accept keys they do not know, as real files have many.

mod client;
mod server;
mod yaml;

pub use client::ApiClient;
pub use server::{
    Api, Authority as AuthoritySection, Client, Datastore, Defaults, Fleet, FleetResults, Frontend, Gui,
    Logging, LoggingLevel, Monitoring, Security, ServerConfig, Version,
};

use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What was read, and the keys in it that mean nothing to us.
#[derive(Clone, Debug)]
pub struct Parsed<T> {
    /// The configuration.
    pub config: T,
    /// Paths of unknown keys, such as `Frontend.resources`.
    pub unknown: Vec<String>,
}

/// A private key: a string that does not show in debug output.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<Parsed<T>> {
    let mut options = serde_saphyr::Options::default();
    // A snippet of the file could hold a private key, and errors end up in logs.
    options.with_snippet = false;
    let mut unknown = Vec::new();
    let config = serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        serde_ignored::deserialize(yaml, |path| unknown.push(path.to_string().replace(".?", "")))
    });
    let config = config.map_err(|error| Error::Syntax(Box::new(error)))?;
    Ok(Parsed { config, unknown })
}

/// An empty value (`key:`) counts as if the key were missing.
fn null_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}
