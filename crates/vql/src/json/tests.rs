//! Values as JSON and back.

use super::*;
use crate::value::Time;

fn compact(value: &Value) -> String {
    let mut out = Vec::new();
    write_value(value, &mut out, &JsonOptions::default());
    String::from_utf8(out).unwrap()
}

#[test]
fn values_as_json() {
    for (value, wanted) in [
        (Value::Null, "null"),
        (Value::Bool(true), "true"),
        (Value::Int(i64::MIN), "-9223372036854775808"),
        (Value::UInt(u64::MAX), "18446744073709551615"),
        (Value::Float(10.0), "10"),
        (Value::Float(1e-7), "1e-7"),
        (Value::Float(f64::NAN), "null"),
        (Value::text("a\"b\\c\n\r\t\u{1}\u{7f}"), "\"a\\\"b\\\\c\\n\\r\\t\\u0001\u{7f}\""),
        (Value::text("<a>&é\u{2028}\u{2029}\u{2027}€"), "\"\\u003ca\\u003e\\u0026é\\u2028\\u2029\u{2027}€\""),
        (Value::Text(vec![b'a', 0xff, 0xe2, 0x80].into()), "\"a\\ufffd\\ufffd\\ufffd\""),
        (Value::Bytes(Text::from("abcd")), "\"YWJjZA==\""),
        (Value::Time(crate::time::ZERO), "\"0001-01-01T00:00:00Z\""),
        (Value::Time(Time::from_millisecond(1_714_557_600_120).unwrap()), "\"2024-05-01T10:00:00.12Z\""),
        (Value::list(vec![]), "[]"),
        (Value::list(vec![Value::Int(1), Value::Null]), "[1,null]"),
        (Value::dict([]), "{}"),
        (Value::dict([("b<", Value::Int(1)), ("a", Value::list(vec![]))]), "{\"b\\u003c\":1,\"a\":[]}"),
    ] {
        assert_eq!(compact(&value), wanted);
    }
}

/// The long way, byte by byte.
fn escaped(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..' ' => {
                out.push_str(&format!("\\u{:04x}", c as u32))
            }
            c => out.push(c),
        }
    }
    out + "\""
}

#[test]
fn every_character_at_every_place() {
    let characters = (0..0x100u32).chain([0x2027, 0x2028, 0x2029, 0x202a, 0x20ac, 0xe280, 0x1f600]);
    for c in characters.filter_map(char::from_u32) {
        for place in 0..20 {
            let text = format!("{}{c}{}", "x".repeat(place), "yé".repeat(20 - place));
            assert_eq!(compact(&Value::from(text.as_str())), escaped(&text));
        }
    }
}

#[test]
fn rows_use_the_prepared_keys() {
    let schema = Schema::of(["a", "b\""]);
    let row = Row { schema: schema.clone(), cells: vec![Value::Int(1), Value::text("x")] };
    let mut out = Vec::new();
    write_row(&row, &mut out, &JsonOptions::default());
    assert_eq!(out, br#"{"a":1,"b\"":"x"}"#);
}

#[test]
fn indented() {
    let value = Value::dict([
        ("a", Value::Int(1)),
        ("b", Value::list(vec![Value::Int(1), Value::dict([])])),
        ("c", Value::list(vec![])),
    ]);
    let mut out = Vec::new();
    write_indented(&value, &mut out, &JsonOptions::default());
    let wanted = "{\n \"a\": 1,\n \"b\": [\n  1,\n  {}\n ],\n \"c\": []\n}";
    assert_eq!(String::from_utf8_lossy(&out), wanted);
}

#[test]
fn times_in_a_zone() {
    let options = JsonOptions { zone: crate::time::zone_named("Europe/Berlin") };
    let mut out = Vec::new();
    write_value(&Value::Time(Time::from_second(1_714_557_600).unwrap()), &mut out, &options);
    assert_eq!(out, b"\"2024-05-01T12:00:00+02:00\"");
}

#[test]
fn cycles_and_depth_end() {
    let dict = Dict::new();
    dict.set("me", Value::Dict(dict.clone()));
    assert_eq!(compact(&Value::Dict(dict)), "{\"me\":null}");
    let mut deep = Value::Int(1);
    for _ in 0..2000 {
        deep = Value::list(vec![deep]);
    }
    assert_eq!(compact(&deep).len(), 2 * MAX_DEPTH + 4);
}

#[test]
fn json_comes_back() {
    for text in [
        "null",
        "true",
        "-5",
        "18446744073709551615",
        "0.5",
        "1e+21",
        "\"é \\u003c\"",
        "[]",
        "{}",
        "[1,[2,[3]],{\"a\":{\"b\":[]}}]",
        "{\"z\":1,\"a\":2}",
        "[{\"a\":1,\"b\":2},{\"a\":3},{\"a\":4,\"b\":5,\"c\":6},{\"b\":7},{}]",
        "\"2024-05-01T10:00:00Z\"",
    ] {
        assert_eq!(compact(&parse(text.as_bytes()).unwrap()), text);
    }
}

#[test]
fn reading_rules() {
    for (text, wanted) in [
        (" { \"a\" : [ 1 , 2 ] } ", "{\"a\":[1,2]}"),
        ("1.0", "1"),
        ("1e3", "1000"),
        ("99999999999999999999", "100000000000000000000"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("\"\\u00e9\\ud83d\\ude00\\ud800x\\/\\b\"", "\"é😀\u{fffd}x/\\u0008\""),
        ("{\"a\":1,\"a\":2}", "{\"a\":2}"),
        ("[{\"a\":1},{\"a\":1,\"a\":2}]", "[{\"a\":1},{\"a\":2}]"),
    ] {
        assert_eq!(compact(&parse(text.as_bytes()).unwrap()), wanted, "{text}");
    }
    assert!(matches!(parse(b"\"2024-05-01T10:00:00.5+01:00\"").unwrap(), Value::Time(_)));
    assert!(matches!(parse(b"\"2024-05-01X10:00:00.5+01:00\"").unwrap(), Value::Text(_)));
}

#[test]
fn bad_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "\"",
        "nul",
        "01",
        "-",
        "1.",
        "1e",
        ".5",
        "+1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "1 2",
        "{\"a\":1,}",
        "'a'",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12gg\"",
        "\"a\nb\"",
        "NaN",
        "1e999",
        "[1 2]",
        "\"a\\",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    assert!(parse("{\"a\":".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn objects_share_their_shape() {
    let Value::List(items) = parse(b"[{\"a\":1,\"b\":{\"c\":1}},{\"a\":2,\"b\":{\"c\":2}}]").unwrap() else {
        panic!()
    };
    let [Value::Dict(one), Value::Dict(two)] = &items[..] else { panic!() };
    assert!(Arc::ptr_eq(&one.schema(), &two.schema()));
}
