//! Files that a run made or changed: found by their change time, which a program without root's rights cannot set, and those that
//! were deleted or moved away since (see `run/written`). Those that are at the host as they are now are not sent again.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use guest_protocol::{Bytes, Counts, FileFacts, Limits, Reply};

use crate::channel::Channel;
use crate::file::{content, facts, open_regular};
use crate::run::written::{Held, Key, Written};

/// Entries that are looked at; a sample may make millions.
const MOST_ENTRIES: u32 = 200_000;

/// Where and since when a run may have changed files.
pub struct Span<'r> {
    pub watch: &'r [Bytes],
    pub since: i64,
}

/// Sends all files of a run. False: nobody wants them any more.
pub fn send(
    channel: &Channel,
    call: u32,
    span: &Span<'_>,
    mut written: Written,
    limits: &Limits,
    counts: &mut Counts,
) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let mut search = Search { since: span.since, entries: 0, found: Vec::new() };
    for folder in span.watch {
        search.below(Path::new(std::ffi::OsStr::from_bytes(folder)));
    }
    if search.entries > MOST_ENTRIES {
        channel.log(format!("of files that changed, only those among the first {MOST_ENTRIES} entries of the folders were looked for"));
    }
    // Folders may overlap.
    search.found.sort();
    search.found.dedup();
    counts.files_left_out += written.lost;
    let (files, total) = (written.sent.files, written.sent.bytes);
    let mut sending = Sending { channel, call, limits, counts, files, total };
    for path in search.found {
        // It may be gone, or unreadable on purpose.
        let Ok((mut file, mut facts)) = open_regular(&path) else {
            sending.counts.files_left_out += 1;
            continue;
        };
        if let Ok(about) = file.metadata() {
            let key = key(&about);
            if let Some(held) = written.files.remove(&key) {
                facts.writers = held.writers;
            }
            if written.sent.has(key, &facts.path, &file) {
                continue;
            }
        }
        if !sending.one(&mut file, facts) {
            return false;
        }
    }
    let mut gone: Vec<(Key, Held)> = written.files.into_iter().collect();
    gone.sort_by(|(_, one), (_, other)| one.path.cmp(&other.path));
    for (key, Held { mut file, path, writers }) in gone {
        let Ok(about) = file.metadata() else { continue };
        let is_new = about.len() > 0 && !written.sent.has(key, &path, &file);
        if is_new && !sending.one(&mut file, FileFacts { path, writers, ..facts(&about) }) {
            return false;
        }
    }
    true
}

fn key(about: &Metadata) -> Key {
    (about.dev(), about.ino())
}

struct Sending<'s> {
    channel: &'s Channel,
    call: u32,
    limits: &'s Limits,
    counts: &'s mut Counts,
    files: u32,
    total: u64,
}

impl Sending<'_> {
    /// False: nobody wants it any more.
    fn one(&mut self, file: &mut File, facts: FileFacts) -> bool {
        let most =
            self.limits.dropped_file_bytes.min(self.limits.dropped_total_bytes.saturating_sub(self.total));
        if self.files >= self.limits.dropped_files || most == 0 {
            self.counts.files_left_out += 1;
            return true;
        }
        self.total += facts.size.min(most);
        self.files += 1;
        if !self.channel.send(self.call, Reply::File(facts)) {
            return false;
        }
        let cut = match content(self.channel, self.call, file, most) {
            Ok(Some(cut)) => cut,
            Ok(None) => return false,
            Err(_) => true,
        };
        self.counts.files_cut += u32::from(cut);
        self.channel.send(self.call, Reply::FileEnd { cut })
    }
}

struct Search {
    since: i64,
    entries: u32,
    found: Vec<PathBuf>,
}

impl Search {
    /// Without recursion, links and other file systems.
    fn below(&mut self, folder: &Path) {
        let Ok(root) = fs::symlink_metadata(folder) else { return };
        let mut folders = vec![folder.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                self.entries += 1;
                if self.entries > MOST_ENTRIES {
                    return;
                }
                let Ok(about) = entry.metadata() else { continue };
                if about.dev() != root.dev() {
                    continue;
                }
                let changed = about.ctime().saturating_mul(1_000_000_000).saturating_add(about.ctime_nsec());
                if about.is_dir() {
                    folders.push(entry.path());
                } else if about.is_file() && changed > self.since {
                    self.found.push(entry.path());
                }
            }
        }
    }
}
