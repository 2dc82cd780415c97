//! Files in blocks (the osquery reference, section 8). A block is on disk before it is acknowledged.
//!
//! Blocks come in order, so they are put together as they come, in `DIR/carves/<id>/archive`. An agent that heard no answer sends
//! its last block again: the same bytes are a success, so that a lost answer does not cost the file.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::fleet::Time;
use store::fleet::carve::{self, Carve, NewCarve};

use super::node::{Node, parse};
use super::refusal::{Answer, Refusal};
use crate::archive;
use crate::reply::json;
use crate::request::read_limited;
use crate::server::Fleet;

const MAX_BLOCK: i64 = 256 << 20;

#[derive(Deserialize)]
pub struct Begin {
    #[serde(default)]
    block_count: i64,
    #[serde(default)]
    block_size: i64,
    #[serde(default)]
    carve_size: i64,
    #[serde(default)]
    carve_id: String,
    #[serde(default)]
    request_id: String,
}

#[derive(Serialize)]
struct Begun {
    session_id: String,
    success: bool,
}

pub async fn begin(State(fleet): State<Arc<Fleet>>, node: Node<Begin>) -> Answer<Response> {
    let Node { agent, body } = node;
    check(&body, fleet.settings.max_carve)?;
    let host = agent.state.lock().host.clone();
    let session_id = uuid();
    let new = NewCarve {
        host_id: agent.host_id,
        name: format!("{}-{}-{}", host.hostname, Time::now(), body.request_id),
        block_count: body.block_count,
        block_size: body.block_size,
        carve_size: body.carve_size,
        carve_id: body.carve_id,
        request_id: body.request_id,
        session_id: session_id.clone(),
    };
    fleet.db.write(move |tx| carve::create(tx, &new)).await?;
    let begun = Begun { session_id, success: true };
    Ok(json(StatusCode::OK, serde_json::to_vec(&begun).unwrap_or_default()))
}

fn check(body: &Begin, max_carve: i64) -> Answer<()> {
    let refuse = |text: &str| Err(Refusal::again(text));
    if body.carve_size <= 0 {
        return refuse("carve_size must be greater than 0");
    }
    if body.block_size > MAX_BLOCK {
        return refuse("block_size exceeds max");
    }
    if body.carve_size > max_carve {
        return refuse("carve_size exceeds max");
    }
    let blocks = body.block_count.checked_mul(body.block_size).filter(|_| body.block_size > 0);
    match blocks {
        Some(all) if body.carve_size <= all && all - body.block_size < body.carve_size => Ok(()),
        _ => refuse("carve_size does not match block_size and block_count"),
    }
}

/// A random UUID (version 4).
fn uuid() -> String {
    let mut bytes = [0; 16];
    // Without random numbers nothing here is safe.
    getrandom::fill(&mut bytes).expect("the system has a random generator");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    block_id: i64,
    #[serde(default)]
    session_id: String,
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    data: String,
}

/// The session and the request prove who sends: these requests have no node key in their body.
pub async fn block(State(fleet): State<Arc<Fleet>>, request: Request) -> Answer<Response> {
    // Base64 takes a third more, and the rest of the body a little.
    let limit = fleet.settings.max_agent_body.max(MAX_BLOCK as usize / 3 * 4 + 65_536);
    let bytes = read_limited(&fleet.bodies, request, limit).await?;
    let block: Block = parse(&bytes)?;
    drop(bytes);
    // Repeats may come while the first is being written.
    let _turn = fleet.archives.turn(&block.session_id).await;
    let session = block.session_id.clone();
    let carve = fleet.db.read(move |tx| carve::by_session(tx, &session)).await?;
    let carve = carve.ok_or_else(|| Refusal::again("session_id not found"))?;
    store_block(&fleet, carve, block).await?;
    Ok(json(StatusCode::OK, r#"{"success":true}"#))
}

async fn store_block(fleet: &Arc<Fleet>, carve: Carve, block: Block) -> Answer<()> {
    let number = block.block_id;
    let data = checked(&carve, &block)?;
    if number == carve.max_block && is_stored(fleet, &carve, number, &data).await? {
        return Ok(());
    }
    let expected = carve.max_block + 1;
    let refused = || Refusal::again(format!("block_id does not match expected block ({expected}): {number}"));
    if number != expected {
        return Err(refused());
    }
    let (path, at, len) =
        (archive::path(&fleet.settings.dir, carve.id), carve.archive_size, data.len() as i64);
    let write = tokio::task::spawn_blocking(move || archive::put(&path, at as u64, &data)).await;
    let written = write.unwrap_or_else(|_| Err(std::io::Error::other("the writer stopped")));
    written.map_err(|error| Refusal::again(format!("cannot store the block: {error}")))?;
    let (id, is_last) = (carve.id, number == carve.block_count - 1);
    if !fleet.db.write(move |tx| carve::block_stored(tx, &carve, number, len)).await? {
        return Err(refused());
    }
    if is_last {
        let fleet = fleet.clone();
        // The agent does not wait for it: reading some gigabytes takes longer than its patience.
        tokio::spawn(async move { archive::hash(&fleet, id).await });
    }
    Ok(())
}

/// The bytes of a block that may be stored.
fn checked(carve: &Carve, block: &Block) -> Answer<Vec<u8>> {
    let number = block.block_id;
    if block.request_id != carve.request_id {
        return Err(Refusal::again("request_id does not match"));
    }
    if carve.expired {
        return Err(Refusal::again("carve has expired"));
    }
    if number < 0 || number >= carve.block_count {
        let max = carve.block_count - 1;
        return Err(Refusal::again(format!("block_id exceeds expected max ({max}): {number}")));
    }
    let data = BASE64_STANDARD.decode(&block.data).map_err(|_| Refusal::again("data is not base64"))?;
    if data.len() as i64 > carve.block_size {
        let (size, len) = (carve.block_size, data.len());
        return Err(Refusal::again(format!("exceeded declared block size {size}: {len}")));
    }
    Ok(data)
}

/// Whether the last block is this one.
async fn is_stored(fleet: &Fleet, carve: &Carve, number: i64, data: &[u8]) -> Answer<bool> {
    let (id, asked) = (carve.id, carve.clone());
    let (at, len) = fleet.db.read(move |tx| carve::extent(tx, &asked, number)).await?;
    let stored = archive::read(&fleet.settings.dir, id, at, len).await;
    Ok(stored.is_ok_and(|stored| stored == data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(block_count: i64, block_size: i64, carve_size: i64) -> bool {
        let body =
            Begin { block_count, block_size, carve_size, carve_id: String::new(), request_id: String::new() };
        check(&body, 8 << 30).is_ok()
    }

    #[test]
    fn sizes_must_agree() {
        assert!(begin(1 << 20, 8192, 8 << 30) && !begin((1 << 20) + 1, 8192, (8 << 30) + 1));
        assert!(begin(3, 2_000_000, 4_195_840) && begin(1, 10, 10) && begin(1, 10, 1));
        for (count, size, carve) in [
            (3, 2_000_000, 4_000_000),
            (2, 10, 21),
            (0, 10, 1),
            (1, 0, 1),
            (1, 10, 0),
            (i64::MAX, 10, 10),
            (1, -1, 1),
        ] {
            assert!(!begin(count, size, carve), "{count} {size} {carve}");
        }
    }
}
