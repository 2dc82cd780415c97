//! What processes did: their tree, and what it was about.

use serde_json::Value as Json;

use super::table::List;
use super::text::{Reader, Text};

const MAX_PROCESSES: usize = 300;
/// Deeper ones are drawn at this depth.
const MAX_DEPTH: usize = 12;
const MAX_ENTRIES: usize = 100;

pub struct Process<'r> {
    pub depth: usize,
    pub pid: Text<'r>,
    pub name: Text<'r>,
    pub command_line: Text<'r>,
    /// Seconds after the first one.
    pub after: String,
    pub calls: u64,
}

/// Entries of one kind.
pub struct Group<'r> {
    pub key: Text<'r>,
    pub title: &'static str,
    pub is_open: bool,
    pub entries: List<Text<'r>>,
}

/// What the page begins with, and in which words; those that say little at first sight are closed.
const GROUPS: &[(&str, &str, bool)] = &[
    ("command_line", "Commands", true),
    ("connects_host", "Hosts connected to", true),
    ("connects_ip", "Addresses connected to", true),
    ("resolves_host", "Names looked up", true),
    ("fetches_url", "Addresses fetched", true),
    ("downloads_file", "Downloads kept as files", true),
    ("file_created", "Files created", true),
    ("file_recreated", "Files replaced", true),
    ("file_written", "Files written", true),
    ("file_deleted", "Files deleted", true),
    ("file_moved", "Files moved", true),
    ("file_copied", "Files copied", true),
    ("directory_created", "Folders created", true),
    ("directory_removed", "Folders removed", true),
    ("regkey_written", "Registry keys written", true),
    ("regkey_deleted", "Registry keys deleted", true),
    ("mutex", "Mutexes", true),
    ("wmi_query", "WMI queries", true),
    ("tls_master", "TLS secrets", false),
    ("file_read", "Files read", false),
    ("file_opened", "Files opened", false),
    ("file_exists", "Files looked for", false),
    ("file_failed", "Files that could not be opened", false),
    ("directory_enumerated", "Folders listed", false),
    ("regkey_read", "Registry keys read", false),
    ("regkey_opened", "Registry keys opened", false),
    ("dll_loaded", "Libraries loaded", false),
    ("guid", "Classes", false),
];

/// The tree from its roots on, each process before its children.
pub fn processes<'r>(reader: &mut Reader, behavior: &'r Json) -> List<Process<'r>> {
    let mut all = Vec::new();
    let roots = behavior["processtree"].as_array().into_iter().flatten().rev();
    let mut waiting: Vec<(&Json, usize)> = roots.map(|root| (root, 0)).collect();
    while let Some((process, depth)) = waiting.pop() {
        all.push((process, depth));
        let children = process["children"].as_array().into_iter().flatten().rev();
        waiting.extend(children.map(|child| (child, depth + 1)));
    }
    let seen = |process: &Json| process["first_seen"].as_f64().unwrap_or(0.0);
    let first = all.iter().map(|(process, _)| seen(process)).fold(f64::INFINITY, f64::min);
    let calls = |pid: &Json| {
        let counts = behavior["apistats"].get(pid.to_string()).and_then(Json::as_object);
        counts.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
    };
    reader.rows(all.into_iter(), MAX_PROCESSES, |reader, (process, depth)| Process {
        depth: depth.min(MAX_DEPTH),
        pid: reader.text(&process["pid"]),
        name: reader.text(&process["process_name"]),
        command_line: reader.text(&process["command_line"]),
        after: format!("{:.1}", seen(process) - first),
        calls: calls(&process["pid"]),
    })
}

/// All groups with entries; those that are not in the list above come last, under their own names.
pub fn groups<'r>(reader: &mut Reader, summary: &'r Json) -> Vec<Group<'r>> {
    let Some(groups) = summary.as_object() else { return Vec::new() };
    let known = |key: &str| GROUPS.iter().position(|(known, ..)| *known == key);
    let mut order: Vec<(&'r String, &'r Json)> = groups.iter().collect();
    order.sort_by_key(|(key, _)| known(key).unwrap_or(GROUPS.len()));
    let group = |(key, entries): (&'r String, &'r Json)| {
        let (title, is_open) = known(key).map_or(("Other", true), |at| (GROUPS[at].1, GROUPS[at].2));
        let key = reader.own(key.clone());
        Group { key, title, is_open, entries: reader.list(entries, MAX_ENTRIES, entry) }
    };
    order.into_iter().map(group).filter(|group| !group.entries.is_empty()).collect()
}

/// A text, or several that belong together, such as where a file was moved from and to.
fn entry<'r>(reader: &mut Reader, entry: &'r Json) -> Text<'r> {
    match entry {
        Json::Array(parts) => reader.joined(&parts.iter().take(4).collect::<Vec<_>>(), " → "),
        entry => reader.text(entry),
    }
}

/// What is said of calls that the report does not tell one by one.
pub fn calls(behavior: &Json) -> Vec<String> {
    let cut = behavior["calls_cut"].as_u64().filter(|cut| *cut > 0);
    let cut = cut.map(|cut| format!("{cut} more calls were made than the report tells."));
    let counted = behavior["calls_counted"].as_object().into_iter().flatten();
    let counted: u64 = counted.filter_map(|(_, count)| count.as_u64()).sum();
    let counted = (counted > 0).then(|| format!("{counted} calls were only counted."));
    cut.into_iter().chain(counted).collect()
}
