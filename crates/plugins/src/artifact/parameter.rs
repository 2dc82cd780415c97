//! Parameters of artifacts: text as the collector gives it, turned into the declared type.

use serde::Serialize;
use vql::call::Error;
use vql::cancel::Cancel;
use vql::csv::read_cell;
use vql::json;
use vql::text::Text;
use vql::time::{self, Zones};
use vql::value::{Row, Value};

use super::definition::Parameter;
use crate::text::csv::CsvReader;

/// The most elements that a table or list given as a parameter may have.
const MAX_ELEMENTS: usize = 1_000_000;

/// What a parameter's text means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParameterType {
    #[default]
    Text,
    Int,
    Float,
    Bool,
    Timestamp,
    Csv,
    Json,
    JsonArray,
    Jsonl,
    Regex,
    RegexArray,
    Yara,
    Choices,
    MultiChoice,
    ArtifactSet,
    Hidden,
    Redacted,
    ServerMetadata,
    Upload,
    UploadFile,
    Xml,
    Yaml,
}

impl ParameterType {
    /// Names as files write them; the first of each type is the one shown.
    const NAMES: &[(&str, ParameterType)] = &[
        ("string", ParameterType::Text),
        ("", ParameterType::Text),
        ("int", ParameterType::Int),
        ("int64", ParameterType::Int),
        ("integer", ParameterType::Int),
        ("float", ParameterType::Float),
        ("bool", ParameterType::Bool),
        ("timestamp", ParameterType::Timestamp),
        ("csv", ParameterType::Csv),
        ("json", ParameterType::Json),
        ("json_array", ParameterType::JsonArray),
        ("jsonl", ParameterType::Jsonl),
        ("regex", ParameterType::Regex),
        ("regex_array", ParameterType::RegexArray),
        ("yara", ParameterType::Yara),
        ("choices", ParameterType::Choices),
        ("multichoice", ParameterType::MultiChoice),
        ("artifactset", ParameterType::ArtifactSet),
        ("hidden", ParameterType::Hidden),
        ("redacted", ParameterType::Redacted),
        ("server_metadata", ParameterType::ServerMetadata),
        ("upload", ParameterType::Upload),
        ("upload_file", ParameterType::UploadFile),
        ("xml", ParameterType::Xml),
        ("yaml", ParameterType::Yaml),
    ];

    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.trim())).map(|(_, kind)| *kind)
    }

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether the text is one of this type; says what it is instead.
    pub fn check(self, text: &str, choices: &[String]) -> Result<(), String> {
        if self == ParameterType::Choices && !choices.is_empty() && !choices.iter().any(|c| c == text) {
            return Err(format!("none of the choices {}", choices.join(", ")));
        }
        if matches!(self, ParameterType::Regex)
            && let Err(e) = vql::value::regex::compile(text.as_bytes(), true)
        {
            return Err(format!("no regular expression: {e}"));
        }
        self.value(text).map(drop).map_err(|e| e.to_string())
    }

    /// The value that a text stands for. Empty text is NULL for numbers and times, an empty list for tables.
    pub fn value(self, text: &str) -> Result<Value, Error> {
        use ParameterType as T;
        let trimmed = text.trim();
        let is_empty = trimmed.is_empty();
        match self {
            T::Int | T::Float | T::Timestamp if is_empty => Ok(Value::Null),
            T::Int => integer(trimmed).map(Value::Int).ok_or_else(|| Error::from("no int")),
            T::Float => trimmed.parse().map(Value::Float).map_err(|_| "no float".into()),
            T::Bool => Ok(Value::Bool(truth(trimmed))),
            T::Timestamp => time::from_text(trimmed.as_bytes(), &Zones::named(None, None))
                .map(Value::Time)
                .ok_or_else(|| "no time, write it as 2026-01-31T12:00:00Z".into()),
            T::Csv | T::ArtifactSet => table(text),
            T::JsonArray | T::MultiChoice | T::RegexArray if is_empty => Ok(Value::list(Vec::new())),
            T::JsonArray | T::MultiChoice | T::RegexArray => match json::parse(trimmed.as_bytes())? {
                list @ Value::List(_) => Ok(list),
                _ => Err("no JSON array".into()),
            },
            T::Json if is_empty => Ok(Value::dict([])),
            T::Json => json::parse(trimmed.as_bytes()),
            T::Jsonl => lines(text),
            T::Xml if is_empty => Ok(Value::Null),
            T::Xml => crate::xml::parse(text.as_bytes(), &Cancel::new()),
            T::Yaml => crate::yaml::parse(text.as_bytes()),
            T::Text
            | T::Regex
            | T::Yara
            | T::Choices
            | T::Hidden
            | T::Redacted
            | T::ServerMetadata
            | T::Upload
            | T::UploadFile => Ok(Value::from(text)),
        }
    }
}

impl Serialize for ParameterType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Parameter {
    /// The value to run with: what was given, else the default. Values of queries pass as they are.
    pub fn resolve(&self, given: Option<Value>) -> Result<Value, Error> {
        let failed = |why: String| Error::new(format!("parameter {}: {why}", self.name));
        let text = match given {
            None | Some(Value::Null) => Text::from(self.default.as_str()),
            Some(Value::Text(text)) => text,
            Some(other) => return Ok(other),
        };
        let text = text.to_str_lossy();
        if !self.validating_regex.is_empty() {
            let regex = regex::Regex::new(&self.validating_regex).map_err(|e| failed(e.to_string()))?;
            if !regex.is_match(&text) {
                return Err(failed(format!("should match {}", self.validating_regex)));
            }
        }
        if !text.is_empty() {
            self.kind.check(&text, &self.choices).map_err(failed)?;
        }
        self.kind.value(&text).map_err(|e| failed(e.to_string()))
    }
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(sign * number)
}

fn truth(text: &str) -> bool {
    ["y", "yes", "true", "t", "1", "on"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// CSV with a header, as a list of dicts.
fn table(text: &str) -> Result<Value, Error> {
    let failed = |e: std::io::Error| Error::new(format!("no CSV: {e}"));
    let mut reader = CsvReader::new(text.as_bytes(), b',', None);
    let mut rows = Vec::new();
    if !reader.next().map_err(failed)? {
        return Ok(Value::list(rows));
    }
    let names = reader.fields().map(|f| String::from_utf8_lossy(f).trim().to_owned());
    let schema = vql::schema::Schema::of(names.collect::<Vec<_>>().iter().map(String::as_str));
    while reader.next().map_err(failed)? {
        if rows.len() >= MAX_ELEMENTS {
            return Err("longer than a million rows".into());
        }
        let mut cells: Vec<Value> = reader.fields().take(schema.len()).map(read_cell).collect();
        cells.resize(schema.len(), Value::Null);
        rows.push(Value::from(Row { schema: schema.clone(), cells }));
    }
    Ok(Value::list(rows))
}

/// JSON lines, as a list.
fn lines(text: &str) -> Result<Value, Error> {
    let lines = text.lines().filter(|l| !l.trim().is_empty()).take(MAX_ELEMENTS);
    Ok(Value::list(lines.map(|l| json::parse(l.as_bytes())).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(kind: &str, text: &str) -> String {
        let value = ParameterType::from_name(kind).unwrap().value(text).unwrap();
        let mut out = Vec::new();
        json::write_value(&value, &mut out, &json::JsonOptions::default());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_becomes_the_declared_type() {
        for (kind, text, wanted) in [
            ("", "5", "\"5\""),
            ("int", "0x10", "16"),
            ("integer", " -7 ", "-7"),
            ("int", "", "null"),
            ("float", "2.5", "2.5"),
            ("bool", "Y", "true"),
            ("bool", "TRUE", "true"),
            ("bool", "N", "false"),
            ("bool", "", "false"),
            ("timestamp", "1700000000", "\"2023-11-14T22:13:20Z\""),
            ("timestamp", "2023-11-14", "\"2023-11-14T00:00:00Z\""),
            (
                "csv",
                "Glob,Depth\n/etc/*,2\n/usr,x\n",
                r#"[{"Glob":"/etc/*","Depth":2},{"Glob":"/usr","Depth":"x"}]"#,
            ),
            ("csv", "", "[]"),
            ("artifactset", "Artifact\nLinux.A\n", r#"[{"Artifact":"Linux.A"}]"#),
            ("json", "{\"a\":[1]}", "{\"a\":[1]}"),
            ("json", "", "{}"),
            ("json_array", "[1,\"x\"]", "[1,\"x\"]"),
            ("multichoice", "[\"a\"]", "[\"a\"]"),
            ("jsonl", "{\"a\":1}\n\n{\"a\":2}", "[{\"a\":1},{\"a\":2}]"),
            ("yaml", "a: [1, 2]", "{\"a\":[1,2]}"),
            ("xml", "<a><b>1</b></a>", "{\"a\":{\"b\":\"1\"}}"),
        ] {
            assert_eq!(json_of(kind, text), wanted, "{kind} {text}");
        }
    }

    #[test]
    fn what_is_not_of_the_type_is_refused() {
        for (kind, text) in [
            ("int", "x"),
            ("int", "1.5"),
            ("float", "x"),
            ("timestamp", "soon"),
            ("json_array", "{}"),
            ("json", "{"),
        ] {
            assert!(ParameterType::from_name(kind).unwrap().value(text).is_err(), "{kind} {text}");
        }
        assert_eq!(ParameterType::from_name("intt"), None);
    }

    #[test]
    fn given_values_win_and_are_validated() {
        let parameter = Parameter {
            name: "P".into(),
            default: "5".into(),
            kind: ParameterType::Int,
            validating_regex: "^[0-9]+$".into(),
            ..Parameter::default()
        };
        assert!(matches!(parameter.resolve(None), Ok(Value::Int(5))));
        assert!(matches!(parameter.resolve(Some(Value::from("7"))), Ok(Value::Int(7))));
        assert!(matches!(parameter.resolve(Some(Value::Bool(true))), Ok(Value::Bool(true))));
        let refused = parameter.resolve(Some(Value::from("-1"))).unwrap_err();
        assert_eq!(refused.to_string(), "parameter P: should match ^[0-9]+$");
    }
}
