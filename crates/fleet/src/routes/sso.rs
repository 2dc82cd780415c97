//! Single sign-on (the Fleet reference, section 1.1): its settings are kept, it is not built, and that is what is said.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::app_config;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::route::{Access, Noun, Route, Versions};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "single sign-on", routes };

fn routes() -> Vec<Route> {
    let public = Access::Public("it tells nothing but a name and a picture");
    vec![
        Route::get("sso", public, "Whether users can log in elsewhere.", settings).under(Versions::V1),
        Route::post("sso", public, "Begin to log in elsewhere: not built.", begin).under(Versions::V1),
        Route::post("sso/callback", public, "End to log in elsewhere: not built.", begin).under(Versions::V1),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Answer {
    settings: Settings,
}

#[derive(Serialize, JsonSchema)]
struct Settings {
    idp_name: String,
    idp_image_url: String,
    /// Never, whatever the configuration says.
    sso_enabled: bool,
}

async fn settings(State(fleet): State<Arc<Fleet>>) -> Result<Reply<Answer>> {
    let config = fleet.db.read(app_config::get).await?;
    let text = |key: &str| config["sso_settings"][key].as_str().unwrap_or_default().to_owned();
    let settings =
        Settings { idp_name: text("idp_name"), idp_image_url: text("idp_image_url"), sso_enabled: false };
    Ok(Reply(Answer { settings }))
}

async fn begin() -> Error {
    Error::bad_request("single sign-on is not built: log in with a password")
}
