//! Promises about cookies.

use super::*;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn now() -> Time {
    Time::from_second(1_700_000_000).unwrap()
}

fn after(lines: &[&str], from: &str) -> Jar {
    let mut jar = Jar::default();
    jar.set(&url(from), lines.iter().map(|l| l.as_bytes()), now());
    jar
}

fn sent(jar: &Jar, to: &str) -> String {
    jar.header(&url(to), now()).unwrap_or_default()
}

#[test]
fn a_cookie_goes_back_where_it_belongs() {
    let jar = after(
        &["a=1", "b=2; Path=/x", "c=3; Domain=.example.com; Secure; Path=/"],
        "https://www.example.com/d/e",
    );
    assert_eq!(sent(&jar, "https://www.example.com/d/f"), "a=1; c=3");
    assert_eq!(sent(&jar, "https://www.example.com/x/y"), "b=2; c=3");
    assert_eq!(sent(&jar, "https://www.example.com/xy"), "c=3");
    assert_eq!(sent(&jar, "https://api.example.com/"), "c=3");
    assert_eq!(sent(&jar, "http://api.example.com/"), "");
    assert_eq!(sent(&jar, "https://badexample.com/"), "");
}

#[test]
fn nobody_sets_cookies_for_strangers() {
    for domain in ["co.uk", "other.co.uk", "uk", "example.com", "www.me.co.uk"] {
        let jar = after(&[&format!("a=1; Domain={domain}")], "https://me.co.uk/");
        assert_eq!(sent(&jar, "https://me.co.uk/"), "", "{domain}");
    }
    let jar = after(&["a=1; Domain=0.0.1"], "http://127.0.0.1/");
    assert_eq!(sent(&jar, "http://127.0.0.1/"), "");
    let jar = after(&["a=1; Domain=127.0.0.1"], "http://127.0.0.1/");
    assert_eq!(sent(&jar, "http://127.0.0.1/"), "a=1");
}

#[test]
fn cookies_run_out() {
    let mut jar = after(
        &[
            "a=1; Max-Age=10",
            "b=2; Expires=Tue, 14-Nov-2023 22:13:21 GMT",
            "c=3; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
        ],
        "http://a.test/",
    );
    assert_eq!(sent(&jar, "http://a.test/"), "a=1; b=2");
    let later = Time::from_second(1_700_000_005).unwrap();
    assert_eq!(jar.header(&url("http://a.test/"), later).as_deref(), Some("a=1"));
    jar.set(&url("http://a.test/"), [&b"a=; Max-Age=0"[..]].into_iter(), now());
    assert_eq!(sent(&jar, "http://a.test/"), "b=2");
}

#[test]
fn a_dict_shows_them_and_brings_them_back() {
    let mut jar = after(&["a=1; Path=/; HttpOnly; SameSite=Lax; X=y", "q=\"v w\""], "http://a.test/p?x=1");
    let dict = Dict::new();
    jar.show(&dict);
    let mut json = Vec::new();
    vql::json::write_value(&Value::Dict(dict.clone()), &mut json, &Default::default());
    assert_eq!(
        String::from_utf8(json).unwrap(),
        concat!(
            r#"{"http://a.test/p?x=1":[{"Name":"a","Value":"1","Quoted":false,"Path":"/","Domain":"","#,
            r#""Expires":"0001-01-01T00:00:00Z","RawExpires":"","MaxAge":0,"Secure":false,"HttpOnly":true,"SameSite":2,"#,
            r#""Partitioned":false,"Raw":"a=1; Path=/; HttpOnly; SameSite=Lax; X=y","Unparsed":["X=y"]},"#,
            r#"{"Name":"q","Value":"v w","Quoted":true,"Path":"","Domain":"","Expires":"0001-01-01T00:00:00Z","#,
            r#""RawExpires":"","MaxAge":0,"Secure":false,"HttpOnly":false,"SameSite":0,"Partitioned":false,"#,
            r#""Raw":"q=\"v w\"","Unparsed":null}]}"#
        )
    );
    let restored = Jar::preloaded(&dict, now());
    assert_eq!(sent(&restored, "http://a.test/"), "a=1; q=\"v w\"");
    // A later answer of the same place replaces one and keeps the other.
    jar.set(&url("http://a.test/p?x=1"), [&b"a=2; Path=/"[..]].into_iter(), now());
    jar.show(&dict);
    assert_eq!(sent(&Jar::preloaded(&dict, now()), "http://a.test/"), "q=\"v w\"; a=2");
}

#[test]
fn bad_lines_are_passed_over() {
    let long = format!("a={}", "x".repeat(9000));
    for line in ["", "=", "a", "a b=1", "a=\u{1}", "a=b\\c", &long, "a=\"b", "\u{0}=1"] {
        assert_eq!(sent(&after(&[line], "http://a.test/"), "http://a.test/"), "", "{line:?}");
    }
    let evil = Dict::of([
        (
            "http://a.test/",
            Value::list(vec![
                Value::dict([("Name", "a\r\nX-Evil: 1".into()), ("Value", "1".into())]),
                Value::dict([("Name", "b".into()), ("Value", "1\r\nX: 2".into())]),
                Value::Int(5),
            ]),
        ),
        ("no url", Value::Null),
    ]);
    assert_eq!(sent(&Jar::preloaded(&evil, now()), "http://a.test/"), "");
}

#[test]
fn a_jar_does_not_grow_without_end() {
    let mut jar = Jar::default();
    for i in 0..5000 {
        let from = url(&format!("http://h{}.test/", i % 500));
        jar.set(&from, [format!("n{i}=1").as_bytes()].into_iter(), now());
    }
    assert!(jar.cookies.len() <= MAX_COOKIES);
    let lines: Vec<String> = (0..200).map(|i| format!("m{i}=1")).collect();
    let jar = after(&lines.iter().map(String::as_str).collect::<Vec<_>>(), "http://a.test/");
    assert_eq!(jar.cookies.len(), MAX_PER_HOST);
}
