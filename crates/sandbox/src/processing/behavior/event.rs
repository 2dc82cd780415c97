//! The lines that a run writes of what happened.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

/// A line of the events, in the order in which things happened. Times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A process began, or became another program: then the last line of its id counts.
    Process {
        time: f64,
        pid: u32,
        ppid: u32,
        name: String,
        path: String,
        command_line: String,
    },
    /// A process ended, with its exit code, or the signal as a negative number.
    Exit {
        time: f64,
        pid: u32,
        code: i32,
    },
    Call(Box<Call>),
    /// Calls that were left out.
    Cut {
        calls: u64,
    },
    /// Calls that are only counted, by their names.
    Counted {
        calls: BTreeMap<String, u64>,
    },
}

/// A call to the system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub time: f64,
    pub pid: u32,
    pub tid: u32,
    /// Such as `file`, `network`, `process`.
    pub category: String,
    pub api: String,
    pub arguments: Map<String, Json>,
    /// Words for numbers among the arguments.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub flags: Map<String, Json>,
    pub return_value: i64,
    /// The name of the error, such as `ENOENT`; empty after success.
    #[serde(default)]
    pub errno: String,
    /// Whether it failed without such a name.
    #[serde(default)]
    pub failed: bool,
    /// Windows' words for why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nt_status: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacktrace: Vec<String>,
    /// How often the same call came again at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Call {
    pub fn succeeded(&self) -> bool {
        self.errno.is_empty() && !self.failed
    }

    pub fn text(&self, argument: &str) -> Option<&str> {
        self.arguments.get(argument).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    pub fn report(&self) -> Json {
        let mut flags = self.flags.clone();
        if !self.errno.is_empty() {
            flags.insert("errno".into(), self.errno.clone().into());
        }
        let mut call = json!({
            "category": self.category,
            "api": self.api,
            "status": i32::from(self.succeeded()),
            "return_value": self.return_value,
            "arguments": self.arguments,
            "flags": flags,
            "tid": self.tid,
            "time": self.time,
            "stacktrace": self.stacktrace,
        });
        for (key, number) in [("last_error", self.last_error), ("nt_status", self.nt_status)] {
            if let Some(number) = number {
                call[key] = number.into();
            }
        }
        if self.repeated > 0 {
            call["repeated"] = self.repeated.into();
        }
        call
    }
}
