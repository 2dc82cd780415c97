//! The files of event queues: appending, syncing, and cutting off what a crash left half-written.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::data_dir::create_private_dir;
use crate::durable::sync_dir;
use crate::encode;
use crate::error::{Error, Result};

/// Files kept open between appends.
const MAX_OPEN: usize = 64;

/// The files that are being appended to.
#[derive(Debug)]
pub struct Logs {
    dir: PathBuf,
    open: HashMap<PathBuf, File>,
}

impl Logs {
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, open: HashMap::new() }
    }

    /// Adds whole lines to the file of this queue and day; returns once they are on disk. After a failure the
    /// file is as it was before.
    pub fn append(&mut self, queue_dir: &str, day: &str, lines: &[u8]) -> Result<()> {
        let path = self.dir.join(queue_dir).join(format!("{day}.jsonl"));
        let file = self.file(&path)?;
        let written = append_synced(file, lines);
        if written.is_err() {
            // Open anew next time: after a failed sync the state of this handle is unknown.
            self.open.remove(&path);
        }
        written.map_err(Error::io("append to", &path))
    }

    fn file(&mut self, path: &Path) -> Result<&mut File> {
        if !self.open.contains_key(path) {
            if self.open.len() >= MAX_OPEN {
                self.open.clear();
            }
            let file = open_for_append(path, &self.dir)?;
            self.open.insert(path.to_owned(), file);
        }
        self.open.get_mut(path).ok_or(Error::WriterStopped { what: "events" })
    }
}

fn append_synced(file: &mut File, lines: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let result = file.write_all(lines).and_then(|()| file.sync_data());
    if result.is_err() {
        let _ = file.set_len(before).and_then(|()| file.sync_data());
    }
    result
}

fn open_for_append(path: &Path, root: &Path) -> Result<File> {
    let dir = path.parent().unwrap_or(root);
    create_private_dir(dir)?;
    let open = || {
        // A failed append may have left a part of a line that could not be taken back.
        if path.exists() {
            heal_file(path)?;
        }
        let file = File::options().create(true).append(true).mode(0o600).open(path)?;
        // A new file is lost with its rows unless its name, and its directory's, are on disk as well.
        sync_dir(dir)?;
        sync_dir(root)?;
        Ok(file)
    };
    open().map_err(Error::io("open", path))
}

/// All queues below `dir`: name and directory.
pub fn queue_dirs(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(encode::decode);
        if let Some(name) = name.filter(|_| path.is_dir()) {
            found.push((name, path));
        }
    }
    Ok(found)
}

/// Cuts off, in every file, what follows the last line feed: such a line was never acknowledged.
pub fn heal(dir: &Path) -> Result<()> {
    for (_, queue) in queue_dirs(dir)? {
        for entry in fs::read_dir(&queue).map_err(Error::io("list", &queue))? {
            let path = entry.map_err(Error::io("list", &queue))?.path();
            if path.extension().is_some_and(|ext| ext == "jsonl") {
                heal_file(&path).map_err(Error::io("heal", &path))?;
            }
        }
    }
    Ok(())
}

fn heal_file(path: &Path) -> io::Result<()> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let len = file.metadata()?.len();
    let keep = end_of_last_line(&mut file, len)?;
    if keep < len {
        tracing::warn!(path = %path.display(), bytes = len - keep, "cut off a line that a crash left unfinished");
        file.set_len(keep)?;
        file.sync_all()?;
    }
    Ok(())
}

/// The offset after the last line feed, searched from the end in blocks.
fn end_of_last_line(file: &mut File, len: u64) -> io::Result<u64> {
    const BLOCK: u64 = 64 << 10;
    let mut end = len;
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_lines_are_cut_however_long() {
        let dir = tempfile::tempdir().unwrap();
        let queue = dir.path().join("q");
        fs::create_dir(&queue).unwrap();
        let path = queue.join("2026-01-01.jsonl");
        let long = "x".repeat(200_000);
        for (text, kept) in [
            ("{}\n{\"a\":".to_owned(), "{}\n"),
            (format!("{{}}\n{long}"), "{}\n"),
            (long.clone(), ""),
            ("{}\n".to_owned(), "{}\n"),
            (String::new(), ""),
        ] {
            fs::write(&path, text).unwrap();
            heal(dir.path()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), kept);
        }
    }
}
