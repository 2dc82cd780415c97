//! Tasks (the Cuckoo reference, sections 5.1 to 5.13).

use std::sync::Arc;

use axum::Router;

use crate::server::Sandbox;

mod change;
mod create;
mod events;
mod list;
mod report;
mod screenshots;
mod submit;
mod view;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .merge(change::routes())
        .merge(create::routes())
        .merge(events::routes())
        .merge(list::routes())
        .merge(report::routes())
        .merge(screenshots::routes())
        .merge(submit::routes())
        .merge(view::routes())
}
