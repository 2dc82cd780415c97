//! "raw_reg": the keys and values of a registry hive. Keys are directories, values are files.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use forensics::regf::{Data, Hive, Key, Value as RegValue};
use parking_lot::Mutex;
use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

use super::container::{self, index, invalid};
use super::{Accessor, Content, Facts, Kind, held};
use crate::evidence::texts;

/// Registry hives.
pub struct RawReg;

/// How paths name the default value of a key.
const DEFAULT: &str = "@";

/// The hives read lately, least recently used first.
#[derive(Default)]
struct Hives(Mutex<Vec<(String, Arc<Hive>)>>);

/// How many hives are kept in memory.
const MAX_KEPT: usize = 3;

fn hive(scope: &Scope<'_>, path: &OsPath) -> io::Result<Arc<Hive>> {
    let container = container::of(scope, path)?;
    let read = || -> io::Result<Arc<Hive>> {
        let mut file = container.open(scope)?;
        Hive::read(&mut file).map(Arc::new).map_err(|e| match e {
            forensics::Error::Io(e) => e,
            e => invalid(e),
        })
    };
    let Some(key) = index::stamp(scope, "raw_reg", &container) else { return read() };
    let hives = scope.kept::<Hives>();
    let mut kept = hives.0.lock();
    let found = kept.iter().position(|(k, _)| *k == key);
    let hive = match found {
        Some(at) => kept.remove(at).1,
        None => read()?,
    };
    kept.push((key, hive.clone()));
    if kept.len() > MAX_KEPT {
        kept.remove(0);
    }
    Ok(hive)
}

/// What a path leads to.
enum Node<'h> {
    Key(Key<'h>),
    Value(RegValue<'h>),
}

fn find<'h>(hive: &'h Hive, path: &OsPath) -> io::Result<Node<'h>> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "no such key or value");
    let names: Vec<String> = path.components.iter().map(|c| c.to_str_lossy().into_owned()).collect();
    let Some((last, parents)) = names.split_last() else {
        return hive.root().map(Node::Key).ok_or_else(missing);
    };
    let mut key = hive.root();
    for name in parents {
        key = key.and_then(|key| key.child(name));
    }
    let key = key.ok_or_else(missing)?;
    // A key and a value may have the same name; the key is the one with something inside.
    let value = || key.value(if last == DEFAULT { "" } else { last }).map(Node::Value);
    key.child(last).map(Node::Key).or_else(value).ok_or_else(missing)
}

fn value_of(data: Data) -> Value {
    match data {
        Data::Text(text) => Value::from(text),
        Data::List(list) => texts(list),
        Data::Number(n) => i64::try_from(n).map_or(Value::UInt(n), Value::Int),
        Data::Bytes(bytes) => Value::Bytes(bytes.into()),
    }
}

fn facts(node: &Node<'_>) -> Facts {
    match node {
        Node::Key(key) => Facts {
            mode: 0o040_555,
            mtime: key.modified(),
            data: Value::dict([("type", Value::from("Key"))]),
            ..Facts::default()
        },
        Node::Value(value) => Facts {
            mode: 0o100_444,
            size: value.size() as u64,
            data: Value::dict([
                ("type", Value::from(value.type_name())),
                ("data_len", Value::Int(value.size() as i64)),
                ("value", value_of(value.data())),
            ]),
            ..Facts::default()
        },
    }
}

impl Accessor for RawReg {
    fn name(&self) -> &'static str {
        "raw_reg"
    }

    fn doc(&self) -> &'static str {
        "The keys and values of a registry hive: pathspec(Path='\\\\Key', DelegatePath=…)."
    }

    fn kind(&self) -> PathKind {
        PathKind::Registry
    }

    fn parse(&self, text: &Text) -> OsPath {
        container::parse(self, text)
    }

    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        container::adopt("raw_reg", path)
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let hive = hive(scope, path)?;
        match find(&hive, path)? {
            Node::Key(_) => Err(io::Error::new(io::ErrorKind::IsADirectory, "is a key")),
            Node::Value(value) => Ok(held(match value.data() {
                Data::Text(text) => text.into(),
                Data::Number(n) => n.to_string().into(),
                Data::List(_) | Data::Bytes(_) => value.raw().into(),
            })),
        }
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        Ok(facts(&find(&*hive(scope, path)?, path)?))
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let hive = hive(scope, path)?;
        let Node::Key(key) = find(&hive, path)? else {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "is a value"));
        };
        for child in key.children() {
            if each(child.name().as_bytes(), Kind::Directory).is_break() {
                return Ok(());
            }
        }
        for value in key.values() {
            let name = value.name();
            let name = if name.is_empty() { DEFAULT } else { &name };
            if each(name.as_bytes(), Kind::Other).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}
