//! Queries for agents, and their answers (the osquery reference, sections 5 and 6).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::db::Tx;
use store::fleet::host::{self, Facts, Host};
use store::fleet::{Outcome, Time};

use super::details::{self, Row};
use super::node::Node;
use super::refusal::Answer;
use super::registry::{Agent, State as AgentState};
use super::work::Work;
use crate::live::LiveResult;
use crate::reply::json;
use crate::server::Fleet;

const DETAIL: &str = "fleet_detail_query_";
const ADDITIONAL: &str = "fleet_additional_query_";
const LABEL: &str = "fleet_label_query_";
const POLICY: &str = "fleet_policy_query_";
const LIVE: &str = "fleet_distributed_query_";

/// How fast an agent should come back while nothing is known of its host, in seconds.
const ACCELERATE: u32 = 10;
/// What an agent without work is answered.
const IDLE: &[u8] = br#"{"queries":{},"discovery":{}}"#;

#[derive(Deserialize)]
pub struct Nothing {}

#[derive(Default, Serialize)]
struct Questions {
    queries: BTreeMap<String, String>,
    discovery: BTreeMap<String, &'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accelerate: Option<u32>,
}

impl Questions {
    fn ask(&mut self, name: String, sql: &str) {
        self.ask_if(name, sql, "SELECT 1");
    }

    fn ask_if(&mut self, name: String, sql: &str, discovery: &'static str) {
        self.discovery.insert(name.clone(), discovery);
        self.queries.insert(name, sql.to_owned());
    }
}

pub async fn read(State(fleet): State<Arc<Fleet>>, node: Node<Nothing>) -> Answer<Response> {
    let work = fleet.agents.work(&fleet.db).await?;
    let mut questions = Questions::default();
    ask_what_is_due(&fleet, &node.agent, &work, &mut questions);
    for (campaign, sql) in fleet.live.questions(node.agent.host_id) {
        questions.ask(format!("{LIVE}{campaign}"), &sql);
    }
    if questions.queries.is_empty() {
        return Ok(json(StatusCode::OK, IDLE));
    }
    Ok(json(StatusCode::OK, serde_json::to_vec(&questions).unwrap_or_default()))
}

fn ask_what_is_due(fleet: &Fleet, agent: &Agent, work: &Arc<Work>, questions: &mut Questions) {
    let now = Time::now();
    let mut state = agent.state.lock();
    let AgentState { host, asked, .. } = &mut *state;
    let due = |last: Time, interval: Duration| {
        let seconds = interval.as_secs();
        let late =
            fleet.agents.jitter(host.id, seconds * u64::from(fleet.settings.max_jitter_percent) / 100 + 1);
        host.refetch_requested || last.plus_seconds((seconds + late) as i64) <= now
    };
    // Without a platform only part of the questions can be asked; the rest follows at once.
    let incomplete = host.platform.is_empty() || host.hostname.is_empty();
    if (due(host.detail_updated_at, fleet.settings.detail_interval) || incomplete)
        && !asked.details.is_in_flight()
    {
        details::ask(work, host, &mut |name, sql, discovery| {
            questions.ask_if(format!("{DETAIL}{name}"), sql, discovery);
        });
        for (name, sql) in &work.additional {
            questions.ask(format!("{ADDITIONAL}{name}"), sql);
        }
        asked.details.ask(work);
    }
    if due(host.label_updated_at, fleet.settings.label_interval) && !asked.labels.is_in_flight() {
        work.labels_of(host).for_each(|label| questions.ask(format!("{LABEL}{}", label.id), &label.query));
        asked.labels.ask(work);
    }
    if due(host.policy_updated_at, fleet.settings.policy_interval) && !asked.policies.is_in_flight() {
        work.policies_of(host)
            .for_each(|policy| questions.ask(format!("{POLICY}{}", policy.id), &policy.query));
        asked.policies.ask(work);
    }
    if incomplete && !questions.queries.is_empty() {
        questions.accelerate = Some(ACCELERATE);
    }
}

#[derive(Deserialize)]
pub struct Given {
    #[serde(default)]
    queries: BTreeMap<String, Json>,
    #[serde(default)]
    statuses: BTreeMap<String, Json>,
    #[serde(default)]
    messages: BTreeMap<String, Json>,
}

/// The answer to one question.
struct Reply {
    rows: Vec<Row>,
    failed: bool,
    message: String,
}

impl Given {
    /// Every answer by name. A status without rows is an answer as well: of a query that failed, from old agents.
    fn into_replies(mut self) -> Vec<(String, Reply)> {
        let mut names: Vec<String> = self.queries.keys().chain(self.statuses.keys()).cloned().collect();
        names.sort();
        names.dedup();
        let reply = |name: String| {
            let has_rows = self.queries.contains_key(&name);
            let rows = self.queries.remove(&name).map(details::rows).unwrap_or_default();
            let failed = self.statuses.get(&name).map_or(!has_rows, is_failure);
            let message = self.messages.get(&name).and_then(Json::as_str).unwrap_or_default().to_owned();
            (name, Reply { rows, failed, message })
        };
        names.into_iter().map(reply).collect()
    }
}

/// Anything but zero, as a number or a text.
fn is_failure(status: &Json) -> bool {
    match status {
        Json::Number(number) => number.as_i64() != Some(0),
        Json::String(text) => !text.is_empty() && text != "0",
        _ => true,
    }
}

/// What a write changes, sorted by where it goes.
#[derive(Default)]
struct Sorted {
    details: details::Ingest,
    has_details: bool,
    additional: Option<serde_json::Map<String, Json>>,
    labels: Option<Vec<(u32, bool)>>,
    policies: Option<Vec<(u32, Option<bool>)>>,
    live: Vec<(u32, LiveResult)>,
}

pub async fn write(State(fleet): State<Arc<Fleet>>, node: Node<Given>) -> Answer<Response> {
    let Node { agent, body } = node;
    let (host, sorted) = {
        let state = agent.state.lock();
        (state.host.clone(), sort(&fleet, &state, body))
    };
    // First, as people wait for these; a campaign that nobody reads yet holds them.
    for (campaign, result) in sorted.live {
        if !fleet.live.publish(campaign, &host, result).await {
            fleet.agents.refuse("live query not asked");
        }
    }
    if sorted.has_details || sorted.labels.is_some() || sorted.policies.is_some() {
        let id = agent.host_id;
        let stored = Stored {
            facts: sorted.details.facts,
            more: sorted.details.more,
            has_details: sorted.has_details,
            additional: sorted.additional.map(|additional| Json::Object(additional).to_string()),
            labels: sorted.labels,
            policies: sorted.policies,
        };
        let answered = [stored.has_details, stored.labels.is_some(), stored.policies.is_some()];
        let changes_config = stored.labels.is_some() || stored.has_details;
        let host = fleet.db.write(move |tx| stored.save(tx, id)).await?;
        let mut state = agent.state.lock();
        if changes_config {
            state.config = None;
        }
        note_answers(&mut state, answered);
        state.host = Arc::new(host);
    }
    Ok(json(StatusCode::OK, "{}"))
}

/// What was answered (details, labels, policies) may be asked again when it is due.
fn note_answers(state: &mut AgentState, answered: [bool; 3]) {
    let asked = &mut state.asked;
    let questions = [&mut asked.details, &mut asked.labels, &mut asked.policies];
    for (question, is_answered) in questions.into_iter().zip(answered) {
        if is_answered {
            question.answered();
        }
    }
}

/// Takes the answers apart. What was not asked is left out, and counted.
fn sort(fleet: &Fleet, state: &AgentState, given: Given) -> Sorted {
    let mut sorted = Sorted::default();
    let refuse = |reason| fleet.agents.refuse(reason);
    for (name, reply) in given.into_replies() {
        let id = |prefix: &str| name.strip_prefix(prefix).and_then(|id| id.parse::<u32>().ok());
        if let Some(detail) = name.strip_prefix(DETAIL) {
            if state.asked.details.answerable().is_none() {
                refuse("details not asked");
                continue;
            }
            sorted.has_details = true;
            if !reply.failed {
                details::ingest(detail, reply.rows, &mut sorted.details);
            }
        } else if let Some(additional) = name.strip_prefix(ADDITIONAL) {
            if state.asked.details.answerable().is_none() {
                refuse("details not asked");
                continue;
            }
            let rows =
                if reply.failed { Json::Null } else { serde_json::to_value(&reply.rows).unwrap_or_default() };
            sorted.additional.get_or_insert_default().insert(additional.to_owned(), rows);
        } else if let Some(id) = id(LABEL) {
            match state.asked.labels.answerable() {
                Some(work) if work.labels_of(&state.host).any(|label| label.id == id) => {
                    // A query that failed says nothing about membership.
                    let results = sorted.labels.get_or_insert_default();
                    if !reply.failed {
                        results.push((id, !reply.rows.is_empty()));
                    }
                }
                _ => refuse("label not asked"),
            }
        } else if let Some(id) = id(POLICY) {
            match state.asked.policies.answerable() {
                Some(work) if work.policies_of(&state.host).any(|policy| policy.id == id) => {
                    let passes = (!reply.failed).then_some(!reply.rows.is_empty());
                    sorted.policies.get_or_insert_default().push((id, passes));
                }
                _ => refuse("policy not asked"),
            }
        } else if let Some(id) = id(LIVE) {
            let error = reply.failed.then_some(reply.message);
            sorted.live.push((id, LiveResult { rows: reply.rows, error }));
        } else {
            refuse("unknown query");
        }
    }
    sorted
}

/// What is written down of an answer.
struct Stored {
    facts: Facts,
    more: host::More,
    has_details: bool,
    additional: Option<String>,
    labels: Option<Vec<(u32, bool)>>,
    policies: Option<Vec<(u32, Option<bool>)>>,
}

impl Stored {
    fn save(&self, tx: &mut Tx<'_>, id: u32) -> Outcome<Host> {
        if self.has_details {
            host::save_facts(tx, id, &self.facts, true)?;
            host::save_more(tx, id, &self.more)?;
        }
        if let Some(additional) = &self.additional {
            host::save_additional(tx, id, additional)?;
        }
        if let Some(labels) = &self.labels {
            host::label_results(tx, id, labels)?;
        }
        if let Some(policies) = &self.policies {
            host::policy_results(tx, id, policies)?;
        }
        host::by_id(tx, id)
    }
}
