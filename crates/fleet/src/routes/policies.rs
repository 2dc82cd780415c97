//! Policies, of all hosts and of teams (the Fleet reference, section 9).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::db::Tx;
use store::fleet::json::given;
use store::fleet::policy::{self, Given as GivenAs, NewPolicy, Policy, PolicySpec};
use store::fleet::{Visible, activity, query, team};
use store::rights::{Action, Object, Of};

use super::specs::GivenSpecs;
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Body, Id, Ids, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "policies", routes };

fn routes() -> Vec<Route> {
    let mut routes = global();
    routes.extend(of_teams());
    let write = Access::May(Action::Write, Object::TeamPolicy);
    routes.push(Route::post("spec/policies", write, "Make or change policies by their specs.", apply));
    routes
}

fn global() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Policy);
    let write = Access::May(Action::Write, Object::Policy);
    let (all, or_all): (_, &[&str]) = ("global/policies", &["policies"]);
    let (one, or_one): (_, &[&str]) = ("global/policies/{policy_id}", &["policies/{policy_id}"]);
    let (delete, or_delete): (_, &[&str]) = ("global/policies/delete", &["policies/delete"]);
    vec![
        Route::get(all, read, "The policies of all hosts.", global_list).or(or_all),
        Route::post(all, write, "Make a policy for all hosts.", global_create).or(or_all),
        Route::get(one, read, "One policy of all hosts.", global_show).or(or_one),
        Route::patch(one, write, "Change a policy of all hosts.", global_change).or(or_one),
        Route::post(delete, write, "Delete policies of all hosts.", global_delete).or(or_delete),
    ]
}

fn of_teams() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::TeamPolicy);
    let write = Access::May(Action::Write, Object::TeamPolicy);
    let (all, or_all): (_, &[&str]) = ("teams/{team_id}/policies", &["team/{team_id}/policies"]);
    let one = "teams/{team_id}/policies/{policy_id}";
    let or_one: &[&str] = &["team/{team_id}/policies/{policy_id}"];
    let delete = "teams/{team_id}/policies/delete";
    let or_delete: &[&str] = &["team/{team_id}/policies/delete"];
    vec![
        Route::get(all, read, "The policies of a team.", team_list).or(or_all),
        Route::post(all, write, "Make a policy for a team.", team_create).or(or_all),
        Route::get(one, read, "One policy of a team.", team_show).or(or_one),
        Route::patch(one, write, "Change a policy of a team.", team_change).or(or_one),
        Route::post(delete, write, "Delete policies of a team.", team_delete).or(or_delete),
    ]
}

#[derive(Serialize, JsonSchema)]
struct One {
    policy: Policy,
}

#[derive(Serialize, JsonSchema)]
struct Many {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<Policy>,
}

#[derive(Deserialize, JsonSchema)]
struct GivenIds {
    ids: Option<BTreeSet<u32>>,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    deleted: BTreeSet<u32>,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    /// A saved query to take name, text and description from, as old clients do.
    query_id: Option<u32>,
    name: Option<String>,
    query: Option<String>,
    description: Option<String>,
    #[serde(default, deserialize_with = "given")]
    resolution: Option<Option<String>>,
    platform: Option<String>,
}

impl Given {
    /// What is not given stays as it is in `base`.
    fn over(&self, base: NewPolicy) -> NewPolicy {
        NewPolicy {
            name: self.name.clone().unwrap_or(base.name),
            query: self.query.clone().unwrap_or(base.query),
            description: self.description.clone().unwrap_or(base.description),
            resolution: self.resolution.clone().unwrap_or(base.resolution),
            platform: self.platform.clone().unwrap_or(base.platform),
        }
    }

    fn to_new(&self, tx: &mut Tx<'_>) -> Result<NewPolicy> {
        let Some(id) = self.query_id else { return Ok(self.over(NewPolicy::default())) };
        if self.query.as_ref().is_some_and(|query| !query.is_empty()) {
            let reason = "policy payload verification: both fields \"queryID\" and \"query\" cannot be set";
            return Err(Error::bad_request(reason));
        }
        let saved = query::by_id(tx, id)?;
        let new = NewPolicy {
            name: saved.name,
            query: saved.query,
            description: saved.description,
            resolution: self.resolution.clone().flatten(),
            platform: self.platform.clone().unwrap_or_default(),
        };
        Ok(new)
    }
}

/// 403 unless the viewer may do that to the policies of a team or of all hosts, 404 when there is no such team.
fn require(tx: &mut Tx<'_>, viewer: &Viewer, action: Action, team_id: Option<u32>) -> Result<()> {
    let Some(id) = team_id else { return viewer.require(action, Object::Policy, Of::All) };
    viewer.require(action, Object::TeamPolicy, Of::Team(Some(id)))?;
    team::by_id(tx, id)?;
    Ok(())
}

/// The hosts that count for a viewer: of a team those on it.
fn visible(viewer: &Viewer, team_id: Option<u32>) -> Visible {
    let visible = viewer.subject.visible_hosts();
    team_id.map_or(visible.clone(), |id| visible.within(id))
}

fn note(tx: &mut Tx<'_>, viewer: &Viewer, kind: &str, details: &serde_json::Value) -> Result<()> {
    Ok(activity::record(tx, (viewer.user.id, &viewer.user.name), kind, details)?)
}

/// The policy, when it is of this team or, without one, of all hosts.
fn find(tx: &mut Tx<'_>, viewer: &Viewer, team_id: Option<u32>, id: u32) -> Result<Policy> {
    let policy = policy::by_id(tx, id, &visible(viewer, team_id))?;
    if policy.team_id != team_id {
        return Err(Error::not_found("Policy", id));
    }
    Ok(policy)
}

async fn list(fleet: &Fleet, viewer: Viewer, team_id: Option<u32>) -> Result<Reply<Many>> {
    let policies = fleet.db.read(move |tx| -> Result<_> {
        require(tx, &viewer, Action::Read, team_id)?;
        Ok(policy::list(tx, team_id, &visible(&viewer, team_id))?)
    });
    Ok(Reply(Many { policies: policies.await? }))
}

async fn show(fleet: &Fleet, viewer: Viewer, team_id: Option<u32>, id: u32) -> Result<Reply<One>> {
    let policy = fleet.db.read(move |tx| -> Result<_> {
        require(tx, &viewer, Action::Read, team_id)?;
        find(tx, &viewer, team_id, id)
    });
    Ok(Reply(One { policy: policy.await? }))
}

async fn create(fleet: &Fleet, viewer: Viewer, team_id: Option<u32>, given: Given) -> Result<Reply<One>> {
    let policy = fleet.db.write(move |tx| -> Result<_> {
        require(tx, &viewer, Action::Write, team_id)?;
        let new = given.to_new(tx)?;
        let id = policy::create(tx, &new, GivenAs::Policy, viewer.user.id, team_id)?;
        note(tx, &viewer, "created_policy", &json!({"policy_id": id, "policy_name": new.name}))?;
        find(tx, &viewer, team_id, id)
    });
    Ok(Reply(One { policy: policy.await? }))
}

async fn change(
    fleet: &Fleet,
    viewer: Viewer,
    team_id: Option<u32>,
    id: u32,
    given: Given,
) -> Result<Reply<One>> {
    let policy = fleet.db.write(move |tx| -> Result<_> {
        require(tx, &viewer, Action::Write, team_id)?;
        let new = given.over(NewPolicy::of(&find(tx, &viewer, team_id, id)?));
        policy::update(tx, id, &new, GivenAs::Policy)?;
        note(tx, &viewer, "edited_policy", &json!({"policy_id": id, "policy_name": new.name}))?;
        find(tx, &viewer, team_id, id)
    });
    Ok(Reply(One { policy: policy.await? }))
}

/// All of them or none.
async fn delete(
    fleet: &Fleet,
    viewer: Viewer,
    team_id: Option<u32>,
    given: GivenIds,
) -> Result<Reply<Deleted>> {
    let deleted = fleet.db.write(move |tx| -> Result<_> {
        require(tx, &viewer, Action::Write, team_id)?;
        let ids = given.ids.clone().unwrap_or_default();
        for id in &ids {
            let policy = policy::by_id(tx, *id, &Visible::All)?;
            match (team_id, policy.team_id) {
                // Published as it is: the other way round it is 404.
                (None, Some(_)) => return Err(Error::forbidden()),
                (of, is) if of != is => return Err(Error::not_found("Policy", id)),
                _ => {}
            }
            policy::delete(tx, *id)?;
            note(tx, &viewer, "deleted_policy", &json!({"policy_id": id, "policy_name": policy.name}))?;
        }
        Ok(ids)
    });
    Ok(Reply(Deleted { deleted: deleted.await? }))
}

async fn global_list(State(fleet): State<Arc<Fleet>>, viewer: Viewer) -> Result<Reply<Many>> {
    list(&fleet, viewer, None).await
}

async fn global_show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<One>> {
    show(&fleet, viewer, None, id).await
}

async fn global_create(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    create(&fleet, viewer, None, given).await
}

async fn global_change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    change(&fleet, viewer, None, id, given).await
}

async fn global_delete(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<GivenIds>,
) -> Result<Reply<Deleted>> {
    delete(&fleet, viewer, None, given).await
}

async fn team_list(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(team): Id) -> Result<Reply<Many>> {
    list(&fleet, viewer, Some(team)).await
}

async fn team_show(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Ids(team, id): Ids,
) -> Result<Reply<One>> {
    show(&fleet, viewer, Some(team), id).await
}

async fn team_create(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(team): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    create(&fleet, viewer, Some(team), given).await
}

async fn team_change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Ids(team, id): Ids,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    change(&fleet, viewer, Some(team), id, given).await
}

async fn team_delete(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(team): Id,
    Body(given): Body<GivenIds>,
) -> Result<Reply<Deleted>> {
    delete(&fleet, viewer, Some(team), given).await
}

/// Both the scope that a spec names and the one that a known policy has must be the viewer's to write.
async fn apply(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<GivenSpecs<PolicySpec>>,
) -> Result<Reply<Empty>> {
    let specs = given.take()?;
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        for spec in &specs {
            let team_id = match spec.team.trim() {
                "" => None,
                name => Some(team::by_name(tx, name)?.id),
            };
            let known = policy::find(tx, &spec.name)?;
            if team_id.is_some() || known.is_none() {
                require(tx, &viewer, Action::Write, team_id)?;
            }
            if let Some((_, team_id)) = known {
                require(tx, &viewer, Action::Write, team_id)?;
            }
            policy::apply(tx, spec, viewer.user.id, team_id)?;
        }
        note(tx, &viewer, "applied_spec_policy", &json!({"policies": specs}))
    });
    done.await?;
    Ok(DONE)
}
