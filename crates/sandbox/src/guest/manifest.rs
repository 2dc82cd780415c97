//! `manifest.json` of a guest: what it is made of.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Of the folder's layout. Guests of another one must be built again.
pub const FORMAT: u32 = 1;

/// The longest manifest that is read.
const LONGEST: u64 = 4 << 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub name: String,
    /// `linux`, as machines are chosen by.
    pub platform: String,
    /// Such as `Debian bookworm amd64`.
    pub system: String,
    pub kernel: String,
    /// RFC 3339, in UTC.
    pub built_on: String,
    /// The version of Harrier that built it.
    pub built_by: String,
    /// Packages that were asked for.
    pub requested: Vec<String>,
    /// All packages with their versions.
    pub packages: BTreeMap<String, String>,
    /// SHA-256 of each file in this folder that a machine is made of, and of the agent.
    pub files: BTreeMap<String, String>,
    /// What the guest's disk can hold.
    pub disk_bytes: u64,
    pub memory_mib: u32,
    /// Which version of the protocol its agent speaks; unknown of guests that were built before this was noted.
    #[serde(default)]
    pub protocol: Option<u16>,
}

impl Manifest {
    /// Whether its agent is known to speak otherwise than this host: it would not be understood.
    pub fn check_protocol(&self) -> Result<()> {
        match self.protocol {
            Some(protocol) if protocol != guest_protocol::VERSION => {
                Err(Error::AgentVersion { guest: self.name.clone(), protocol })
            }
            _ => Ok(()),
        }
    }

    pub fn read(path: &Path) -> Result<Self> {
        let damaged = |why: String| Error::Manifest { path: path.to_path_buf(), why };
        let length = fs::metadata(path).map_err(Error::io("read", path))?.len();
        if length > LONGEST {
            return Err(damaged(format!("it is {length} bytes long")));
        }
        let text = fs::read(path).map_err(Error::io("read", path))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(damaged(format!("format {} instead of {FORMAT}", manifest.format)));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_of_another_protocol_is_refused_with_what_to_do() {
        let of = |protocol: Option<u16>| {
            let mut text = serde_json::json!({
                "format": FORMAT, "name": "old", "platform": "linux", "system": "", "kernel": "", "built_on": "", "built_by": "",
                "requested": [], "packages": {}, "files": {}, "disk_bytes": 1, "memory_mib": 256,
            });
            if let Some(protocol) = protocol {
                text["protocol"] = protocol.into();
            }
            serde_json::from_value::<Manifest>(text).unwrap().check_protocol()
        };
        // Guests of before it was noted may be understood: that turns out when they answer.
        assert!(of(None).is_ok() && of(Some(guest_protocol::VERSION)).is_ok());
        let error = of(Some(guest_protocol::VERSION + 1)).unwrap_err().to_string();
        assert!(error.contains("harrier guest build old --agent-only"), "{error}");
    }
}
