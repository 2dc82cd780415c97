//! `cases.jsonl` holds templates with what Go 1.19 made of them with sprig 3.2.3 (Debian's packages), the data being
//! `cases.data.json`, or the line where it failed and why. Wordings of errors differ; the lines do not.

use std::cell::Cell;

use super::{MAX_CALLS, MAX_NESTING, Surroundings, Template};
use crate::json;
use crate::value::Value;

fn expand(template: &str, data: &Value, html: bool) -> Result<String, super::Error> {
    let around = Surroundings { settle: &|value| value, is_cancelled: &|| false };
    let text = Template::parse(template)?.expand(data, html, &around)?;
    Ok(text.to_str_lossy().into_owned())
}

fn filled(template: &str) -> Result<String, super::Error> {
    expand(template, &Value::dict([]), false)
}

#[test]
fn templates_give_what_go_makes_of_them() {
    let data = json::parse(include_bytes!("cases.data.json")).unwrap();
    let mut failed = Vec::new();
    for case in include_str!("cases.jsonl").lines() {
        let Value::Dict(case) = json::parse(case.as_bytes()).unwrap() else { panic!("{case}") };
        let text = |name: &str| match case.get_str(name) {
            Some(Value::Text(text)) => Some(text.to_str_lossy().into_owned()),
            _ => None,
        };
        let template = text("template").unwrap();
        let got = expand(&template, &data, case.get_str("html").is_some());
        let matches = match (&got, text("wanted"), case.get_str("line")) {
            (Ok(got), Some(wanted), _) => *got == wanted,
            (Err(e), None, Some(Value::Int(line))) => i64::from(e.line) == line,
            _ => false,
        };
        if !matches {
            failed.push(format!(
                "{template}\n  wanted {:?} {:?}\n  got    {got:?}",
                text("wanted"),
                text("error")
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn errors_tell_what_is_wrong() {
    for (template, reason) in [
        ("{{ nope 1 }}", "function \"nope\" not defined"),
        ("{{ fail \"stop\" }}", "error calling fail: stop"),
        ("{{ index (list 1) 3 }}", "error calling index: index out of range: 3"),
        ("{{ upper 5 }}", "error calling upper: wrong type for value; expected string; got int64"),
        ("{{ upper .X }}", "error calling upper: invalid value; expected string"),
        ("{{ .X", "unclosed action"),
        ("{{ template \"x\" }}", "template \"x\" not defined"),
    ] {
        assert_eq!(filled(template).unwrap_err().reason, reason, "{template}");
    }
}

#[test]
fn hostile_templates_end() {
    let deep = format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000));
    let blocks = "{{ if 1 }}".repeat(100_000);
    for (template, reason) in [
        (deep.as_str(), format!("more than {MAX_NESTING} levels of nesting")),
        (&blocks, format!("more than {MAX_NESTING} levels of nesting")),
        (
            "{{ define \"x\" }}{{ template \"x\" }}{{ end }}{{ template \"x\" }}",
            format!("templates call each other more than {MAX_CALLS} deep"),
        ),
        ("{{ range 9223372036854775807 }}{{ end }}", "the template takes too many steps".into()),
        ("{{ until 9223372036854775807 }}", "error calling until: the template takes too many steps".into()),
        (
            "{{ $x := \"aaaaaaaaaaaaaaaa\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}",
            "error calling print: the template takes too many steps".into(),
        ),
        (
            "{{ $x := repeat 1000000 \"a\" }}{{ range 100 }}{{ $x }}{{ end }}",
            "the text would have more than 67108864 bytes".into(),
        ),
        (
            "{{ repeat 9223372036854775807 \"ab\" }}",
            "error calling repeat: the text would have more than 67108864 bytes".into(),
        ),
        (
            "{{ $d := dict }}{{ range 60 }}{{ $_ := set $d (toString .) $d }}{{ end }}",
            "error calling set: the template takes too many steps".into(),
        ),
        (
            "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ $l }}",
            "the value is too large to print".into(),
        ),
        (
            "{{ $l := list 1 }}{{ range 60 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}",
            "error calling toJson: the template takes too many steps".into(),
        ),
    ] {
        let error = filled(template).expect_err(template);
        assert_eq!(error.reason, reason, "{}", &template[..template.len().min(80)]);
    }
}

#[test]
fn a_cancelled_query_stops_its_template() {
    let asked = Cell::new(0);
    let is_cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > 1000
    };
    let around = Surroundings { settle: &|value| value, is_cancelled: &is_cancelled };
    let template = Template::parse("{{ range 100000000 }}x{{ end }}").unwrap();
    assert_eq!(template.expand(&Value::dict([]), false, &around).unwrap_err().reason, "cancelled");
}

#[test]
fn what_a_query_hands_in_stays_as_it_is() {
    let inner = Value::dict([("a", Value::Int(1))]);
    let data = Value::dict([("d", inner.clone())]);
    assert_eq!(expand("{{ $_ := set .d \"b\" 2 }}{{ .d }}", &data, false).as_deref(), Ok("map[a:1 b:2]"));
    let Value::Dict(inner) = inner else { unreachable!() };
    assert_eq!(inner.len(), 1);
}
