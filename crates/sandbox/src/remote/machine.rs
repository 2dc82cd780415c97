//! Machines that the owner of the server brings, as the section `Cuckoo` of the configuration names them.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::pool;
use crate::result_server::PORT;

/// The port of agents.
const AGENT_PORT: u16 = 8000;
/// How long a machine may take to be reset, in seconds.
const RESET_TIMEOUT: u64 = 600;

/// The section `Cuckoo`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// Where guests send what they find: an address of the host in their network.
    pub result_server: Option<SocketAddr>,
    /// For each platform a folder or a zip archive with the analyzer that runs in the guest.
    pub analyzers: BTreeMap<Platform, PathBuf>,
    /// The most bytes of one file that a guest sends.
    pub upload_max_size: Option<u64>,
    pub machines: Vec<Machine>,
}

/// One machine. The keys are those of Cuckoo's own configuration, and a few of ours.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub name: String,
    /// As hypervisors call it; the name when it is not given.
    #[serde(default)]
    pub label: Option<String>,
    pub kind: Kind,
    pub platform: Platform,
    /// Where the guest is.
    pub ip: IpAddr,
    #[serde(default = "agent_port")]
    pub agent_port: u16,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub interface: Option<String>,
    #[serde(default)]
    pub snapshot: Option<String>,
    /// Where its guest reaches the result server, when that is not where it listens.
    #[serde(default)]
    pub resultserver_ip: Option<IpAddr>,
    #[serde(default)]
    pub resultserver_port: Option<u16>,
    /// Settings for its analyzer, each named `analyzer_...`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Brings it back to its clean state before each run, and waits until it is.
    #[serde(default)]
    pub reset_command: Vec<String>,
    /// In seconds.
    #[serde(default = "reset_timeout")]
    pub reset_timeout: u64,
}

fn agent_port() -> u16 {
    AGENT_PORT
}

fn reset_timeout() -> u64 {
    RESET_TIMEOUT
}

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A virtual machine that something else runs.
    Remote,
    /// A machine of its own.
    Physical,
}

/// What runs in a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Windows,
    Linux,
    Darwin,
}

impl Platform {
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Linux => "linux",
            Self::Darwin => "darwin",
        }
    }
}

impl Configuration {
    /// Reads the section and checks what can be checked before anything runs.
    pub fn read(section: serde_json::Value) -> Result<Self, String> {
        let kinds = section["machines"].as_array().into_iter().flatten().map(|machine| &machine["kind"]);
        if kinds.into_iter().any(|kind| kind == "qemu") {
            return Err("machines of the kind qemu are not supported yet: run the image in a hypervisor of your own and \
                name it with the kind remote"
                .into());
        }
        let configuration: Self = serde_json::from_value(section).map_err(|error| error.to_string())?;
        let mut names = HashSet::new();
        let mut addresses = HashSet::new();
        for machine in &configuration.machines {
            machine.check()?;
            if !names.insert(&machine.name) {
                return Err(format!("two machines are named {:?}", machine.name));
            }
            if !addresses.insert(machine.ip.to_canonical()) {
                return Err(format!(
                    "two machines have the address {}, by which results are told apart",
                    machine.ip
                ));
            }
        }
        if !configuration.machines.is_empty() {
            let address = configuration.result_server;
            let address =
                address.ok_or("result_server is missing: the address on which guests reach this host")?;
            let is_told = |machine: &Machine| machine.resultserver_ip.is_some();
            if address.ip().is_unspecified() && !configuration.machines.iter().all(is_told) {
                return Err(format!(
                    "result_server is {address}, which guests cannot be told: name an address, or give each machine its resultserver_ip"
                ));
            }
        }
        Ok(configuration)
    }

    /// Where the guest of a machine sends what it finds.
    pub fn results_for(&self, machine: &Machine) -> SocketAddr {
        let listens = self.result_server.unwrap_or(SocketAddr::new([127, 0, 0, 1].into(), PORT));
        let ip = machine.resultserver_ip.unwrap_or(listens.ip());
        SocketAddr::new(ip, machine.resultserver_port.unwrap_or(listens.port()))
    }
}

impl Machine {
    fn check(&self) -> Result<(), String> {
        let fail = |text: &str| Err(format!("machine {:?}: {text}", self.name));
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if !is_name(&self.name) || !self.label.as_deref().is_none_or(is_name) {
            return fail("name and label are 1 to 64 letters, digits, dots, dashes and underscores");
        }
        if let Some(name) = self.options.keys().find(|name| !name.starts_with("analyzer_") || !is_name(name))
        {
            return fail(&format!(
                "options: {name} is none for an analyzer, whose names begin with analyzer_"
            ));
        }
        if self.ip.is_unspecified() || self.ip.is_multicast() {
            return fail("ip is not the address of a guest");
        }
        if self.reset_timeout == 0 {
            return fail("reset_timeout is in seconds, at least 1");
        }
        Ok(())
    }

    /// Where its agent listens.
    pub fn agent(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.agent_port)
    }

    /// Whether a run begins in a clean state.
    pub fn is_reset(&self) -> bool {
        !self.reset_command.is_empty()
    }

    /// As tasks are given it, and clients see it. One that nobody resets says so in its options.
    pub fn listed(&self, results: SocketAddr) -> pool::Machine {
        let tags: Vec<&str> = self.tags.iter().map(String::as_str).collect();
        pool::Machine {
            label: self.label.clone().unwrap_or_else(|| self.name.clone()),
            ip: self.ip.to_string(),
            options: Some(if self.is_reset() { "reset" } else { "noreset" }.to_owned()),
            interface: self.interface.clone(),
            snapshot: self.snapshot.clone(),
            resultserver_ip: results.ip().to_string(),
            resultserver_port: results.port().to_string(),
            kind: pool::Kind::Remote,
            ..pool::Machine::new(&self.name, self.platform.name(), &tags)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn machine(change: Json) -> Json {
        let mut machine =
            json!({"name": "w10", "kind": "physical", "platform": "windows", "ip": "192.168.56.101"});
        for (key, value) in change.as_object().unwrap() {
            machine[key] = value.clone();
        }
        machine
    }

    fn read(machines: Vec<Json>) -> Result<Configuration, String> {
        Configuration::read(json!({"result_server": "192.168.56.1:2042", "machines": machines}))
    }

    #[test]
    fn a_machine_is_listed_with_the_keys_of_the_manual() {
        let more = json!({"label": "w10-a", "tags": ["x64", "office"], "resultserver_port": 2043, "interface": "vboxnet0", "snapshot": "clean"});
        let configuration = read(vec![machine(more)]).unwrap();
        let one = &configuration.machines[0];
        assert_eq!(one.agent(), "192.168.56.101:8000".parse().unwrap());
        let listed = serde_json::to_value(one.listed(configuration.results_for(one))).unwrap();
        let expected = json!({
            "id": 0, "name": "w10", "label": "w10-a", "ip": "192.168.56.101", "platform": "windows", "tags": ["x64", "office"],
            "options": "noreset", "interface": "vboxnet0", "snapshot": "clean", "locked": false, "locked_changed_on": null,
            "status": null, "status_changed_on": null, "resultserver_ip": "192.168.56.1", "resultserver_port": "2043"
        });
        assert_eq!(listed, expected);
        let reset = read(vec![machine(json!({"reset_command": ["/bin/true"]}))]).unwrap();
        assert_eq!(reset.machines[0].listed("10.0.0.1:1".parse().unwrap()).options.as_deref(), Some("reset"));
    }

    #[test]
    fn what_cannot_be_is_refused_with_a_reason() {
        let error = |change: Json| read(vec![machine(change)]).unwrap_err();
        assert!(error(json!({"kind": "qemu", "disk": "w10.qcow2"})).contains("hypervisor of your own"));
        assert!(error(json!({"kind": "toaster"})).contains("unknown variant `toaster`"));
        assert!(error(json!({"disk_bus": "ide"})).contains("unknown field `disk_bus`"));
        assert!(error(json!({"name": "a b"})).contains("1 to 64 letters"));
        assert!(error(json!({"options": {"id": "7"}})).contains("begin with analyzer_"));
        assert!(error(json!({"options": {"analyzer_x\nid": "7"}})).contains("begin with analyzer_"));
        assert!(error(json!({"ip": "0.0.0.0"})).contains("not the address of a guest"));
        assert!(
            read(vec![machine(json!({})), machine(json!({"ip": "10.0.0.9"}))])
                .unwrap_err()
                .contains("two machines are named")
        );
        let same = vec![machine(json!({})), machine(json!({"name": "other", "ip": "::ffff:192.168.56.101"}))];
        assert!(read(same).unwrap_err().contains("two machines have the address"));
        let without = Configuration::read(json!({"machines": [machine(json!({}))]}));
        assert!(without.unwrap_err().contains("result_server is missing"));
        let anywhere =
            Configuration::read(json!({"result_server": "0.0.0.0:2042", "machines": [machine(json!({}))]}));
        assert!(anywhere.unwrap_err().contains("resultserver_ip"));
        assert_eq!(Configuration::read(json!({})), Ok(Configuration::default()));
    }
}
