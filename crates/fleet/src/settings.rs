//! What the administrator chose before the start.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use store::event::Retention;

use crate::forward::Destination;

/// Settings of the fleet server. All have defaults.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a session lives after its last use, in seconds; 0 is for ever.
    pub session_seconds: i64,
    /// How long an agent has to wait between two enrolments, in seconds; 0 is no wait.
    pub enroll_cooldown: i64,
    /// Which of the agent's facts names a host.
    pub host_identifier: HostIdentifier,
    /// How often hosts are asked for details, labels and policies.
    pub detail_interval: Duration,
    pub label_interval: Duration,
    pub policy_interval: Duration,
    /// Each host waits up to this much longer, in percent, so that hosts enrolled together part.
    pub max_jitter_percent: u32,
    /// How long a synchronous live query waits at most.
    pub live_query_rest_period: Duration,
    /// Proxies whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Where log lines, carved blocks and other files lie.
    pub dir: PathBuf,
    /// The most bytes of one request of an agent, unpacked.
    pub max_agent_body: usize,
    /// The most bytes of one request to the API, unpacked.
    pub max_api_body: usize,
    /// The most bytes of all requests together that are being read or worked on.
    pub body_memory: usize,
    /// The file of the server's certificate and its chain, which users can download.
    pub certificate: Option<PathBuf>,
    /// How long and how much is kept of what agents log.
    pub results: Retention,
    /// Where that is handed on to.
    pub destinations: Vec<Destination>,
    /// The most bytes of one carved archive.
    pub max_carve: i64,
    /// Name and password for `/metrics`; without them the route is not there.
    pub metrics_login: Option<(String, String)>,
}

/// Which of the agent's facts names a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostIdentifier {
    /// What the agent sends.
    #[default]
    Provided,
    Instance,
    Uuid,
    Hostname,
}

/// Where the server keeps a certificate that nobody brought.
const CERTIFICATE: &str = "fleet-cert.pem";
const HOUR: Duration = Duration::from_secs(3600);
const RESULTS: Retention =
    Retention { max_age: Some(Duration::from_secs(30 * 86_400)), max_bytes: Some(10 << 30) };

impl Settings {
    /// The defaults, with files below `dir`.
    pub fn in_dir(dir: PathBuf) -> Self {
        Self {
            session_seconds: 5 * 86_400,
            enroll_cooldown: 0,
            host_identifier: HostIdentifier::default(),
            detail_interval: HOUR,
            label_interval: HOUR,
            policy_interval: HOUR,
            max_jitter_percent: 10,
            live_query_rest_period: Duration::from_secs(25),
            trusted_proxies: Vec::new(),
            certificate: Some(dir.join(CERTIFICATE)),
            results: RESULTS,
            destinations: vec![Destination::files(dir.join("logs"))],
            max_carve: 8 << 30,
            dir,
            max_agent_body: 64 << 20,
            max_api_body: 32 << 20,
            body_memory: 512 << 20,
            metrics_login: None,
        }
    }
}
