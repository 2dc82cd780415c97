//! The states of a task, and which may follow which (the Cuckoo reference, section 4).

use serde::Serialize;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for a machine.
    Pending,
    /// Has a machine.
    Running,
    /// The machine is done, the results wait to be processed.
    Completed,
    /// There is a report.
    Reported,
    /// Another task took its place.
    Recovered,
    /// The machine part failed, and no report will come.
    FailedAnalysis,
    FailedProcessing,
    FailedReporting,
}

impl Status {
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Running,
        Self::Completed,
        Self::Reported,
        Self::Recovered,
        Self::FailedAnalysis,
        Self::FailedProcessing,
        Self::FailedReporting,
    ];

    /// Its name on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Reported => "reported",
            Self::Recovered => "recovered",
            Self::FailedAnalysis => "failed_analysis",
            Self::FailedProcessing => "failed_processing",
            Self::FailedReporting => "failed_reporting",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// What a task must be to become this.
    pub fn after(self) -> &'static [Self] {
        match self {
            // A server that was killed begins its running tasks anew.
            Self::Pending => &[Self::Running],
            Self::Running => &[Self::Pending],
            Self::Completed => &[Self::Running, Self::Reported, Self::FailedProcessing],
            Self::Reported | Self::FailedProcessing | Self::FailedReporting => &[Self::Completed],
            Self::FailedAnalysis => &[Self::Pending, Self::Running],
            Self::Recovered => &Self::ALL,
        }
    }

    /// Whether nothing more happens to such a task by itself.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
            assert_eq!(Status::parse(status.name()), Some(status));
        }
        assert_eq!(Status::parse("distributed"), None);
    }

    #[test]
    fn what_is_over_is_only_taken_up_again_by_request() {
        let into = |from: Status| Status::ALL.into_iter().filter(move |to| to.after().contains(&from));
        assert_eq!(into(Status::FailedAnalysis).collect::<Vec<_>>(), [Status::Recovered]);
        assert_eq!(into(Status::Reported).collect::<Vec<_>>(), [Status::Completed, Status::Recovered]);
        assert!(Status::Reported.is_final() && !Status::Completed.is_final());
    }
}
