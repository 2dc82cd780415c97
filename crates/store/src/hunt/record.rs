//! The record of a hunt, as it is stored and shown.

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::flow::{Flow, FlowState, Request};

/// What a hunt is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HuntState {
    #[default]
    Unset,
    Paused,
    Running,
    Stopped,
    Archived,
    Deleted,
}

/// Labels (`HuntLabelCondition`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Labels {
    pub label: Vec<String>,
}

/// An operating system, as conditions name it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Os {
    #[default]
    All,
    Windows,
    Linux,
    Osx,
}

impl Os {
    /// The one of that name, ignoring case; clients call macOS `darwin`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "" | "all" => Some(Os::All),
            "windows" => Some(Os::Windows),
            "linux" => Some(Os::Linux),
            "osx" | "darwin" | "macos" => Some(Os::Osx),
            _ => None,
        }
    }

    fn fits(self, system: &str) -> bool {
        self == Os::All || Os::from_name(system) == Some(self)
    }
}

/// `HuntOsCondition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OsCondition {
    pub os: Os,
}

/// Which clients take part (`HuntCondition`); what is not set excludes nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Condition {
    /// With any of these a client is left out.
    pub excluded_labels: Option<Labels>,
    /// A client needs one of these.
    pub labels: Option<Labels>,
    pub os: Option<OsCondition>,
}

impl Condition {
    /// Whether the client takes part.
    pub fn fits(&self, client: &Client) -> bool {
        let has_any = |labels: &Labels| labels.label.iter().any(|label| client.has_label(label));
        !self.excluded_labels.as_ref().is_some_and(has_any)
            && self.labels.as_ref().is_none_or(has_any)
            && self.os.is_none_or(|condition| condition.os.fits(&client.os_info.system))
    }
}

/// How far a hunt got (`HuntStats`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HuntStats {
    pub total_clients_scheduled: u64,
    pub total_clients_with_results: u64,
    pub total_clients_without_results: u64,
    pub total_clients_with_errors: u64,
    pub total_uploaded_bytes: u64,
    pub total_collected_rows: u64,
    pub total_finished_clients: u64,
    pub stopped: bool,
    pub available_downloads: Option<serde_json::Value>,
    pub last_client_table_scan: i64,
}

impl HuntStats {
    /// Counts a collection that has ended.
    pub fn count(&mut self, flow: &Flow) {
        self.total_finished_clients += 1;
        self.total_uploaded_bytes += flow.total_uploaded_bytes;
        self.total_collected_rows += flow.total_collected_rows;
        if flow.total_collected_rows > 0 || flow.total_uploaded_files > 0 {
            self.total_clients_with_results += 1;
        } else {
            self.total_clients_without_results += 1;
        }
        if flow.state == FlowState::Error {
            self.total_clients_with_errors += 1;
        }
    }
}

/// A hunt (`Hunt`). Times are microseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hunt {
    pub hunt_id: String,
    /// When it last changed.
    pub version: i64,
    pub create_time: u64,
    pub creator: String,
    /// When it was first started; 0 when it never was.
    pub start_time: u64,
    pub expires: u64,
    pub hunt_description: String,
    pub tags: Vec<String>,
    pub start_request: Request,
    pub condition: Condition,
    /// How many clients may take part; 0 is all.
    pub client_limit: u64,
    pub stats: HuntStats,
    pub artifacts: Vec<String>,
    pub artifact_sources: Vec<String>,
    pub state: HuntState,
    pub org_ids: Vec<String>,
}

impl Hunt {
    /// The record as it is at a time: a hunt that has expired is stopped.
    pub fn at(&self, now: u64) -> Self {
        let mut hunt = self.clone();
        if hunt.state == HuntState::Running && hunt.expires <= now {
            hunt.state = HuntState::Stopped;
        }
        hunt.stats.stopped = hunt.state == HuntState::Stopped;
        hunt
    }

    /// Whether it gives collections to clients at this time.
    pub fn is_running(&self, now: u64) -> bool {
        self.at(now).state == HuntState::Running
    }

    /// Whether it takes no more clients.
    pub fn is_full(&self) -> bool {
        self.client_limit > 0 && self.stats.total_clients_scheduled >= self.client_limit
    }

    /// The id of the collection that a client gets: the same whenever it is worked out, so that a client that is
    /// looked at twice gets one collection.
    pub fn flow_id(&self) -> String {
        format!("F.{}.H", self.hunt_id.trim_start_matches("H."))
    }
}

/// A client's part in a hunt (`FlowAssignment`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Assignment {
    pub client_id: String,
    pub flow_id: String,
}
