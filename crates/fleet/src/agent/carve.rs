//! Files in blocks (the osquery reference, section 8). A block is on disk before it is acknowledged.
//!
//! Blocks lie in `DIR/carves/<id>/<block>`. An agent that heard no answer sends its last block again: the same bytes are
//! a success, so that a lost answer does not cost the file.

use std::path::{Path, PathBuf};
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
use crate::reply::json;
use crate::request::read_limited;
use crate::server::Fleet;

const MAX_BLOCK: i64 = 256 << 20;
const MAX_CARVE: i64 = 8 << 30;

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
    check(&body)?;
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

fn check(body: &Begin) -> Answer<()> {
    let refuse = |text: &str| Err(Refusal::again(text));
    if body.carve_size <= 0 {
        return refuse("carve_size must be greater than 0");
    }
    if body.block_size > MAX_BLOCK {
        return refuse("block_size exceeds max");
    }
    if body.carve_size > MAX_CARVE {
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
    let session = block.session_id.clone();
    let carve = fleet.db.read(move |tx| carve::by_session(tx, &session)).await?;
    let carve = carve.ok_or_else(|| Refusal::again("session_id not found"))?;
    store_block(&fleet, carve, block).await?;
    Ok(json(StatusCode::OK, r#"{"success":true}"#))
}

async fn store_block(fleet: &Fleet, carve: Carve, block: Block) -> Answer<()> {
    let number = block.block_id;
    if block.request_id != carve.request_id {
        return Err(Refusal::again("request_id does not match"));
    }
    if carve.expired {
        return Err(Refusal::again("carve has expired"));
    }
    if number < 0 || number >= carve.block_count {
        return Err(Refusal::again(format!(
            "block_id exceeds expected max ({}): {number}",
            carve.block_count - 1
        )));
    }
    let data = BASE64_STANDARD.decode(&block.data).map_err(|_| Refusal::again("data is not base64"))?;
    if data.len() as i64 > carve.block_size {
        return Err(Refusal::again(format!(
            "exceeded declared block size {}: {}",
            carve.block_size,
            data.len()
        )));
    }
    let path = block_path(&fleet.settings.dir, carve.id, number);
    if number == carve.max_block && tokio::fs::read(&path).await.is_ok_and(|stored| stored == data) {
        return Ok(());
    }
    let expected = carve.max_block + 1;
    if number != expected {
        return Err(Refusal::again(format!("block_id does not match expected block ({expected}): {number}")));
    }
    let write = tokio::task::spawn_blocking(move || put(&path, &data)).await;
    let written = write.unwrap_or_else(|_| Err(std::io::Error::other("the writer stopped")));
    written.map_err(|error| Refusal::again(format!("cannot store the block: {error}")))?;
    if !fleet.db.write(move |tx| carve::block_stored(tx, carve.id, number)).await? {
        return Err(Refusal::again(format!("block_id does not match expected block ({expected}): {number}")));
    }
    Ok(())
}

/// Where a block lies.
pub fn block_path(dir: &Path, carve: u32, block: i64) -> PathBuf {
    dir.join("carves").join(carve.to_string()).join(block.to_string())
}

/// Writes a file so that it is there whole or not at all, also after a power loss.
fn put(path: &Path, data: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let dir = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    std::io::Write::write_all(&mut file, data)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(block_count: i64, block_size: i64, carve_size: i64) -> bool {
        let body =
            Begin { block_count, block_size, carve_size, carve_id: String::new(), request_id: String::new() };
        check(&body).is_ok()
    }

    #[test]
    fn sizes_must_agree() {
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
