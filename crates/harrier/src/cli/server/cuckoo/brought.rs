//! Machines that the owner brings: the section `Cuckoo` of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sandbox::internet::{Program, Proxy};
use sandbox::machine::Qemu;
use sandbox::pool::Machine;
use sandbox::remote::{Configuration, Host, Remote};
use sandbox::result_server::{self, ResultServer};
use sandbox::scheduler::Analyst;
use serve::config::ServerConfig;
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use tokio::task::JoinHandle;

/// Connections of guests that send results: in all, and of one guest.
const RESULTS: Limits = Limits { handshake: Duration::from_secs(10), total: 4096, per_peer: 300 };

/// The machines, who runs tasks in them, and where their guests send what they find.
pub(super) struct Brought {
    configuration: Configuration,
    results: Arc<ResultServer>,
    pub machines: Vec<Machine>,
}

impl Brought {
    pub fn read(config: &ServerConfig) -> anyhow::Result<Self> {
        let section = config.cuckoo.clone().unwrap_or_else(|| serde_json::json!({}));
        let configuration = Configuration::read(section)
            .map_err(|why| anyhow::anyhow!("the configuration's Cuckoo: {why}"))?;
        let mut limits = result_server::Limits::default();
        limits.file = configuration.upload_max_size.unwrap_or(limits.file);
        let results = ResultServer::new(limits);
        let machines = configuration.machines.iter();
        let machines = machines.map(|machine| machine.listed(configuration.results_for(machine))).collect();
        Ok(Self { configuration, results, machines })
    }

    /// Proxies that tasks may ask for.
    pub fn proxies(&self) -> BTreeMap<String, Proxy> {
        self.configuration.proxies.clone()
    }

    /// Who runs tasks in them, those of the kind `qemu` on this host.
    pub fn analyst(self, qemu: Result<Qemu, String>) -> Arc<dyn Analyst> {
        let host = qemu.map(|qemu| Host { qemu, internet: Program::own() });
        Remote::new(self.configuration, self.results, host)
    }

    /// Takes what guests send, where the configuration says.
    pub async fn take_results(&self, stop: &CancellationToken) -> anyhow::Result<Option<JoinHandle<()>>> {
        let Some(address) = self.configuration.result_server else { return Ok(None) };
        let listener = Listener::bind(address, RESULTS).await.with_context(|| {
            format!("cannot listen on {address}, where the configuration's Cuckoo.result_server says")
        })?;
        let taking = self.results.clone().serve(listener.incoming(None), stop.clone().cancelled_owned());
        Ok(Some(tokio::spawn(taking)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(cuckoo: Option<serde_json::Value>) -> anyhow::Result<Brought> {
        Brought::read(&ServerConfig { cuckoo, ..ServerConfig::default() })
    }

    #[test]
    fn the_section_names_machines_or_is_refused_by_name() {
        let none = read(None).unwrap();
        assert!(none.machines.is_empty() && none.configuration.result_server.is_none());
        let machine = json!({"name": "w10", "kind": "physical", "platform": "windows", "ip": "10.9.0.7"});
        let one = read(Some(json!({"result_server": "10.9.0.1:2042", "machines": [machine]}))).unwrap();
        let listed = one.machines[0].clone();
        let analyst = one.analyst(Err("no QEMU".into()));
        assert_eq!((&*listed.resultserver_ip, analyst.manager(&listed)), ("10.9.0.1", "Physical"));
        let wrong = read(Some(json!({"machine": []}))).err().unwrap().to_string();
        assert!(wrong.starts_with("the configuration's Cuckoo: unknown field `machine`"), "{wrong}");
    }

    #[tokio::test]
    async fn an_address_that_is_not_ours_is_named() {
        let elsewhere = read(Some(json!({"result_server": "203.0.113.1:2042"}))).unwrap();
        let error = elsewhere.take_results(&CancellationToken::new()).await.unwrap_err().to_string();
        assert!(error.contains("203.0.113.1:2042") && error.contains("Cuckoo.result_server"), "{error}");
    }
}
