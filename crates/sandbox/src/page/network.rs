//! What went over the network.

use serde_json::Value as Json;

use super::table::{Section, Table};
use super::text::{Reader, Text};

const MAX_ROWS: usize = 200;

/// How a row of a table is made of an entry.
type Row = for<'r> fn(&mut Reader, &'r Json) -> Vec<Text<'r>>;

/// A list of the report: its key, title, columns and rows.
const TABLES: &[(&str, &str, &[&str], Row)] = &[
    ("http", "HTTP requests", &["Method", "Address", "User agent", "Times"], |reader, one| {
        columns(reader, one, &["method", "uri", "user-agent", "count"])
    }),
    ("http_ex", "Answers over HTTP", &["Status", "Host", "Path", "Address", "SHA-1 of the answer"], answer),
    ("https_ex", "Answers over HTTPS", &["Status", "Host", "Path", "Address", "SHA-1 of the answer"], answer),
    ("dns", "Names looked up", &["Name", "Type", "Answers"], |reader, one| {
        let mut row = columns(reader, one, &["request", "type"]);
        let answers: Vec<&Json> =
            one["answers"].as_array().into_iter().flatten().take(8).map(|answer| &answer["data"]).collect();
        row.push(reader.joined(&answers, ", "));
        row
    }),
    ("hosts", "Hosts contacted", &["Address"], |reader, host| vec![reader.text(host)]),
    ("domains", "Domains", &["Domain", "Address"], |reader, one| columns(reader, one, &["domain", "ip"])),
    ("tls", "TLS connections", &["Server name", "Address", "Version", "JA3", "Error"], |reader, one| {
        let mut row = columns(reader, one, &["sni", "version", "ja3_hash", "error"]);
        row.insert(1, end(reader, one));
        row
    }),
    ("smtp_ex", "Mails", &["Server", "From", "To", "Subject", "User"], |reader, one| {
        let request = &one["req"];
        let to: Vec<&Json> = match &request["mail_to"] {
            Json::Array(all) => all.iter().take(8).collect(),
            one => vec![one],
        };
        let (server, from) = (end(reader, one), reader.text(&request["mail_from"]));
        let (to, user) = (reader.joined(&to, ", "), reader.text(&request["username"]));
        vec![server, from, to, reader.text(&request["headers"]["Subject"]), user]
    }),
    ("irc", "IRC", &["Server", "Command", "Words"], |reader, one| {
        let mut row = columns(reader, one, &["command", "params"]);
        row.insert(0, end(reader, one));
        row
    }),
    ("proxied", "Through the proxy", &["Host", "Port", "Error"], |reader, one| {
        columns(reader, one, &["host", "port", "error"])
    }),
    ("dead_hosts", "Never answered", &["Address", "Port"], |reader, one| {
        vec![reader.text(&one[0]), reader.text(&one[1])]
    }),
    ("tcp", "TCP connections", FLOW, flow),
    ("udp", "UDP conversations", FLOW, flow),
    ("icmp", "ICMP", &["From", "To", "Type"], |reader, one| columns(reader, one, &["src", "dst", "type"])),
];

const FLOW: &[&str] = &["From", "To", "After"];

pub fn section<'r>(reader: &mut Reader, network: &'r Json) -> Option<Section<'r>> {
    let tables = TABLES.iter().map(|(key, title, head, row)| {
        let rows = reader.list(&network[*key], MAX_ROWS, row);
        Table { title, head, rows }
    });
    let tables: Vec<Table<'r>> = tables.collect();
    let notes = [
        ("packets_cut", "The capture holds more packets than were looked at."),
        ("log_cut", "More went over the network than its log holds."),
    ];
    let notes = notes.iter().filter(|(key, _)| network[*key] == true);
    Section::of("network", "Network", tables, notes.map(|(_, note)| (*note).to_owned()).collect())
}

fn columns<'r>(reader: &mut Reader, entry: &'r Json, keys: &[&str]) -> Vec<Text<'r>> {
    let text = |key: &&str| match &entry[*key] {
        Json::Array(parts) => reader.joined(&parts.iter().take(16).collect::<Vec<_>>(), " "),
        value => reader.text(value),
    };
    keys.iter().map(text).collect()
}

fn answer<'r>(reader: &mut Reader, one: &'r Json) -> Vec<Text<'r>> {
    let mut row = columns(reader, one, &["status", "host", "uri"]);
    row.push(end(reader, one));
    row.push(reader.text(&one["resp"]["sha1"]));
    row
}

/// Whom a conversation was with.
fn end<'r>(reader: &mut Reader, one: &'r Json) -> Text<'r> {
    ends(reader, &one["dst"], &one["dport"])
}

/// An address and a port, of which only one may have colons.
fn ends<'r>(reader: &mut Reader, address: &'r Json, port: &'r Json) -> Text<'r> {
    let is_six = address.as_str().is_some_and(|address| address.contains(':'));
    reader.joined(&[address, port], if is_six { " port " } else { ":" })
}

fn flow<'r>(reader: &mut Reader, one: &'r Json) -> Vec<Text<'r>> {
    let from = ends(reader, &one["src"], &one["sport"]);
    let after = reader.own(format!("{:.2} s", one["time"].as_f64().unwrap_or(0.0)));
    vec![from, end(reader, one), after]
}
