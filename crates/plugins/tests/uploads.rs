//! Rows and files for other services, against servers that look at what they get.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::live::{Live, until};
use common::run;
use common::server::{Server, ok, response, serve};
use serde_json::Value;

fn lines(server: &Server) -> Vec<Vec<Value>> {
    let parse = |text: String| text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    server.requests().iter().map(|r| parse(r.text())).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn elastic_gets_batches_of_its_own_form() {
    let server = serve(|_| ok(r#"{"errors":false,"items":[]}"#));
    let outcome = run(&format!(
        "SELECT StartId, ChunkSize, Status FROM elastic_upload(addresses='{}', index='idx', chunk_size=2, pipeline='p q', \
         username='fred', password='pw', query={{ SELECT _value AS N, if(condition=_value = 1, then='other', else='idx') AS _index FROM range(end=3) }})",
        server.url("")
    ));
    let wanted = r#"[{"StartId":0,"ChunkSize":2,"Status":200},{"StartId":2,"ChunkSize":1,"Status":200}]"#;
    assert_eq!(outcome.rows, wanted, "{:?}", outcome.log);
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /_bulk?pipeline=p+q HTTP/1.1");
    assert_eq!(request.header("Authorization"), Some("Basic ZnJlZDpwdw=="));
    assert_eq!(request.header("Content-Type"), Some("application/x-ndjson"));
    let wanted = [
        vec![
            json(r#"{"index":{"_index":"idx"}}"#),
            json(r#"{"N":0}"#),
            json(r#"{"index":{"_index":"other"}}"#),
            json(r#"{"N":1}"#),
        ],
        vec![json(r#"{"index":{"_index":"idx"}}"#), json(r#"{"N":2}"#)],
    ];
    assert_eq!(lines(&server), wanted);
}

#[test]
fn elastic_tells_which_rows_were_refused() {
    let server = serve(|_| {
        ok(
            r#"{"errors":true,"items":[{"index":{"status":201}},{"index":{"status":400,"error":{"type":"mapper_parsing_exception"}}}]}"#,
        )
    });
    let outcome = run(&format!(
        "SELECT Status FROM elastic_upload(addresses='{}', query={{ SELECT _value FROM range(end=2) }})",
        server.url("/")
    ));
    assert_eq!(outcome.rows, r#"[{"Status":200}]"#);
    let wanted = r#"ERROR:elastic_upload: 2 rows were not taken: 1 of them had errors; the first: {"type":"mapper_parsing_exception"}"#;
    assert_eq!(outcome.log, [wanted]);
}

#[test]
fn splunk_gets_events() {
    let server = serve(|_| ok(r#"{"text":"Success","code":0}"#));
    let outcome = run(&format!(
        "SELECT ChunkSize, Response FROM splunk_upload(url='{}', token='T', index='i', hostname='h', timestamp_field='When', \
         hostname_field='Host', query={{ SELECT 1700000000.5 AS When, 'x' AS Host, 7 AS N FROM scope() }})",
        server.url("/services/collector/event")
    ));
    assert_eq!(
        outcome.rows, r#"[{"ChunkSize":1,"Response":"{\"text\":\"Success\",\"code\":0}"}]"#,
        "{:?}",
        outcome.log
    );
    let request = &server.requests()[0];
    assert_eq!(request.header("Authorization"), Some("Splunk T"));
    let wanted = json(
        r#"{"source":"velociraptor","sourcetype":"vql","index":"i","time":1700000000.5,"host":"x","event":{"When":1700000000.5,"Host":"x","N":7}}"#,
    );
    assert_eq!(lines(&server), [vec![wanted]]);
}

#[test]
fn busy_servers_are_asked_again_and_strict_ones_are_not() {
    let tries = Arc::new(AtomicUsize::new(0));
    let count = tries.clone();
    let server = serve(move |r| match (r.path(), count.fetch_add(1, Ordering::SeqCst)) {
        ("/busy", 0 | 1) => response("503 Busy", &[], "later"),
        ("/busy", _) => ok("fine"),
        _ => response("403 Forbidden", &[], "bad token"),
    });
    let upload = |path: &str| {
        let query = format!(
            "SELECT Status, Response FROM splunk_upload(url='{}', retry_wait=0, max_retries=3, query={{ SELECT 1 FROM scope() }})",
            server.url(path)
        );
        run(&query)
    };
    assert_eq!(upload("/busy").rows, r#"[{"Status":200,"Response":"fine"}]"#);
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    let refused = upload("/strict");
    assert_eq!(refused.rows, r#"[{"Status":403,"Response":"the server answered 403: bad token"}]"#);
    assert_eq!(
        refused.log,
        ["ERROR:splunk_upload: 1 rows were not taken: the server answered 403: bad token"]
    );
    assert_eq!(tries.load(Ordering::SeqCst), 4);
    let gone = run(
        "SELECT Status, Response FROM splunk_upload(url='http://127.0.0.1:1/', retry_wait=0, max_retries=2, query={ SELECT 1 FROM scope() })",
    );
    assert!(
        gone.rows.starts_with(r#"[{"Status":0,"Response":""#) && gone.rows.contains("refused"),
        "{}",
        gone.rows
    );
}

#[test]
fn rows_do_not_wait_for_ever_and_cancelling_ends_it() {
    let server = serve(|_| ok("fine"));
    let asked = server.url("/");
    // One row at once, the next after an hour.
    let query = format!(
        "SELECT * FROM splunk_upload(url='{asked}', wait_time=1, query={{ SELECT _value, sleep(time=if(condition=_value > 0, then=3600)) AS S FROM range(end=2) }})"
    );
    let live = Live::start(&query, &[]);
    until("the row that is there is sent", || server.requests().len() == 1);
    live.stop();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn logscale_gets_structured_events() {
    let server = serve(|_| ok("{}"));
    let outcome = run(&format!(
        "SELECT ChunkSize FROM logscale_upload(apibaseurl='{}', ingest_token='T', tag_fields=['Host=host', 'Kind'], \
         query={{ SELECT 'h' AS Host, 'k' AS Kind, _value AS N, 1700000000 AS _ts FROM range(end=2) }})",
        server.url("/api")
    ));
    assert_eq!(outcome.rows, r#"[{"ChunkSize":2}]"#, "{:?}", outcome.log);
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /api/v1/ingest/humio-structured HTTP/1.1");
    assert_eq!(request.header("Authorization"), Some("Bearer T"));
    let event = |n: u8| {
        json(&format!(
            r#"{{"tags":{{"host":"h","Kind":"k"}},"events":[{{"timestamp":"2023-11-14T22:13:20.000Z","attributes":{{"Host":"h","Kind":"k","N":{n},"_ts":1700000000}}}}]}}"#
        ))
    };
    assert_eq!(json(&request.text()), Value::Array(vec![event(0), event(1)]));
}

#[test]
fn webdav_and_azure_take_a_file() {
    let server = serve(|_| response("201 Created", &[], ""));
    let outcome = run(&format!(
        "SELECT upload_webdav(file='content', accessor='data', name='a b/c.txt', url='{}', basic_auth_user='fred', basic_auth_password='pw') AS W, \
         upload_azure(file='blob', accessor='data', name='x.bin', sas_url='{}') AS A FROM scope()",
        server.url("/dav/"),
        server.url("/container?sv=1&sig=TOPSECRET")
    ));
    let wanted = format!(
        r#"[{{"W":{{"Path":"{}","Size":7,"Source":"data"}},"A":{{"Path":"{}","Size":4,"Source":"data"}}}}]"#,
        server.url("/dav/a%20b/c.txt"),
        server.url("/container/x.bin")
    );
    assert_eq!(outcome.rows, wanted, "{:?}", outcome.log);
    let requests = server.requests();
    assert_eq!(
        (requests[0].line.as_str(), requests[0].text().as_str()),
        ("PUT /dav/a%20b/c.txt HTTP/1.1", "content")
    );
    assert_eq!(requests[0].header("Authorization"), Some("Basic ZnJlZDpwdw=="));
    assert_eq!(requests[0].header("Content-Length"), Some("7"));
    assert_eq!(requests[1].line, "PUT /container/x.bin?sv=1&sig=TOPSECRET HTTP/1.1");
    assert_eq!(requests[1].header("X-Ms-Blob-Type"), Some("BlockBlob"));
    let failed = run("SELECT upload_webdav(file='x', accessor='data', url='http://127.0.0.1:1/') AS W, \
        upload_azure(file='/no/such', sas_url='http://127.0.0.1:1/?sig=TOPSECRET') AS A FROM scope()");
    assert_eq!(failed.rows, r#"[{"W":null,"A":null}]"#);
    assert!(
        failed.log[0].contains("refused")
            && failed.log[1].contains("/no/such")
            && !failed.log.concat().contains("TOPSECRET"),
        "{:?}",
        failed.log
    );
}

/// Computes the signature anew, from what arrived.
fn is_signed(request: &common::server::Request) -> bool {
    use plugins::net::sigv4::Signer;
    let Some(given) = request.header("Authorization") else { return false };
    let names = given.split_once("SignedHeaders=").unwrap().1.split_once(',').unwrap().0;
    let value = |name: &str| {
        request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
    };
    let headers: Vec<(String, String)> =
        names.split(';').map(|n| (n.to_owned(), value(n).unwrap())).collect();
    let url = format!("http://{}{}", value("host").unwrap(), request.path());
    let signer = Signer { key: "KEY", secret: "SECRET", region: "eu-west-1" };
    signer.authorization("PUT", &url.parse().unwrap(), &headers, &value("x-amz-date").unwrap()) == given
}

#[test]
fn s3_takes_a_signed_file() {
    let server =
        serve(
            |r| if is_signed(r) { ok("") } else { response("403 Forbidden", &[], "SignatureDoesNotMatch") },
        );
    let upload = |secret: &str| {
        let query = format!(
            "SELECT upload_s3(file='content', accessor='data', name='dir/a b+c.txt', bucket='bucket', region='eu-west-1', \
             credentials_key='KEY', credentials_secret='{secret}', credentials_token='TOKEN', endpoint='{}', \
             serverside_encryption='AES256', s3upload_root='/root/') AS U FROM scope()",
            server.url("/")
        );
        run(&query)
    };
    let good = upload("SECRET");
    let path = server.url("/bucket/root/dir/a%20b%2Bc.txt");
    assert_eq!(
        good.rows,
        format!(r#"[{{"U":{{"Path":"{path}","Size":7,"Source":"data"}}}}]"#),
        "{:?}",
        good.log
    );
    let request = server.requests().pop().unwrap();
    assert_eq!(request.text(), "content");
    assert!(
        request
            .header("Authorization")
            .unwrap()
            .contains("x-amz-security-token;x-amz-server-side-encryption")
    );
    let bad = upload("WRONG");
    assert_eq!(bad.rows, r#"[{"U":null}]"#);
    assert_eq!(bad.log, ["upload_s3: the server answered 403: SignatureDoesNotMatch"]);
    assert!(
        run("SELECT upload_s3(file='x', accessor='data', bucket='a/../b') AS U FROM scope()").log[0]
            .contains("is no name of a bucket")
    );
}
