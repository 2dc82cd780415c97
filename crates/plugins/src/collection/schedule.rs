//! Who may start and stop collections, and what waits for clients.

use std::sync::Arc;

use serde_json::json;
use store::flow::{Flow as FlowRecord, FlowState, Request, SERVER};
use vql::call::Error;
use vql::permission::{Permission, Permissions};

use super::run::{COMPLETION, Runtime, find, start};
use crate::artifact::repository::Repository;
use crate::server::{Server, demand, failed, microseconds};

/// Starts a collection: at once on the server, or in the queue of a client. On disk when this returns.
pub fn collect(runtime: Runtime, server: &Arc<Server>, mut request: Request) -> Result<FlowRecord, Error> {
    check_rights(runtime.permissions, &request, &runtime.world.artifacts)?;
    request.creator.clone_from(&runtime.user);
    if request.client_id != SERVER {
        server.client(&request.client_id)?;
    }
    if request.flow_id.is_empty() {
        request.flow_id = server.flows.new_id().map_err(failed)?;
    } else if find(server, &request.client_id, &request.flow_id)?.is_some() {
        return Err(Error::new(format!("there is a collection {} already", request.flow_id)));
    }
    let details =
        json!({ "client": request.client_id, "flow_id": request.flow_id, "artifacts": request.artifacts });
    server.record_as(&runtime.user, "ScheduleFlow", details)?;
    if request.client_id == SERVER { start(runtime, server, request) } else { enqueue(server, request) }
}

/// Puts a collection into the queue of its client.
pub fn enqueue(server: &Server, request: Request) -> Result<FlowRecord, Error> {
    let flow = FlowRecord {
        client_id: request.client_id.clone(),
        session_id: request.flow_id.clone(),
        create_time: microseconds(),
        // Published clients wait while a collection is RUNNING: this is what one that waits for its client is
        // called as well. One that was taken has an inflight_time.
        state: FlowState::Running,
        request,
        ..FlowRecord::default()
    };
    server.flows.enqueue(&flow).map_err(failed)?;
    Ok(flow)
}

/// Stops a collection for a user; what it brought so far is kept.
pub fn cancel(
    server: &Server,
    user: &str,
    permissions: Permissions,
    client: &str,
    id: &str,
) -> Result<(), Error> {
    demand(permissions, &[needed_for(client)])?;
    let why = format!("Cancelled by {user}");
    let running = server.running.lock().get(id).filter(|c| c.client_id == client).cloned();
    let is_over = || Ok::<_, Error>(find(server, client, id)?.is_none_or(|flow| flow.state.is_over()));
    if running.is_none() && is_over()? {
        return Err(Error::new(format!("client {client} has no running collection {id}")));
    }
    server.record_as(user, "CancelFlow", json!({ "client": client, "flow_id": id }))?;
    match running {
        Some(running) => {
            running.stop(why);
            Ok(())
        }
        None => end(server, client, id, &why),
    }
}

/// Ends a collection of a client for a reason that its record tells.
pub fn end(server: &Server, client: &str, id: &str, why: &str) -> Result<(), Error> {
    let mut has_ended = false;
    let flow = server.flows.update(client, id, |flow| {
        if !flow.state.is_over() {
            has_ended = true;
            flow.state = FlowState::Error;
            why.clone_into(&mut flow.status);
            flow.active_time = microseconds();
        }
    });
    let flow = flow.map_err(failed)?;
    server.flows.dequeue(client, id).map_err(failed)?;
    match flow {
        Some(flow) if has_ended => ended(server, &flow),
        _ => Ok(()),
    }
}

/// Tells those who wait that a collection has ended, and counts it in its hunt.
pub fn ended(server: &Server, flow: &FlowRecord) -> Result<(), Error> {
    if server.hunts.find(&flow.request.creator).is_some() {
        server.hunts.count(&flow.request.creator, flow).map_err(failed)?;
    }
    let now = jiff::Timestamp::now().as_second();
    let row = json!({
        "Timestamp": now,
        "Flow": flow,
        "FlowId": flow.session_id,
        "ClientId": flow.client_id,
    });
    let serde_json::Value::Object(row) = row else { return Ok(()) };
    let rows = store::event::parse_rows([row], now, &[]).map_err(failed)?;
    server.events.append(COMPLETION, rows).map_err(failed)
}

fn needed_for(client: &str) -> Permission {
    if client == SERVER { Permission::CollectServer } else { Permission::CollectClient }
}

fn check_rights(permissions: Permissions, request: &Request, repository: &Repository) -> Result<(), Error> {
    let is_basic = |name: &String| {
        let artifact = name.split('/').next().unwrap_or_default();
        repository.find(artifact).is_some_and(|d| d.metadata.basic)
    };
    if permissions.has(Permission::CollectBasic) && request.artifacts.iter().all(is_basic) {
        return Ok(());
    }
    demand(permissions, &[needed_for(&request.client_id)])
}
