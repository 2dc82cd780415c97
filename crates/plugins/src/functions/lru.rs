//! `lru(size=1000)`: a small map that forgets, for `set()` and `get()` (builtins page, section 4.1).

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::schema::Name;
use vql::text::Text;
use vql::value::{Object, Value};

use crate::caching::AgedMap;
use crate::handle::Handle;

/// How long an entry lives.
const AGE: Duration = Duration::from_secs(3600);

const MAX_SIZE: i64 = 1_000_000;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "lru",
        doc: "A map to use with set() and get(). Entries live one hour; the least used gives way when it is full.",
        category: Category::Data,
        args: &[Arg::optional("size", Type::Int, "How many entries it holds.").with_default("1000")],
        examples: &[
            Example::new("Set and read", "set(item=lru(), field='a', value=5).a", "5"),
            Example::new(
                "Full",
                "set(item=set(item=lru(size=1), field='a', value=5), field='b', value=6)",
                r#"{"b":6}"#,
            ),
            Example::new("How many", "set(item=lru(), field='a', value=5).`@Len`", "1"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let size = match args.int(0, 1000)? {
        size if size > 0 => size.min(MAX_SIZE) as usize,
        _ => 1000,
    };
    let map = Arc::new(Mutex::new(AgedMap::new(size, AGE)));
    Ok(Value::Object(Arc::new(Lru(Handle::new(args.scope, map)))))
}

struct Lru(Handle<Mutex<AgedMap>>);

impl fmt::Debug for Lru {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("lru")
    }
}

impl Object for Lru {
    fn type_name(&self) -> &'static str {
        "*functions.LRUObject"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let map = self.0.get()?;
        let mut map = map.lock();
        let now = Instant::now();
        match name {
            "@Len" => Some(Value::Int(map.iter(now).count() as i64)),
            name => map.get(name.as_bytes(), now),
        }
    }

    fn members(&self) -> Vec<Name> {
        let Some(map) = self.0.get() else { return Vec::new() };
        let map = map.lock();
        map.iter(Instant::now()).map(|(key, ..)| Name::new(&key.to_str_lossy())).collect()
    }

    fn set(&self, name: &str, value: Value) -> bool {
        let Some(map) = self.0.get() else { return false };
        map.lock().insert(Text::from(name), value, Instant::now());
        true
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
