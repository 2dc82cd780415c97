//! Rules decide as the Sigma specification says.

use serde_json::{Value, json};

use super::*;

/// JSON as an event; expressions are names of fields that must be true.
struct Json(Value);

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(b) => Cell::Bool(*b),
        Value::Number(n) => n.as_i64().map_or_else(|| Cell::Float(n.as_f64().unwrap()), Cell::Int),
        Value::String(s) => Cell::text(s.as_str()),
        Value::Array(items) => Cell::List(items.iter().map(cell).collect()),
        Value::Object(_) => Cell::Null,
    }
}

impl Event for Json {
    fn field(&mut self, name: &str) -> Option<Cell> {
        self.0.get(name).map(cell)
    }

    fn any_text(&mut self, accept: &mut dyn FnMut(&Cell) -> bool) -> bool {
        self.0.as_object().unwrap().values().any(|v| accept(&cell(v)))
    }

    fn ask(&mut self, expression: &str, field: Option<&str>) -> bool {
        self.0[expression] == json!(true) && field == Some("asked")
    }
}

fn rule(detection: &str) -> Result<Rule, crate::Error> {
    let source = format!("title: Test\nlogsource: {{product: windows}}\ndetection:\n{detection}");
    parse(&source).and_then(|mut rules| rules.remove(0))
}

fn decides(detection: &str, event: Value) -> bool {
    rule(detection).unwrap_or_else(|e| panic!("{detection}: {e}")).matches(&mut Json(event)).is_match
}

/// A search of one line, and events that it matches and does not match.
fn check(search: &str, yes: &[Value], no: &[Value]) {
    let detection = format!("  s:\n    {search}\n  condition: s\n");
    for event in yes {
        assert!(decides(&detection, event.clone()), "{search} on {event}");
    }
    for event in no {
        assert!(!decides(&detection, event.clone()), "{search} on {event}");
    }
}

#[test]
fn values_and_modifiers_match() {
    check("A: abc", &[json!({"A": "ABC"}), json!({"A": ["x", "abc"]})], &[json!({"A": "abcd"}), json!({})]);
    check("A: a*c", &[json!({"A": "abc"})], &[json!({"A": "abcd"})]);
    check("A: ''", &[json!({"A": ""})], &[json!({"A": "x"}), json!({"A": null}), json!({})]);
    check("A: null", &[json!({"A": null}), json!({})], &[json!({"A": ""}), json!({"A": "null"})]);
    check(
        "A: 7",
        &[json!({"A": 7}), json!({"A": "7"}), json!({"A": 7.0})],
        &[json!({"A": 70}), json!({"A": "07"})],
    );
    check("A: true", &[json!({"A": true}), json!({"A": "True"})], &[json!({"A": false})]);
    check("A: [x, y]", &[json!({"A": "x"}), json!({"A": "y"})], &[json!({"A": "z"})]);
    check("A|contains: b", &[json!({"A": "aBc"})], &[json!({"A": "ac"})]);
    check("A|startswith: ab", &[json!({"A": "ABC"})], &[json!({"A": "xab"})]);
    check("A|endswith: ['\\b.exe', '\\c.exe']", &[json!({"A": "x:\\c.exe"})], &[json!({"A": "xb.exe"})]);
    check("A|contains|all: [x, y]", &[json!({"A": "y-x"})], &[json!({"A": "x"})]);
    check("A|cased: Abc", &[json!({"A": "Abc"})], &[json!({"A": "abc"})]);
    check("A|contains|cased: B", &[json!({"A": "aBc"})], &[json!({"A": "abc"})]);
    check("A|re: 'a[0-9]+$'", &[json!({"A": "xa12"})], &[json!({"A": "A12"}), json!({"A": "a"})]);
    check("A|re|i: 'a[0-9]+$'", &[json!({"A": "A12"})], &[json!({"A": "b1"})]);
    check("A|cidr: 10.0.0.0/8", &[json!({"A": "10.1.2.3"})], &[json!({"A": "11.1.2.3"}), json!({"A": "x"})]);
    check(
        "A|cidr: ['fe80::/10', '::1']",
        &[json!({"A": "fe80::1"}), json!({"A": "::1"})],
        &[json!({"A": "::2"})],
    );
    check("A|cidr: 0.0.0.0/0", &[json!({"A": "8.8.8.8"})], &[json!({"A": "::1"})]);
    check("A|lt: 5", &[json!({"A": 4}), json!({"A": "4"})], &[json!({"A": 5}), json!({"A": "x"})]);
    check("A|lte: 5", &[json!({"A": 5})], &[json!({"A": 5.5})]);
    check("A|gt: 5", &[json!({"A": 6})], &[json!({"A": 5})]);
    check("A|gte: 5", &[json!({"A": 5})], &[json!({"A": 4}), json!({})]);
    check("A|exists: true", &[json!({"A": null})], &[json!({})]);
    check("A|exists: false", &[json!({})], &[json!({"A": 1})]);
    check("A|fieldref: B", &[json!({"A": "x", "B": "X"})], &[json!({"A": "x", "B": "y"}), json!({"A": "x"})]);
    check("A|fieldref|endswith: B", &[json!({"A": "x.y", "B": "y"})], &[json!({"A": "y.x", "B": "y"})]);
    check("asked|vql: yes_please", &[json!({"yes_please": true})], &[json!({"yes_please": false})]);
}

#[test]
fn encoded_values_match() {
    // From the specification: `http://` at the three places it may have in something encoded.
    let encoded = ["aHR0cDovL", "h0dHA6Ly", "odHRwOi8v"];
    for text in encoded {
        check(
            "A|base64offset|contains: 'http://'",
            &[json!({ "A": format!("xx{text}yy") })],
            &[json!({"A": "http://"})],
        );
    }
    check("A|base64: foobar", &[json!({"A": "Zm9vYmFy"})], &[json!({"A": "zm9vymfy"})]);
    // `printf ping | iconv -t UTF-16LE | base64`
    check("A|wide|base64offset|contains: ping", &[json!({"A": "cABpAG4AZw"})], &[json!({"A": "cGluZw=="})]);
    check("A|utf16be|base64: ping", &[json!({"A": "AHAAaQBuAGc="})], &[]);
    check("A|utf16|base64: ping", &[json!({"A": "//5wAGkAbgBnAA=="})], &[]);
    check(
        "A|windash|contains: ' -f '",
        &[json!({"A": "x /f y"}), json!({"A": "x -f y"}), json!({"A": "x \u{2013}f y"})],
        &[json!({"A": "x f y"})],
    );
}

#[test]
fn searches_are_put_together() {
    let detection = |condition: &str| {
        format!(
            "  a:\n    A: 1\n  b1:\n    B: 1\n  b2:\n    - C: 1\n    - D: 1\n      E: 1\n  _x:\n    X: 1\n  condition: {condition}\n"
        )
    };
    for (condition, event, wanted) in [
        ("a", json!({"A": 1}), true),
        ("a and b1", json!({"A": 1}), false),
        ("a or b1", json!({"B": 1}), true),
        ("not a", json!({}), true),
        ("a and not b1", json!({"A": 1, "B": 1}), false),
        ("a or b1 and b2", json!({"A": 1}), true),
        ("(a or b1) and b2", json!({"A": 1}), false),
        ("1 of b*", json!({"B": 1}), true),
        ("all of b*", json!({"B": 1}), false),
        ("all of b*", json!({"B": 1, "C": 1}), true),
        ("b2", json!({"D": 1}), false),
        ("b2", json!({"D": 1, "E": 1}), true),
        ("1 of them", json!({"X": 1}), false),
        ("all of them", json!({"A": 1, "B": 1, "C": 1}), true),
        ("any of them", json!({"C": 1}), true),
        ("NOT (a OR b1)", json!({"C": 1}), true),
        ("not 1 of b*", json!({"A": 1}), true),
    ] {
        assert_eq!(decides(&detection(condition), event.clone()), wanted, "{condition} on {event}");
    }
}

#[test]
fn words_are_looked_for_everywhere() {
    let words = "  keywords:\n    - evil\n    - bad*thing\n  condition: keywords\n";
    assert!(decides(words, json!({"A": "an EVIL plan"})));
    assert!(decides(words, json!({"B": "bad old thing"})));
    assert!(!decides(words, json!({"A": "good"})));
    let all = "  keywords:\n    '|all':\n      - '*one*'\n      - '*two*'\n  condition: keywords\n";
    assert!(decides(all, json!({"A": "one", "B": "two"})));
    assert!(!decides(all, json!({"A": "one"})));
}

#[test]
fn what_is_not_understood_is_refused() {
    for (detection, wanted) in [
        ("  s:\n    A|unheard: x\n  condition: s\n", "unknown modifier unheard"),
        ("  s:\n    A|expand: '%x%'\n  condition: s\n", "unknown modifier expand"),
        ("  s:\n    A: x\n  condition: s | count() > 5\n", "aggregations are not evaluated"),
        ("  s:\n    A: x\n  timeframe: 5m\n  condition: s\n", "timeframes are not evaluated"),
        ("  s:\n    A: x\n  condition: t\n", "no search t"),
        ("  s:\n    A: x\n  condition: s and\n", "ends early"),
        ("  s:\n    A: x\n  condition: (s\n", "missing )"),
        ("  s:\n    A: x\n  condition: s s\n", "unexpected s"),
        ("  s:\n    A|re: '('\n  condition: s\n", "unclosed group"),
        ("  s:\n    A|cidr: 10.0.0.0/33\n  condition: s\n", "no network"),
        ("  s:\n    A|re|contains: x\n  condition: s\n", "contradict"),
        ("  s:\n    A|wide: x\n  condition: s\n", "base64"),
        ("  s:\n    A: x\n", "no condition"),
    ] {
        let error = rule(detection).err().unwrap_or_else(|| panic!("{detection}")).to_string();
        assert!(error.contains(wanted) && error.contains("Test"), "{detection}: {error}");
    }
    let error =
        rule(&format!("  s:\n    A: x\n  condition: {}s{}\n", "(".repeat(100), ")".repeat(100))).unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
}

#[test]
fn several_rules_may_stand_in_one_text() {
    let source = "title: One\nlevel: high\nlogsource: {category: c, service: s}\ndetection: {s: {A: 1}, condition: s}\n---\ntitle: Two\n---\ntitle: Three\ndetection: {s: {A: 1}, condition: s}\n";
    let rules = parse(source).unwrap();
    assert_eq!(rules.len(), 3);
    let first = rules[0].as_ref().unwrap();
    assert_eq!((&*first.title, &*first.level, first.source.key()), ("One", "high", "c/*/s".to_owned()));
    assert!(rules[1].is_err() && rules[2].is_ok());
    let outcome = first.matches(&mut Json(json!({"A": 1})));
    assert_eq!((outcome.searches, outcome.conditions), (vec![("s", true)], vec![true]));
    assert!(parse("title: [").is_err());
}
