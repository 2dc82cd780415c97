//! `max(item=)`: aggregate, the largest value so far (reference, section 9).

use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::scope::Scope;
use crate::value::{Value, compare};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "max",
        doc: "Aggregate: the largest value so far, by the order of `<`.",
        category: Category::Language,
        args: &[Arg::required("item", Type::Lazy, "What to compare.")],
        examples: &[Example::new("The first row", "max(item=3)", "3")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Aggregate(update),
};

fn update(scope: &Scope<'_>, state: &mut Value, inputs: &[Value]) -> Result<Value, Error> {
    let zones = || scope.zones();
    let item = &inputs[0];
    if state.is_null() || compare::less(state, item, &zones) {
        state.clone_from(item);
    }
    Ok(state.clone())
}
