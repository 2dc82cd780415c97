//! Rules as they are written: YAML, several documents to a text.

use serde_json::{Map, Value};

use super::Event;
use super::condition::Condition;
use super::detection::Search;
use crate::{Error, Result};

/// The largest text of rules, and how many rules it may hold.
const MAX_SOURCE: usize = 64 << 20;
const MAX_RULES: usize = 100_000;
/// Searches of one rule at most.
const MAX_SEARCHES: usize = 1000;

/// A rule that can be tried on events.
#[derive(Debug)]
pub struct Rule {
    pub title: String,
    pub level: String,
    pub source: LogSource,
    /// The rule as written.
    pub text: Map<String, Value>,
    names: Vec<String>,
    searches: Vec<Search>,
    conditions: Vec<Condition>,
}

/// Where the events of a rule come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogSource {
    pub category: String,
    pub product: String,
    pub service: String,
}

impl LogSource {
    /// `category/product/service`, a star for what is not said.
    pub fn key(&self) -> String {
        let part = |s: &String| if s.is_empty() { "*".to_owned() } else { s.clone() };
        format!("{}/{}/{}", part(&self.category), part(&self.product), part(&self.service))
    }
}

/// What came of trying a rule.
#[derive(Debug, PartialEq)]
pub struct Outcome<'r> {
    pub is_match: bool,
    /// The searches that were tried, and whether they matched.
    pub searches: Vec<(&'r str, bool)>,
    pub conditions: Vec<bool>,
}

/// The rules of a text; those that cannot be used are errors, and the others are there all the same.
pub fn parse(source: &str) -> Result<Vec<Result<Rule>>> {
    if source.len() > MAX_SOURCE {
        return Err(Error::TooMuch { what: "rules", limit: MAX_SOURCE as u64 });
    }
    // A value such as `y` or `no` is text to those who write rules.
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    let documents: Vec<Option<Value>> = serde_saphyr::from_multiple_with_options(source, options)
        .map_err(|e| Error::broken("YAML", e.to_string()))?;
    if documents.len() > MAX_RULES {
        return Err(Error::TooMuch { what: "rules", limit: MAX_RULES as u64 });
    }
    Ok(documents.into_iter().flatten().map(Rule::new).collect())
}

impl Rule {
    fn new(document: Value) -> Result<Rule> {
        let Value::Object(mut text) = document else { return Err(Error::NotA("a rule")) };
        let title = string(&text, "title");
        let named = |e: Error| Error::broken("rule", format!("{title}: {e}"));
        let Some(Value::Object(mut detection)) = text.remove("detection") else {
            let what = if text.contains_key("correlation") {
                "correlations are not evaluated"
            } else {
                "no detection"
            };
            return Err(named(Error::broken("rule", what)));
        };
        let conditions = match detection.remove("condition") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(|c| c.as_str().map(str::to_owned)).collect(),
            _ => return Err(named(Error::broken("rule", "no condition"))),
        };
        if detection.remove("timeframe").is_some() {
            return Err(named(Error::broken("rule", "timeframes are not evaluated")));
        }
        if detection.len() > MAX_SEARCHES {
            return Err(named(Error::TooMuch { what: "searches", limit: MAX_SEARCHES as u64 }));
        }
        let names: Vec<String> = detection.keys().cloned().collect();
        let searches =
            detection.values().map(|v| Search::parse(v, 0)).collect::<Result<_>>().map_err(named)?;
        let conditions: Result<Vec<Condition>> =
            conditions.iter().map(|c| Condition::parse(c, &names)).collect();
        Ok(Rule {
            level: string(&text, "level"),
            source: log_source(&text),
            conditions: conditions.map_err(named)?,
            title,
            text,
            names,
            searches,
        })
    }

    /// Tries the rule; each search at most once, and only those that matter.
    pub fn matches(&self, event: &mut dyn Event) -> Outcome<'_> {
        let mut known: Vec<Option<bool>> = vec![None; self.searches.len()];
        let mut conditions = Vec::new();
        for condition in &self.conditions {
            let mut search = |i: usize| *known[i].get_or_insert_with(|| self.searches[i].matches(event));
            conditions.push(condition.holds(&mut search));
        }
        let tried = self.names.iter().zip(known).filter_map(|(name, known)| Some((name.as_str(), known?)));
        Outcome { is_match: conditions.contains(&true), searches: tried.collect(), conditions }
    }
}

fn string(map: &Map<String, Value>, name: &str) -> String {
    map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn log_source(text: &Map<String, Value>) -> LogSource {
    let Some(Value::Object(source)) = text.get("logsource") else { return LogSource::default() };
    LogSource {
        category: string(source, "category"),
        product: string(source, "product"),
        service: string(source, "service"),
    }
}
