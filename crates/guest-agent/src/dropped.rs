//! Files that a run made or changed: found by their change time, which a program without root's rights cannot set.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use guest_protocol::{Bytes, Counts, Limits, Reply};

use crate::channel::Channel;
use crate::file::{content, open_regular};

/// Entries that are looked at; a sample may make millions.
const MOST_ENTRIES: u32 = 200_000;

/// Sends all files below the folders that changed since a moment. False: nobody wants them any more.
pub fn send(
    channel: &Channel,
    call: u32,
    watch: &[Bytes],
    since: i64,
    limits: &Limits,
    counts: &mut Counts,
) -> bool {
    let mut search = Search { since, entries: 0, found: Vec::new() };
    for folder in watch {
        use std::os::unix::ffi::OsStrExt as _;
        search.below(Path::new(std::ffi::OsStr::from_bytes(folder)));
    }
    // Folders may overlap.
    search.found.sort();
    search.found.dedup();
    let (mut files, mut total) = (0, 0);
    for path in search.found {
        let most = limits.dropped_file_bytes.min(limits.dropped_total_bytes - total);
        if files == limits.dropped_files || most == 0 {
            counts.files_left_out += 1;
            continue;
        }
        // It may be gone, or unreadable on purpose.
        let Ok((mut file, facts)) = open_regular(&path) else {
            counts.files_left_out += 1;
            continue;
        };
        total += facts.size.min(most);
        files += 1;
        if !channel.send(call, Reply::File(facts)) {
            return false;
        }
        let cut = match content(channel, call, &mut file, most) {
            Ok(Some(cut)) => cut,
            Ok(None) => return false,
            Err(_) => true,
        };
        counts.files_cut += u32::from(cut);
        if !channel.send(call, Reply::FileEnd { cut }) {
            return false;
        }
    }
    true
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
