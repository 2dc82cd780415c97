//! `api_client.yaml`: all that an API client needs to connect, in one file.
//!
//! Keys and their order are those of the gRPC reference, section 6.

use serde::{Deserialize, Serialize};

use super::{Secret, null_is_default, parse, yaml};
use crate::ca::Issued;
use crate::error::{Error, Result};
use crate::tls::{Credentials, SERVER_NAME};

/// The file of one API client. It holds a private key: keep it as safe as a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiClient {
    #[serde(deserialize_with = "null_is_default")]
    pub ca_certificate: String,
    #[serde(deserialize_with = "null_is_default")]
    pub client_cert: String,
    #[serde(deserialize_with = "null_is_default")]
    pub client_private_key: Secret,
    #[serde(deserialize_with = "null_is_default")]
    pub api_connection_string: String,
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// The name that the server's certificate must carry instead of the usual one.
    #[serde(deserialize_with = "null_is_default")]
    pub pinned_server_name: String,
    /// The longest message accepted, in bytes; 0 is the default of gRPC.
    #[serde(deserialize_with = "null_is_default")]
    pub max_grpc_recv_size: u64,
}

impl ApiClient {
    /// The file for a newly issued certificate.
    pub fn new(name: &str, issued: Issued, ca_certificate: &str, connection_string: String) -> Self {
        Self {
            ca_certificate: ca_certificate.to_owned(),
            client_cert: issued.certificate,
            client_private_key: Secret(issued.private_key),
            api_connection_string: connection_string,
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// Reads a file. Keys that are unknown do not matter to a client.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self = parse(text)?.config;
        let needed = [
            (&config.ca_certificate, "no ca_certificate in the API client file, make it anew"),
            (&config.client_cert, "no client_cert in the API client file, make it anew"),
            (&config.client_private_key.0, "no client_private_key in the API client file, make it anew"),
            (&config.api_connection_string, "no api_connection_string in the API client file, add it"),
        ];
        match needed.iter().find(|(value, _)| value.trim().is_empty()) {
            Some((_, message)) => Err(Error::Invalid(message)),
            None => Ok(config),
        }
    }

    /// The text of the file.
    pub fn to_yaml(&self) -> String {
        yaml::to_string(self).unwrap_or_default()
    }

    /// What [`crate::tls::client_config`] takes.
    pub fn credentials(&self) -> Credentials<'_> {
        Credentials {
            ca_certificate: &self.ca_certificate,
            certificate: &self.client_cert,
            private_key: &self.client_private_key.0,
        }
    }

    /// The name that the server's certificate must carry.
    pub fn server_name(&self) -> &str {
        if self.pinned_server_name.is_empty() { SERVER_NAME } else { &self.pinned_server_name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "ca_certificate: |\n  A\n  B\nclient_cert: |\n  C\n  D\nclient_private_key: |\n  E\n  F\n\
        api_connection_string: 127.0.0.1:8001\nname: Fred\n";

    #[test]
    fn the_published_example_is_read_and_written_alike() {
        let client = ApiClient::parse(FILE).unwrap();
        assert_eq!((client.name.as_str(), client.client_cert.as_str()), ("Fred", "C\nD\n"));
        assert_eq!(client.server_name(), "VelociraptorServer");
        assert_eq!(client.to_yaml(), FILE);
    }

    #[test]
    fn other_keys_are_tolerated_and_missing_ones_named() {
        let more = format!("{FILE}pinned_server_name: Other\nmax_grpc_recv_size: 5\nfuture: [1]\n");
        let client = ApiClient::parse(&more).unwrap();
        assert_eq!((client.server_name(), client.max_grpc_recv_size), ("Other", 5));
        let refused = ApiClient::parse("ca_certificate: x\nclient_cert:\n").unwrap_err();
        assert!(refused.to_string().contains("client_cert"));
    }
}
