//! What is in an archive or a mail: the members that are worth a task each (the Cuckoo reference, section 5.3), and one of them by its name.
//!
//! One file for each format; each hands its members to a [`Walk`], in their order, and knows nothing of what they are looked at for.
//! Whatever an archive claims is believed only within limits: what it takes to unpack is counted, and what is left out is named.

use std::io::{self, Read, Seek, Write};
use std::ops::ControlFlow;

use forensics::filetype;

mod mail;
mod outlook;
mod seven_zip;
mod tar;
mod zip;

/// The passwords under which samples are shared.
const PASSWORDS: [&str; 5] = ["infected", "malware", "virus", "password", "1234"];
/// Members that are looked at, and those that are given.
const MAX_LOOKED_AT: usize = 1000;
const MAX_MEMBERS: usize = 64;
/// Remarks on what was left out; the rest is counted.
const MAX_NOTES: usize = 100;
/// The most characters of a name in a remark.
const MAX_SHOWN: usize = 200;
/// Bytes that an archive may unpack to before the rest is left out.
const MAX_UNPACKED: u64 = 512 << 20;
/// Bytes of an encrypted member that are decrypted to see that the password was right.
const MAX_CHECKED: u64 = 16 << 20;
/// The largest mail that is opened: it is held in memory.
const MAX_MAIL: u64 = 64 << 20;
/// Options say which member is run: these would end its name there.
const NOT_IN_OPTIONS: [char; 4] = [',', '\n', '\r', '\0'];

/// What members lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Zip,
    Tar,
    /// A tar that is packed as a whole.
    Gzip,
    Bzip2,
    SevenZip,
    Mail,
    /// A mail as Outlook keeps it.
    Outlook,
}

impl Format {
    /// By type, in the words of `file`, and name.
    pub fn of(file_type: &str, name: &str) -> Option<Self> {
        match file_type {
            kind if kind.starts_with("Zip archive") => Some(Self::Zip),
            kind if kind.starts_with("7-zip archive") => Some(Self::SevenZip),
            kind if kind.contains("tar archive") => Some(Self::Tar),
            kind if kind.starts_with("gzip compressed") => Some(Self::Gzip),
            kind if kind.starts_with("bzip2 compressed") => Some(Self::Bzip2),
            kind if kind.starts_with("Composite Document File V2") => Some(Self::Outlook),
            kind if kind.starts_with("SMTP mail") => Some(Self::Mail),
            kind if kind.contains("text") && name.to_ascii_lowercase().ends_with(".eml") => Some(Self::Mail),
            _ => None,
        }
    }

    /// Whether it is a mail: what is attached to it was opened one by one, not unpacked into a folder.
    pub fn is_mail(self) -> bool {
        matches!(self, Self::Mail | Self::Outlook)
    }
}

/// What was found.
#[derive(Debug, Default, PartialEq)]
pub struct Members {
    /// Names, in the archive's order.
    pub names: Vec<String>,
    /// What was left out although it may matter, in words for people.
    pub left_out: Vec<String>,
}

/// The members that `is_sample` takes, by type and name; `None` when the file can be opened only in the guest: it is of another kind, or
/// under another password. Also `None` for a mail of which there is nothing to tell: it is itself what is looked at.
pub fn of(
    file: impl Read + Seek,
    format: Format,
    password: Option<&str>,
    is_sample: &dyn Fn(&str, &str) -> bool,
) -> io::Result<Option<Members>> {
    let (mut names, mut left_out) = (Vec::new(), Vec::new());
    let mut look = |name: &str, content: &mut dyn Read| {
        let mut start = Vec::new();
        content.take(filetype::ENOUGH as u64).read_to_end(&mut start)?;
        let kind = filetype::of(&start).description;
        let base = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let is_sample = is_sample(&kind, &base);
        let why = if kind.contains("archive") && !is_sample {
            "an archive in an archive: submit it by itself".to_owned()
        } else if !is_sample {
            // As the reference has it: plain files are no tasks.
            return Ok(ControlFlow::Continue(()));
        } else if name.contains(NOT_IN_OPTIONS) || name.trim() != name {
            "its name cannot stand in options".to_owned()
        } else if leads_out(name) {
            "its name leads out of the archive: submit it by itself".to_owned()
        } else if names.len() == MAX_MEMBERS {
            format!("more than {MAX_MEMBERS} members of one archive")
        } else {
            names.push(name.to_owned());
            return Ok(ControlFlow::Continue(()));
        };
        left_out.push(format!("{}: {why}", shown(name)));
        Ok(ControlFlow::Continue(()))
    };
    let mut walk = Walk::new(&mut look, password);
    let is_open = format.walk(file, &mut walk)?;
    let notes = walk.notes;
    left_out.extend(notes);
    if !is_open || names.is_empty() && left_out.is_empty() && format.is_mail() {
        return Ok(None);
    }
    if left_out.len() > MAX_NOTES {
        let more = left_out.len() - MAX_NOTES;
        left_out.truncate(MAX_NOTES);
        left_out.push(format!("{more} more were left out"));
    }
    Ok(Some(Members { names, left_out }))
}

/// Writes the content of the member with this name. Whether there is one that could be read whole.
pub fn content(
    file: impl Read + Seek,
    format: Format,
    password: Option<&str>,
    member: &str,
    out: &mut dyn Write,
) -> io::Result<bool> {
    let mut is_whole = false;
    let mut copy = |name: &str, content: &mut dyn Read| {
        if name != member {
            return Ok(ControlFlow::Continue(()));
        }
        let copied = io::copy(&mut content.take(MAX_UNPACKED), out)?;
        is_whole = copied < MAX_UNPACKED;
        Ok(ControlFlow::Break(()))
    };
    let mut walk = Walk::new(&mut copy, password);
    let is_open = format.walk(file, &mut walk)?;
    Ok(is_open && is_whole)
}

impl Format {
    /// Visits all members. Whether the file could be opened.
    fn walk(self, file: impl Read + Seek, walk: &mut Walk<'_>) -> io::Result<bool> {
        match self {
            Self::Zip => zip::walk(file, walk),
            Self::Tar => tar::walk(file, walk),
            Self::Gzip => tar::gzip(file, walk),
            Self::Bzip2 => tar::bzip2(file, walk),
            Self::SevenZip => seven_zip::walk(file, walk),
            Self::Mail => mail::walk(file, walk),
            Self::Outlook => outlook::walk(file, walk),
        }
    }
}

type Visit<'v> = dyn FnMut(&str, &mut dyn Read) -> io::Result<ControlFlow<()>> + 'v;

/// A way through an archive, and what it may cost.
struct Walk<'v> {
    visit: &'v mut Visit<'v>,
    passwords: Vec<&'v str>,
    looked_at: usize,
    /// Bytes that may still be unpacked.
    left: u64,
    notes: Vec<String>,
}

impl<'v> Walk<'v> {
    fn new(visit: &'v mut Visit<'v>, password: Option<&'v str>) -> Self {
        let passwords = password.into_iter().chain(PASSWORDS).collect();
        Self { visit, passwords, looked_at: 0, left: MAX_UNPACKED, notes: Vec::new() }
    }

    /// Takes the next member.
    fn member(&mut self, name: &str, content: &mut dyn Read) -> io::Result<ControlFlow<()>> {
        if self.looked_at == MAX_LOOKED_AT {
            self.notes.push(format!("only {MAX_LOOKED_AT} members were looked at"));
            return Ok(ControlFlow::Break(()));
        }
        self.looked_at += 1;
        (self.visit)(name, content)
    }

    /// Takes the next attachment of a mail. Of an archive that can be opened, as most that is sent around is, its members.
    fn attachment(&mut self, name: &str, mut content: &[u8]) -> io::Result<ControlFlow<()>> {
        let kind = filetype::of(&content[..content.len().min(filetype::ENOUGH)]).description;
        let Some(format) = Format::of(&kind, "").filter(|format| !format.is_mail()) else {
            return self.member(name, &mut content);
        };
        let (left, passwords) = (self.left, self.passwords.clone());
        let mut flow = ControlFlow::Continue(());
        let mut inside = |member: &str, content: &mut dyn Read| {
            flow = self.member(&format!("{name}/{member}"), content)?;
            Ok(flow)
        };
        let mut inner = Walk { visit: &mut inside, passwords, looked_at: 0, left, notes: Vec::new() };
        let is_open = format.walk(io::Cursor::new(content), &mut inner)?;
        let (left, notes) = (inner.left, inner.notes);
        self.left = left;
        self.notes.extend(notes.into_iter().map(|note| format!("{}: {note}", shown(name))));
        if is_open { Ok(flow) } else { self.member(name, &mut content) }
    }

    /// Whether so many bytes more may be unpacked; says so when not.
    fn may_unpack(&mut self, bytes: u64) -> bool {
        let left = self.left.checked_sub(bytes);
        if left.is_none() {
            self.notes
                .push(format!("what comes after the first {} MiB was not looked at", MAX_UNPACKED >> 20));
        }
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

/// Whether a name would be a file elsewhere: absolute, or above its folder.
fn leads_out(name: &str) -> bool {
    let is_drive = name.as_bytes().get(1) == Some(&b':');
    name.starts_with(['/', '\\']) || is_drive || name.split(['/', '\\']).any(|part| part == "..")
}

fn shown(name: &str) -> String {
    let cut: String = name.chars().take(MAX_SHOWN).collect();
    if cut.contains(char::is_control) || cut.contains(',') { format!("{cut:?}") } else { cut }
}

#[cfg(test)]
mod tests;
