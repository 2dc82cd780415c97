//! Files handed to the parsers of `forensics`, and what becomes of their errors.

use forensics::Source;
use jiff::Timestamp;
use vql::args::Args;
use vql::call::{Error, Flow, Stop};
use vql::host::Level;
use vql::schema::Name;
use vql::value::{Row, Value, convert};

use crate::accessor::{self, Target, read_full};

/// Bytes read at a time of a file that is hashed or scanned.
const BLOCK: usize = 1 << 20;

/// Why the parsing of one file ended early.
pub enum End {
    /// Nobody wants more rows.
    Stop(Stop),
    /// The file is not what the parser reads; the next one may be.
    Failed(forensics::Error),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        End::Stop(stop)
    }
}

impl From<forensics::Error> for End {
    fn from(error: forensics::Error) -> Self {
        End::Failed(error)
    }
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        End::Failed(error.into())
    }
}

/// Runs a parser over each file that an argument names. One that cannot be read is a line in the log.
pub fn each(
    args: &Args<'_>,
    files: usize,
    accessor: usize,
    mut parse: impl FnMut(&Target, &mut (dyn Source + Send)) -> Result<(), End>,
) -> Flow {
    for target in accessor::resolve_all(args, files, accessor)? {
        args.scope.tick()?;
        let Some(mut file) = target.open_or_log(args) else { continue };
        match parse(&target, &mut file) {
            Ok(()) => {}
            Err(End::Stop(stop)) => return Err(stop),
            Err(End::Failed(error)) => {
                let line = format!("{}: {}", args.signature.name, failure(&target, &error));
                args.scope.log(Level::Default, line);
            }
        }
    }
    Ok(())
}

/// `<path>: <why>`
pub fn failure(target: &Target, error: &forensics::Error) -> Error {
    match error {
        forensics::Error::Io(e) => target.failure(e),
        e => Error::new(format!("{}: {e}", convert::to_text(&target.title()).to_str_lossy())),
    }
}

/// Hands a whole file over in pieces.
pub fn in_pieces(args: &Args<'_>, target: &Target, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
    let mut file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    let mut block = vec![0; BLOCK];
    loop {
        if args.scope.cancel().is_cancelled() {
            return Err("cancelled".into());
        }
        let count = read_full(&mut *file, &mut block).map_err(|e| target.failure(&e))?;
        take(&block[..count]);
        if count < block.len() {
            return Ok(());
        }
    }
}

/// A time; NULL when there is none.
pub fn time(time: Option<Timestamp>) -> Value {
    time.map_or(Value::Null, Value::Time)
}

/// A number that counts or measures something.
pub fn count(n: impl TryInto<i64>) -> Value {
    Value::Int(n.try_into().unwrap_or(i64::MAX))
}

/// A list of text.
pub fn texts<S: Into<String>>(texts: impl IntoIterator<Item = S>) -> Value {
    Value::list(texts.into_iter().map(|t| Value::from(t.into())).collect())
}

/// A value of JSON.
pub fn json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(b) => Value::Bool(b),
        serde_json::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i),
            (None, Some(u)) => Value::UInt(u),
            (None, None) => n.as_f64().map_or(Value::Null, Value::Float),
        },
        serde_json::Value::String(s) => Value::from(s),
        serde_json::Value::Array(items) => Value::list(items.into_iter().map(json).collect()),
        serde_json::Value::Object(map) => {
            let mut row = Row::default();
            for (name, value) in map {
                row.set(&Name::new(&name), json(value));
            }
            row.into()
        }
    }
}
