//! Warnings before certificates end.

use std::path::PathBuf;
use std::time::Duration;

use serve::config::ServerConfig;
use serve::web::{WARN_DAYS, days_left};

const DAILY: Duration = Duration::from_secs(86_400);

/// Warns now and every day while one of our certificates ends within 30 days.
pub async fn watch(config: ServerConfig, files: Vec<PathBuf>) {
    let mut tick = tokio::time::interval(DAILY);
    loop {
        tick.tick().await;
        let frontend = config.frontend.as_ref().map(|frontend| frontend.certificate.as_str());
        warn("the gRPC API", frontend.unwrap_or_default());
        warn("the CA", config.ca_certificate());
        for file in &files {
            warn(&file.display().to_string(), &std::fs::read_to_string(file).unwrap_or_default());
        }
    }
}

fn warn(whose: &str, pem: &str) {
    if let Some(days) = days_left(pem).filter(|days| *days <= WARN_DAYS) {
        tracing::warn!(whose, days, "a certificate ends soon; `harrier config rotate-certs` makes new ones");
    }
}
