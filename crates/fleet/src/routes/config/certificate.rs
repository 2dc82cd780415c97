//! The certificates that this server shows to its clients (the Fleet reference, section 3.5).

use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::server::Fleet;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

#[derive(Serialize, JsonSchema)]
pub struct Chain {
    /// The base64 of a PEM text.
    certificate_chain: String,
}

pub async fn get(State(fleet): State<Arc<Fleet>>) -> Result<Reply<Chain>> {
    let refuse = |text: &str| Error::plain(StatusCode::INTERNAL_SERVER_ERROR, text);
    let path = fleet.settings.certificate.as_ref();
    let path = path.ok_or_else(|| refuse("this server was not told where its certificate is"))?;
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        tracing::warn!(target: "fleet", path = %path.display(), %error, "the certificate cannot be read");
        refuse("the certificate cannot be read, see the server's log")
    })?;
    let chain = certificates(&text);
    if chain.is_empty() {
        return Err(refuse("the file of the certificate holds none"));
    }
    Ok(Reply(Chain { certificate_chain: BASE64_STANDARD.encode(chain) }))
}

/// The certificates of a PEM text and nothing else: there may be a key among them.
fn certificates(text: &str) -> String {
    let mut found = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let Some(length) = rest[begin..].find(END) else { break };
        let end = begin + length + END.len();
        found.push_str(&rest[begin..end]);
        found.push('\n');
        rest = &rest[end..];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_beside_the_certificates_are_never_shown() {
        let one = format!("{BEGIN}\nAAA\n{END}\n");
        let key = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n";
        assert_eq!(certificates(&format!("{one}{key}text {one}")), format!("{one}{one}"));
        assert_eq!(certificates(&format!("{key}{BEGIN} broken")), "");
    }
}
