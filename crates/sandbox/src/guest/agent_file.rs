//! Where the agent for guests is: a file of its own, so that building Harrier takes no second target.

use std::path::PathBuf;

use crate::error::{Error, Result};

const NAME: &str = "harrier-guest-agent";

/// `named` (the value of HARRIER_GUEST_AGENT, which the caller reads), else beside the running program.
pub fn find(named: Option<PathBuf>) -> Result<PathBuf> {
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(NAME)));
    let mut looked = Vec::new();
    for path in named.into_iter().chain(beside) {
        if path.is_file() {
            return Ok(path);
        }
        looked.push(path.display().to_string());
    }
    Err(Error::NoAgentFile { looked: looked.join(", ") })
}
