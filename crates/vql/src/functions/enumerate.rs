//! `enumerate(items=)`: aggregate, the list of all values seen (reference, section 9).

use std::sync::Arc;

use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::scope::Scope;
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "enumerate",
        doc: "Aggregate: the list of all values seen in the group.",
        category: Category::Language,
        args: &[Arg::optional("items", Type::Any, "What to collect.")],
        examples: &[Example::new("The first row", "enumerate(items='a')", r#"["a"]"#)],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Aggregate(update),
};

fn update(scope: &Scope<'_>, state: &mut Value, inputs: &[Value]) -> Result<Value, Error> {
    if state.is_null() {
        *state = Value::list(Vec::new());
    }
    let item = scope.listed(inputs[0].clone());
    if let Value::List(items) = state {
        if items.len() * size_of::<Value>() > scope.context().limits.list_bytes {
            return Err("the list exceeds the memory limit".into());
        }
        // Grows in place while no earlier row holds the list, as in a group.
        Arc::make_mut(items).push(item);
    }
    Ok(state.clone())
}
