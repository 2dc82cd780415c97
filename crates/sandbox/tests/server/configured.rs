//! With machines of a configuration.

use std::sync::Arc;
use std::time::Duration;

use sandbox::Settings;
use sandbox::pool::Pool;
use sandbox::remote::{Configuration, Host, Remote};
use sandbox::result_server::{Limits, ResultServer};
use sandbox::scheduler::{Kinds, Nobody};
use serde_json::Value as Json;
use serve::listener::Listener;
use serve::shutdown::CancellationToken;

use super::Server;

impl Server {
    /// A sandbox as this section of a configuration says, with its files in a folder; results are taken by `results`.
    pub async fn run(
        dir: tempfile::TempDir,
        section: Json,
        results: Listener,
        host: Result<Host, String>,
        critical: u32,
    ) -> Self {
        let configuration = Configuration::read(section).unwrap();
        let listed = configuration.machines.iter().map(|one| one.listed(configuration.results_for(one)));
        let pool = Pool::new(listed.collect());
        let settings = Settings {
            free_space: 0,
            critical_timeout: critical,
            proxies: configuration.proxies.clone(),
            ..Settings::in_dir(dir.path().to_owned())
        };
        let amounts =
            Limits { file: 1 << 20, log: 1 << 20, grace: Duration::from_millis(300), ..Limits::default() };
        let (taken, stop) = (ResultServer::new(amounts), CancellationToken::new());
        tokio::spawn(taken.clone().serve(results.incoming(None), stop.clone().cancelled_owned()));
        let kinds = Kinds { guests: Arc::new(Nobody), remote: Remote::new(configuration, taken, host) };
        Self::open(dir, settings, pool, Arc::new(kinds), stop).await
    }
}
