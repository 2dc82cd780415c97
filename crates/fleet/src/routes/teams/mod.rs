//! Teams (the Fleet reference, section 8).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::db::Tx;
use store::fleet::enroll_secret::{self, EnrollSecret};
use store::fleet::team::{self, NewTeam, Team, TeamSpec};
use store::fleet::user::{self, User};
use store::fleet::{Outcome, activity};
use store::rights::{Action, Object, Of, Role};

use super::specs::GivenSpecs;
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Asked, Body, Id, Kind, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

mod members;
mod secrets;

pub const NOUN: Noun = Noun { name: "teams", routes };

fn routes() -> Vec<Route> {
    let see = Access::May(Action::List, Object::Team);
    let read = Access::May(Action::Read, Object::Team);
    let create = Access::May(Action::Create, Object::Team);
    let write = Access::May(Action::Write, Object::Team);
    let mut routes = vec![
        Route::get("teams", see, "The teams that one is on; all of them with a global role.", list),
        Route::post("teams", create, "Make a team.", make),
        Route::get("teams/{id}", read, "One team.", show),
        Route::patch("teams/{id}", write, "Change a team.", change),
        Route::delete("teams/{id}", write, "Delete a team.", delete),
        Route::post("teams/{id}/agent_options", write, "Replace the agent options of a team.", set_options),
        Route::post("spec/teams", write, "Make or change teams by their specs.", apply),
    ];
    routes.extend(members::routes());
    routes.extend(secrets::routes());
    routes
}

#[derive(Serialize, JsonSchema)]
struct One {
    team: Shown,
}

#[derive(Serialize, JsonSchema)]
struct Many {
    teams: Vec<Team>,
}

/// A team with its users and secrets, for those who may read it.
#[derive(Serialize, JsonSchema)]
struct Shown {
    #[serde(flatten)]
    team: Team,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    users: Vec<TeamUser>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<EnrollSecret>,
}

#[derive(Serialize, JsonSchema)]
struct TeamUser {
    #[serde(flatten)]
    user: User,
    role: Role,
}

fn shown(tx: &mut Tx<'_>, id: u32) -> Outcome<One> {
    let team = team::by_id(tx, id)?;
    let mut users = Vec::new();
    for (user_id, role) in team::users(tx, id)? {
        users.push(TeamUser { user: user::by_id(tx, user_id)?, role });
    }
    let secrets = enroll_secret::list(tx, Some(id))?;
    Ok(One { team: Shown { team, users, secrets } })
}

fn note(tx: &mut Tx<'_>, viewer: &Viewer, kind: &str, id: u32, name: &str) -> Outcome<()> {
    let details = json!({"team_id": id, "team_name": name});
    activity::record(tx, (viewer.user.id, &viewer.user.name), kind, &details)
}

#[derive(Deserialize, JsonSchema)]
struct GivenSecret {
    secret: String,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    name: Option<String>,
    description: Option<String>,
    /// Of new teams.
    secrets: Option<Vec<GivenSecret>>,
    /// Of known teams.
    webhook_settings: Option<Json>,
}

/// What lists of teams take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(team::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[Parameter("query", Kind::Text, "Part of the name.")];
}

async fn list(State(fleet): State<Arc<Fleet>>, viewer: Viewer, asked: Asked<Listing>) -> Result<Reply<Many>> {
    // Those whose hosts one sees are those that one is on.
    let visible = viewer.subject.visible_hosts();
    let teams = fleet.db.read(move |tx| team::list(tx, &asked.options, &visible)).await?;
    Ok(Reply(Many { teams }))
}

async fn show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<One>> {
    viewer.require(Action::Read, Object::Team, Of::Team(Some(id)))?;
    Ok(Reply(fleet.db.read(move |tx| shown(tx, id)).await?))
}

/// A team without secrets gets a random one.
async fn make(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let secrets = match given.secrets {
        Some(given) if !given.is_empty() => given.into_iter().map(|given| given.secret).collect(),
        _ => vec![enroll_secret::random()],
    };
    let new = NewTeam {
        name: given.name.ok_or_else(|| Error::invalid("name", "missing required argument"))?,
        description: given.description.unwrap_or_default(),
        agent_options: None,
        secrets,
    };
    let made = fleet.db.write(move |tx| -> Outcome<_> {
        let options = team::global_agent_options(tx)?;
        let id = team::create(tx, &NewTeam { agent_options: options, ..new.clone() })?;
        note(tx, &viewer, "created_team", id, &new.name)?;
        shown(tx, id)
    });
    Ok(Reply(made.await?))
}

async fn change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    viewer.require(Action::Write, Object::Team, Of::Team(Some(id)))?;
    if given.webhook_settings.as_ref().is_some_and(|settings| !settings.is_object()) {
        return Err(Error::invalid("webhook_settings", "must be an object"));
    }
    let changed = fleet.db.write(move |tx| -> Outcome<_> {
        let Given { name, description, webhook_settings, .. } = &given;
        team::update(tx, id, name.as_deref(), description.as_deref(), webhook_settings.as_ref())?;
        shown(tx, id)
    });
    Ok(Reply(changed.await?))
}

async fn delete(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    viewer.require(Action::Write, Object::Team, Of::Team(Some(id)))?;
    let hosts = fleet.db.write(move |tx| -> Outcome<_> {
        let name = team::by_id(tx, id)?.name;
        let hosts = team::delete(tx, id)?;
        note(tx, &viewer, "deleted_team", id, &name)?;
        Ok(hosts)
    });
    for host in hosts.await? {
        fleet.agents.refresh(&fleet.db, host).await?;
    }
    Ok(DONE)
}

async fn set_options(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Json>,
) -> Result<Reply<One>> {
    viewer.require(Action::Write, Object::Team, Of::Team(Some(id)))?;
    let options = team::check_agent_options(given)?;
    let changed = fleet.db.write(move |tx| -> Outcome<_> {
        team::set_agent_options(tx, id, options.as_ref())?;
        shown(tx, id)
    });
    Ok(Reply(changed.await?))
}

/// All specs are checked before anything is written.
async fn apply(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<GivenSpecs<TeamSpec>>,
) -> Result<Reply<Empty>> {
    let specs = given.take()?;
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        for spec in &specs {
            match team::find(tx, &spec.name)? {
                Some(id) => viewer.require(Action::Write, Object::Team, Of::Team(Some(id)))?,
                None => viewer.require(Action::Create, Object::Team, Of::All)?,
            }
        }
        for spec in &specs {
            let (id, is_new) = team::apply(tx, spec)?;
            if is_new {
                note(tx, &viewer, "created_team", id, &spec.name)?;
            }
        }
        Ok(())
    });
    done.await?;
    Ok(DONE)
}
