//! `http_client()` against servers that keep to the rules.

mod common;

use common::server::{self, Server, ok, response, serve};
use common::{Outcome, run, run_with};
use vql::permission::{Permission, Permissions};

fn fetch(server: &Server, arguments: &str) -> Outcome {
    let url = server.url("/");
    run_with(
        &format!("SELECT Content, Response FROM http_client(url=Server + {arguments})"),
        &[("Server", url.trim_end_matches('/'))],
        Permissions::all(),
    )
}

#[test]
fn a_get_gives_one_row_with_all_columns() {
    let server =
        serve(|_| response("200 OK", &["X-one: a", "x-ONE: b", "Content-Type: text/plain"], "hello"));
    let url = server.url("/x?a=1");
    let outcome = run(&format!("SELECT * FROM http_client(url='{url}')"));
    let wanted = format!(
        r#"[{{"Url":"{url}","Content":"hello","Response":200,"Headers":{{"Content-Length":["5"],"X-One":["a","b"],"Content-Type":["text/plain"]}}}}]"#
    );
    assert_eq!(outcome.rows, wanted);
    assert_eq!(outcome.log, [format!("Fetching {url}")]);
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET /x?a=1 HTTP/1.1");
    assert_eq!(request.header("User-Agent"), Some("Velociraptor"));
    assert_eq!(request.header("Host"), Some(server.address.as_str()));
}

#[test]
fn the_body_comes_in_full_chunks_and_a_last_one() {
    let server = serve(|r| ok("x".repeat(r.path()[1..].parse().unwrap())));
    let lengths = |n: usize| {
        let query = format!(
            "SELECT len(list=Content) AS N FROM http_client(url='{}', chunk_size=5)",
            server.url(&format!("/{n}"))
        );
        common::run(&query).rows
    };
    assert_eq!(lengths(0), r#"[{"N":0}]"#);
    assert_eq!(lengths(4), r#"[{"N":4}]"#);
    assert_eq!(lengths(5), r#"[{"N":5},{"N":0}]"#);
    assert_eq!(lengths(10), r#"[{"N":5},{"N":5},{"N":0}]"#);
    assert_eq!(lengths(12), r#"[{"N":5},{"N":5},{"N":2}]"#);
}

#[test]
fn errors_of_the_server_are_rows() {
    let server = serve(|r| response(&r.path()[1..].replace('_', " "), &[], "why"));
    for status in ["404_Not_Found", "500_Oops", "418_Teapot", "204_No"] {
        let wanted = if status.starts_with("204") { "" } else { "why" };
        let outcome = fetch(&server, &format!("'/{status}'"));
        assert_eq!(outcome.rows, format!(r#"[{{"Content":"{wanted}","Response":{}}}]"#, &status[..3]));
    }
}

#[test]
fn parameters_are_encoded_as_the_method_wants_it() {
    let server = serve(|_| ok(""));
    let params = "params=dict(b=['x', 'y z'], a=1, n=NULL)";
    for arguments in [
        format!("'/p?q=1', {params}"),
        format!("'/p', method='post', {params}"),
        format!("'/p?q=1', method='PUT', {params}, data='raw'"),
        "'/p?q=1', data='body'".to_owned(),
        "'/p', method='DELETE'".to_owned(),
        "'/p?a=1', params=dict()".to_owned(),
    ] {
        fetch(&server, &arguments);
    }
    let seen: Vec<String> = server.requests().iter().map(|r| format!("{} {}", r.line, r.text())).collect();
    let wanted = [
        "GET /p?q=1&a=1&b=x&b=y+z HTTP/1.1 ",
        "POST /p HTTP/1.1 a=1&b=x&b=y+z",
        "PUT /p?q=1 HTTP/1.1 raw",
        "GET /p?q=1 HTTP/1.1 body",
        "DELETE /p HTTP/1.1 ",
        "GET /p?a=1 HTTP/1.1 ",
    ];
    assert_eq!(seen, wanted);
    assert!(server.requests().iter().all(|r| r.header("Content-Type").is_none()));
    let outcome = fetch(&server, &format!("'/', method='POST', {params}, data='raw'"));
    assert!(outcome.log.contains(&"http_client: Both params and data set. Defaulting to data.".to_owned()));
    let outcome = fetch(&server, "'/', method='BREW'");
    assert_eq!(
        (outcome.rows.as_str(), &outcome.log[..]),
        ("[]", &["http_client: Invalid HTTP Method BREW".to_owned()][..])
    );
}

#[test]
fn headers_go_out_in_canonical_capitals() {
    let server = serve(|_| ok(""));
    fetch(
        &server,
        "'/', user_agent='Me/1', headers=dict(`foo-bar`='x', N=5, Host='evil', `Content-Length`='3', `content-type`='a/b')",
    );
    fetch(&server, "'/', user_agent='Me/1', headers=dict(`user-agent`='You/2')");
    let requests = server.requests();
    assert_eq!(requests[0].header("Foo-Bar"), Some("x"));
    assert_eq!(requests[0].header("N"), None);
    assert_eq!(requests[0].header("Content-Type"), Some("a/b"));
    assert_eq!(requests[0].header("Host"), Some(server.address.as_str()));
    assert_eq!(requests[0].header("User-Agent"), Some("Me/1"));
    assert_eq!(requests[1].header("User-Agent"), Some("You/2"));
    let outcome = fetch(&server, "'/', headers=dict(X='a\r\nEvil: b')");
    assert_eq!(outcome.rows, "[]");
    assert_eq!(outcome.log[1], "http_client: invalid header \"X\"");
}

#[test]
fn compressed_bodies_are_unpacked_unless_asked_for() {
    let gzip = |text: &str| {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let server = serve(move |_| response("200 OK", &["Content-Encoding: gzip"], gzip("hello")));
    assert_eq!(fetch(&server, "'/'").rows, r#"[{"Content":"hello","Response":200}]"#);
    let outcome = run(&format!(
        "SELECT Headers.`Content-Encoding` AS E, Content =~ 'hello' AS H FROM http_client(url='{}', headers=dict(`Accept-Encoding`='gzip'))",
        server.url("/")
    ));
    assert_eq!(outcome.rows, r#"[{"E":["gzip"],"H":false}]"#);
    let asked: Vec<String> =
        server.requests().iter().map(|r| r.header("Accept-Encoding").unwrap().to_owned()).collect();
    assert!(asked[0].contains("gzip") && asked[0].contains("br") && asked[0].contains("zstd"), "{asked:?}");
    assert_eq!(asked[1], "gzip");
}

#[test]
fn of_several_urls_the_first_good_answer_counts() {
    let bad = serve(|_| response("503 Busy", &[], "busy"));
    let good = serve(|_| ok("good"));
    let query = |list: &str| run(&format!("SELECT Url, Content, Response FROM http_client(url=[{list}])"));
    let outcome =
        query(&format!("'http://127.0.0.1:1/', '{}', '{}', 'http://never/'", bad.url("/"), good.url("/")));
    assert_eq!(outcome.rows, format!(r#"[{{"Url":"{}","Content":"good","Response":200}}]"#, good.url("/")));
    assert!(
        outcome.log[1].starts_with("Failed http://127.0.0.1:1/: ")
            && outcome.log[1].ends_with(" - trying next Url")
    );
    assert_eq!(outcome.log[3], format!("Failed {}: status 503 - trying next URL", bad.url("/")));
    let outcome = query(&format!("'{}', '{}'", bad.url("/a"), bad.url("/b")));
    assert_eq!(outcome.rows, format!(r#"[{{"Url":"{}","Content":"busy","Response":503}}]"#, bad.url("/b")));
}

#[test]
fn failures_are_a_row_and_a_log_line() {
    let outcome = run("SELECT * FROM http_client(url='http://127.0.0.1:1/x')");
    assert!(outcome.rows.starts_with(r#"[{"Url":"http://127.0.0.1:1/x","Content":""#), "{}", outcome.rows);
    assert!(
        outcome.rows.ends_with(r#"Connection refused","Response":500,"Headers":null}]"#),
        "{}",
        outcome.rows
    );
    assert!(
        outcome.log[1].starts_with("http_client: Error ")
            && outcome.log[1].ends_with(" while fetching http://127.0.0.1:1/x")
    );
    let outcome = run("SELECT * FROM http_client(url='http://no-such-host.invalid/')");
    assert!(outcome.rows.contains(r#""Response":500"#), "{}", outcome.rows);
    for (url, why) in [("http://[::1", "cannot read the URL"), ("nonsense", "cannot read the URL")] {
        let outcome = run(&format!("SELECT * FROM http_client(url='{url}')"));
        assert_eq!(outcome.rows, "[]");
        assert!(outcome.log[1].starts_with(&format!("http_client: {why}")), "{:?}", outcome.log);
    }
    let outcome = run("SELECT * FROM http_client(url='gopher://x/')");
    assert!(outcome.rows.contains("unsupported protocol scheme"), "{}", outcome.rows);
    assert_eq!(run("SELECT * FROM http_client()").log, ["http_client: Field url is required"]);
}

#[test]
fn connections_are_shared_by_the_calls_of_a_program() {
    let server = serve(|_| ok("x"));
    let query = format!(
        "SELECT * FROM foreach(row={{ SELECT * FROM range(end=5) }}, query={{ SELECT * FROM http_client(url='{}') }})",
        server.url("/")
    );
    run(&query);
    assert_eq!((server.requests().len(), server.connections()), (5, 1));
}

#[test]
fn one_of_two_rights_is_enough() {
    let server = serve(|_| ok("x"));
    let query = format!("SELECT Content FROM http_client(url='{}')", server.url("/"));
    for (held, rows) in [
        (Permissions::of(&[Permission::Network]), r#"[{"Content":"x"}]"#),
        (Permissions::of(&[Permission::CollectServer]), r#"[{"Content":"x"}]"#),
        (Permissions::all().without(Permission::Network).without(Permission::CollectServer), "[]"),
    ] {
        let outcome = run_with(&query, &[], held);
        assert_eq!(outcome.rows, rows);
        if rows == "[]" {
            let wanted = "ERROR:http_client: PermissionDenied: Permission denied: [COLLECT_SERVER NETWORK]";
            assert!(
                outcome.log.iter().any(|l| wanted.ends_with(l.trim_start_matches("ERROR:"))),
                "{:?}",
                outcome.log
            );
        }
    }
}

#[test]
fn files_of_the_host_are_fetched_by_those_who_may_read_them() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a b"), "content").unwrap();
    let url = format!("file://{}/a%20b", dir.path().display());
    let query = format!("SELECT Content, Response FROM http_client(url='{url}', chunk_size=4)");
    assert_eq!(run(&query).rows, r#"[{"Content":"cont","Response":200},{"Content":"ent","Response":200}]"#);
    let outcome = run_with(&query, &[], Permissions::of(&[Permission::Network]));
    assert_eq!(outcome.rows, "[]");
    assert_eq!(outcome.log[1], "http_client: PermissionDenied: Permission denied: [FILESYSTEM_READ]");
    assert_eq!(run("SELECT Response FROM http_client(url='file:///no/such')").rows, r#"[{"Response":404}]"#);
}

#[test]
fn unix_sockets_are_spoken_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            while let Some(request) = server::read(&mut stream) {
                use std::io::Write;
                let _ = stream.write_all(&ok(&request.line));
            }
        }
    });
    let path = path.display();
    for url in [
        format!("{path}:unix/v1/info?x=1"),
        format!("unix:{path}:/v1/info?x=1"),
        format!("unix://{path}:/v1/info?x=1"),
    ] {
        let outcome = run(&format!("SELECT Content, Response FROM http_client(url='{url}')"));
        assert_eq!(outcome.rows, r#"[{"Content":"GET /v1/info?x=1 HTTP/1.1","Response":200}]"#, "{url}");
    }
}

#[test]
fn a_temporary_file_takes_the_body_and_goes_away() {
    let server = serve(|_| ok("body"));
    let url = server.url("/");
    let outcome = run(&format!(
        "SELECT Content, Response, read_file(filename=Content) AS Data, basename(path=Content) =~ '^tmp.+[.]bin$' AS Named \
         FROM http_client(url='{url}', tempfile_extension='.bin')"
    ));
    assert!(outcome.rows.ends_with(r#"","Response":200,"Data":"body","Named":true}]"#), "{}", outcome.rows);
    let path = outcome.rows.split('"').nth(3).unwrap();
    assert!(!std::path::Path::new(path).exists());
    assert_eq!(outcome.log[1], format!("http_client: Downloading {url} into {path}"));
    let outcome = run(&format!(
        "LET X <= SELECT Content FROM http_client(url='{url}', tempfile_extension='.bin', remove_last=TRUE) \
         SELECT Content, read_file(filename=Content) AS Data FROM X"
    ));
    assert!(outcome.rows.ends_with(r#","Data":"body"}]"#), "{}", outcome.rows);
    assert!(outcome.log[2].starts_with("http_client: Adding global destructor for "), "{:?}", outcome.log);
    let path = outcome.rows.split('"').nth(3).unwrap();
    assert!(!std::path::Path::new(path).exists());
}
