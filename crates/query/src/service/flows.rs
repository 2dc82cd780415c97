//! Calls about collections.

use plugins::collection::{self, read, request};
use proto::{
    ApiFlowRequest, ArtifactCollectorArgs, ArtifactCollectorResponse, AvailableDownloads, FlowDetails,
    GetTableRequest, GetTableResponse, StartFlowResponse,
};
use serde_json::{Map, Value, json};
use store::flow::Flow;
use tonic::Status;

use super::call::{Work, failed, refused};
use super::table::Table;
use crate::convert;

pub fn collect(call: Work, args: ArtifactCollectorArgs) -> Result<ArtifactCollectorResponse, Status> {
    let mut request = convert::stored_request(args);
    request::complete(&mut request, &call.runtime.world.artifacts).map_err(refused)?;
    let flow = collection::collect(call.runtime, &call.kept, request).map_err(refused)?;
    let request = Some(convert::request(&flow.request));
    Ok(ArtifactCollectorResponse { flow_id: flow.session_id, request })
}

pub fn cancel(call: Work, args: ApiFlowRequest) -> Result<StartFlowResponse, Status> {
    let (user, held) = (call.user(), call.runtime.permissions);
    collection::cancel(&call.kept, user, held, &args.client_id, &args.flow_id).map_err(refused)?;
    Ok(StartFlowResponse { flow_id: args.flow_id })
}

pub fn details(call: Work, args: ApiFlowRequest) -> Result<FlowDetails, Status> {
    let flow = find(&call, &args.client_id, &args.flow_id)?;
    Ok(FlowDetails {
        context: Some(convert::context(&flow)),
        available_downloads: Some(AvailableDownloads::default()),
    })
}

fn find(call: &Work, client: &str, id: &str) -> Result<Flow, Status> {
    let flow = collection::find(&call.kept, client, id).map_err(refused)?;
    flow.ok_or_else(|| Status::not_found(format!("client {client} has no collection {id}")))
}

/// The collections of a client, newest first, with the columns that the published interface shows.
pub fn of_client(call: Work, args: GetTableRequest) -> Result<GetTableResponse, Status> {
    let mut table = Table::of(&args)?;
    for id in call.kept.flows.ids(&args.client_id).map_err(failed)? {
        if table.passes_over() {
            continue;
        }
        let Some(flow) = collection::find(&call.kept, &args.client_id, &id).map_err(refused)? else {
            continue;
        };
        let row = summary(&flow);
        let size = flow.request.artifacts.iter().map(String::len).sum::<usize>() + 500;
        table.push(row, size);
    }
    Ok(table.answer())
}

fn summary(flow: &Flow) -> Map<String, Value> {
    const MB: f64 = (1 << 20) as f64;
    let row = json!({
        "State": flow.state,
        "FlowId": flow.session_id,
        "Artifacts": flow.request.artifacts,
        "Created": flow.create_time,
        "Last Active": flow.active_time,
        "Creator": flow.request.creator,
        "Mb": flow.total_uploaded_bytes as f64 / MB,
        "Rows": flow.total_collected_rows,
        "_Urgent": flow.request.urgent,
        "_ArtifactsWithResults": flow.artifacts_with_results,
    });
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

/// Results, log lines or files of a collection, or the results of a hunt.
pub fn table(call: Work, args: GetTableRequest) -> Result<GetTableResponse, Status> {
    let mut table = Table::of(&args)?;
    if !args.hunt_id.is_empty() {
        super::hunts::read(&call, &args.hunt_id, &args.artifact, &mut table)?;
        return Ok(table.answer());
    }
    let (client, id) = (args.client_id.as_str(), args.flow_id.as_str());
    if client.is_empty() || id.is_empty() {
        return Err(Status::invalid_argument("name a collection: client_id and flow_id"));
    }
    find(&call, client, id)?;
    let flows = &call.kept.flows;
    match args.r#type.as_str() {
        "" => {
            for source in read::sources(&call.kept, client, id, &args.artifact, "").map_err(refused)? {
                table.read(flows.results(client, id, &source).map_err(failed)?, &[])?;
            }
        }
        "log" => table.read(flows.log(client, id).map_err(failed)?, &[])?,
        "uploads" => table.read(flows.uploads(client, id).map_err(failed)?, &[])?,
        other => {
            return Err(Status::unimplemented(format!(
                "there are no tables of type {other}: leave it empty, or ask for log or uploads"
            )));
        }
    }
    Ok(table.answer())
}
