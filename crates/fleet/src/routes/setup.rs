//! The first user and the first settings (the Fleet reference, section 2.1).

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use store::fleet::user::{self, NewUser, User};
use store::fleet::{Fault, app_config, enroll_secret, password, session};
use store::rights::Role;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::Body;
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "setup", routes };

fn routes() -> Vec<Route> {
    let access = Access::Public("works only once");
    vec![Route::post("setup", access, "Make the first user and the first settings.", set_up)]
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    admin: Option<Admin>,
    #[serde(default)]
    org_info: OrgInfo,
    #[serde(default)]
    server_url: String,
}

#[derive(Deserialize, JsonSchema)]
struct Admin {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    gravatar_url: String,
    #[serde(default)]
    position: String,
}

#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
struct OrgInfo {
    #[serde(default)]
    org_name: String,
    #[serde(default)]
    org_logo_url: String,
}

#[derive(Serialize, JsonSchema)]
struct Done {
    admin: User,
    org_info: OrgInfo,
    server_url: String,
    osquery_enroll_secret: Json,
    token: String,
}

async fn set_up(State(fleet): State<Arc<Fleet>>, Body(given): Body<Given>) -> Result<Reply<Done>> {
    let admin = check(&given)?;
    let password = admin.password.clone();
    let hash = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    let hash =
        hash.map_err(|_| Error::plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot hash the password"))??;
    let new = NewUser {
        name: admin.name.clone(),
        email: admin.email.clone(),
        password_hash: Some(hash),
        gravatar_url: admin.gravatar_url.clone(),
        position: admin.position.clone(),
        global_role: Some(Role::Admin),
        ..NewUser::default()
    };
    let (org_info, server_url) = (given.org_info.clone(), given.server_url.clone());
    let (admin, token) = fleet
        .db
        .write(move |tx| -> Result<_> {
            // Two at once: the second finds a user.
            if user::is_set_up(tx)? {
                return Err(Error::plain(StatusCode::NOT_FOUND, "404 page not found"));
            }
            let admin = user::create(tx, &new)?;
            enroll_secret::replace(tx, None, &[enroll_secret::random()])?;
            let config = json!({"org_info": org_info, "server_settings": {"server_url": server_url}});
            app_config::set(tx, &config)?;
            let token = session::create(tx, admin.id)?;
            Ok((admin, token))
        })
        .await?;
    Ok(Reply(Done {
        admin,
        org_info: given.org_info,
        server_url: given.server_url,
        osquery_enroll_secret: Json::Null,
        token,
    }))
}

fn check(given: &Given) -> Result<&Admin> {
    let refuse = |text: &str| Error::plain(StatusCode::INTERNAL_SERVER_ERROR, text);
    let admin = given.admin.as_ref().ok_or_else(|| refuse("setup request must provide admin"))?;
    if admin.email.trim().is_empty() {
        return Err(refuse("admin email cannot be empty"));
    }
    if admin.password.is_empty() {
        return Err(refuse("admin password cannot be empty"));
    }
    if given.server_url.is_empty() {
        return Err(Fault::invalid("server_url", "missing required argument").into());
    }
    if !given.server_url.starts_with("https://") && !given.server_url.contains("localhost") {
        return Err(Fault::invalid("server_url", "url scheme must be https").into());
    }
    Ok(admin)
}
