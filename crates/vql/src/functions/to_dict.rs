//! `to_dict()`: makes a dict of a query with the columns _key and _value, or of the members of an object (builtins page, section 1.4).

use crate::args::Args;
use crate::call::Stop;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::schema::Name;
use crate::value::convert::to_text_arg;
use crate::value::member::member;
use crate::value::{Row, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "to_dict",
        doc: "Makes a dict of a query with the columns _key and _value, or of the members of an object.",
        category: Category::Data,
        args: &[Arg::required("item", Type::Any, "The query, list of rows, dict or object.")],
        examples: &[
            Example::new(
                "A query",
                "to_dict(item={ SELECT _value AS _key, _value * 2 AS _value FROM range(end=3) })",
                r#"{"0":0,"1":2,"2":4}"#,
            ),
            Example::new("The opposite of items()", "to_dict(item=items(item=dict(a=1)))", r#"{"a":1}"#),
            Example::new("A dict is copied", "to_dict(item=dict(a=1))", r#"{"a":1}"#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let item = args.value(0);
    match &item {
        Value::Dict(dict) => Ok(dict.snapshot().into()),
        Value::Object(object) => Ok(object.to_json()),
        Value::Path(path) => Ok(path.member("PathSpec").unwrap_or_default()),
        Value::List(_) | Value::Query(_) | Value::Rows(_) => from_rows(args, &item),
        v => Err(Error::new(format!("cannot make a dict of {}", v.type_name()))),
    }
}

fn from_rows(args: &Args<'_>, rows: &Value) -> Result<Value, Error> {
    let (key, value) = (Name::new("_key"), Name::new("_value"));
    let mut all = Row::default();
    let flow = args.scope.each(rows, &mut |row| {
        let name = member(&row, &key).map(|k| to_text_arg(&k)).unwrap_or_default();
        if !name.is_empty() {
            all.replace(&Name::new(&name.to_str_lossy()), member(&row, &value).unwrap_or_default());
        }
        Ok(())
    });
    match flow {
        Err(Stop::Failed(e)) => Err(e),
        _ => Ok(all.into()),
    }
}
