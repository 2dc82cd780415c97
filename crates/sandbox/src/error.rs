//! What can go wrong with a guest, each with what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guest_protocol::Failure;

/// The result of every call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot {action} {path}", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{program} is not installed; Debian's package is {package}")]
    Missing { program: &'static str, package: &'static str },
    #[error("`{call}` failed: {text}")]
    Program { call: String, text: String },
    #[error("a guest's name is 1 to 40 letters, digits and dashes, all lower-case, not {0:?}")]
    Name(String),
    #[error("there is no guest {0:?}; `harrier guest build {0}` makes one")]
    NoGuest(String),
    #[error("{path} cannot be read as a guest's manifest ({why}); build the guest again", path = path.display())]
    Manifest { path: PathBuf, why: String },
    #[error("{path} is in use by another process; wait for it or stop it", path = path.display())]
    InUse { path: PathBuf },
    #[error(
        "building a guest takes root's rights; build it as root, then any user who may read it can run it"
    )]
    NotRoot,
    #[error(
        "the guest agent is missing: put harrier-guest-agent beside the harrier binary, or name it in HARRIER_GUEST_AGENT \
         (looked at {looked}; `cargo xtask guest-agent` builds it)"
    )]
    NoAgentFile { looked: String },
    #[error("{user} cannot reach {path}: allow others to pass ({fix})", path = path.display())]
    Unreachable { user: String, path: PathBuf, fix: String },
    #[error("hardware virtualisation was asked for and cannot be used: {0}")]
    NoKvm(String),
    #[error("QEMU did not understand its monitor's answer: {0}")]
    Monitor(String),
    #[error("QEMU refuses {command}: {text}")]
    Refused { command: &'static str, text: String },
    #[error("{what} took longer than {limit:?}")]
    TimedOut { what: &'static str, limit: Duration },
    #[error("the virtual machine ended: {0}")]
    Ended(End),
    #[error("the guest's agent does not answer as it should: {0}")]
    Protocol(String),
    #[error("the guest: {text}", text = .0.text.to_text())]
    Guest(Failure),
    #[error(
        "the agent of the guest {guest} speaks version {protocol} of the protocol and this harrier version {ours}; \
         `harrier guest build {guest} --agent-only` gives it the agent that belongs here", ours = guest_protocol::VERSION
    )]
    AgentVersion { guest: String, protocol: u16 },
    #[error(
        "the agent of the guest {guest} did not answer within {limit:?}; if another version of Harrier built the guest, \
         `harrier guest build {guest} --agent-only` gives it the agent that belongs here"
    )]
    SilentAgent { guest: String, limit: Duration },
    #[error("the image {path} cannot be used: {text}", path = path.display())]
    Image { path: PathBuf, text: String },
    #[error("the guest's network: {text}")]
    Network { text: String },
    #[error("the template was changed from outside while guests ran from it; it is made anew")]
    TemplateChanged,
}

/// Why there is no machine, or no agent, any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    #[error("the guest's kernel gave up ({0})")]
    Panic(String),
    #[error("the guest switched itself off")]
    PoweredOff,
    #[error("the guest started itself again")]
    Rebooted,
    #[error("QEMU ended with {0}")]
    Exited(String),
    #[error("the guest's agent {0}")]
    AgentDied(String),
    #[error("the guest sent what no agent sends: {0}")]
    Hostile(String),
    #[error("the channel to the guest closed")]
    Closed,
    #[error("it was stopped")]
    Stopped,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
