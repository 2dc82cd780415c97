//! How a task goes on, as it goes on: beyond the published API. Server-sent events, one JSON object each: `status`, and `progress`
//! while it runs. The stream ends with the task. While there is nothing to tell, there is a comment (`:`) now and then.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde_json::{Value as Json, json};
use store::sandbox::{Status, task};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::api::routes::path::Id;
use crate::api::{Error, Result};
use crate::scheduler;
use crate::server::{Progress, Sandbox};

/// How often the state is looked at when nothing is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// After how long without news a line without meaning is sent: proxies close what is silent, and who has left is noticed.
const SILENCE: Duration = Duration::from_secs(15);

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/tasks/events/{id}", get(events))
}

struct Following {
    sandbox: Arc<Sandbox>,
    id: u32,
    news: Receiver<(u32, Progress)>,
    said: Option<Json>,
    is_over: bool,
}

async fn events(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Response> {
    let news = sandbox.notes.listen();
    let found = sandbox.db.read(move |tx| task::view(tx, id)).await?;
    found.ok_or_else(|| Error::not_found("Task not found"))?;
    let following = Following { sandbox, id, news, said: None, is_over: false };
    let body = stream::unfold(following, async |mut following: Following| {
        let line = match tokio::time::timeout(SILENCE, following.next()).await {
            Ok(event) => format!("data: {}\n\n", event?),
            Err(_) => ":\n\n".to_owned(),
        };
        Some((Ok::<_, Infallible>(Bytes::from(line)), following))
    });
    let mut response = Response::new(Body::from_stream(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

impl Following {
    /// The next thing to say; `None` after the end.
    async fn next(&mut self) -> Option<Json> {
        while !self.is_over {
            let now = self.look().await?;
            if self.said.as_ref() != Some(&now) {
                self.said = Some(now.clone());
                return Some(now);
            }
            self.wait().await;
        }
        None
    }

    async fn look(&mut self) -> Option<Json> {
        let id = self.id;
        let task = self.sandbox.db.read(move |tx| task::view(tx, id)).await.ok().flatten()?;
        self.is_over = task.status.is_final();
        let running = task.status == Status::Running;
        let progress = if running { self.sandbox.notes.progress(id) } else { None };
        let waits_for = scheduler::waits_for(&self.sandbox, &task);
        Some(json!({"id": id, "status": task.status, "progress": progress, "waits_for": waits_for}))
    }

    /// Until there may be something new.
    async fn wait(&mut self) {
        let told = async {
            loop {
                match self.news.recv().await {
                    Ok((id, _)) if id == self.id => return,
                    Ok(_) => {}
                    // What was missed is looked up.
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        let _ = tokio::time::timeout(LOOK_AGAIN, told).await;
    }
}
