//! The settings that administrators change at run time (the Fleet reference, sections 3.1, 3.2 and 3.5).

mod certificate;
mod check;
mod secrets;
mod shape;
mod show;

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use serde_json::Value as Json;
use store::fleet::app_config;
use store::rights::{Action, Object, Of};

use self::shape::Settings;
use crate::error::{Error, Result};
use crate::mail::{Mail, Mailer};
use crate::reply::Reply;
use crate::request::{Asked, Body, Kind, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "config", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Config);
    let write = Access::May(Action::Write, Object::Config);
    vec![
        Route::get(
            "config",
            read,
            "The settings; without some sections for those who do not administer.",
            get,
        ),
        Route::patch("config", write, "Change the settings that are given.", patch),
        Route::get("config/certificate", Access::Session, "The server's own certificates.", certificate::get),
    ]
}

async fn get(State(fleet): State<Arc<Fleet>>, viewer: Viewer) -> Result<Reply<Settings>> {
    let config = fleet.db.read(app_config::get).await?;
    let mut shown = show::shown(config, viewer.is_admin());
    show::add_fixed(&mut shown, &fleet.settings);
    Ok(Reply(Settings(shown)))
}

/// What changes of settings take besides.
struct Patching;

impl Parameters for Patching {
    const PAGING: Paging = Paging::None;
    const OWN: &'static [Parameter] = &[Parameter("dry_run", Kind::Flag, "Check and show, store nothing.")];
}

/// `?dry_run=true` checks and shows, and stores nothing.
async fn patch(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Patching>,
    Body(Settings(mut patch)): Body<Settings>,
) -> Result<Reply<Settings>> {
    let dry_run = query.flag("dry_run")?;
    shape::check(&mut patch)?;
    let before = fleet.db.read(app_config::get).await?;
    let after = merged(&before, &patch)?;
    if !dry_run {
        test_mail(&before, &after, &viewer.user.email).await?;
    }
    let tested = after["smtp_settings"].clone();
    let stored = fleet.db.write(move |tx| -> Result<_> {
        viewer.require(Action::Write, Object::Config, Of::All)?;
        let after = merged(&app_config::get(tx)?, &patch)?;
        if after["smtp_settings"] != tested {
            return Err(Error::plain(StatusCode::CONFLICT, "the settings were changed meanwhile, try again"));
        }
        if !dry_run {
            app_config::set(tx, &after)?;
        }
        Ok(after)
    });
    let mut shown = show::shown(stored.await?, true);
    show::add_fixed(&mut shown, &fleet.settings);
    shown["update_interval"] = Json::Null;
    shown["vulnerabilities"] = Json::Null;
    Ok(Reply(Settings(shown)))
}

/// The settings with the change laid over them, checked.
fn merged(before: &Json, patch: &Json) -> Result<Json> {
    let mut patch = patch.clone();
    secrets::restore(before, &mut patch)?;
    let mut after = before.clone();
    app_config::merge(&mut after, patch.clone());
    if let Some(settings) = after["host_settings"].as_object_mut()
        && settings.get("additional_queries").is_some_and(Json::is_null)
    {
        settings.remove("additional_queries");
    }
    // Mail counts as configured once a first one was sent, which switching it on depends on.
    after["smtp_settings"]["configured"] = after["smtp_settings"]["enable_smtp"].clone();
    check::check(&patch, &after)?;
    Ok(after)
}

/// Sends a mail to the one who changes the settings of mail, before they count.
async fn test_mail(before: &Json, after: &Json, to: &str) -> Result<()> {
    let is_new = before["smtp_settings"] != after["smtp_settings"];
    let mailer = Mailer::of(after).map_err(|error| Error::invalid("smtp_settings", error.to_string()))?;
    let Some(mailer) = mailer.filter(|_| is_new) else { return Ok(()) };
    let text = "This server can send mails now.\n".to_owned();
    Ok(mailer.send(&Mail { to: to.to_owned(), subject: "Mail works", text }).await?)
}
