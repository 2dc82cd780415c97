//! `http_client()`: redirects, cookies, forms, certificates, proxies, secrets, and where it may go.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::server::{self, Server, ok, response, serve};
use common::tls::{self, Authority};
use common::{Outcome, run, run_in};
use parking_lot::Mutex;
use plugins::net::Network;
use plugins::net::policy::Policy;
use plugins::net::secrets::{Change, Described, Fields, Secrets};
use plugins::world::World;
use vql::cancel::Cancel;
use vql::permission::Permissions;

fn within(network: Network, source: &str) -> Outcome {
    let world = World { network: Arc::new(network), ..World::of_process() };
    run_in(world, source, &[], Permissions::all(), Cancel::new())
}

fn contents(source: &str) -> String {
    run(&format!("SELECT Content, Response FROM http_client({source})")).rows
}

/// Sends to the path after `/to/`, with the status before it.
fn redirecting() -> Server {
    serve(|request| match request.path().strip_prefix("/to/") {
        Some(rest) => {
            let (status, place) = rest.split_once('/').unwrap();
            let place = place.replace("%3A", ":");
            response(&format!("{status} Moved"), &[&format!("Location: {place}")], "")
        }
        None if request.path() == "/circle" => response("302 Found", &["Location: /circle"], ""),
        None => ok(format!("{} {}", request.line, request.text())),
    })
}

#[test]
fn redirects_turn_into_get_or_keep_the_method() {
    let server = redirecting();
    for (status, line) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let url = server.url(&format!("/to/{status}//end"));
        let body = if line == "GET" { "" } else { "data" };
        let outcome =
            run(&format!("SELECT Url, Content FROM http_client(url='{url}', method='POST', data='data')"));
        assert_eq!(outcome.rows, format!(r#"[{{"Url":"{url}","Content":"{line} /end HTTP/1.1 {body}"}}]"#));
    }
    // Something else among the 3xx, and one without a place to go, are answers.
    assert_eq!(
        contents(&format!("url='{}'", server.url("/to/304//x"))),
        r#"[{"Content":"","Response":304}]"#
    );
}

#[test]
fn a_circle_of_redirects_ends() {
    let server = redirecting();
    let wanted = r#"[{"Content":"stopped after 10 redirects","Response":500}]"#;
    assert_eq!(contents(&format!("url='{}'", server.url("/circle"))), wanted);
    assert_eq!(server.requests().len(), 11);
    let to_file = server.url("/to/302/file%3A///etc/passwd");
    assert!(contents(&format!("url='{to_file}'")).contains("unsupported protocol scheme"));
}

#[test]
fn another_host_sees_no_credentials() {
    let other = serve(|_| ok("there"));
    let server = redirecting();
    let place = other.url("/x").replace(':', "%3A");
    for (place, seen) in [(place, &other), ("/end".to_owned(), &server)] {
        let url = server.url(&format!("/to/302/{place}"));
        contents(&format!("url='{url}', headers=dict(Authorization='Bearer t', Cookie='c=1', X='y')"));
        let last = seen.requests().pop().unwrap();
        let is_same = std::ptr::eq(seen, &server);
        assert_eq!(last.header("Authorization").is_some(), is_same, "{last:?}");
        assert_eq!(last.header("Cookie").is_some(), is_same);
        assert_eq!(last.header("X"), Some("y"));
    }
}

/// Sets a cookie on the way, and tells what it got.
fn baker() -> Server {
    serve(|request| match request.path() {
        "/login" => response("302 Found", &["Set-Cookie: sid=abc; Path=/; HttpOnly", "Location: /me"], ""),
        _ => ok(request.header("Cookie").unwrap_or("none")),
    })
}

#[test]
fn cookies_of_a_hop_are_sent_and_kept() {
    let server = baker();
    let (login, me) = (server.url("/login"), server.url("/me"));
    let twice = run(&format!(
        "SELECT * FROM chain(a={{ SELECT Content FROM http_client(url='{login}') }}, \
         b={{ SELECT Content FROM http_client(url='{me}') }}, \
         c={{ SELECT Content FROM http_client(url='{me}', cookie_jar=dict()) }})"
    ));
    assert_eq!(twice.rows, r#"[{"Content":"sid=abc"},{"Content":"sid=abc"},{"Content":"none"}]"#);
    assert_eq!(contents(&format!("url='{me}'")), r#"[{"Content":"none","Response":200}]"#, "another program");
}

#[test]
fn a_cookie_jar_is_filled_in_place_and_can_be_used_later() {
    let server = baker();
    let (login, me) = (server.url("/login"), server.url("/me"));
    let outcome = run(&format!(
        "LET Jar <= dict() LET _ <= SELECT * FROM http_client(url='{login}', cookie_jar=Jar) \
         LET Text <= serialize(item=Jar) \
         SELECT Content, items(item=Jar)[0]._key AS Url, items(item=Jar)[0]._value[0].Name AS Name \
         FROM http_client(url='{me}', cookie_jar=parse_json(data=Text))"
    ));
    let wanted = format!(r#"[{{"Content":"sid=abc","Url":"{login}","Name":"sid"}}]"#);
    assert_eq!(outcome.rows, wanted, "{:?}", outcome.log);
}

/// The parts of a form: their heads and contents.
fn form(request: &server::Request) -> Vec<(String, String)> {
    let kind = request.header("Content-Type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = request.text();
    let inner = text.strip_suffix(&format!("--{boundary}--\r\n")).unwrap();
    let between = format!("--{boundary}\r\n");
    let parts = inner.split(&between).skip(1);
    parts
        .map(|part| part.strip_suffix("\r\n").unwrap().split_once("\r\n\r\n").unwrap())
        .map(|(head, body)| (head.to_owned(), body.to_owned()))
        .collect()
}

#[test]
fn files_are_sent_as_a_form() {
    let server = serve(|_| ok("thanks"));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f");
    std::fs::write(&path, "from disk").unwrap();
    let path = path.display();
    let outcome = run(&format!(
        "SELECT Content FROM http_client(url='{}', method='POST', params=dict(b=2, a='x'), files=[\
         dict(file='q\"uo\\\\te.txt', key='one', path='{path}', accessor='file'),\
         dict(file='gone', key='two', path='/no/such'),\
         dict(file='held', key='three', path='text', accessor='data')])",
        server.url("/")
    ));
    assert_eq!(outcome.rows, r#"[{"Content":"thanks"}]"#);
    assert_eq!(outcome.log[1], "http_client: When uploading /no/such: No such file or directory");
    let request = server.requests().pop().unwrap();
    assert_eq!(request.header("Content-Length").unwrap(), request.body.len().to_string());
    let head = |name: &str, file: &str| {
        format!(
            "Content-Disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: application/octet-stream"
        )
    };
    let wanted = [
        ("Content-Disposition: form-data; name=\"b\"".into(), "2"),
        ("Content-Disposition: form-data; name=\"a\"".into(), "x"),
        (head("one", "q\\\"uo\\\\te.txt"), "from disk"),
        (head("three", "held"), "text"),
    ];
    assert_eq!(form(&request), wanted.map(|(h, b)| (h, b.to_owned())));
}

#[test]
fn one_dict_is_a_list_of_files_and_kernel_files_have_content() {
    let server = serve(|_| ok(""));
    let one = format!(
        "url='{}', method='PUT', files=dict(file='v', key='k', path='/proc/version', accessor='file')",
        server.url("/")
    );
    assert_eq!(contents(&one), r#"[{"Content":"","Response":200}]"#);
    let parts = form(&server.requests().pop().unwrap());
    assert_eq!(parts[0].1, std::fs::read_to_string("/proc/version").unwrap());
    let both = format!("{one}, data='raw'");
    let outcome = run(&format!("SELECT * FROM http_client({both})"));
    assert!(outcome.log.contains(&"http_client: Both files and data set. Defaulting to data.".to_owned()));
    assert_eq!(server.requests().pop().unwrap().text(), "raw");
}

#[test]
fn a_redirected_form_is_sent_again() {
    let server = redirecting();
    let url = server.url("/to/307//end");
    let rows = contents(&format!(
        "url='{url}', method='POST', files=dict(file='f', key='k', path='abc', accessor='data')"
    ));
    assert!(rows.contains("POST /end HTTP/1.1 --") && rows.contains("abc"), "{rows}");
}

#[test]
fn certificates_are_checked() {
    let authority = Authority::new();
    let address = tls::serve(authority.server_config("localhost"));
    let port = address.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}/");
    let with = |network: Network, more: &str| {
        let env = [("CA", authority.pem.as_str())];
        let world = World { network: Arc::new(network), ..World::of_process() };
        let query = format!("SELECT Content, Response FROM http_client(url='{url}'{more})");
        run_in(world, &query, &env, Permissions::all(), Cancel::new())
    };
    let good = r#"[{"Content":"HTTP/2.0 0","Response":200}]"#;
    let refused = with(Network::default(), "");
    assert!(
        refused.rows.contains("UnknownIssuer") && refused.rows.contains(r#""Response":500"#),
        "{}",
        refused.rows
    );
    assert_eq!(with(Network::default(), ", root_ca=CA").rows, good);
    assert_eq!(with(Network::default(), ", skip_verify=TRUE").rows, good);
    let old = with(Network::default(), ", disable_ssl_security=TRUE");
    assert_eq!(old.rows, good);
    assert_eq!(old.log[0], "http_client: DisableSSLSecurity is deprecated, please use SkipVerify instead");
    let strict = with(Network { always_verify: true, ..Network::default() }, ", skip_verify=TRUE");
    assert_eq!(
        (strict.rows.as_str(), &strict.log[..]),
        ("[]", &["ERROR:http_client: skip_verify is forbidden on this server".to_owned()][..])
    );
    assert!(
        with(Network::default(), ", root_ca='nonsense'").rows.contains("root_ca holds no PEM certificate")
    );
    // The same wishes of another call do not leak into this one.
    let both = format!(
        "SELECT * FROM chain(a={{ SELECT Response FROM http_client(url='{url}', skip_verify=TRUE) }}, \
         b={{ SELECT Response FROM http_client(url='{url}') }})"
    );
    assert_eq!(run(&both).rows, r#"[{"Response":200},{"Response":500}]"#);
}

#[test]
fn our_own_ca_is_trusted_whatever_the_name() {
    let authority = Authority::new();
    let address = tls::serve(authority.server_config("VelociraptorServer"));
    let query = format!("SELECT Content FROM http_client(url='https://{address}/')");
    let trusting = Network { own_ca: Some(authority.pem.clone()), ..Network::default() };
    assert_eq!(within(trusting, &query).rows, r#"[{"Content":"HTTP/2.0 0"}]"#);
    let other = Network { own_ca: Some(Authority::new().pem), ..Network::default() };
    assert!(within(other, &query).rows.contains("certificate"));
    // As an ordinary root it must still name the server.
    let env = [("CA", authority.pem.as_str())];
    let query = format!("SELECT Content FROM http_client(url='https://{address}/', root_ca=CA)");
    let outcome = run_in(World::of_process(), &query, &env, Permissions::all(), Cancel::new());
    assert!(outcome.rows.contains("not valid for name"), "{}", outcome.rows);
}

#[test]
fn metadata_services_are_out_of_reach() {
    for url in [
        "http://169.254.169.254/latest/",
        "http://0xA9FEA9FE/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
    ] {
        let rows = contents(&format!("url='{url}'"));
        assert!(rows.contains("is not allowed") && rows.contains(r#""Response":500"#), "{url}: {rows}");
    }
    let server = redirecting();
    let url = server.url("/to/302/http%3A//169.254.169.254/");
    assert!(contents(&format!("url='{url}'")).contains("destination 169.254.169.254 is not allowed"));
}

#[test]
fn a_name_is_judged_by_the_address_it_leads_to() {
    let server = serve(|_| ok("reached"));
    let url = format!("http://localhost:{}/", server.port());
    let query = format!("SELECT Content FROM http_client(url='{url}')");
    let with = |allow: &[&str], deny: &[&str]| {
        let list = |l: &[&str]| l.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>();
        let policy = Policy::parse(&list(allow), &list(deny)).unwrap();
        within(Network { policy, ..Network::default() }, &query).rows
    };
    assert!(with(&[], &[]).contains("reached"));
    assert!(with(&[], &["127.0.0.0/8", "::1"]).contains("is not allowed"));
    assert!(with(&[], &["localhost"]).contains("is not allowed"));
    assert!(with(&["localhost"], &[]).contains("reached"));
    assert!(with(&["127.0.0.0/8"], &[]).contains("reached"));
    assert!(with(&["other.test"], &[]).contains("is not allowed"));
    assert!(with(&["localhost"], &["127.0.0.1", "::1"]).contains("is not allowed"));
    assert_eq!(server.requests().len(), 3);
    // A name of the query's own making gets no further.
    let rows = run("LET _ <= cache_dns(name='evil.test', ip='169.254.169.254') SELECT Content FROM http_client(url='http://evil.test/')").rows;
    assert!(rows.contains("destination evil.test (169.254.169.254) is not allowed"), "{rows}");
}

#[test]
fn sockets_may_be_closed_to_queries() {
    let policy = Policy::parse(&[], &["unix".to_owned()]).unwrap();
    let outcome = within(
        Network { policy, ..Network::default() },
        "SELECT Content FROM http_client(url='/x.sock:unix/')",
    );
    assert_eq!(outcome.rows, r#"[{"Content":"destination /x.sock is not allowed"}]"#);
}

#[test]
fn proxies_are_used_and_do_not_open_doors() {
    let proxy = serve(|request| ok(format!("proxied {}", request.line)));
    let through = |network: Network, environment: Vec<(String, String)>, url: &str| {
        let world = World { network: Arc::new(network), environment, ..World::of_process() };
        run_in(
            world,
            &format!("SELECT Content FROM http_client(url='{url}')"),
            &[],
            Permissions::all(),
            Cancel::new(),
        )
        .rows
    };
    let environment = || vec![("http_proxy".to_owned(), proxy.address.clone())];
    let wanted = r#"[{"Content":"proxied GET http://no-such-host.invalid/x HTTP/1.1"}]"#;
    assert_eq!(through(Network::default(), environment(), "http://no-such-host.invalid/x"), wanted);
    let named = || Network { proxy: Some(proxy.url("")), ..Network::default() };
    assert_eq!(through(named(), Vec::new(), "http://no-such-host.invalid/x"), wanted);
    assert!(through(named(), Vec::new(), "http://169.254.169.254/").contains("is not allowed"));
    // The proxy itself may stand where queries may not go.
    let policy = Policy::parse(&["no-such-host.invalid".to_owned()], &["127.0.0.0/8".to_owned()]).unwrap();
    let network = Network { policy, ..named() };
    assert_eq!(through(network, Vec::new(), "http://no-such-host.invalid/x"), wanted);
    let denied = Network { policy: Policy::parse(&[], &["*.invalid".to_owned()]).unwrap(), ..named() };
    assert!(through(denied, Vec::new(), "http://no-such-host.invalid/x").contains("is not allowed"));
    assert_eq!(proxy.requests().len(), 3);
}

/// Secrets in memory, all of them for fred.
#[derive(Default)]
struct Known(Mutex<BTreeMap<(String, String), Fields>>);

impl Secrets for Known {
    fn fields(&self, user: &str, kind: &str, name: &str) -> Result<Option<Fields>, String> {
        Ok(self.0.lock().get(&(kind.into(), name.into())).filter(|_| user == "fred").cloned())
    }

    fn add(&self, _creator: &str, kind: &str, name: &str, fields: Fields) -> Result<(), String> {
        self.0.lock().insert((kind.into(), name.into()), fields);
        Ok(())
    }

    fn change(&self, _kind: &str, _name: &str, _change: &Change) -> Result<bool, String> {
        Ok(true)
    }

    fn list(&self) -> Result<Vec<Described>, String> {
        Ok(Vec::new())
    }
}

fn with_secret(fields: &[(&str, &str)], network: Network, source: &str) -> Outcome {
    let known = Known::default();
    let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    known.add("fred", "HTTP Secrets", "hook", fields).unwrap();
    let world = World { secrets: Some(Arc::new(known)), network: Arc::new(network), ..World::of_process() };
    run_in(world, source, &[], Permissions::all(), Cancel::new())
}

#[test]
fn a_secret_adds_what_the_query_does_not_see() {
    let server = serve(|_| ok("fine"));
    let url = server.url("/deep/TOPSECRET");
    let fields = [
        ("url", url.as_str()),
        ("method", "POST"),
        ("extra_params", "token: TOPSECRET\nmode: 1"),
        ("extra_headers", "X-Key: TOPSECRET\nContent-Type: x/y"),
        ("cookies", "sid: TOPSECRET"),
        ("user_agent", "Agent"),
    ];
    for query in [
        "SELECT Url, Content, Response FROM http_client(url='secret://hook?a=1', params=dict(mode=2))",
        "SELECT Url, Content, Response FROM http_client(secret='hook', params=dict(mode=2), user_agent='mine')",
    ] {
        let outcome = with_secret(&fields, Network { must_use_secrets: true, ..Network::default() }, query);
        assert!(
            outcome.rows.starts_with(r#"[{"Url":"secret://hook"#) && outcome.rows.contains("fine"),
            "{outcome:?}"
        );
        assert!(!format!("{outcome:?}").contains("TOPSECRET"), "{outcome:?}");
        let request = server.requests().pop().unwrap();
        let tail = if query.contains("a=1") { "?a=1" } else { "" };
        assert_eq!(request.line, format!("POST /deep/TOPSECRET{tail} HTTP/1.1"));
        assert_eq!(request.text(), "mode=1&token=TOPSECRET");
        assert_eq!(request.header("X-Key"), Some("TOPSECRET"));
        assert_eq!(request.header("Cookie"), Some("sid=TOPSECRET"));
        assert_eq!(request.header("User-Agent"), Some("Agent"));
    }
}

#[test]
fn a_secret_fails_in_silence() {
    let fields = [("url", "http://TOPSECRET.invalid/x?TOPSECRET")];
    let outcome = with_secret(&fields, Network::default(), "SELECT * FROM http_client(secret='hook')");
    assert!(outcome.rows.contains(r#""Response":500"#), "{outcome:?}");
    assert!(!format!("{outcome:?}").to_lowercase().contains("topsecret"), "{outcome:?}");
}

#[test]
fn a_secret_goes_where_its_rule_says() {
    let server = serve(|_| ok("fine"));
    let rule = format!("^http://{}/api/", server.address.replace('.', "\\."));
    let fields = [("url_regex", rule.as_str()), ("extra_headers", "X-Key: k")];
    let query =
        |path: &str| format!("SELECT Content FROM http_client(url='{}', secret='hook')", server.url(path));
    assert_eq!(with_secret(&fields, Network::default(), &query("/api/x")).rows, r#"[{"Content":"fine"}]"#);
    let refused = with_secret(&fields, Network::default(), &query("/other"));
    assert_eq!(refused.rows, "[]");
    let line =
        format!("http_client: HTTP Secret URL regex {rule} forbids connection to {}", server.url("/other"));
    assert_eq!(refused.log[1], line);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn without_its_secret_nothing_happens() {
    let must = || Network { must_use_secrets: true, ..Network::default() };
    let outcome = with_secret(&[], must(), "SELECT * FROM http_client(url='http://127.0.0.1:1/')");
    assert_eq!(
        (outcome.rows.as_str(), &outcome.log[..]),
        ("[]", &["http_client: requests must use a secret on this server".to_owned()][..])
    );
    let outcome = with_secret(&[], must(), "SELECT * FROM http_client(secret='other')");
    assert_eq!(
        outcome.log,
        ["http_client: secret other of type \"HTTP Secrets\" is not known, or not for you"]
    );
    assert_eq!(
        run("SELECT * FROM http_client(secret='x')").log,
        ["http_client: secrets are kept by a server"]
    );
}

#[test]
fn a_redirect_takes_no_secret_away() {
    let other = serve(|r| ok(format!("{:?} {}", r.headers, r.text())));
    let place = other.url("/").replace(':', "%3A");
    let server = redirecting();
    let (by_get, by_post) =
        (server.url(&format!("/to/302/{place}")), server.url(&format!("/to/307/{place}")));
    let query = "SELECT Content FROM http_client(secret='hook')";
    let fields = [("url", by_get.as_str()), ("extra_headers", "X-Key: TOPSECRET")];
    let outcome = with_secret(&fields, Network::default(), query);
    assert!(outcome.rows.contains("User-Agent") && !outcome.rows.contains("TOPSECRET"), "{outcome:?}");
    let fields = [("url", by_post.as_str()), ("method", "POST"), ("extra_params", "k: TOPSECRET")];
    let outcome = with_secret(&fields, Network::default(), query);
    assert!(outcome.rows.contains("must not see what the secret adds"), "{outcome:?}");
    assert_eq!(other.requests().len(), 1);
}
