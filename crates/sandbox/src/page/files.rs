//! Files and memory that the run left.

use serde_json::Value as Json;

use super::overview::bytes;
use super::table::{Section, Table};
use super::text::{Reader, Text};

const MAX_FILES: usize = 200;
const MAX_DUMPS: usize = 100;

pub fn sections<'r>(reader: &mut Reader, dropped: &'r Json, memory: &'r Json) -> Vec<Section<'r>> {
    let files = Table {
        title: "",
        head: &["In the machine", "Type", "Size", "Processes", "SHA-256 and name in the archive"],
        rows: reader.list(dropped, MAX_FILES, file),
    };
    let dumps = Table {
        title: "",
        head: &["Process", "File", "Regions", "Addresses in it"],
        rows: reader.list(memory, MAX_DUMPS, dump),
    };
    let files = Section::of("dropped", "Dropped files", [files], Vec::new());
    let dumps = Section::of("memory", "Memory of processes", [dumps], Vec::new());
    files.into_iter().chain(dumps).collect()
}

fn file<'r>(reader: &mut Reader, file: &'r Json) -> Vec<Text<'r>> {
    let path = if file["filepath"].is_string() { &file["filepath"] } else { &file["name"] };
    let pids: Vec<&Json> = file["pids"].as_array().into_iter().flatten().take(8).collect();
    let cut = if file["cut"] == true { ", cut" } else { "" };
    let size = reader.own(format!("{}{cut}", bytes(file["size"].as_u64().unwrap_or(0))));
    let (path, kind) = (reader.text(path), reader.text(&file["type"]));
    vec![path, kind, size, reader.joined(&pids, ", "), reader.joined(&[&file["sha256"], &file["name"]], " ")]
}

fn dump<'r>(reader: &mut Reader, dump: &'r Json) -> Vec<Text<'r>> {
    let urls: Vec<&Json> = dump["urls"].as_array().into_iter().flatten().take(8).collect();
    let regions = dump["regions"].as_array().map_or(0, Vec::len);
    let regions = reader.own(regions.to_string());
    vec![reader.text(&dump["pid"]), reader.text(&dump["file"]), regions, reader.joined(&urls, " ")]
}
