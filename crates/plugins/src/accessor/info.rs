//! File information as queries see it (builtins page, section 1.8).

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use vql::path::OsPath;
use vql::schema::Name;
use vql::value::{Object, Time, Value};

use super::Accessor;

/// What a directory says of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Directory,
    Link,
    Other,
}

/// What is known of a file.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub size: u64,
    /// Unix mode bits, file type included.
    pub mode: u32,
    pub mtime: Option<Time>,
    pub atime: Option<Time>,
    pub ctime: Option<Time>,
    pub btime: Option<Time>,
    /// Where it lives, to notice loops and other file systems; 0 when the accessor has no such thing.
    pub device: u64,
    pub inode: u64,
    /// What `Data` shows of it; NULL leaves that to [`Accessor::extra`].
    pub data: Value,
}

const TYPE_MASK: u32 = 0o170_000;

impl Facts {
    pub fn kind(&self) -> Kind {
        match self.mode & TYPE_MASK {
            0o040_000 => Kind::Directory,
            0o120_000 => Kind::Link,
            _ => Kind::Other,
        }
    }
}

/// A file as an object of the language. What no query asks for is not read.
pub struct FileInfo {
    accessor: &'static dyn Accessor,
    path: Arc<OsPath>,
    kind: Kind,
    facts: OnceLock<Option<Box<Facts>>>,
    /// The patterns that found it; NULL when it was not found by patterns.
    globs: Value,
}

/// The members, in order. `Globs` is the last.
const MEMBERS: [&str; 12] = [
    "Name", "OSPath", "Mtime", "Atime", "Ctime", "Btime", "Size", "Mode", "IsDir", "IsLink", "Data", "Globs",
];

static NAMES: LazyLock<Vec<Name>> = LazyLock::new(|| MEMBERS.iter().map(|n| Name::new(n)).collect());

impl FileInfo {
    /// A file that was looked at.
    pub fn known(accessor: &'static dyn Accessor, path: Arc<OsPath>, facts: Facts) -> Self {
        let kind = facts.kind();
        FileInfo { accessor, path, kind, facts: OnceLock::from(Some(facts.into())), globs: Value::Null }
    }

    /// A file found by patterns, not looked at yet.
    pub fn found(accessor: &'static dyn Accessor, path: Arc<OsPath>, kind: Kind, globs: Value) -> Self {
        FileInfo { accessor, path, kind, facts: OnceLock::new(), globs }
    }

    /// With the patterns that found it.
    #[must_use]
    pub fn with_globs(mut self, globs: Value) -> Self {
        self.globs = globs;
        self
    }

    /// `None` when the file has vanished meanwhile.
    fn facts(&self) -> Option<&Facts> {
        self.facts.get_or_init(|| self.accessor.stat_later()?(&self.path).ok().map(Box::new)).as_deref()
    }

    fn time(&self, pick: impl FnOnce(&Facts) -> Option<Time>) -> Value {
        self.facts().and_then(pick).map_or(Value::Null, Value::Time)
    }

    fn name(&self) -> Value {
        match self.accessor.title(&self.path) {
            Value::Path(path) => Value::Text(path.basename()),
            title => title,
        }
    }
}

impl fmt::Debug for FileInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {:?}", self.path.text())
    }
}

impl Object for FileInfo {
    fn type_name(&self) -> &'static str {
        "accessors.FileInfo"
    }

    fn member(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Name" => self.name(),
            "OSPath" => Value::Path(self.path.clone()),
            "Mtime" => self.time(|f| f.mtime),
            "Atime" => self.time(|f| f.atime),
            "Ctime" => self.time(|f| f.ctime),
            "Btime" => self.time(|f| f.btime),
            "Size" => {
                self.facts().map_or(Value::Null, |f| Value::Int(i64::try_from(f.size).unwrap_or(i64::MAX)))
            }
            "Mode" => self.facts().map_or(Value::Null, |f| Value::Object(Arc::new(Mode(f.mode)))),
            "IsDir" => Value::Bool(self.kind == Kind::Directory),
            "IsLink" => Value::Bool(self.kind == Kind::Link),
            "Data" => match self.facts.get() {
                Some(Some(facts)) if !facts.data.is_null() => facts.data.clone(),
                _ => self.accessor.extra(&self.path, self.kind),
            },
            "Globs" => self.globs.clone(),
            // The old name of OSPath.
            "FullPath" => Value::Text(self.path.text()),
            _ => return None,
        })
    }

    fn members(&self) -> Vec<Name> {
        let count = if self.globs.is_null() { MEMBERS.len() - 1 } else { MEMBERS.len() };
        NAMES[..count].to_vec()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The mode of a file: prints as `-rw-r--r--`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 & TYPE_MASK {
            0o040_000 => "d",
            0o120_000 => "L",
            0o060_000 | 0o020_000 => "D",
            0o010_000 => "p",
            0o140_000 => "S",
            _ => "",
        };
        let special = [
            (self.0 & 0o4000 != 0, "u"),
            (self.0 & 0o2000 != 0, "g"),
            (self.0 & TYPE_MASK == 0o020_000, "c"),
            (self.0 & 0o1000 != 0, "t"),
        ];
        f.write_str(kind)?;
        for (is_set, letter) in special {
            f.write_str(if is_set { letter } else { "" })?;
        }
        if kind.is_empty() && self.0 & 0o7000 == 0 {
            f.write_str("-")?;
        }
        for (i, letter) in "rwxrwxrwx".char_indices() {
            write!(f, "{}", if self.0 & (0o400 >> i) != 0 { letter } else { '-' })?;
        }
        Ok(())
    }
}

impl Object for Mode {
    fn type_name(&self) -> &'static str {
        "fs.FileMode"
    }

    fn member(&self, name: &str) -> Option<Value> {
        Some(match name {
            "String" => Value::from(self.to_string()),
            "Perm" => Value::Int(i64::from(self.0 & 0o777)),
            "Unix" => Value::Int(i64::from(self.0)),
            "IsDir" => Value::Bool(self.0 & TYPE_MASK == 0o040_000),
            "IsLink" => Value::Bool(self.0 & TYPE_MASK == 0o120_000),
            "IsRegular" => Value::Bool(self.0 & TYPE_MASK == 0o100_000),
            _ => return None,
        })
    }

    fn members(&self) -> Vec<Name> {
        ["String", "Perm", "Unix", "IsDir", "IsLink", "IsRegular"].map(Name::new).into()
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }

    fn to_text(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        match other {
            Value::Text(t) => Some(self.to_string().as_bytes().cmp(t)),
            other => other.object::<Mode>().map(|o| self.0.cmp(&o.0)),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_print() {
        for (mode, wanted) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o120_777, "Lrwxrwxrwx"),
            (0o041_777, "dtrwxrwxrwx"),
            (0o104_755, "urwxr-xr-x"),
            (0o020_620, "Dcrw--w----"),
            (0o060_660, "Drw-rw----"),
            (0o010_600, "prw-------"),
            (0o140_000, "S---------"),
        ] {
            assert_eq!(Mode(mode).to_string(), wanted);
        }
    }
}
