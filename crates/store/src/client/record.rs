//! The record of a client, as it is stored and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The program that runs there (`AgentInformation`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agent {
    pub version: String,
    pub name: String,
    pub build_time: String,
    pub build_url: String,
}

/// The machine (`Uname`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Uname {
    /// The operating system: `linux`, `windows`, `darwin`.
    pub system: String,
    pub hostname: String,
    pub release: String,
    pub machine: String,
    pub fqdn: String,
    pub mac_addresses: Vec<String>,
}

/// A client (`ApiClient`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Client {
    pub client_id: String,
    pub agent_information: Agent,
    pub os_info: Uname,
    /// Seconds since the epoch.
    pub first_seen_at: u64,
    /// Microseconds since the epoch.
    pub last_seen_at: u64,
    /// With the port: `192.0.2.7:51234`.
    pub last_ip: String,
    pub last_interrogate_flow_id: String,
    pub last_interrogate_artifact_name: String,
    pub labels: Vec<String>,
    pub last_hunt_timestamp: u64,
    pub last_event_table_version: u64,
    pub last_label_timestamp: u64,
    pub in_flight_flows: BTreeMap<String, i64>,
}

impl Client {
    /// Whether it has the label, ignoring case.
    pub fn has_label(&self, label: &str) -> bool {
        let label = label.to_lowercase();
        self.labels.iter().any(|own| own.to_lowercase() == label)
    }

    /// Adds a label, spelled as given unless it is there already; says whether it was missing.
    pub fn add_label(&mut self, label: &str) -> bool {
        let is_new = !self.has_label(label);
        if is_new {
            self.labels.push(label.to_owned());
        }
        is_new
    }

    /// Takes a label away, ignoring case; says whether it was there.
    pub fn remove_label(&mut self, label: &str) -> bool {
        let label = label.to_lowercase();
        let before = self.labels.len();
        self.labels.retain(|own| own.to_lowercase() != label);
        self.labels.len() < before
    }

    /// What to call it: the full name of the host, or what is known instead.
    pub fn display_name(&self) -> &str {
        match (self.os_info.fqdn.as_str(), self.os_info.hostname.as_str()) {
            ("", "") => &self.client_id,
            ("", hostname) => hostname,
            (fqdn, _) => fqdn,
        }
    }
}
