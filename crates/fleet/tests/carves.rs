//! Carved files: put together, hashed, and downloaded as one.

mod common;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::{Agent, Server};
use http::Method;
use serde_json::{Value as Json, json};
use store::rights::Role;

struct Carving<'a> {
    server: &'a Server,
    session: Json,
}

impl<'a> Carving<'a> {
    async fn begin(
        server: &'a Server,
        agent: &Agent,
        block_count: u64,
        block_size: u64,
        carve_size: u64,
    ) -> Self {
        let body = json!({
            "block_count": block_count, "block_size": block_size, "carve_size": carve_size,
            "carve_id": "c", "request_id": "../r \"x\"",
        });
        let session = agent.call("carve/begin", body).await["session_id"].clone();
        Self { server, session }
    }

    async fn block(&self, number: u64, data: &[u8]) -> Json {
        let body = json!({
            "block_id": number, "session_id": self.session, "request_id": "../r \"x\"",
            "data": BASE64_STANDARD.encode(data),
        });
        self.server.anonymous().send(Method::POST, "/api/osquery/carve/block", Some(body)).await.body
    }
}

async fn hashed(server: &Server, id: u32) -> Json {
    for _ in 0..500 {
        let carve = server.admin.get(&format!("carves/{id}")).await.ok()["carve"].clone();
        if !carve["sha256"].is_null() {
            return carve;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the archive is not hashed");
}

const DONE: fn() -> Json = || json!({"success": true});

#[tokio::test]
async fn a_carve_is_one_file_with_its_size_and_digest() {
    let server = Server::start().await;
    let agent = server.host("carver").await;
    let carving = Carving::begin(&server, &agent, 3, 4, 10).await;
    assert_eq!(carving.block(0, b"abcd").await, DONE());
    assert_eq!(server.admin.get("carves/1/download").await.refused(404), "carve 1 has 1 of 3 blocks yet");
    assert_eq!(carving.block(1, b"efgh").await, DONE());
    assert_eq!(carving.block(1, b"efgh").await, DONE());
    let early = server.admin.get("carves/1").await.ok()["carve"].clone();
    assert_eq!((&early["archive_size"], &early["sha256"]), (&json!(8), &Json::Null));
    assert_eq!(carving.block(2, b"ij").await, DONE());
    assert_eq!(carving.block(2, b"ij").await, DONE());
    let carve = hashed(&server, 1).await;
    // Of "abcdefghij".
    let sha256 = "72399361da6a7754fec986dca5b7cbaf1c810a28ded4abaf56b2106d06cb78b0";
    assert_eq!((&carve["sha256"], &carve["archive_size"]), (&json!(sha256), &json!(10)));
    let path = "/api/v1/fleet/carves/1/download";
    let whole = server.admin.raw(Method::GET, path, None).await;
    let header = |name: &str| whole.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("content-length"), header("content-type")), ("10".into(), "application/x-tar".into()));
    assert_eq!(header("etag"), format!("\"{sha256}\""));
    let name = header("content-disposition");
    assert!(
        name.starts_with("attachment; filename=\"carve-1-carver-") && name.ends_with("-.._r__x_.tar\""),
        "{name}"
    );
    assert_eq!(whole.bytes().await.unwrap(), "abcdefghij");
    let blocks = ["YWJjZA==", "ZWZnaA==", "aWo="];
    for (number, data) in blocks.iter().enumerate() {
        let block = server.admin.get(&format!("carves/1/block/{number}")).await.ok();
        assert_eq!(block, json!({"data": data}));
    }
    assert_eq!(server.user(Role::Maintainer).await.get("carves/1/download").await.status, 403);
    assert_eq!(server.admin.get("carves/9/download").await.status, 404);
}

#[tokio::test]
async fn parts_of_an_archive_can_be_asked_for() {
    let server = Server::start().await;
    let agent = server.host("carver").await;
    let carving = Carving::begin(&server, &agent, 1, 8, 6).await;
    assert_eq!(carving.block(0, b"\x28\xb5\x2f\xfdxy").await, DONE());
    hashed(&server, 1).await;
    let ask = |range: &'static str| {
        let url = format!("http://{}/api/v1/fleet/carves/1/download", server.address);
        let request = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap().get(url);
        request.bearer_auth(server.admin.token()).header("Range", range).send()
    };
    let part = ask("bytes=4-").await.unwrap();
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-range"]),
        (206, &"bytes 4-5/6".parse().unwrap())
    );
    assert_eq!(part.headers()["content-type"], "application/zstd");
    assert_eq!(part.bytes().await.unwrap(), "xy");
    let none = ask("bytes=6-").await.unwrap();
    assert_eq!(
        (none.status().as_u16(), &none.headers()["content-range"]),
        (416, &"bytes */6".parse().unwrap())
    );
    let several = ask("bytes=0-1,3-4").await.unwrap();
    assert_eq!((several.status().as_u16(), several.content_length()), (200, Some(6)));
}

#[tokio::test]
async fn blocks_that_are_shorter_than_they_could_be_are_found_again() {
    let server = Server::start().await;
    let agent = server.host("carver").await;
    let carving = Carving::begin(&server, &agent, 4, 4, 13).await;
    for (number, data) in ["abc", "", "d", "efgh"].iter().enumerate() {
        assert_eq!(carving.block(number as u64, data.as_bytes()).await, DONE());
        assert_eq!(carving.block(number as u64, data.as_bytes()).await, DONE());
    }
    assert_eq!(hashed(&server, 1).await["archive_size"], 8);
    for (number, data) in ["YWJj", "", "ZA==", "ZWZnaA=="].iter().enumerate() {
        let block = server.admin.get(&format!("carves/1/block/{number}")).await.ok();
        assert_eq!(block, json!({"data": data}), "{number}");
    }
    let whole = server.admin.raw(Method::GET, "/api/v1/fleet/carves/1/download", None).await;
    assert_eq!(whole.bytes().await.unwrap(), "abcdefgh");
}

#[tokio::test]
async fn the_same_block_sent_at_once_many_times_is_stored_once() {
    let server = Server::start().await;
    let agent = server.host("carver").await;
    let carving = Carving::begin(&server, &agent, 2, 1 << 16, 1 << 17).await;
    let (a, b) = (vec![b'a'; 1 << 16], vec![b'b'; 1 << 16]);
    let answers = futures_util::future::join_all((0..8).map(|_| carving.block(0, &a))).await;
    assert!(answers.iter().all(|answer| *answer == DONE()), "{answers:?}");
    // Another block in its place is refused, and changes nothing.
    let refused = carving.block(0, &b).await;
    assert!(refused["error"].as_str().unwrap().contains("does not match expected block (1): 0"), "{refused}");
    assert_eq!(carving.block(1, &b).await, DONE());
    hashed(&server, 1).await;
    let whole = server.admin.raw(Method::GET, "/api/v1/fleet/carves/1/download", None).await;
    assert_eq!(whole.bytes().await.unwrap(), [a, b].concat());
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_what_is_old_goes() {
    let server = Server::start_with(|settings| settings.max_carve = 100).await;
    let agent = server.host("carver").await;
    let begin = |size: u64| json!({"block_count": 1, "block_size": size, "carve_size": size, "carve_id": "c", "request_id": "r"});
    assert_eq!(agent.call("carve/begin", begin(101)).await, json!({"error": "carve_size exceeds max"}));
    let carving = Carving::begin(&server, &agent, 1, 100, 100).await;
    assert_eq!(carving.block(0, b"x").await, DONE());
    hashed(&server, 1).await;
    let sql = "UPDATE carves SET created_at = created_at - 86400000000";
    let age = move |tx: &mut store::db::Tx<'_>| tx.execute(sql, &[]).map(drop);
    server.fleet.db.write::<_, store::db::DbError, _>(age).await.unwrap();
    fleet::jobs::hourly(&server.fleet).await;
    assert_eq!(server.admin.get("carves/1/download").await.refused(410), "cannot download expired carve");
    assert!(!server.dir.path().join("carves/1").exists());
    let late = carving.block(0, b"x").await;
    assert_eq!(late, json!({"error": "carve has expired"}));
}
