//! Batches to a URL: `POST` of `{"log":"result","rows":[…]}`, rows as the API shows them. Any answer of 200 to 299 takes the batch;
//! whatever else happens, it is sent again. Rows have numbers, by which a receiver tells what it has already.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;
use store::result_log::Log;

use super::destination::Webhook;
use super::follower::{Batch, Failure};
use crate::logged::Logged;

/// For one batch and its answer.
const EXCHANGE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(10);

pub struct WebhookSink {
    client: Client,
    url: Url,
    log: Log,
    webhook: Webhook,
    headers: HeaderMap,
    /// Fewer after the receiver said that a batch was too large.
    most_rows: usize,
}

#[derive(Serialize)]
struct Body<'a> {
    log: &'static str,
    rows: Vec<Logged<'a>>,
}

impl WebhookSink {
    pub fn new(webhook: &Webhook, log: Log) -> Result<Self, String> {
        let url: Url = webhook.url.parse().map_err(|_| "its url is none".to_owned())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("its url begins neither with http: nor with https:".to_owned());
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &webhook.headers {
            headers.insert(self::name(name)?, self::value(name, &value.0)?);
        }
        for (name, path) in &webhook.header_files {
            // So that a mistake shows at the start.
            headers.insert(self::name(name)?, self::value(name, &first_line(path)?)?);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls(webhook.ca.as_deref())?)
            .redirect(Policy::none())
            .timeout(EXCHANGE)
            .connect_timeout(CONNECT)
            .user_agent(concat!("harrier/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| error.to_string())?;
        let most_rows = webhook.batch_rows.unwrap_or(usize::MAX).max(1);
        Ok(Self { client, url, log, webhook: webhook.clone(), headers, most_rows })
    }

    pub async fn deliver(&mut self, rows: &Batch) -> Result<(), Failure> {
        self.read_secrets().map_err(|error| Failure::new(0, error))?;
        let mut done = 0;
        while done < rows.len() {
            let part = &rows[done..(done.saturating_add(self.most_rows)).min(rows.len())];
            match self.post(part).await {
                Ok(()) => {
                    done += part.len();
                    // One batch of long rows is no reason to send small ones for ever.
                    let limit = self.webhook.batch_rows.unwrap_or(usize::MAX).max(1);
                    self.most_rows = self.most_rows.saturating_add(part.len() / 8 + 1).min(limit);
                }
                Err(Refused::TooLarge) if part.len() > 1 => self.most_rows = part.len() / 2,
                Err(Refused::TooLarge) => {
                    let why = "the receiver says that it is too large".to_owned();
                    return Err(Failure { delivered: done, why, after: None, is_final: true });
                }
                Err(Refused::Again(why, after)) => {
                    return Err(Failure { delivered: done, why, after, is_final: false });
                }
            }
        }
        Ok(())
    }

    fn read_secrets(&mut self) -> Result<(), String> {
        for (name, path) in &self.webhook.header_files {
            self.headers.insert(self::name(name)?, self::value(name, &first_line(path)?)?);
        }
        Ok(())
    }

    async fn post(&self, rows: &Batch) -> Result<(), Refused> {
        let again = |why: String| Refused::Again(why, None);
        let shown = rows.iter().filter_map(|(number, row)| Logged::parse(*number, row).ok());
        let body = serde_json::to_vec(&Body { log: self.log.name(), rows: shown.collect() });
        let body = body.map_err(|error| again(error.to_string()))?;
        let sent = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body).send().await;
        // The address may hold a secret.
        let answer = sent.map_err(|error| again(store::db::with_causes(&error.without_url())))?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            StatusCode::PAYLOAD_TOO_LARGE => Err(Refused::TooLarge),
            status => {
                let after = answer
                    .headers()
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                Err(Refused::Again(format!("it answers {status}"), after.map(Duration::from_secs)))
            }
        }
    }
}

enum Refused {
    TooLarge,
    Again(String, Option<Duration>),
}

fn name(name: &str) -> Result<HeaderName, String> {
    name.parse().map_err(|_| format!("{name:?} is no name of a header"))
}

fn value(name: &str, value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| format!("the value of header {name} has characters that no header may have"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The first line of a file that holds a secret.
pub fn first_line(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Trusts one authority, or those that this machine trusts.
fn tls(ca: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| told(&error))? {
                roots.add(certificate.map_err(|error| told(&error))?).map_err(|error| told(&error))?;
            }
            if roots.is_empty() {
                return Err(told(&"there is no certificate in it"));
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
