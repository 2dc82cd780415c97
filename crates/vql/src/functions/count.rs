//! `count()`: aggregate, the number of rows so far (reference, section 9).

use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::scope::Scope;
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "count",
        doc: "Aggregate: the number of rows so far.",
        category: Category::Language,
        args: &[Arg::optional("items", Type::Lazy, "Ignored.")],
        examples: &[Example::new("The first row", "count()", "1")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Aggregate(update),
};

fn update(_scope: &Scope<'_>, state: &mut Value, _inputs: &[Value]) -> Result<Value, Error> {
    let n = if let Value::Int(n) = state { *n + 1 } else { 1 };
    *state = Value::Int(n);
    Ok(Value::Int(n))
}
