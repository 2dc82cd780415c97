//! A cache kept in a file from one program to the next: a JSON line an entry, `{"key":…,"value":…,"made":…}`.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;

use vql::args::Args;
use vql::call::Error;
use vql::host::{Host, Level};
use vql::json::{self, JsonOptions};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::Value;

use crate::accessor::{self, Target};
use crate::world::{Surroundings, World};

/// The largest file that is read.
const MAX_FILE: u64 = 64 << 20;

/// Where a cache is kept.
pub struct Saved {
    who: &'static str,
    target: Target,
    world: Arc<World>,
    host: Arc<dyn Host>,
}

/// An entry, and when it was made in seconds since the epoch.
pub struct SavedEntry {
    pub key: Text,
    pub value: Value,
    pub made: i64,
}

impl Saved {
    /// The file that an argument names, if it was given. Only then does the call need the right to write files.
    pub fn named(args: &Args<'_>, slot: usize) -> Result<Option<Self>, Error> {
        let Some(name) = args.optional_text(slot)?.filter(|name| !name.is_empty()) else { return Ok(None) };
        let context = args.scope.context();
        if !context.permissions.has(Permission::FilesystemWrite) {
            return Err("PermissionDenied: Permission denied: [FILESYSTEM_WRITE]".into());
        }
        let accessor = accessor::find(args.scope, "file")?;
        let target = Target { accessor, path: accessor.parse(&name).into() };
        let world = Surroundings::of(args.scope)?.world.clone();
        Ok(Some(Saved { who: args.signature.name, target, world, host: context.host.clone() }))
    }

    /// The entries of the file; none if there is no file yet.
    pub fn load(&self, args: &Args<'_>) -> Vec<SavedEntry> {
        match self.target.open(args.scope) {
            Ok(file) => BufReader::new(file.take(MAX_FILE))
                .split(b'\n')
                .map_while(Result::ok)
                .filter_map(|line| entry(&line))
                .collect(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(e) => {
                self.target.report(args, &e);
                Vec::new()
            }
        }
    }

    /// Writes all entries; when that fails, logs why.
    pub fn save<'e>(&self, entries: impl Iterator<Item = (&'e Text, &'e Value, i64)>) {
        let mut text = Vec::new();
        for (key, value, made) in entries {
            let entry =
                [("key", Value::Text(key.clone())), ("value", value.clone()), ("made", Value::Int(made))];
            json::write_value(&Value::dict(entry), &mut text, &JsonOptions::default());
            text.push(b'\n');
        }
        let path = accessor::host_path(&self.target.path);
        let written = self.world.writes.replace(&path, None).and_then(|mut file| {
            file.write_all(&text)?;
            file.finish()
        });
        if let Err(e) = written {
            self.host.log(Level::Default, &format!("{}: {}", self.who, self.target.failure(&e)));
        }
    }

    /// Seconds since the epoch.
    pub fn now(&self) -> i64 {
        self.host.now().as_second()
    }
}

fn entry(line: &[u8]) -> Option<SavedEntry> {
    let Ok(Value::Dict(dict)) = json::parse(line) else { return None };
    match (dict.get_str("key")?, dict.get_str("value")?, dict.get_str("made")?) {
        (Value::Text(key), value, Value::Int(made)) => Some(SavedEntry { key, value, made }),
        (Value::Text(key), value, Value::UInt(made)) => {
            Some(SavedEntry { key, value, made: i64::try_from(made).ok()? })
        }
        _ => None,
    }
}
