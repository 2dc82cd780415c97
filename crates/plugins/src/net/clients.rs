//! The HTTP clients of one program: connections are kept open and shared by calls with the same wishes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use reqwest::{Client, Proxy, redirect};

use super::names::{Anywhere, Names};
use super::tls::{self, Trust};

/// The whole exchange may take this long.
const EXCHANGE: Duration = Duration::from_secs(10_000);
/// A connection must stand after this long.
const CONNECT: Duration = Duration::from_secs(300);
/// Unused connections are closed after this long.
const IDLE: Duration = Duration::from_secs(90);
/// Different wishes kept at a time.
const MAX_CLIENTS: usize = 64;

/// What tells one client from another. Within one, connections are kept for each scheme and host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wishes {
    pub trust: Trust,
    /// Leaves compressed bodies as they are: the caller asked for an encoding itself.
    pub raw: bool,
    pub proxy: Option<String>,
    pub unix: Option<PathBuf>,
}

/// The clients of one program.
#[derive(Default)]
pub struct Clients(Mutex<HashMap<Wishes, Client>>);

impl Clients {
    /// The client for these wishes.
    pub fn get(&self, wishes: &Wishes, own_ca: Option<&str>, names: &Names) -> Result<Client, String> {
        if let Some(client) = self.0.lock().get(wishes) {
            return Ok(client.clone());
        }
        let client = build(wishes, own_ca, names)?;
        let mut clients = self.0.lock();
        if clients.len() >= MAX_CLIENTS {
            clients.clear();
        }
        clients.insert(wishes.clone(), client.clone());
        Ok(client)
    }
}

fn build(wishes: &Wishes, own_ca: Option<&str>, names: &Names) -> Result<Client, String> {
    let mut tls = tls::config(&wishes.trust, own_ca)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        // Redirects are followed by us, since each hop is checked and its cookies are kept.
        .redirect(redirect::Policy::none())
        .http1_title_case_headers()
        .timeout(EXCHANGE)
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(8);
    builder = match &wishes.proxy {
        Some(url) => {
            let proxy = Proxy::all(url).map_err(|_| "the proxy's address is not a URL".to_owned())?;
            builder.proxy(proxy).dns_resolver(Arc::new(Anywhere))
        }
        None => builder.no_proxy().dns_resolver(Arc::new(names.clone())),
    };
    if wishes.raw {
        builder = builder.no_gzip().no_brotli().no_zstd();
    }
    if let Some(path) = &wishes.unix {
        builder = builder.unix_socket(path.as_path());
    }
    builder.build().map_err(|e| super::exchange::chain(&e))
}
