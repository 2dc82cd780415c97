//! The calls of `proto.API` (API reference, sections 2 and 3).

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use proto::api_server::Api;
use proto::health_check_response::ServingStatus;
use proto::{
    EventRequest, EventResponse, HealthCheckRequest, HealthCheckResponse, PushEventRequest, VfsFileBuffer,
    VqlCollectorArgs, VqlResponse,
};
use serde_json::{Map, json};
use store::event::Position;
use store::rights::Call;
use store::user::User;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use vql::cancel::Cancel;
use vql::permission::Permissions;

use crate::packet::{Outbox, wants_logs};
use crate::run::Job;
use crate::server::Server;
use crate::watch;

mod artifacts;
mod call;
mod clients;
mod flows;
mod hunts;
mod table;

/// Packets that wait for a client that does not read.
const WAITING_PACKETS: usize = 4;

/// The service, as the generated code calls it.
pub struct Service {
    server: Arc<Server>,
}

/// Who calls, checked against the certificate and the users, and what they may do in this call.
struct Caller {
    user: Arc<User>,
    permissions: Permissions,
    peer: String,
}

impl Service {
    pub fn new(server: Arc<Server>) -> Self {
        Service { server }
    }

    /// A place among the queries that may run at a time.
    fn permit(&self) -> Result<OwnedSemaphorePermit, Status> {
        let permit = self.server.running.clone().try_acquire_owned();
        permit.map_err(|_| Status::resource_exhausted("too many queries are running, try again later"))
    }

    /// Stores rows in a queue and hands them to listeners; returns when they are on disk.
    async fn push(&self, caller: &Caller, queue: &str, rows: Rows, write: bool) -> Result<(), Status> {
        if queue.is_empty() {
            return Err(Status::invalid_argument("name the queue in the field artifact"));
        }
        if !caller.user.may_publish(queue) {
            let message = format!("Permission denied: PUBLISH {} to {queue}", caller.user.name);
            return Err(self.denied(caller, "PushEvents", message));
        }
        let is_super = caller.user.acl.super_user;
        let sender = if is_super { None } else { Some(("_Sender", json!(caller.user.name))) };
        let events = self.server.events.clone();
        let queue = queue.to_owned();
        let work = move || {
            let now = jiff::Timestamp::now().as_second();
            let extra = sender.as_slice();
            let rows = match rows {
                Rows::Lines(jsonl) => store::event::parse_jsonl(&jsonl, now, extra)?,
                Rows::Objects(objects) => store::event::parse_rows(objects, now, extra)?,
            };
            // Only the server itself may hand rows out without storing them.
            if is_super && !write { events.publish(&queue, &rows) } else { events.append(&queue, rows) }
        };
        let done = tokio::task::spawn_blocking(work).await.map_err(|e| Status::unknown(e.to_string()))?;
        done.map_err(|e| Status::invalid_argument(e.to_string()))
    }
}

/// There is one org.
fn check_org(org: &str) -> Result<(), Status> {
    if org.is_empty() || org == "root" { Ok(()) } else { Err(Status::not_found("Org not found")) }
}

/// Rows as a call brings them.
enum Rows {
    Lines(Vec<u8>),
    Objects(Vec<Map<String, serde_json::Value>>),
}

/// A response stream; dropping it ends the query.
pub struct Responses<T> {
    stream: ReceiverStream<Result<T, Status>>,
    cancel: Cancel,
}

impl<T> Stream for Responses<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

impl<T> Drop for Responses<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Sends packets that have waited long enough, until the query is over.
async fn tick(outbox: Arc<Outbox>, cancel: Cancel) {
    while !cancel.is_cancelled() {
        let pause = outbox.due_in().unwrap_or(outbox.max_wait());
        tokio::time::sleep(pause.clamp(Duration::from_millis(20), Duration::from_secs(1))).await;
        outbox.flush_due();
    }
}

async fn time_out(seconds: u64, cancel: Cancel, timed_out: Arc<AtomicBool>) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    if !cancel.is_cancelled() {
        timed_out.store(true, Ordering::Relaxed);
        cancel.cancel();
    }
}

/// Starts the thread of a query and what watches over it.
fn start(job: Job, permit: OwnedSemaphorePermit) -> Result<(), Status> {
    let (outbox, cancel, timed_out) = (job.outbox.clone(), job.cancel.clone(), job.timed_out.clone());
    let ticker = tokio::spawn(tick(outbox, cancel.clone()));
    let timer = match job.request.timeout {
        0 => None,
        seconds => Some(tokio::spawn(time_out(seconds, cancel, timed_out))),
    };
    let thread = std::thread::Builder::new().name("query".into()).spawn(move || {
        job.run();
        ticker.abort();
        if let Some(timer) = timer {
            timer.abort();
        }
        drop(permit);
    });
    thread.map(drop).map_err(|e| Status::resource_exhausted(format!("no thread for the query: {e}")))
}

#[tonic::async_trait]
impl Api for Service {
    type QueryStream = Responses<VqlResponse>;
    type WatchEventStream = Responses<EventResponse>;

    async fn query(
        &self,
        request: Request<VqlCollectorArgs>,
    ) -> Result<Response<Responses<VqlResponse>>, Status> {
        let caller = self.enter(Call::Query, &request).await?;
        let args = request.into_inner();
        check_org(&args.org_id)?;
        if args.query.is_empty() {
            return Err(Status::unknown("Query should be specified."));
        }
        let permit = self.permit()?;
        let (sender, receiver) = mpsc::channel(WAITING_PACKETS);
        let outbox = Arc::new(Outbox::new(sender, args.max_row, args.max_wait, wants_logs(&args)));
        let cancel = self.server.stopping.child();
        let job = Job {
            server: self.server.clone(),
            request: args,
            principal: caller.user.name.clone(),
            peer: caller.peer,
            permissions: caller.permissions,
            outbox,
            cancel: cancel.clone(),
            timed_out: Arc::default(),
            stalled: Arc::default(),
        };
        self.server.record("Query API call", &job.principal, job.details());
        start(job, permit)?;
        Ok(Response::new(Responses { stream: ReceiverStream::new(receiver), cancel }))
    }

    async fn vfs_get_buffer(
        &self,
        request: Request<VfsFileBuffer>,
    ) -> Result<Response<VfsFileBuffer>, Status> {
        self.enter(Call::VfsGetBuffer, &request).await?;
        let args = request.into_inner();
        check_org(&args.org_id)?;
        let mut components = args.components;
        if !args.client_id.is_empty() {
            components.splice(0..0, ["clients".to_owned(), args.client_id]);
        }
        let server = self.server.clone();
        let work = move || server.files.read_at(&components, args.offset, args.length as usize);
        let read = tokio::task::spawn_blocking(work).await.map_err(|e| Status::unknown(e.to_string()))?;
        let data = read.map_err(|e| match e {
            store::Error::PathInvalid => Status::invalid_argument(e.to_string()),
            store::Error::FileNotFound => Status::not_found(e.to_string()),
            e => Status::internal(e.to_string()),
        })?;
        Ok(Response::new(VfsFileBuffer { data, ..VfsFileBuffer::default() }))
    }

    async fn push_events(&self, request: Request<PushEventRequest>) -> Result<Response<()>, Status> {
        let caller = self.enter(Call::PushEvents, &request).await?;
        let args = request.into_inner();
        self.push(&caller, &args.artifact, Rows::Lines(args.jsonl), args.write).await?;
        Ok(Response::new(()))
    }

    async fn watch_event(
        &self,
        request: Request<EventRequest>,
    ) -> Result<Response<Responses<EventResponse>>, Status> {
        let caller = self.enter(Call::WatchEvent, &request).await?;
        let args = request.into_inner();
        check_org(&args.org_id)?;
        let permit = self.permit()?;
        let mut details = Map::new();
        details.insert("queue".into(), json!(args.queue));
        details.insert("watcher".into(), json!(args.watcher_name));
        details.insert("node".into(), json!(args.node));
        details.insert("peer".into(), json!(caller.peer));
        let watch = self.server.events.subscribe(&args.queue, &Position::Newest);
        let watch = watch.map_err(|e| Status::invalid_argument(e.to_string()))?;
        self.server.record("WatchEvent API call", &caller.user.name, details);
        let (sender, receiver) = mpsc::channel(WAITING_PACKETS);
        let cancel = self.server.stopping.child();
        watch::start(args.queue, watch, sender, cancel.clone(), permit)?;
        Ok(Response::new(Responses { stream: ReceiverStream::new(receiver), cancel }))
    }

    /// Rows in `Response`, the queue's name in `Query.Name`: the older way to push.
    async fn write_event(&self, request: Request<VqlResponse>) -> Result<Response<()>, Status> {
        let caller = self.enter(Call::WriteEvent, &request).await?;
        let args = request.into_inner();
        let queue = args.query.map(|q| q.name).unwrap_or_default();
        let objects = serde_json::from_str(&args.response).map_err(|e| {
            Status::invalid_argument(format!("Response should be a JSON array of objects: {e}"))
        })?;
        self.push(&caller, &queue, Rows::Objects(objects), true).await?;
        Ok(Response::new(()))
    }

    async fn check(
        &self,
        _request: Request<HealthCheckRequest>, // Call::Check takes nothing.
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn collect_artifact(
        &self,
        request: Request<proto::ArtifactCollectorArgs>,
    ) -> Result<Response<proto::ArtifactCollectorResponse>, Status> {
        self.work(Call::CollectArtifact, request, flows::collect).await
    }

    async fn cancel_flow(
        &self,
        request: Request<proto::ApiFlowRequest>,
    ) -> Result<Response<proto::StartFlowResponse>, Status> {
        self.work(Call::CancelFlow, request, flows::cancel).await
    }

    async fn get_flow_details(
        &self,
        request: Request<proto::ApiFlowRequest>,
    ) -> Result<Response<proto::FlowDetails>, Status> {
        self.work(Call::GetFlowDetails, request, flows::details).await
    }

    async fn get_client_flows(
        &self,
        request: Request<proto::GetTableRequest>,
    ) -> Result<Response<proto::GetTableResponse>, Status> {
        self.work(Call::GetClientFlows, request, flows::of_client).await
    }

    async fn get_table(
        &self,
        request: Request<proto::GetTableRequest>,
    ) -> Result<Response<proto::GetTableResponse>, Status> {
        self.work(Call::GetTable, request, flows::table).await
    }

    async fn get_artifacts(
        &self,
        request: Request<proto::GetArtifactsRequest>,
    ) -> Result<Response<proto::ArtifactDescriptors>, Status> {
        self.work(Call::GetArtifacts, request, artifacts::list).await
    }

    async fn get_artifact_file(
        &self,
        request: Request<proto::GetArtifactRequest>,
    ) -> Result<Response<proto::GetArtifactResponse>, Status> {
        self.work(Call::GetArtifactFile, request, artifacts::get).await
    }

    async fn set_artifact_file(
        &self,
        request: Request<proto::SetArtifactRequest>,
    ) -> Result<Response<proto::SetArtifactResponse>, Status> {
        self.work(Call::SetArtifactFile, request, artifacts::set).await
    }

    async fn reformat_vql(
        &self,
        request: Request<proto::ReformatVqlMessage>,
    ) -> Result<Response<proto::ReformatVqlMessage>, Status> {
        self.work(Call::ReformatVql, request, artifacts::reformat).await
    }

    async fn list_clients(
        &self,
        request: Request<proto::SearchClientsRequest>,
    ) -> Result<Response<proto::SearchClientsResponse>, Status> {
        self.work(Call::ListClients, request, clients::list).await
    }

    async fn get_client(
        &self,
        request: Request<proto::GetClientRequest>,
    ) -> Result<Response<proto::ApiClient>, Status> {
        self.work(Call::GetClient, request, clients::get).await
    }

    async fn label_clients(
        &self,
        request: Request<proto::LabelClientsRequest>,
    ) -> Result<Response<proto::ApiResponse>, Status> {
        self.work(Call::LabelClients, request, clients::label).await
    }

    async fn get_client_metadata(
        &self,
        request: Request<proto::GetClientRequest>,
    ) -> Result<Response<proto::ClientMetadata>, Status> {
        self.work(Call::GetClientMetadata, request, clients::metadata).await
    }

    async fn set_client_metadata(
        &self,
        request: Request<proto::SetClientMetadataRequest>,
    ) -> Result<Response<()>, Status> {
        self.work(Call::SetClientMetadata, request, clients::set_metadata).await
    }

    async fn create_hunt(
        &self,
        request: Request<proto::Hunt>,
    ) -> Result<Response<proto::StartFlowResponse>, Status> {
        self.work(Call::CreateHunt, request, hunts::create).await
    }

    async fn list_hunts(
        &self,
        request: Request<proto::ListHuntsRequest>,
    ) -> Result<Response<proto::ListHuntsResponse>, Status> {
        self.work(Call::ListHunts, request, hunts::list).await
    }

    async fn get_hunt(
        &self,
        request: Request<proto::GetHuntRequest>,
    ) -> Result<Response<proto::Hunt>, Status> {
        self.work(Call::GetHunt, request, hunts::get).await
    }

    async fn modify_hunt(&self, request: Request<proto::HuntMutation>) -> Result<Response<()>, Status> {
        self.work(Call::ModifyHunt, request, hunts::modify).await
    }

    async fn get_hunt_flows(
        &self,
        request: Request<proto::GetTableRequest>,
    ) -> Result<Response<proto::GetTableResponse>, Status> {
        self.work(Call::GetHuntFlows, request, hunts::flows).await
    }

    async fn get_hunt_results(
        &self,
        request: Request<proto::GetHuntResultsRequest>,
    ) -> Result<Response<proto::GetTableResponse>, Status> {
        self.work(Call::GetHuntResults, request, hunts::results).await
    }
}

#[cfg(test)]
mod tests;
