//! Calls about hunts.

use plugins::collection::request;
use plugins::hunt::{self, Change};
use plugins::server::{ROOT_ORG, demand, microseconds};
use proto::{
    GetHuntRequest, GetHuntResultsRequest, GetTableRequest, GetTableResponse, HuntMutation, ListHuntsRequest,
    ListHuntsResponse, StartFlowResponse,
};
use serde_json::{Value, json};
use store::hunt::{Hunt, HuntState};
use tonic::Status;
use vql::permission::Permission;

use super::call::{Work, failed, refused};
use super::table::Table;
use crate::convert;

/// Hunts of an answer when the request does not say, and the most it may say.
const COUNT: (u64, u64) = (100, 1000);

pub fn create(call: Work, args: proto::Hunt) -> Result<StartFlowResponse, Status> {
    if args.org_ids.iter().any(|org| !matches!(org.as_str(), "" | ROOT_ORG)) {
        return Err(Status::not_found("Org not found"));
    }
    let now = microseconds();
    if args.expires != 0 && args.expires <= now {
        return Err(Status::invalid_argument("expires is in the past"));
    }
    let is_paused = args.state() == proto::hunt::State::Paused;
    let mut request = convert::stored_request(args.start_request.unwrap_or_default());
    let artifacts = &call.runtime.world.artifacts;
    request::complete(&mut request, artifacts).map_err(refused)?;
    let hunt = Hunt {
        hunt_id: call.kept.hunts.new_id().map_err(failed)?,
        version: i64::try_from(now).unwrap_or_default(),
        create_time: now,
        creator: call.user().to_owned(),
        start_time: if is_paused { 0 } else { now },
        expires: if args.expires == 0 { now + hunt::DEFAULT_LIFE } else { args.expires },
        hunt_description: args.hunt_description,
        tags: args.tags,
        condition: convert::stored_condition(args.condition.unwrap_or_default()),
        client_limit: args.client_limit,
        artifacts: request.artifacts.clone(),
        artifact_sources: hunt::sources(artifacts, &request.artifacts),
        start_request: request,
        state: if is_paused { HuntState::Paused } else { HuntState::Running },
        org_ids: vec![ROOT_ORG.to_owned()],
        ..Hunt::default()
    };
    let flow_id = hunt.hunt_id.clone();
    hunt::create(&call.kept, call.user(), hunt).map_err(refused)?;
    Ok(StartFlowResponse { flow_id })
}

pub fn list(call: Work, args: ListHuntsRequest) -> Result<ListHuntsResponse, Status> {
    let now = microseconds();
    let mut hunts = call.kept.hunts.list();
    hunts.retain(|hunt| {
        let is_shown = args.include_archived || hunt.state != HuntState::Archived;
        is_shown && (args.user_filter.is_empty() || hunt.creator == args.user_filter)
    });
    let count = if args.count == 0 { COUNT.0 } else { args.count.min(COUNT.1) };
    let start = usize::try_from(args.offset).unwrap_or(usize::MAX);
    let part = hunts.iter().skip(start).take(count as usize);
    Ok(ListHuntsResponse {
        items: part.map(|hunt| convert::hunt(&hunt.at(now))).collect(),
        total: i64::try_from(hunts.len()).unwrap_or(i64::MAX),
    })
}

pub fn get(call: Work, args: GetHuntRequest) -> Result<proto::Hunt, Status> {
    let hunt = call.kept.hunts.get(&args.hunt_id).map_err(failed)?;
    Ok(convert::hunt(&hunt.at(microseconds())))
}

pub fn modify(call: Work, args: HuntMutation) -> Result<(), Status> {
    let id = args.hunt_id.as_str();
    let before = call.kept.hunts.get(id).map_err(failed)?;
    let state = convert::stored_state(args.state());
    if matches!(state, Some(HuntState::Archived | HuntState::Deleted)) {
        demand(call.runtime.permissions, &[Permission::DeleteResults]).map_err(refused)?;
    }
    if state == Some(HuntState::Deleted) {
        return hunt::delete(&call.kept, call.user(), id).map_err(refused);
    }
    if let Some(part) = &args.assignment {
        hunt::add(&call.kept, call.user(), id, &part.client_id, &part.flow_id, false).map_err(refused)?;
    }
    let change = Change {
        state,
        description: Some(args.description).filter(|text| !text.is_empty()),
        expires: Some(args.expires).filter(|expires| *expires > 0),
        // What comes is the whole list; an empty one is no change, as with every field.
        remove_tags: if args.tags.is_empty() { Vec::new() } else { before.tags.clone() },
        add_tags: args.tags,
    };
    hunt::change(&call.kept, call.user(), id, change).map_err(refused)
}

/// The collections of a hunt, oldest first, with the columns that the published interface shows.
pub fn flows(call: Work, args: GetTableRequest) -> Result<GetTableResponse, Status> {
    let mut table = Table::of(&args)?;
    call.kept.hunts.get(&args.hunt_id).map_err(failed)?;
    for part in hunt::parts(&call.kept, &args.hunt_id).map_err(refused)? {
        let part = part.map_err(refused)?;
        let flow = part.flow.clone().unwrap_or_default();
        let row = json!({
            "ClientId": part.client_id,
            "Hostname": part.fqdn(&call.kept),
            "FlowId": part.flow_id,
            "StartedTime": flow.start_time,
            "State": flow.state,
            "Duration": flow.execution_duration / 1_000_000_000,
            "TotalBytes": flow.total_uploaded_bytes,
            "TotalRows": flow.total_collected_rows,
        });
        if let Value::Object(row) = row {
            table.push(row, 300);
        }
    }
    Ok(table.answer())
}

pub fn results(call: Work, args: GetHuntResultsRequest) -> Result<GetTableResponse, Status> {
    let mut table = Table::new(args.offset, args.count);
    read(&call, &args.hunt_id, &args.artifact, &mut table)?;
    Ok(table.answer())
}

/// Adds the rows of all collections of a hunt, each with where it is from.
pub fn read(call: &Work, id: &str, artifact: &str, table: &mut Table) -> Result<(), Status> {
    call.kept.hunts.get(id).map_err(failed)?;
    for part in hunt::parts(&call.kept, id).map_err(refused)? {
        let part = part.map_err(refused)?;
        let Some(flow) = &part.flow else { continue };
        let origin = part.origin(&call.kept).map(|(name, text)| (name, Value::String(text)));
        for source in plugins::collection::read::sources_of(flow, artifact, "") {
            table.read(part.rows(&call.kept, &source).map_err(refused)?, &origin)?;
        }
    }
    Ok(())
}
