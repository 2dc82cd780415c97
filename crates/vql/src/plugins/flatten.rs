//! `flatten(query=)`: one row per combination of list elements (reference, section 10.5).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use crate::eval::Flattened;
use crate::scope::Scope;
use crate::value::{Row, Value};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "flatten",
        doc: "One row for each combination of the elements of the columns; the first column varies fastest.",
        category: Category::Language,
        args: &[Arg::required("query", Type::Query, "The rows to flatten.")],
        examples: &[
            Example::new(
                "Two columns",
                "SELECT * FROM flatten(query={ SELECT 1 AS A, (3, 4) AS B FROM scope() })",
                r#"[{"A":1,"B":3},{"A":1,"B":4}]"#,
            ),
            Example::new(
                "An empty list stays",
                "SELECT * FROM flatten(query={ SELECT array() AS A, 2 AS B FROM scope() })",
                r#"[{"A":[],"B":2}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let query = args.value(0);
    let scope = args.scope;
    scope.each(&query, &mut |row| match row {
        Value::Dict(dict) => flatten(scope, &dict.snapshot(), sink),
        other => sink.value(other),
    })
}

fn flatten(scope: &Scope<'_>, row: &Row, sink: &mut dyn Sink) -> Flow {
    let choices = row.cells.iter().map(|cell| choices(scope, cell)).collect::<Result<Vec<_>, Error>>()?;
    let mut place = vec![0; choices.len()];
    loop {
        scope.tick()?;
        let cells = choices.iter().zip(&place).map(|(c, i)| c[*i].clone()).collect();
        sink.row(&mut Row { schema: row.schema.clone(), cells })?;
        // Counting with one digit a column, the first being the lowest.
        let Some(digit) = (0..place.len()).find(|d| place[*d] + 1 < choices[*d].len()) else { return Ok(()) };
        place[digit] += 1;
        place[..digit].fill(0);
    }
}

/// The elements of a cell; a cell without any is kept as it is.
fn choices(scope: &Scope<'_>, cell: &Value) -> Result<Vec<Value>, Error> {
    let mut found = Vec::new();
    let flow = scope.elements(cell, &mut |element| {
        found.push(match element {
            Flattened::Scalar(v) => v,
            Flattened::Row(row) => unwrap(row),
        });
        Ok(())
    });
    if let Err(crate::call::Stop::Failed(e)) = flow {
        return Err(e);
    }
    if found.is_empty() {
        found.push(cell.clone());
    }
    Ok(found)
}

/// A dict of `_value` alone is that value.
fn unwrap(row: Value) -> Value {
    match &row {
        Value::Dict(dict) if dict.len() == 1 => dict.get_str("_value").unwrap_or(row),
        _ => row,
    }
}
