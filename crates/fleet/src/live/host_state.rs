//! How far each host of a campaign is, so that nobody wonders who did not answer and why.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A host that was asked and calls again without an answer is asked again after that long.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// A host that was asked and has not answered for that long is told as `timed_out`; its answer still counts.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// The most bytes that are kept of an agent's message.
const MAX_ERROR: usize = 1024;

/// How far a host is, as clients are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// Online, and will get the query at its next call.
    Sent,
    /// It got the query and works on it.
    Running,
    Answered,
    /// It could not run the query.
    Failed,
    /// Not seen lately; it will get the query if it comes back in time.
    Offline,
    /// It got the query, or should have, and gave no answer in time.
    TimedOut,
}

/// How many hosts are how far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct States {
    pub sent: u64,
    pub running: u64,
    pub answered: u64,
    pub failed: u64,
    pub offline: u64,
    pub timed_out: u64,
}

impl States {
    pub fn add(&mut self, state: HostState) {
        let count = match state {
            HostState::Sent => &mut self.sent,
            HostState::Running => &mut self.running,
            HostState::Answered => &mut self.answered,
            HostState::Failed => &mut self.failed,
            HostState::Offline => &mut self.offline,
            HostState::TimedOut => &mut self.timed_out,
        };
        *count += 1;
    }
}

/// What the server knows of a host.
#[derive(Clone, Debug)]
pub enum Progress {
    /// It has not called since.
    Waiting,
    /// It got the query then.
    Asked(Instant),
    Answered,
    /// With the agent's message.
    Failed(Box<str>),
}

impl Progress {
    /// After an answer, which may be an error.
    pub fn after(error: Option<&str>) -> Self {
        match error {
            None => Self::Answered,
            Some(error) => Self::Failed(error[..error.floor_char_boundary(MAX_ERROR)].into()),
        }
    }

    /// Whether the host should be asked when it calls now.
    pub fn is_due(&self) -> bool {
        match self {
            Self::Waiting => true,
            Self::Asked(at) => at.elapsed() >= ASK_AGAIN,
            Self::Answered | Self::Failed(_) => false,
        }
    }

    /// What clients are told.
    pub fn state(&self, is_online: bool, has_ended: bool) -> HostState {
        match self {
            Self::Answered => HostState::Answered,
            Self::Failed(_) => HostState::Failed,
            Self::Asked(at) if has_ended || at.elapsed() >= ANSWER_WITHIN => HostState::TimedOut,
            Self::Asked(_) => HostState::Running,
            Self::Waiting if !is_online => HostState::Offline,
            Self::Waiting if has_ended => HostState::TimedOut,
            Self::Waiting => HostState::Sent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_that_has_not_answered_has_a_reason() {
        let asked = Progress::Asked(Instant::now());
        assert_eq!(asked.state(true, false), HostState::Running);
        assert_eq!(asked.state(true, true), HostState::TimedOut);
        assert_eq!(Progress::Waiting.state(true, false), HostState::Sent);
        assert_eq!(Progress::Waiting.state(false, false), HostState::Offline);
        assert_eq!(Progress::Waiting.state(false, true), HostState::Offline);
        assert_eq!(Progress::Waiting.state(true, true), HostState::TimedOut);
        let long_ago = Instant::now().checked_sub(ANSWER_WITHIN).unwrap();
        assert_eq!(Progress::Asked(long_ago).state(true, false), HostState::TimedOut);
        assert!(Progress::Asked(long_ago).is_due() && !asked.is_due());
    }

    #[test]
    fn messages_of_agents_are_cut_between_characters() {
        let Progress::Failed(kept) = Progress::after(Some(&"é".repeat(MAX_ERROR))) else { unreachable!() };
        assert_eq!(kept.len(), MAX_ERROR);
    }
}
