//! How fast files are hashed and parsed, next to the programs and crates that do no more than that.
//!
//! `cargo xtask bench evidence_speed` runs it; each line is `BENCH <name> <figure> <unit> budget <figure>`. All figures are of
//! processor time on one core, but that of `parse_mft`, which uses two. `evidence_speed -- parse_mft FILE` measures one of them, with a real file in place of one it makes.

mod measure;

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::Command;

use evtx::{EvtxParser, ParserSettings};
use measure::{Best, figure, in_turn, of_thread, query, wall};
use mft::MftParser;
use mft::csv::FlatMftEntryWithName;
use tempfile::NamedTempFile;

/// Bytes of the file that is hashed.
const HASHED: usize = 64 << 20;

/// The part of what is possible that has to be reached.
const HASH_SHARE: f64 = 0.8;
const PARSE_SHARE: f64 = 0.8;

const ROUNDS: usize = 7;

fn main() {
    let mut given = std::env::args().skip(1);
    let (name, file) = (given.next().unwrap_or_default(), given.next());
    let is_wanted = |this: &str| name.is_empty() || name == this;
    if is_wanted("hash") {
        hash();
    }
    if is_wanted("parse_evtx") {
        match &file {
            Some(file) => parse_evtx(Path::new(file)),
            None => parse_evtx(file_of(&event_log(200)).path()),
        }
    }
    if is_wanted("parse_mft") {
        match &file {
            Some(file) => parse_mft(Path::new(file)),
            None => parse_mft(file_of(&file_table(500)).path()),
        }
    }
}

fn file_of(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file is made");
    file.write_all(bytes).expect("it is written");
    file
}

/// The three digests of one pass, next to what OpenSSL would take for one after the other.
fn hash() {
    let block: Vec<u8> = (0..HASHED as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let file = file_of(&block);
    let source = format!("SELECT hash(path='{}') FROM scope()", file.path().display());
    let mut known: Option<f64> = None;
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        best = best.min(in_turn(3, of_thread, &[&|| query(&source)])[0].seconds);
        known = openssl().map(|rate| rate.max(known.unwrap_or_default()));
    }
    let rate = HASHED as f64 / 1e6 / best;
    match known {
        Some(openssl) => {
            println!("openssl, MD5, SHA1 and SHA256 one after the other: {openssl:.0} MB/s");
            figure("hash", rate, "MB/s", HASH_SHARE * openssl);
        }
        None => eprintln!("hash: {rate:.0} MB/s; there is no openssl to compare with"),
    }
}

/// MB a second of the three digests, one after the other, as `openssl speed` measures; `None` without that program.
fn openssl() -> Option<f64> {
    let seconds_of_mb = |digest: &str| {
        let arguments = ["speed", "-seconds", "1", "-bytes", "16384", "-evp", digest];
        let output = Command::new("openssl").args(arguments).output().ok()?;
        // `md5             736499.81k`: thousands of bytes a second.
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = text.split_whitespace().last()?.strip_suffix('k')?.parse::<f64>().ok()?;
        Some(1e3 / rate)
    };
    Some(1.0 / (seconds_of_mb("md5")? + seconds_of_mb("sha1")? + seconds_of_mb("sha256")?))
}

/// The rate of a plugin, and as its budget a part of the rate of the crate underneath.
fn compare(name: &str, unit: &str, bare: Best, plugin: Best) {
    let rate = |best: Best| best.count as f64 / best.seconds;
    println!("{name}: the crate alone gives {:.0} {unit}", rate(bare));
    figure(name, rate(plugin), unit, PARSE_SHARE * rate(bare));
}

fn parse_evtx(path: &Path) {
    let bare = || {
        let settings = ParserSettings::new().num_threads(1);
        let mut parser = EvtxParser::from_path(path).expect("it is a log").with_configuration(settings);
        parser.records_json_value().filter(Result::is_ok).count() as u64
    };
    let source = format!("SELECT * FROM parse_evtx(filename='{}')", path.display());
    let best = in_turn(ROUNDS, of_thread, &[&bare, &|| query(&source)]);
    assert_eq!(best[0].count, best[1].count, "every event is found");
    compare("parse_evtx", "events/s", best[0], best[1]);
}

/// A log of so many chunks. Each is the one of the small log, filled up with copies of an event all of whose templates are defined
/// by others.
fn event_log(chunks: usize) -> Vec<u8> {
    const HEADER: usize = 4096;
    const CHUNK: usize = 64 << 10;
    const COPIED: Range<usize> = 6048..6496;
    const LOG: &[u8] = include_bytes!("../../forensics/src/testdata/Security_short_selected.evtx");
    let number =
        |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
    let mut chunk = LOG[HEADER..HEADER + CHUNK].to_vec();
    let mut free = number(&chunk, 48) as usize;
    let mut identifier = 7_u64;
    while free + COPIED.len() <= CHUNK {
        identifier += 1;
        chunk.copy_within(COPIED, free);
        chunk[free + 8..free + 16].copy_from_slice(&identifier.to_le_bytes());
        free += COPIED.len();
    }
    // The number of the last event, in both of its places, and where space is left.
    chunk[16..24].copy_from_slice(&identifier.to_le_bytes());
    chunk[32..40].copy_from_slice(&identifier.to_le_bytes());
    chunk[48..52].copy_from_slice(&(free as u32).to_le_bytes());
    let mut log = LOG[..HEADER].to_vec();
    log.extend(std::iter::repeat_n(&chunk, chunks).flatten());
    log[42..44].copy_from_slice(&(chunks as u16).to_le_bytes());
    log
}

fn parse_mft(path: &Path) {
    let bare = || {
        let file = File::open(path).expect("the table is there");
        let size = file.metadata().expect("it has a size").len();
        let mut parser =
            MftParser::from_read_seek(std::io::BufReader::new(file), Some(size)).expect("it is a table");
        let mut count = 0;
        // What the command of that crate writes a row of.
        for number in 0..parser.get_entry_count() {
            let Ok(entry) = parser.get_entry(number) else { continue };
            if !entry.header.is_valid() || entry.header.base_reference.entry != 0 {
                continue;
            }
            std::hint::black_box(FlatMftEntryWithName::from_entry(&entry, &mut parser));
            count += 1;
        }
        count
    };
    let source = format!("SELECT * FROM parse_mft(filename='{}')", path.display());
    // By wall clock: the plugin reads on one thread and makes rows on another.
    let best = in_turn(ROUNDS, wall, &[&bare, &|| query(&source)]);
    // The plugin has further rows, for streams; what is compared is the time that one table takes.
    assert!(best[1].count >= best[0].count, "every entry is found");
    compare("parse_mft", "entries/s", best[0], Best { count: best[0].count, ..best[1] });
}

/// A table that repeats the small one.
fn file_table(times: usize) -> Vec<u8> {
    include_bytes!("../../forensics/src/testdata/small.mft").repeat(times)
}
