//! Files with the lines of agents, unchanged, one a line: `fleet_result.log` and `fleet_status.log` of a directory.
//!
//! The owner may rename a file at any time; another is begun. With `max_bytes` they are renamed here as well, to
//! `fleet_result-20261001T120000.000000Z.log`, packed if wanted, and removed when there are too many or they are too old.
//!
//! What a killed server wrote last is not written twice: on the next start the lines behind the place that was noted are
//! compared with those that follow.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use store::result_log::Log;

use super::destination::Files;
use super::follower::{Batch, Failure};
use super::stdout::lines;

/// How far back the last line feed of a file is looked for.
const LONGEST_LINE: u64 = 8 << 20;
const DAY: i64 = 86_400;

pub struct FileSink {
    files: Files,
    stem: String,
    path: PathBuf,
    open: Option<File>,
    /// Bytes of the file that were noted when the place was last written down; used once.
    mark: Option<u64>,
    /// Lines behind that place.
    known: Option<BufReader<File>>,
    is_settled: bool,
}

impl FileSink {
    /// How long the file is that there may be already.
    pub fn len(files: &Files, log: Log) -> u64 {
        fs::metadata(path(files, log)).map_or(0, |meta| meta.len())
    }

    /// Opens nothing yet: a directory that is not there is no reason not to start.
    pub fn new(files: &Files, log: Log, mark: u64) -> Self {
        let (stem, path) = (stem(log), path(files, log));
        Self { files: files.clone(), stem, path, open: None, mark: Some(mark), known: None, is_settled: true }
    }

    pub fn deliver(&mut self, rows: &Batch) -> Result<(), Failure> {
        self.write(rows).map_err(|error| Failure::new(0, format!("{}: {error}", self.path.display())))
    }

    fn write(&mut self, rows: &Batch) -> io::Result<()> {
        self.follow_renames()?;
        let mut text = Vec::new();
        lines(rows, &mut text)?;
        let new = self.unknown_part(&text);
        if self.open.is_none() {
            self.open = Some(self.open_file()?);
        }
        let Some(file) = &mut self.open else { return Ok(()) };
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(&text[new..]) {
            // Half a batch would be there twice after the next try.
            let _ = file.set_len(before);
            self.open = None;
            return Err(error);
        }
        self.is_settled = false;
        if self.files.max_bytes > 0 && before + (text.len() - new) as u64 >= self.files.max_bytes {
            // The lines are there: no reason to write them again.
            if let Err(error) = self.rotate() {
                tracing::warn!(target: "forward", file = %self.path.display(), %error, "a log file was not renamed");
            }
        }
        Ok(())
    }

    /// Has the disk hold what was written; gives how long the file is.
    pub fn settle(&mut self) -> io::Result<u64> {
        let Some(file) = &self.open else { return Ok(self.mark.unwrap_or(0)) };
        if !self.is_settled {
            file.sync_data()?;
            self.is_settled = true;
        }
        Ok(file.metadata()?.len())
    }

    /// Begins another file when the owner renamed or removed the one that is open.
    fn follow_renames(&mut self) -> io::Result<()> {
        let Some(file) = &self.open else { return Ok(()) };
        let (ours, named) = (file.metadata()?, fs::metadata(&self.path));
        if named.is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino())) {
            return Ok(());
        }
        file.sync_data()?;
        self.open = None;
        Ok(())
    }

    fn open_file(&mut self) -> io::Result<File> {
        fs::create_dir_all(&self.files.directory)?;
        let mut options = OpenOptions::new();
        let file = options.append(true).read(true).create(true).mode(0o600).open(&self.path)?;
        end_with_a_line(&file)?;
        Ok(file)
    }

    /// Where, in the text of a batch, the lines begin that the file does not hold yet.
    fn unknown_part(&mut self, text: &[u8]) -> usize {
        if let Some(mark) = self.mark.take() {
            self.known = File::open(&self.path).ok().and_then(|file| behind(file, mark).ok().flatten());
        }
        let Some(known) = &mut self.known else { return 0 };
        let mut at = 0;
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let mut found = Vec::with_capacity(line.len());
            let read = known.by_ref().take(line.len() as u64).read_until(b'\n', &mut found);
            if read.is_err() || found != line {
                self.known = None;
                break;
            }
            at += line.len();
        }
        at
    }

    fn rotate(&mut self) -> io::Result<()> {
        if let Some(file) = self.open.take() {
            file.sync_data()?;
        }
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%S.%6fZ");
        fs::rename(&self.path, self.files.directory.join(format!("{}-{time}.log", self.stem)))?;
        File::open(&self.files.directory)?.sync_all()?;
        if let Err(error) = self.tidy() {
            tracing::warn!(target: "forward", directory = %self.files.directory.display(), %error, "old log files were not packed or removed");
        }
        Ok(())
    }

    /// Packs renamed files, and removes those that are too many or too old. What a killed server left half packed is done again.
    fn tidy(&self) -> io::Result<()> {
        let mut renamed = Vec::new();
        let prefix = format!("{}-", self.stem);
        for entry in fs::read_dir(&self.files.directory)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let is_ours = name
                .strip_prefix(&prefix)
                .is_some_and(|rest| rest.starts_with(|char: char| char.is_ascii_digit()));
            if is_ours && name.ends_with(".log.gz.tmp") {
                fs::remove_file(&path)?;
            } else if is_ours && (name.ends_with(".log") || name.ends_with(".log.gz")) {
                renamed.push(path);
            }
        }
        // Their names are times.
        renamed.sort();
        let too_many = match self.files.max_files {
            0 => 0,
            most => renamed.len().saturating_sub(most),
        };
        let days = i64::from(self.files.max_age_days);
        for (at, path) in renamed.iter().enumerate() {
            let is_too_old = || -> io::Result<bool> {
                let age = Timestamp::now().as_second() - fs::metadata(path)?.mtime();
                Ok(days > 0 && age > days * DAY)
            };
            if at < too_many || is_too_old()? {
                fs::remove_file(path)?;
            } else if self.files.compress && path.extension().is_some_and(|kind| kind == "log") {
                pack(path)?;
            }
        }
        Ok(())
    }
}

fn stem(log: Log) -> String {
    format!("fleet_{}", log.name())
}

fn path(files: &Files, log: Log) -> PathBuf {
    files.directory.join(format!("{}.log", stem(log)))
}

/// Cuts off a line that a killed server did not finish.
fn end_with_a_line(file: &File) -> io::Result<()> {
    let len = file.metadata()?.len();
    let from = len.saturating_sub(LONGEST_LINE);
    let mut tail = vec![0; (len - from) as usize];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut tail, from)?;
    match tail.iter().rposition(|byte| *byte == b'\n') {
        _ if tail.last().is_none_or(|last| *last == b'\n') => Ok(()),
        None if from > 0 => Ok(()),
        last => file.set_len(from + last.map_or(0, |at| at as u64 + 1)),
    }
}

/// What a file holds behind a place; nothing when the file is another one by now, and shorter.
fn behind(mut file: File, mark: u64) -> io::Result<Option<BufReader<File>>> {
    if file.metadata()?.len() <= mark {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(mark))?;
    Ok(Some(BufReader::new(file)))
}

fn pack(path: &Path) -> io::Result<()> {
    let name = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let (new, packed) = (name(".gz.tmp"), name(".gz"));
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let mut encoder = GzEncoder::new(out, Compression::fast());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::rename(&new, &packed)?;
    fs::remove_file(path)
}
