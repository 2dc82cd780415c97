//! `rate(x=, y=)`: aggregate, Δx/Δy since the previous row (reference, section 9).

use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::scope::Scope;
use crate::value::{Value, convert};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "rate",
        doc: "Aggregate: the change of x over the change of y since the previous row; NULL for the first.",
        category: Category::Language,
        args: &[
            Arg::required("x", Type::Float, "What changes."),
            Arg::required("y", Type::Float, "Over what, usually a time in seconds."),
        ],
        examples: &[Example::new("The first row", "rate(x=1, y=2)", "null")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Aggregate(update),
};

fn update(_scope: &Scope<'_>, state: &mut Value, inputs: &[Value]) -> Result<Value, Error> {
    let number = |v: &Value| {
        convert::to_float_arg(v)
            .ok_or_else(|| Error::new(format!("x and y should be a float not {}.", v.type_name())))
    };
    let (x, y) = (number(&inputs[0])?, number(&inputs[1])?);
    let before = std::mem::replace(state, Value::list(vec![Value::Float(x), Value::Float(y)]));
    let Value::List(before) = before else { return Ok(Value::Null) };
    match (&before[0], &before[1]) {
        (Value::Float(px), Value::Float(py)) if y != *py => Ok(Value::Float((x - px) / (y - py))),
        _ => Ok(Value::Null),
    }
}
