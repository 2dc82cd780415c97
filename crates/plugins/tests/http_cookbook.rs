//! Every recipe of docs/guides/http-client.md, run.

mod common;

use common::run_with;
use common::server::{Request, ok, response, serve};
use vql::permission::Permissions;

fn answer(request: &Request) -> Vec<u8> {
    let (path, query) = request.path().split_once('?').unwrap_or((request.path(), ""));
    let kind = request.header("Content-Type").unwrap_or_default();
    match path {
        "/hello" => {
            let line = request.line.trim_end_matches(" HTTP/1.1");
            response("200 OK", &["Content-Type: text/plain"], line)
        }
        "/hook"
            if kind == "application/json"
                && serde_json::from_slice::<serde_json::Value>(&request.body).is_ok() =>
        {
            ok("ok")
        }
        "/form" => ok(format!("{kind} {}", request.text())),
        "/upload" => ok(uploaded(request)),
        "/items" => ok(page(query)),
        "/bulk" if request.header("Authorization") == Some("Bearer T") => {
            let text = request.text();
            let lines = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
            ok(format!("{} lines", lines.count()))
        }
        "/login" => response("200 OK", &["Set-Cookie: session=abc; Path=/"], ""),
        "/me" => ok(request.header("Cookie").unwrap_or_default()),
        "/large" => ok("x".repeat(10_000)),
        _ => response("400 Bad Request", &[], ""),
    }
}

fn page(query: &str) -> &'static str {
    match query {
        "page=1" => r#"{"items":[{"id":1},{"id":2}],"next":"/items?page=2"}"#,
        "page=2" => r#"{"items":[{"id":3},{"id":4}],"next":"/items?page=3"}"#,
        _ => r#"{"items":[{"id":5}]}"#,
    }
}

/// The fields of a form: `name=value`, or of a file `name=filename:length`.
fn uploaded(request: &Request) -> String {
    let text = request.text();
    let boundary = text.lines().next().unwrap().to_owned();
    let parts = text.split(&boundary).filter_map(|part| part.split_once("\r\n\r\n"));
    let shown = parts.map(|(head, body)| {
        let field =
            |name: &str| Some(head.split_once(&format!("{name}=\""))?.1.split('"').next()?.to_owned());
        let body = body.trim_end_matches("\r\n");
        match field(" filename") {
            Some(file) => format!("{}={file}:{}", field(" name").unwrap(), body.len()),
            None => format!("{}={body}", field(" name").unwrap()),
        }
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn recipes_give_what_they_say() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/http-client.md");
    let page = std::fs::read_to_string(page).unwrap();
    let server = serve(answer);
    let env = [("Server", &*server.url("")), ("Token", "T")];
    let mut count = 0;
    for block in page.split("```vql\n").skip(1) {
        let (query, rest) = block.split_once("```\n```json\n").expect("rows follow each query");
        let (rows, _) = rest.split_once("\n```").unwrap();
        let outcome = run_with(query, &env, Permissions::all());
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&outcome.rows), value(rows), "{query}\n{:?}", outcome.log);
        count += 1;
    }
    assert!(count >= 12, "{count} recipes");
}
