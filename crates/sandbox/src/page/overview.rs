//! What it was, and how the run went.

use serde_json::Value as Json;
use store::sandbox::Stamp;

use super::text::{Reader, Text};

/// Labels and what stands beside them.
type Facts<'r> = Vec<(&'static str, Text<'r>)>;

pub struct Overview<'r> {
    pub id: Text<'r>,
    pub name: Text<'r>,
    pub target: Facts<'r>,
    pub urls: Vec<Text<'r>>,
    pub run: Facts<'r>,
    pub duration: Option<String>,
    /// Only when something was judged.
    pub score: Option<Text<'r>>,
    pub version: Text<'r>,
}

/// Addresses found in the bytes of the target.
const MAX_URLS: usize = 20;

impl<'r> Overview<'r> {
    pub fn of(reader: &mut Reader, info: &'r Json, target: &'r Json, signatures: &Json) -> Self {
        let file = &target["file"];
        let name = if target["url"].is_string() { &target["url"] } else { &file["name"] };
        let size = file["size"].as_u64().map(|size| reader.own(bytes(size)));
        let mut facts = facts(reader, &[("Type", &file["type"])]);
        facts.extend(size.map(|size| ("Size", size)));
        let hashes = ["sha256", "sha1", "md5", "sha512", "ssdeep", "crc32"];
        let labels = ["SHA-256", "SHA-1", "MD5", "SHA-512", "ssdeep", "CRC-32"];
        for (label, key) in labels.into_iter().zip(hashes) {
            facts.extend(self::facts(reader, &[(label, &file[key])]));
        }
        let is_judged = signatures.as_array().is_some_and(|all| !all.is_empty());
        let score = &info["score"];
        let has_score = is_judged || score.as_f64().is_some_and(|score| score > 0.0);
        Self {
            id: reader.text(&info["id"]),
            name: reader.text(name),
            target: facts,
            urls: reader.list(&file["urls"], MAX_URLS, Reader::text).rows,
            run: run(reader, info),
            duration: info["duration"].as_i64().filter(|seconds| *seconds >= 0).map(duration),
            score: has_score.then(|| reader.text(score)),
            version: reader.text(&info["version"]),
        }
    }
}

fn run<'r>(reader: &mut Reader, info: &'r Json) -> Facts<'r> {
    let mut times = Vec::new();
    for (label, key) in [("Submitted", "added"), ("Started", "started"), ("Ended", "ended")] {
        times.extend(info[key].as_f64().map(|seconds| (label, reader.own(time(seconds)))));
    }
    let machine = &info["machine"];
    let named = reader.joined(&[&machine["name"], &machine["manager"]], ", ");
    times.extend((!named.is_empty()).then_some(("Machine", named)));
    let others = [
        ("Platform", &info["platform"]),
        ("Package", &info["package"]),
        ("Network", &info["route"]),
        ("Options", &info["options"]),
        ("Owner", &info["owner"]),
        ("Custom", &info["custom"]),
    ];
    times.extend(facts(reader, &others));
    times
}

/// Those that are given.
fn facts<'r>(reader: &mut Reader, given: &[(&'static str, &'r Json)]) -> Facts<'r> {
    let texts = given.iter().map(|(label, value)| (*label, reader.text(value)));
    texts.filter(|(_, text)| !text.is_empty()).collect()
}

fn time(seconds: f64) -> String {
    format!("{} UTC", Stamp((seconds * 1e6) as i64))
}

fn duration(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// A size for people; the exact one stands beside it.
pub fn bytes(size: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut shown = size as f64;
    let mut unit = None;
    for name in units {
        if shown < 1024.0 {
            break;
        }
        (shown, unit) = (shown / 1024.0, Some(name));
    }
    match unit {
        Some(unit) => format!("{shown:.1} {unit} ({size} bytes)"),
        None => format!("{size} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_for_people() {
        assert_eq!((bytes(1023), bytes(1536)), ("1023 bytes".into(), "1.5 KiB (1536 bytes)".into()));
        assert_eq!(
            (duration(59), duration(61), duration(7300)),
            ("59 s".into(), "1 min 1 s".into(), "2 h 1 min".into())
        );
        assert_eq!(time(1_932_884_405.0), "2031-04-02 08:20:05 UTC");
        // Nonsense is a time as well.
        time(f64::MAX);
    }

    #[test]
    fn there_is_a_score_only_when_something_was_judged() {
        let score = |info: Json, signatures: Json| {
            let overview = Overview::of(&mut Reader::default(), &info, &Json::Null, &signatures);
            overview.score.map(|score| score.to_string())
        };
        assert_eq!(score(json!({"score": 0.0}), json!([])), None);
        assert_eq!(score(json!({}), Json::Null), None);
        assert_eq!(score(json!({"score": 2.4}), json!([])), Some("2.4".into()));
        assert_eq!(score(json!({"score": 0.0}), json!([{"name": "x"}])), Some("0.0".into()));
    }
}
