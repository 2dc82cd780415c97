//! Machines that the owner of the server brings, as the section `Cuckoo` of the configuration names them.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::internet::{Addresses, Proxy};
use crate::machine::{Brought, Hardware};
use crate::pool;
use crate::result_server::PORT;

/// The port of agents.
const AGENT_PORT: u16 = 8000;
/// How long a machine may take to be reset, in seconds.
const RESET_TIMEOUT: u64 = 600;
/// How long a machine of ours may take from its start until its agent answers, in seconds.
const BOOT_TIMEOUT: u64 = 600;

/// The section `Cuckoo`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// Where guests send what they find: an address of the host in their network.
    pub result_server: Option<SocketAddr>,
    /// For each platform a folder or a zip archive with the analyzer that runs in the guest.
    pub analyzers: BTreeMap<Platform, PathBuf>,
    /// The most bytes of one file that a guest sends.
    pub upload_max_size: Option<u64>,
    /// Proxies that tasks may ask for with `route=proxy:NAME`.
    pub proxies: BTreeMap<String, Proxy>,
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
    /// Where the guest is. Those of the kind `qemu` get it by DHCP, unless they have one of their own.
    #[serde(default)]
    pub ip: Option<IpAddr>,
    /// For the kind `qemu`: how many bits the addresses of its network have in common.
    #[serde(default)]
    pub prefix: Option<u8>,
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
    /// For the kind `qemu`: the disk, which is only read, and what is around it.
    #[serde(default)]
    pub image: Option<PathBuf>,
    #[serde(default)]
    pub hardware: Option<Hardware>,
    /// In seconds.
    #[serde(default = "boot_timeout")]
    pub boot_timeout: u64,
}

fn agent_port() -> u16 {
    AGENT_PORT
}

fn reset_timeout() -> u64 {
    RESET_TIMEOUT
}

fn boot_timeout() -> u64 {
    BOOT_TIMEOUT
}

/// What a machine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A virtual machine that something else runs.
    Remote,
    /// A machine of its own.
    Physical,
    /// A virtual machine that Harrier runs, from an image that the owner brings.
    Qemu,
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
        let configuration: Self = serde_json::from_value(section).map_err(|error| error.to_string())?;
        let mut names = HashSet::new();
        let mut addresses = HashSet::new();
        for machine in &configuration.machines {
            machine.check()?;
            if !names.insert(&machine.name) {
                return Err(format!("two machines are named {:?}", machine.name));
            }
            // Those that Harrier runs have a network of their own each.
            let ip = machine.ip.filter(|_| machine.kind != Kind::Qemu);
            if ip.is_some_and(|ip| !addresses.insert(ip.to_canonical())) {
                let ip = machine.address();
                return Err(format!("two machines have the address {ip}, by which results are told apart"));
            }
        }
        let is_name =
            |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if let Some(name) =
            configuration.proxies.keys().find(|name| !(1..=40).contains(&name.len()) || !is_name(name))
        {
            return Err(format!(
                "proxies: {name:?}: a name is 1 to 40 letters, digits, dashes and underscores"
            ));
        }
        let mut elsewhere =
            configuration.machines.iter().filter(|machine| machine.kind != Kind::Qemu).peekable();
        if elsewhere.peek().is_some() {
            let address = configuration.result_server;
            let address =
                address.ok_or("result_server is missing: the address on which guests reach this host")?;
            let is_told = |machine: &Machine| machine.resultserver_ip.is_some();
            if address.ip().is_unspecified() && !elsewhere.all(is_told) {
                return Err(format!(
                    "result_server is {address}, which guests cannot be told: name an address, or give each machine its resultserver_ip"
                ));
            }
        }
        Ok(configuration)
    }

    /// Where the guest of a machine sends what it finds.
    pub fn results_for(&self, machine: &Machine) -> SocketAddr {
        if machine.kind == Kind::Qemu {
            let port = machine.resultserver_port.unwrap_or(PORT);
            return SocketAddr::new(machine.addresses().gateway.into(), port);
        }
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
        match self.ip {
            Some(ip) if ip.is_unspecified() || ip.is_multicast() => {
                return fail("ip is not the address of a guest");
            }
            None if self.kind != Kind::Qemu => return fail("ip is missing: where the guest is"),
            _ => {}
        }
        if self.agent_port == 0 || self.resultserver_port == Some(0) {
            return fail("a port is a number from 1 to 65535");
        }
        if self.reset_timeout == 0 {
            return fail("reset_timeout is in seconds, at least 1");
        }
        match self.kind {
            Kind::Qemu => self.check_own().or_else(|text| fail(&text)),
            Kind::Remote | Kind::Physical
                if self.image.is_some() || self.hardware.is_some() || self.prefix.is_some() =>
            {
                fail("image, hardware and prefix are for the kind qemu")
            }
            Kind::Remote | Kind::Physical => Ok(()),
        }
    }

    /// What holds for machines that Harrier runs.
    fn check_own(&self) -> Result<(), String> {
        let image = self.image.as_ref().ok_or("image is missing: the path of a qcow2 file")?;
        if !image.is_absolute() || image.file_name().and_then(|name| name.to_str()).is_none() {
            return Err("image is not the whole path of a file, from / on".into());
        }
        if !self.reset_command.is_empty() {
            return Err(
                "reset_command is not for the kind qemu, whose machines are thrown away after each run"
                    .into(),
            );
        }
        if self.boot_timeout == 0 {
            return Err("boot_timeout is in seconds, at least 1".into());
        }
        let addresses = self.addresses();
        let is_v4 = [self.ip, self.resultserver_ip].iter().flatten().all(IpAddr::is_ipv4);
        if !is_v4 || !addresses.fit() {
            let Addresses { guest, gateway, prefix } = addresses;
            return Err(format!(
                "ip {guest} and resultserver_ip {gateway}, which is this host as the guest sees it, are two addresses of \
                 version 4 in one network, whose first {prefix} bits (prefix) they have in common; give both or neither"
            ));
        }
        self.hardware.as_ref().map_or(Ok(()), Hardware::check)
    }

    /// Who is where in the network of a machine that Harrier runs.
    pub fn addresses(&self) -> Addresses {
        let v4 = |ip: Option<IpAddr>, usual: Ipv4Addr| match ip {
            Some(IpAddr::V4(ip)) => ip,
            _ => usual,
        };
        let usual = Addresses::default();
        Addresses {
            guest: v4(self.ip, usual.guest),
            gateway: v4(self.resultserver_ip, usual.gateway),
            prefix: self.prefix.unwrap_or(usual.prefix),
        }
    }

    /// As the machinery takes it, for the kind `qemu`.
    pub fn brought(&self) -> Option<Brought> {
        let image = self.image.clone().filter(|_| self.kind == Kind::Qemu)?;
        let hardware = self.hardware.clone().unwrap_or_default();
        Some(Brought {
            name: self.name.clone(),
            image,
            hardware,
            is_windows: self.platform == Platform::Windows,
        })
    }

    fn address(&self) -> IpAddr {
        self.ip.unwrap_or(self.addresses().guest.into())
    }

    /// Where its agent listens.
    pub fn agent(&self) -> SocketAddr {
        SocketAddr::new(self.address(), self.agent_port)
    }

    /// Whether a run begins in a clean state.
    pub fn is_reset(&self) -> bool {
        self.kind == Kind::Qemu || !self.reset_command.is_empty()
    }

    /// As tasks are given it, and clients see it. One that nobody resets says so in its options.
    pub fn listed(&self, results: SocketAddr) -> pool::Machine {
        let tags: Vec<&str> = self.tags.iter().map(String::as_str).collect();
        pool::Machine {
            label: self.label.clone().unwrap_or_else(|| self.name.clone()),
            ip: self.address().to_string(),
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
        assert!(error(json!({"ip": null})).contains("ip is missing"));
        assert!(error(json!({"image": "/w10.qcow2"})).contains("for the kind qemu"));
        assert!(Configuration::read(json!({})).unwrap().machines.is_empty());
    }

    #[test]
    fn machines_that_harrier_runs_need_an_image_and_nothing_else() {
        let qemu = |change: Json| {
            let mut machine =
                json!({"name": "w10", "kind": "qemu", "platform": "windows", "image": "/srv/w10.qcow2"});
            for (key, value) in change.as_object().unwrap() {
                machine[key] = value.clone();
            }
            Configuration::read(
                json!({"machines": [machine, {"name": "b", "kind": "qemu", "platform": "linux", "image": "/b"}]}),
            )
        };
        let configuration = qemu(json!({"hardware": {"disk": "sata"}})).unwrap();
        let one = &configuration.machines[0];
        assert_eq!(one.agent(), "10.0.2.15:8000".parse().unwrap());
        assert_eq!(configuration.results_for(one), "10.0.2.2:2042".parse().unwrap());
        assert!(one.brought().unwrap().is_windows && one.is_reset());
        let fixed =
            json!({"ip": "192.168.56.101", "resultserver_ip": "192.168.56.1", "resultserver_port": 2043});
        let fixed = qemu(fixed).unwrap();
        assert_eq!(fixed.results_for(&fixed.machines[0]), "192.168.56.1:2043".parse().unwrap());
        let wide = json!({"ip": "172.16.9.9", "resultserver_ip": "172.16.0.1", "prefix": 16});
        let wide = qemu(wide).unwrap().machines[0].addresses();
        assert_eq!((wide.mask(), wide.broadcast()), ([255, 255, 0, 0].into(), [172, 16, 255, 255].into()));
        for (wrong, expected) in [
            (json!({"image": null}), "image is missing"),
            (json!({"image": "w10.qcow2"}), "from / on"),
            (json!({"image": "/srv/.."}), "from / on"),
            (json!({"ip": "192.168.56.101"}), "give both or neither"),
            (json!({"ip": "10.0.2.2"}), "two addresses"),
            (json!({"ip": "fd00::1", "resultserver_ip": "fd00::2"}), "version 4"),
            (json!({"ip": "172.16.9.9", "resultserver_ip": "172.16.0.1"}), "first 24 bits"),
            (json!({"ip": "172.16.255.255", "resultserver_ip": "172.16.0.1", "prefix": 16}), "two addresses"),
            (json!({"ip": "172.16.0.2", "resultserver_ip": "172.16.0.1", "prefix": 33}), "first 33 bits"),
            (json!({"reset_command": ["x"]}), "thrown away"),
            (
                json!({"hardware": {"machine": "q35", "disk": "ide"}}),
                "machine \"w10\": hardware.disk: a q35 has no ide",
            ),
            (json!({"boot_timeout": 0}), "at least 1"),
        ] {
            let error = qemu(wrong).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_proxy_is_listed_with_what_it_may_be_used_for() {
        let read = |proxies: Json| Configuration::read(json!({"proxies": proxies}));
        let one = json!({"url": "socks5://10.0.0.1:1080", "allow": ["*.example.org:443"]});
        assert!(read(json!({"lab-1": one})).unwrap().proxies["lab-1"].permits("a.example.org", 443));
        assert!(read(json!({"a b": one})).unwrap_err().contains("letters, digits"));
        assert!(
            read(json!({"a": {"url": "ftp://x:1", "allow": []}})).unwrap_err().contains("socks5://HOST:PORT")
        );
        assert!(
            read(json!({"a": {"url": "http://x:1", "allow": ["example"]}}))
                .unwrap_err()
                .contains("HOST:PORT")
        );
        assert!(read(json!({"a": {"url": "http://x:1"}})).unwrap_err().contains("missing field `allow`"));
    }
}
