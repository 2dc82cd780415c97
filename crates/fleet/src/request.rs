//! What handlers take out of requests.

mod body;
mod list;
mod params;
mod peer;
mod viewer;

pub use body::{Body, BodyLimit, BodyMemory, read_limited};
pub use list::{
    Asked, Kind, ListQuery, Paging, Parameter, Parameters, described, pairs as query_pairs, parse_bool,
};
pub use params::{Given, Id, Ids, Name};
pub use peer::{Peer, peer_address};
pub use viewer::Viewer;
