//! Managed secrets: what a query may use without seeing it.
//!
//! A secret has a type, which says for what it is, a name, and fields. A query names it; its fields take the place
//! of arguments, and appear in no row, log line or error.

use std::collections::BTreeMap;

use vql::args::Args;
use vql::call::Error;
use vql::scope::Scope;

use crate::world::World;

/// The types there are, with their fields.
pub const TYPES: &[(&str, &[&str])] = &[
    (
        "AWS S3 Creds",
        &[
            "region",
            "credentials_key",
            "credentials_secret",
            "credentials_token",
            "endpoint",
            "serverside_encryption",
            "kms_encryption_key",
            "skip_verify",
        ],
    ),
    (
        "Elastic Creds",
        &["addresses", "username", "password", "cloud_id", "api_key", "pipeline", "skip_verify", "root_ca"],
    ),
    (
        HTTP,
        &[
            "url",
            "url_regex",
            "method",
            "user_agent",
            "root_ca",
            "skip_verify",
            "extra_params",
            "extra_headers",
            "cookies",
        ],
    ),
    (
        "SMTP Creds",
        &["server", "server_port", "auth_username", "auth_password", "skip_verify", "root_ca", "from"],
    ),
    (
        "Splunk Creds",
        &[
            "url",
            "token",
            "index",
            "source",
            "sourcetype",
            "hostname",
            "hostname_field",
            "skip_verify",
            "root_ca",
        ],
    ),
];

/// What `http_client()` uses.
pub const HTTP: &str = "HTTP Secrets";

/// A secret as its list shows it: everything but the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub kind: String,
    pub name: String,
    pub creator: String,
    pub users: Vec<String>,
    pub orgs: Vec<String>,
    pub visible_to_all_orgs: bool,
}

/// What changes about a secret.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub delete: bool,
    pub add_users: Vec<String>,
    pub remove_users: Vec<String>,
    pub add_orgs: Vec<String>,
    pub remove_orgs: Vec<String>,
    pub visible_to_all_orgs: Option<bool>,
}

/// The fields of a secret.
pub type Fields = BTreeMap<String, String>;

/// Where secrets are kept.
pub trait Secrets: Send + Sync {
    /// The fields of a secret that this user may use.
    fn fields(&self, user: &str, kind: &str, name: &str) -> Result<Option<Fields>, String>;

    /// Adds a secret, or replaces its fields.
    fn add(&self, creator: &str, kind: &str, name: &str, fields: Fields) -> Result<(), String>;

    /// Changes who may use it; false when there is none.
    fn change(&self, kind: &str, name: &str, change: &Change) -> Result<bool, String>;

    /// All of them.
    fn list(&self) -> Result<Vec<Described>, String>;
}

/// The place of secrets, on a server.
pub fn place<'a>(scope: &Scope<'a>) -> Result<&'a dyn Secrets, Error> {
    World::of(scope)?.secrets.as_deref().ok_or_else(|| "secrets are kept by a server".into())
}

/// The fields of a secret that the caller may use. Whether it is unknown or another's is not told.
pub fn fields(scope: &Scope<'_>, kind: &str, name: &str) -> Result<Fields, Error> {
    let user = scope.host().user();
    let found = place(scope)?.fields(user, kind, name);
    let found = found.map_err(|e| Error::new(format!("secret {name}: {e}")))?;
    found.ok_or_else(|| Error::new(format!("secret {name} of type {kind:?} is not known, or not for you")))
}

/// Whether a field says yes.
pub fn truth(fields: &Fields, name: &str) -> bool {
    fields
        .get(name)
        .is_some_and(|v| matches!(v.trim().to_ascii_lowercase().as_str(), "true" | "y" | "yes" | "1"))
}

/// The pairs of a field that holds lines `Name: Value`.
pub fn lines<'a>(fields: &'a Fields, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let text = fields.get(name).map_or("", String::as_str);
    text.lines().filter_map(|line| line.split_once(':')).map(|(k, v)| (k.trim(), v.trim()))
}

/// Arguments of a call, over which the fields of a secret count.
pub struct Given<'a> {
    args: &'a Args<'a>,
    fields: Fields,
}

impl<'a> Given<'a> {
    /// Reads the secret that an argument names, if it does.
    pub fn read(args: &'a Args<'a>, kind: &str, secret: usize) -> Result<Self, Error> {
        let name = args.string(secret)?;
        if name.is_empty() && World::of(args.scope)?.network.must_use_secrets {
            return Err("requests must use a secret on this server".into());
        }
        let fields = if name.is_empty() { Fields::new() } else { fields(args.scope, kind, &name)? };
        Ok(Given { args, fields })
    }

    fn field(&self, slot: usize) -> Option<&str> {
        let value = self.fields.get(self.args.signature.args[slot].name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    pub fn text(&self, slot: usize) -> Result<String, Error> {
        self.field(slot).map_or_else(|| self.args.string(slot), |v| Ok(v.to_owned()))
    }

    /// The items of a list; in a secret, lines.
    pub fn list(&self, slot: usize) -> Result<Vec<String>, Error> {
        match self.field(slot) {
            Some(text) => Ok(text.lines().map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()).collect()),
            None => Ok(self.args.text_list(slot)?.iter().map(|t| t.to_str_lossy().into_owned()).collect()),
        }
    }

    pub fn bool(&self, slot: usize) -> bool {
        let name = self.args.signature.args[slot].name;
        if self.field(slot).is_some() { truth(&self.fields, name) } else { self.args.bool(slot) }
    }
}
