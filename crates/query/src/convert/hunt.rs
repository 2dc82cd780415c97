//! Hunts.

use proto::hunt::State;
use proto::hunt_condition::UnionField;
use proto::hunt_os_condition::Os as WireOs;
use proto::{HuntCondition, HuntLabelCondition, HuntOsCondition, HuntStats};
use store::hunt::{Condition, Hunt, HuntState, Labels, Os, OsCondition};

use super::flow::request;

pub fn hunt(hunt: &Hunt) -> proto::Hunt {
    proto::Hunt {
        hunt_id: hunt.hunt_id.clone(),
        version: hunt.version,
        create_time: hunt.create_time,
        creator: hunt.creator.clone(),
        start_time: hunt.start_time,
        expires: hunt.expires,
        hunt_description: hunt.hunt_description.clone(),
        tags: hunt.tags.clone(),
        start_request: Some(request(&hunt.start_request)),
        condition: Some(condition(&hunt.condition)),
        client_limit: hunt.client_limit,
        stats: Some(stats(&hunt.stats)),
        artifacts: hunt.artifacts.clone(),
        artifact_sources: hunt.artifact_sources.clone(),
        state: state(hunt.state).into(),
        org_ids: hunt.org_ids.clone(),
    }
}

fn stats(stats: &store::hunt::HuntStats) -> HuntStats {
    HuntStats {
        total_clients_scheduled: stats.total_clients_scheduled,
        total_clients_with_results: stats.total_clients_with_results,
        total_clients_without_results: stats.total_clients_without_results,
        total_clients_with_errors: stats.total_clients_with_errors,
        total_uploaded_bytes: stats.total_uploaded_bytes,
        total_collected_rows: stats.total_collected_rows,
        total_finished_clients: stats.total_finished_clients,
        stopped: stats.stopped,
        available_downloads: None,
        last_client_table_scan: stats.last_client_table_scan,
    }
}

/// The message has room for labels or a system; of a hunt with both, it tells the labels.
fn condition(condition: &Condition) -> HuntCondition {
    let labels = |labels: &Labels| HuntLabelCondition { label: labels.label.clone() };
    let os = |of: OsCondition| UnionField::Os(HuntOsCondition { os: wire_os(of.os).into() });
    HuntCondition {
        excluded_labels: condition.excluded_labels.as_ref().map(labels),
        union_field: match &condition.labels {
            Some(own) => Some(UnionField::Labels(labels(own))),
            None => condition.os.map(os),
        },
    }
}

/// A condition as it is stored: empty lists of labels and `ALL` exclude nobody.
pub fn stored_condition(condition: HuntCondition) -> Condition {
    let labels = |of: HuntLabelCondition| Some(Labels { label: of.label }).filter(|l| !l.label.is_empty());
    let excluded_labels = condition.excluded_labels.and_then(labels);
    match condition.union_field {
        Some(UnionField::Labels(own)) => Condition { excluded_labels, labels: labels(own), os: None },
        Some(UnionField::Os(own)) => {
            let os = match own.os() {
                WireOs::All => None,
                WireOs::Windows => Some(Os::Windows),
                WireOs::Linux => Some(Os::Linux),
                WireOs::Osx => Some(Os::Osx),
            };
            Condition { excluded_labels, labels: None, os: os.map(|os| OsCondition { os }) }
        }
        None => Condition { excluded_labels, ..Condition::default() },
    }
}

fn wire_os(os: Os) -> WireOs {
    match os {
        Os::All => WireOs::All,
        Os::Windows => WireOs::Windows,
        Os::Linux => WireOs::Linux,
        Os::Osx => WireOs::Osx,
    }
}

fn state(state: HuntState) -> State {
    match state {
        HuntState::Unset => State::Unset,
        HuntState::Paused => State::Paused,
        HuntState::Running => State::Running,
        HuntState::Stopped => State::Stopped,
        HuntState::Archived => State::Archived,
        HuntState::Deleted => State::Deleted,
    }
}

/// A state as it is stored; `UNSET` is none.
pub fn stored_state(state: State) -> Option<HuntState> {
    match state {
        State::Unset => None,
        State::Paused => Some(HuntState::Paused),
        State::Running => Some(HuntState::Running),
        State::Stopped => Some(HuntState::Stopped),
        State::Archived => Some(HuntState::Archived),
        State::Deleted => Some(HuntState::Deleted),
    }
}
