//! What the administrator chose before the start.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::internet::Proxy;

/// Settings of the sandbox.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where samples and results lie.
    pub dir: PathBuf,
    pub access: Access,
    /// Names besides addresses and `localhost` under which clients may call.
    pub names: Vec<String>,
    /// The most bytes of one sample.
    pub max_sample: u64,
    /// The longest a task may ask to run, in seconds.
    pub max_timeout: u32,
    /// How long a task runs that does not say, in seconds.
    pub default_timeout: u32,
    /// What a machine may take besides, until it is given up, in seconds.
    pub critical_timeout: u32,
    /// Bytes that must be free where results lie before a task begins.
    pub free_space: u64,
    /// Proxies that tasks may ask for, by name.
    pub proxies: BTreeMap<String, Proxy>,
}

/// Who may call the API (the Cuckoo reference, section 1.5).
#[derive(Clone)]
pub enum Access {
    /// Everybody who reaches it and is not sent by a foreign web page.
    Open,
    /// Those who know the token.
    Token(String),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Token(_) => "Token(..)",
        })
    }
}

impl Settings {
    /// The defaults, with files below `dir`.
    pub fn in_dir(dir: PathBuf) -> Self {
        Self {
            dir,
            access: Access::Open,
            names: Vec::new(),
            max_sample: 4 << 30,
            max_timeout: 86_400,
            default_timeout: 120,
            critical_timeout: 60,
            free_space: 1 << 30,
            proxies: BTreeMap::new(),
        }
    }
}
