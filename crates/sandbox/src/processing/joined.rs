//! What only several parts of the report tell together: names of the hosts that processes connected to, what they fetched, and which
//! of that they kept as files.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value as Json, json};

/// Entries that are added to one group.
const MAX_ENTRIES: usize = 10_000;

/// Adds to the groups of `behavior.summary`, and of the summary of each process.
pub fn complete(report: &mut Map<String, Json>) {
    let names = names(report.get("network").unwrap_or(&Json::Null));
    let (fetched, kept) = fetched(report);
    let Some(behavior) = report.get_mut("behavior") else { return };
    for process in behavior["generic"].as_array_mut().into_iter().flatten() {
        add_hosts(&mut process["summary"], &names);
    }
    let summary = &mut behavior["summary"];
    add_hosts(summary, &names);
    add(summary, "fetches_url", fetched);
    add(summary, "downloads_file", kept);
}

/// Names by the addresses that the guest got for them.
fn names(network: &Json) -> HashMap<String, Vec<String>> {
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    for question in network["dns"].as_array().into_iter().flatten() {
        let answers = question["answers"].as_array().into_iter().flatten();
        for answer in answers.filter(|answer| answer["type"] == "A" || answer["type"] == "AAAA") {
            let (Some(name), Some(address)) = (question["request"].as_str(), answer["data"].as_str()) else {
                continue;
            };
            let known = names.entry(address.to_owned()).or_default();
            if !known.iter().any(|one| one == name) {
                known.push(name.to_owned());
            }
        }
    }
    names
}

fn add_hosts(summary: &mut Json, names: &HashMap<String, Vec<String>>) {
    let addresses = summary["connects_ip"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let hosts: Vec<String> = addresses.filter_map(|address| names.get(address)).flatten().cloned().collect();
    add(summary, "connects_host", hosts);
}

/// All addresses that were asked for over HTTP, and those of answers that lie among the dropped files.
fn fetched(report: &Map<String, Json>) -> (Vec<String>, Vec<String>) {
    let network = report.get("network").unwrap_or(&Json::Null);
    let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Json| value.as_str().map(String::from);
    let fetched = list(&network["http"]).iter().filter_map(|http| text(&http["uri"])).collect();
    let dropped: HashSet<String> = report
        .get("dropped")
        .map(list)
        .unwrap_or_default()
        .iter()
        .filter_map(|file| text(&file["sha1"]))
        .collect();
    let mut kept = BTreeMap::new();
    let answers = list(&network["http_ex"]).into_iter().chain(list(&network["https_ex"]));
    for (at, answer) in answers.enumerate() {
        if text(&answer["resp"]["sha1"]).is_some_and(|sha1| dropped.contains(&sha1)) {
            kept.insert(at, address(&answer));
        }
    }
    (fetched, kept.into_values().collect())
}

fn address(answer: &Json) -> String {
    let [protocol, host, uri] =
        ["protocol", "host", "uri"].map(|key| answer[key].as_str().unwrap_or_default());
    let usual = if protocol == "https" { 443 } else { 80 };
    match answer["dport"].as_u64() {
        _ if uri.contains("://") => uri.to_owned(),
        Some(port) if port != usual && !host.contains(':') => format!("{protocol}://{host}:{port}{uri}"),
        _ => format!("{protocol}://{host}{uri}"),
    }
}

/// Adds what is not there yet. Only groups with entries appear.
fn add(summary: &mut Json, group: &str, entries: Vec<String>) {
    let mut all: Vec<Json> = summary[group].as_array().cloned().unwrap_or_default();
    let mut known: HashSet<String> = all.iter().filter_map(Json::as_str).map(String::from).collect();
    for entry in entries {
        if all.len() < MAX_ENTRIES && known.insert(entry.clone()) {
            all.push(entry.into());
        }
    }
    if let (false, Some(groups)) = (all.is_empty(), summary.as_object_mut()) {
        groups.insert(group.to_owned(), json!(all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_get_names_and_answers_become_files() {
        let Json::Object(mut report) = json!({
            "network": {
                "dns": [
                    {"request": "a.example", "answers": [{"type": "A", "data": "198.18.0.1"}]},
                    {"request": "also.example", "answers": [{"type": "CNAME", "data": "a.example"}, {"type": "A", "data": "198.18.0.1"}]},
                    {"request": "never.example", "answers": [{"type": "A", "data": "198.18.0.9"}]},
                ],
                "http": [{"uri": "http://a.example/x"}, {"uri": "http://a.example/x"}],
                "http_ex": [
                    {"protocol": "http", "host": "a.example", "uri": "/x", "dport": 80, "resp": {"sha1": "11"}},
                    {"protocol": "http", "host": "a.example", "uri": "/y", "dport": 80, "resp": {"sha1": null}},
                ],
                "https_ex": [
                    {"protocol": "https", "host": "a.example", "uri": "/z", "dport": 8443, "resp": {"sha1": "22"}},
                ],
            },
            "dropped": [{"sha1": "11"}, {"sha1": "22"}, {"sha1": null}],
            "behavior": {
                "summary": {"connects_ip": ["198.18.0.1", "127.0.0.1"], "fetches_url": ["ftp://b/"]},
                "generic": [{"summary": {"connects_ip": ["198.18.0.1"]}}, {"summary": {}}],
            },
        }) else {
            unreachable!()
        };
        complete(&mut report);
        let behavior = &report["behavior"];
        let hosts = json!(["a.example", "also.example"]);
        assert_eq!(
            behavior["summary"],
            json!({
                "connects_ip": ["198.18.0.1", "127.0.0.1"], "connects_host": hosts,
                "fetches_url": ["ftp://b/", "http://a.example/x"],
                "downloads_file": ["http://a.example/x", "https://a.example:8443/z"],
            })
        );
        assert_eq!(behavior["generic"][0]["summary"]["connects_host"], hosts);
        assert_eq!(behavior["generic"][1]["summary"], json!({}));
    }

    #[test]
    fn parts_that_are_missing_add_nothing() {
        let mut report = Map::from_iter([("behavior".to_owned(), json!({"summary": {}}))]);
        complete(&mut report);
        assert_eq!(report["behavior"]["summary"], json!({}));
    }
}
