//! Calls about clients.

use plugins::client::{self, LabelChange};
use plugins::server::microseconds;
use proto::search_clients_request::{Filters, SortingSense};
use proto::{
    ApiClient, ApiResponse, ClientMetadata, ClientMetadataItem, GetClientRequest, LabelClientsRequest,
    SearchClientsRequest, SearchClientsResponse, SetClientMetadataRequest,
};
use serde_json::{Map, Value};
use store::client::Search;
use store::flow::SERVER;
use tonic::Status;
use vql::permission::Permission;

use super::call::{Work, failed, refused};
use crate::convert;

/// Clients of an answer when the request does not say, and the most it may say.
const LIMIT: (u64, u64) = (50, 2000);

/// A client that was seen so long ago, in microseconds, is thought to be away.
const ONLINE: u64 = 15 * 60 * 1_000_000;

pub fn list(call: Work, args: SearchClientsRequest) -> Result<SearchClientsResponse, Status> {
    let mut found = call.kept.clients.search(&Search::parse(&args.query));
    if args.filter() == Filters::Online {
        let since = microseconds().saturating_sub(ONLINE);
        found.retain(|client| client.last_seen_at >= since);
    }
    match args.sort() {
        SortingSense::Unsorted => {}
        SortingSense::SortUp => found.sort_by(|a, b| a.display_name().cmp(b.display_name())),
        SortingSense::SortDown => found.sort_by(|a, b| b.display_name().cmp(a.display_name())),
    }
    let limit = if args.limit == 0 { LIMIT.0 } else { args.limit.min(LIMIT.1) };
    let start = usize::try_from(args.offset).unwrap_or(usize::MAX);
    let part = found.iter().skip(start).take(limit as usize);
    let mut answer = SearchClientsResponse { total: found.len() as u64, ..SearchClientsResponse::default() };
    match args.name_only {
        true => answer.names = part.map(|client| client.display_name().to_owned()).collect(),
        false => answer.items = part.map(|client| convert::client(client)).collect(),
    }
    answer.search_term = Some(args);
    Ok(answer)
}

pub fn get(call: Work, args: GetClientRequest) -> Result<ApiClient, Status> {
    known(&call, &args.client_id).map(|client| convert::client(&client))
}

fn known(call: &Work, id: &str) -> Result<std::sync::Arc<store::client::Client>, Status> {
    call.kept.clients.find(id).ok_or_else(|| failed(store::Error::ClientUnknown(id.to_owned())))
}

pub fn label(call: Work, args: LabelClientsRequest) -> Result<ApiResponse, Status> {
    let change = match args.operation.as_str() {
        "set" => LabelChange::Set,
        "remove" => LabelChange::Remove,
        other => {
            return Err(Status::invalid_argument(format!("operation {other} is not known: set or remove")));
        }
    };
    // All or none: a list with a mistake changes nobody.
    for id in &args.client_ids {
        known(&call, id)?;
    }
    for id in &args.client_ids {
        client::label(&call.kept, call.user(), id, &args.labels, change).map_err(refused)?;
    }
    Ok(ApiResponse::default())
}

pub fn metadata(call: Work, args: GetClientRequest) -> Result<ClientMetadata, Status> {
    client::check_reader(call.runtime.permissions, &args.client_id).map_err(refused)?;
    if args.client_id != SERVER {
        known(&call, &args.client_id)?;
    }
    let facts = call.kept.metadata.of(&args.client_id).map_err(failed)?;
    let item = |(key, value)| ClientMetadataItem {
        key,
        value: match value {
            Value::String(text) => text,
            other => other.to_string(),
        },
    };
    Ok(ClientMetadata { items: facts.into_iter().map(item).collect(), client_id: args.client_id })
}

pub fn set_metadata(call: Work, args: SetClientMetadataRequest) -> Result<(), Status> {
    if args.client_id == SERVER {
        plugins::server::demand(call.runtime.permissions, &[Permission::ServerAdmin]).map_err(refused)?;
    } else {
        plugins::server::demand(call.runtime.permissions, &[Permission::LabelClient]).map_err(refused)?;
        known(&call, &args.client_id)?;
    }
    let removed = args.remove.into_iter().map(|name| (name, Value::Null));
    let added = args.add.into_iter().map(|item| (item.key, Value::String(item.value)));
    let members: Map<String, Value> = removed.chain(added).collect();
    client::set_metadata(&call.kept, call.user(), &args.client_id, members).map_err(refused)
}
