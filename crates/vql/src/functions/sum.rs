//! `sum(item=)`: aggregate, the running integer sum (reference, section 9).

use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::scope::Scope;
use crate::value::{Value, convert};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "sum",
        doc: "Aggregate: the running sum of integers; floats are cut to integers.",
        category: Category::Language,
        args: &[Arg::required("item", Type::Int, "What to add.")],
        examples: &[Example::new("The first row", "sum(item=2.9)", "2")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Aggregate(update),
};

fn update(_scope: &Scope<'_>, state: &mut Value, inputs: &[Value]) -> Result<Value, Error> {
    let item = match &inputs[0] {
        Value::Null => 0,
        v => convert::to_int_arg(v)
            .ok_or_else(|| Error::new(format!("Field item should be an int not {}.", v.type_name())))?,
    };
    let total = if let Value::Int(n) = state { n.wrapping_add(item) } else { item };
    *state = Value::Int(total);
    Ok(Value::Int(total))
}
