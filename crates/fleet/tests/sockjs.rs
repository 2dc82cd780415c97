//! SockJS request by request, as browsers that know no better transport make them.

mod common;

use std::time::Duration;

use common::{Server, User};
use http::Method;
use serde_json::{Value as Json, json};

const P: &str = "/api/v1/fleet/results";

async fn text(user: &User, method: Method, path: &str, body: Option<Json>) -> (u16, String, http::HeaderMap) {
    let response = user.raw(method, path, body).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, response.text().await.unwrap(), headers)
}

async fn poll(user: &User, session: &str) -> String {
    text(user, Method::POST, &format!("{P}/000/{session}/xhr"), Some(json!(""))).await.1
}

async fn send(user: &User, session: &str, messages: Json) -> u16 {
    text(user, Method::POST, &format!("{P}/000/{session}/xhr_send"), Some(messages)).await.0
}

/// A campaign on one host that does not answer; gives its id.
async fn campaign(server: &Server) -> u64 {
    let agent = server.host("sock.example.org").await;
    let body = json!({"query": "select 1", "selected": {"hosts": [agent.host_id]}});
    server.admin.post("queries/run", body).await.ok()["campaign"]["id"].as_u64().unwrap()
}

fn introduction(token: &str, campaign: u64) -> Json {
    let auth = json!({"type": "auth", "data": {"token": token}}).to_string();
    let select = json!({"type": "select_campaign", "data": {"campaign_id": campaign}}).to_string();
    json!([auth, select])
}

#[tokio::test]
async fn the_prefix_greets_and_informs() {
    let server = Server::start().await;
    let user = server.anonymous();
    for path in [P.to_owned(), format!("{P}/")] {
        assert_eq!(text(&user, Method::GET, &path, None).await.1, "Welcome to SockJS!\n");
    }
    let (status, info, headers) = text(&user, Method::GET, &format!("{P}/info"), None).await;
    let info: Json = serde_json::from_str(&info).unwrap();
    assert_eq!((status, &info["websocket"], &info["cookie_needed"]), (200, &json!(true), &json!(false)));
    assert_eq!(info["origins"], json!(["*:*"]));
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert!(headers["cache-control"].to_str().unwrap().starts_with("no-store"));
    let (status, _, headers) = text(&user, Method::OPTIONS, &format!("{P}/info"), None).await;
    assert_eq!((status, headers["access-control-allow-methods"].to_str().unwrap()), (204, "OPTIONS, GET"));
    assert!(headers["expires"].to_str().unwrap().ends_with(" GMT"));
    let (status, page, headers) = text(&user, Method::GET, &format!("{P}/iframe-1.6.1.html"), None).await;
    assert!(status == 200 && page.contains("SockJS hidden iframe") && headers.contains_key("etag"));
    assert!(headers["expires"].to_str().unwrap().ends_with(" GMT"));
    for path in ["iframe.htm", "nothing", "000//xhr", "0.0/s/xhr", "000/s/none", "000/s/xhr/more"] {
        assert_eq!(text(&user, Method::GET, &format!("{P}/{path}"), None).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_conversation_over_polling() {
    let server = Server::start().await;
    let campaign = campaign(&server).await;
    let user = server.anonymous();
    assert_eq!(send(&user, "s9", json!(["x"])).await, 404);
    assert_eq!(poll(&user, "s9").await, "o\n");
    assert_eq!(send(&user, "s9", introduction(server.admin.token(), campaign)).await, 204);
    let frame = poll(&user, "s9").await;
    let messages: Vec<String> = serde_json::from_str(frame.strip_prefix('a').unwrap()).unwrap();
    assert!(messages[0].starts_with(r#"{"type":"totals","data":{"count":1,"online":"#), "{frame}");
    for (body, reason) in
        [("", "Payload expected."), ("[\"x", "Broken JSON encoding."), ("{}", "Broken JSON encoding.")]
    {
        let path = format!("http://{}{P}/000/s9/xhr_send", server.address);
        let response = reqwest::Client::new().post(path).body(body).send().await.unwrap();
        assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (500, reason));
    }
}

#[tokio::test]
async fn only_one_request_receives_and_one_that_breaks_off_ends_the_session() {
    let server = Server::start().await;
    let user = server.anonymous();
    assert_eq!(poll(&user, "one").await, "o\n");
    // Whichever comes second is refused; the other one breaks off.
    let refused = tokio::select! {
        first = poll(&user, "one") => first,
        second = poll(&user, "one") => second,
    };
    assert_eq!(refused, "c[2010,\"Another connection still open\"]\n");
    let mut closed = String::new();
    for _ in 0..50 {
        closed = poll(&user, "one").await;
        if closed.starts_with("c[1002") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(closed, "c[1002,\"Connection interrupted!\"]\n");
}

#[tokio::test]
async fn a_campaign_ends_with_the_session_that_read_it() {
    let server = Server::start().await;
    let campaign = campaign(&server).await;
    let user = server.anonymous();
    poll(&user, "left").await;
    send(&user, "left", introduction(server.admin.token(), campaign)).await;
    poll(&user, "left").await;
    assert_eq!(server.fleet.live.count(), 1);
    for _ in 0..100 {
        if server.fleet.live.count() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the campaign still runs");
}

#[tokio::test]
async fn pages_receive_by_calls_and_only_of_names() {
    let server = Server::start().await;
    let user = server.anonymous();
    let get = |path: String| {
        let user = user.clone();
        async move { text(&user, Method::GET, &path, None).await }
    };
    let (status, body, headers) = get(format!("{P}/000/j/jsonp?c=cb.x")).await;
    assert_eq!((status, body.as_str()), (200, "/**/cb.x(\"o\");\r\n"));
    assert!(headers["content-type"].to_str().unwrap().starts_with("application/javascript"));
    for transport in ["jsonp", "htmlfile"] {
        let (status, body, _) = get(format!("{P}/000/k/{transport}")).await;
        assert_eq!((status, body.as_str()), (500, "\"callback\" parameter required\n"));
        let (status, body, _) = get(format!("{P}/000/k/{transport}?c=alert(1)//")).await;
        assert!(status == 500 && !body.contains("alert"), "{body}");
    }
    let form = reqwest::Client::new()
        .post(format!("http://{}{P}/000/j/jsonp_send", server.address))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("d=%5B%22x%22%5D");
    let response = form.send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "ok"));
    // What it sent was no introduction: the conversation ends without a word.
    assert_eq!(get(format!("{P}/000/j/jsonp?c=cb")).await.1, "/**/cb(\"c[1000,\\\"none\\\"]\");\r\n");
}

#[tokio::test]
async fn streams_begin_with_their_preludes() {
    let server = Server::start().await;
    let user = server.anonymous();
    let begin = |method: Method, path: &'static str, wanted: usize| {
        let user = user.clone();
        async move {
            let mut response = user.raw(method, &format!("{P}/000/{path}"), None).await;
            let mut text = String::new();
            while text.len() < wanted {
                text.push_str(&String::from_utf8_lossy(&response.chunk().await.unwrap().unwrap()));
            }
            text
        }
    };
    assert_eq!(begin(Method::POST, "a/xhr_streaming", 2051).await, "h".repeat(2048) + "\no\n");
    assert_eq!(begin(Method::GET, "b/eventsource", 11).await, "\r\ndata: o\r\n\r\n");
    let page = begin(Method::GET, "c/htmlfile?c=cb", 1040).await;
    assert!(
        page.contains("var c = parent.cb;") && page.ends_with("<script>\np(\"o\");\n</script>\r\n"),
        "{page}"
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_as_published() {
    let server = Server::start().await;
    let user = server.anonymous();
    let ask = |method: Method, path: &'static str| {
        let user = user.clone();
        async move { text(&user, method, &format!("{P}/{path}"), None).await }
    };
    for (method, path, allowed) in [
        (Method::GET, "000/r/xhr", "OPTIONS, POST"),
        (Method::PUT, "000/r/xhr_streaming", "OPTIONS, POST"),
        (Method::GET, "000/r/xhr_send", "OPTIONS, POST"),
        (Method::POST, "000/r/eventsource", "OPTIONS, GET"),
        (Method::POST, "000/r/htmlfile", "OPTIONS, GET"),
        (Method::POST, "000/r/websocket", "GET"),
        (Method::POST, "info", "OPTIONS, GET"),
        (Method::POST, "iframe.html", "GET"),
    ] {
        let (status, body, headers) = ask(method, path).await;
        assert_eq!((status, body.as_str(), headers["allow"].to_str().unwrap()), (405, "", allowed), "{path}");
    }
    let (status, body, _) = ask(Method::GET, "000/r/websocket").await;
    assert_eq!((status, body.trim_end()), (400, "Can \"Upgrade\" only to \"WebSocket\"."));
    for path in ["000/nobody/jsonp_send", "000/nobody/xhr_send"] {
        assert_eq!(ask(Method::POST, path).await.0, 404, "{path}");
    }
    for path in ["xhr", "xhr_send", "jsonp", "eventsource", "htmlfile"] {
        let address = format!("http://{}{P}/000/r/{path}", server.address);
        let asked = reqwest::Client::new()
            .request(Method::OPTIONS, address)
            .header("Origin", "https://pages.example.org")
            .header("Access-Control-Request-Headers", "content-type, x-a");
        let answer = asked.send().await.unwrap();
        let of = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!((answer.status().as_u16(), of("cache-control")), (204, "public, max-age=31536000".into()));
        assert_eq!(of("access-control-allow-origin"), "https://pages.example.org");
        assert_eq!(of("access-control-allow-credentials"), "true");
        assert_eq!(of("access-control-allow-headers"), "content-type, x-a");
        assert!(of("access-control-allow-methods").starts_with("OPTIONS, "));
        assert!(of("expires").ends_with(" GMT") && of("access-control-max-age") == "31536000");
    }
}

#[tokio::test]
async fn a_session_is_known_by_its_own_name_whatever_the_server_is_called() {
    let server = Server::start().await;
    let user = server.anonymous();
    let poll = |path: &'static str| {
        let user = user.clone();
        async move { text(&user, Method::POST, &format!("{P}/{path}"), Some(json!(""))).await.1 }
    };
    assert_eq!(poll("000/same/xhr").await, "o\n");
    let (status, _, headers) =
        text(&user, Method::POST, &format!("{P}/999/same/xhr_send"), Some(json!(["no introduction"]))).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (204, "text/plain; charset=UTF-8"));
    // Whoever asks again is told again, under each name and by each transport.
    for path in ["123/same/xhr", "000/same/xhr"] {
        assert_eq!(poll(path).await, "c[1000,\"none\"]\n");
    }
    let stream = text(&user, Method::GET, &format!("{P}/000/same/eventsource"), None).await.1;
    assert_eq!(stream, "\r\ndata: c[1000,\"none\"]\r\n\r\n");
}
