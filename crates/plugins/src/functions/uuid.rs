//! `uuid()`: a random identifier.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use vql::args::Args;
use vql::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use vql::schema::Name;
use vql::value::{Object, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "uuid",
        doc: "A random UUID (version 4); prints as text.",
        category: Category::Numbers,
        examples: &[
            Example::new(
                "Its form",
                "uuid().String =~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]'",
                "true",
            ),
            Example::new("Every one is different", "uuid() = uuid()", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(_args: &Args<'_>) -> Result<Value, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::new(e.to_string()))?;
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    Ok(Value::Object(Arc::new(Uuid(bytes))))
}

#[derive(Debug)]
struct Uuid([u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            f.write_str(if matches!(i, 4 | 6 | 8 | 10) { "-" } else { "" })?;
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Object for Uuid {
    fn type_name(&self) -> &'static str {
        "uuid.UUID"
    }

    fn member(&self, name: &str) -> Option<Value> {
        (name == "String").then(|| Value::from(self.to_string()))
    }

    fn members(&self) -> Vec<Name> {
        vec![Name::new("String")]
    }

    fn to_json(&self) -> Value {
        Value::from(self.to_string())
    }

    fn to_text(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
