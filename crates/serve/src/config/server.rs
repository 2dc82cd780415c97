//! `server.config.yaml`: sections, keys, their order and defaults, as in the gRPC reference, section 7.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Parsed, Secret, null_is_default, parse, yaml};
use crate::ca;
use crate::error::{Error, Result};
use crate::tls::Credentials;

/// Declares a section: each key may be missing or empty and then has its default.
macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$attr])* #[serde(deserialize_with = "null_is_default")] pub $field: $type,)*
        }
    };
}

section! {
    /// Who wrote the file.
    Version { name: String, version: String, commit: String, built_time: String, }
}

section! {
    /// What endpoints need to know, and the trust root of everything.
    Client {
        server_urls: Vec<String>,
        ca_certificate: String,
        nonce: String,
        use_self_signed_ssl: bool,
        proxy: String,
    }
}

section! {
    /// Where the gRPC API listens.
    Api { hostname: String, bind_address: String, bind_port: u16, bind_scheme: String, }
}

section! {
    /// The user interface and its gateway.
    Gui {
        bind_address: String,
        bind_port: u16,
        gw_certificate: String,
        gw_private_key: Secret,
        public_url: String,
        initial_users: Vec<Value>,
        authenticator: Option<Value>,
    }
}

section! {
    /// The key that issues certificates; absent where nothing is issued.
    Authority { private_key: Secret, }
}

section! {
    /// The server's identity, and where endpoints connect.
    Frontend {
        hostname: String,
        bind_address: String,
        bind_port: u16,
        certificate: String,
        private_key: Secret,
        proxy: String,
        default_server_monitoring_artifacts: Vec<String>,
    }
}

section! {
    /// Where state is kept.
    Datastore { implementation: String, location: String, filestore_directory: String, }
}

section! {
    /// One level of log files. Times are seconds.
    LoggingLevel { rotation_time: u64, max_age: u64, disabled: bool, }
}

section! {
    /// Log files; none without a directory.
    Logging {
        output_directory: String,
        separate_logs_per_component: bool,
        debug: Option<LoggingLevel>,
        info: Option<LoggingLevel>,
        error: Option<LoggingLevel>,
    }
}

section! {
    /// Where metrics are served.
    Monitoring { bind_address: String, bind_port: u16, }
}

section! {
    /// Defaults that owners may change.
    Defaults {
        certificate_validity_days: u32,
        acl_lru_timeout_sec: u64,
        max_in_memory_group_by: u64,
        allowed_plugins: Vec<String>,
        denied_plugins: Vec<String>,
        allowed_functions: Vec<String>,
        denied_functions: Vec<String>,
        allowed_accessors: Vec<String>,
        denied_accessors: Vec<String>,
    }
}

section! {
    /// What queries may use.
    Security {
        allowed_plugins: Vec<String>,
        denied_plugins: Vec<String>,
        allowed_functions: Vec<String>,
        denied_functions: Vec<String>,
        allowed_accessors: Vec<String>,
        denied_accessors: Vec<String>,
        allowed_file_accessor_prefix: Vec<String>,
        vql_must_use_secrets: bool,
        /// Where queries may connect to: ranges of addresses, host names (`*.example.com`) and `unix`. Ours.
        allowed_destinations: Vec<String>,
        denied_destinations: Vec<String>,
        /// Whether queries may not use `skip_verify`. Ours.
        always_verify_certificates: bool,
    }
}

section! {
    /// How long event rows are kept; 0 is without end. The reference has no such section.
    Events { max_age_days: u32, max_bytes: u64, }
}

section! {
    /// What becomes of what osquery agents log and carve. The reference has no such section.
    Fleet {
        results: FleetResults,
        /// Where it is handed on to; files in the data directory when nothing is said, nowhere when the list is empty.
        destinations: Option<Vec<Value>>,
        /// The most bytes of one carved archive; 0 is the protocol's own limit.
        max_carve_bytes: u64,
    }
}

section! {
    /// How long it is kept; what is not said has a default, 0 is without end.
    FleetResults { max_age_days: Option<u32>, max_bytes: Option<u64>, }
}

section! {
    /// The whole file.
    ServerConfig {
        version: Option<Version>,
        #[serde(rename = "Client")] client: Option<Client>,
        #[serde(rename = "API")] api: Option<Api>,
        #[serde(rename = "GUI")] gui: Option<Gui>,
        #[serde(rename = "CA")] ca: Option<Authority>,
        #[serde(rename = "Frontend")] frontend: Option<Frontend>,
        #[serde(rename = "Datastore")] datastore: Option<Datastore>,
        #[serde(rename = "Logging")] logging: Option<Logging>,
        #[serde(rename = "Monitoring")] monitoring: Option<Monitoring>,
        api_config: Option<Value>,
        obfuscation_nonce: String,
        defaults: Option<Defaults>,
        security: Option<Security>,
        #[serde(rename = "Events")] events: Option<Events>,
        #[serde(rename = "Fleet")] fleet: Option<Fleet>,
    }
}

impl ServerConfig {
    /// Reads a file. It may hold only the sections that a server needs.
    pub fn parse(text: &str) -> Result<Parsed<Self>> {
        parse(text)
    }

    /// The text of the file.
    pub fn to_yaml(&self) -> String {
        yaml::to_string(self).unwrap_or_default()
    }

    /// A new configuration, with a new CA and new certificates for the server and the gateway.
    pub fn generate() -> Result<Self> {
        let (authority, ca) = ca::Authority::create()?;
        let server = authority.issue_server(ca::DEFAULT_DAYS)?;
        let gateway = authority.issue_gateway(ca::DEFAULT_DAYS)?;
        Ok(Self {
            version: Some(Version {
                name: "harrier".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                ..Version::default()
            }),
            client: Some(Client {
                server_urls: vec!["https://localhost:8000/".into()],
                ca_certificate: ca.certificate,
                nonce: nonce()?,
                use_self_signed_ssl: true,
                ..Client::default()
            }),
            api: Some(Api {
                bind_address: DEFAULT_API_ADDRESS.into(),
                bind_port: DEFAULT_API_PORT,
                bind_scheme: "tcp".into(),
                ..Api::default()
            }),
            gui: Some(Gui {
                bind_address: "127.0.0.1".into(),
                bind_port: 8889,
                gw_certificate: gateway.certificate,
                gw_private_key: Secret(gateway.private_key),
                public_url: "https://localhost:8889/app/index.html".into(),
                authenticator: Some(serde_json::json!({"type": "Basic"})),
                ..Gui::default()
            }),
            ca: Some(Authority { private_key: Secret(ca.private_key) }),
            frontend: Some(Frontend {
                hostname: "localhost".into(),
                bind_address: "0.0.0.0".into(),
                bind_port: 8000,
                certificate: server.certificate,
                private_key: Secret(server.private_key),
                ..Frontend::default()
            }),
            datastore: Some(Datastore {
                implementation: "FileBaseDataStore".into(),
                location: DEFAULT_LOCATION.into(),
                filestore_directory: DEFAULT_LOCATION.into(),
            }),
            logging: Some(default_logging()),
            monitoring: Some(Monitoring { bind_address: "127.0.0.1".into(), bind_port: 8003 }),
            api_config: Some(serde_json::json!({})),
            obfuscation_nonce: nonce()?,
            defaults: Some(Defaults {
                certificate_validity_days: ca::DEFAULT_DAYS,
                acl_lru_timeout_sec: 300,
                max_in_memory_group_by: 30_000,
                ..Defaults::default()
            }),
            security: None,
            events: None,
            fleet: None,
        })
    }

    /// Whether a server can run from it; says what is missing otherwise. The CA is not needed for that.
    pub fn validate(&self) -> Result<()> {
        let present = |is_there: bool, message| if is_there { Ok(()) } else { Err(Error::Invalid(message)) };
        let client = self.client.as_ref().ok_or(Error::Invalid("No Client config"))?;
        let frontend = self.frontend.as_ref().ok_or(Error::Invalid("No Frontend config"))?;
        let datastore = self.datastore.as_ref().ok_or(Error::Invalid("No Datastore config"))?;
        present(self.api.is_some(), "No API config")?;
        present(!client.nonce.is_empty(), "No Client.nonce configured")?;
        present(!client.ca_certificate.is_empty(), "No Client.ca_certificate configured")?;
        present(!frontend.certificate.is_empty(), "No Frontend.certificate configured")?;
        present(!frontend.private_key.0.is_empty(), "No Frontend.private_key configured")?;
        present(!datastore.location.is_empty(), "No Datastore.location configured")?;
        self.api_address().map(|_| ())
    }

    /// The CA, when the file holds its key.
    pub fn authority(&self) -> Result<ca::Authority> {
        let key = self.ca.as_ref().map_or("", |ca| &ca.private_key.0);
        if key.trim().is_empty() {
            return Err(Error::CaMissing);
        }
        ca::Authority::load(key, self.ca_certificate())
    }

    /// The trust root of everything.
    pub fn ca_certificate(&self) -> &str {
        self.client.as_ref().map_or("", |client| &client.ca_certificate)
    }

    /// How long certificates are valid that this configuration issues.
    pub fn certificate_days(&self) -> u32 {
        match self.defaults.as_ref().map_or(0, |defaults| defaults.certificate_validity_days) {
            0 => ca::DEFAULT_DAYS,
            days => days,
        }
    }

    /// What [`crate::tls::server_config`] takes.
    pub fn credentials(&self) -> Credentials<'_> {
        let frontend = self.frontend.as_ref();
        Credentials {
            ca_certificate: self.ca_certificate(),
            certificate: frontend.map_or("", |frontend| &frontend.certificate),
            private_key: frontend.map_or("", |frontend| &frontend.private_key.0),
        }
    }

    /// Where the API listens.
    pub fn api_address(&self) -> Result<SocketAddr> {
        let api = self.api.as_ref().ok_or(Error::Invalid("No API config"))?;
        if !matches!(api.bind_scheme.as_str(), "" | "tcp") {
            return Err(Error::Invalid("API.bind_scheme must be tcp, other schemes are not supported"));
        }
        let address = match self.bind_address() {
            "localhost" => "127.0.0.1",
            address => address,
        };
        let address = address.trim_matches(['[', ']']).parse();
        let bad = Error::Invalid("API.bind_address is not an IP address, give one such as 127.0.0.1");
        Ok(SocketAddr::new(address.map_err(|_| bad)?, self.bind_port()))
    }

    /// The address that API clients connect to: `api_connection_string`.
    pub fn connection_string(&self) -> String {
        let api = self.api.clone().unwrap_or_default();
        let bound = self.bind_address();
        if api.bind_scheme == "unix" {
            return format!("unix://{bound}");
        }
        let frontend = self.frontend.as_ref().map_or("", |frontend| &frontend.hostname);
        let host = match [api.hostname.as_str(), frontend].into_iter().find(|name| !name.is_empty()) {
            _ if bound == DEFAULT_API_ADDRESS => bound,
            Some(name) => name,
            None => bound,
        };
        let is_bare_v6 = host.contains(':') && !host.starts_with('[');
        let host = if is_bare_v6 { format!("[{host}]") } else { host.to_owned() };
        format!("{host}:{}", self.bind_port())
    }

    fn bind_address(&self) -> &str {
        let address = self.api.as_ref().map_or("", |api| &api.bind_address);
        if address.is_empty() { DEFAULT_API_ADDRESS } else { address }
    }

    fn bind_port(&self) -> u16 {
        match self.api.as_ref().map_or(0, |api| api.bind_port) {
            0 => DEFAULT_API_PORT,
            port => port,
        }
    }
}

const DEFAULT_API_ADDRESS: &str = "127.0.0.1";
const DEFAULT_API_PORT: u16 = 8001;
const DEFAULT_LOCATION: &str = "/var/tmp/velociraptor/";

fn default_logging() -> Logging {
    let level = |disabled| Some(LoggingLevel { rotation_time: 604_800, max_age: 31_536_000, disabled });
    Logging {
        separate_logs_per_component: true,
        debug: level(true),
        info: level(false),
        error: level(false),
        ..Logging::default()
    }
}

fn nonce() -> Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Random)?;
    Ok(BASE64_STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests;
