//! EXPLAIN: what a query will do, in a line for the log (reference, section 3).

use crate::plan::{Column, Expr, From, Select};

/// One line: source, how names were resolved, and the steps in the order they run.
pub fn describe(select: &Select) -> String {
    let mut steps = vec![source(&select.from)];
    if select.filter.is_some() {
        steps.push("filter rows (WHERE, before the columns are computed)".into());
    }
    match &select.group_by {
        Some(_) => steps.push("group, keeping the last row of each group".into()),
        None => steps.push(format!("compute {}", columns(select))),
    }
    if let Some(order) = &select.order_by {
        let way = if order.descending { "descending" } else { "ascending" };
        steps.push(format!("sort by {} {way}", order.column));
    }
    if let Some(n) = select.limit {
        steps.push(format!("stop the source after {} rows", n.max(1)));
    }
    steps.join(" -> ")
}

/// The program with `EXPLAIN` before each SELECT statement; as it is when it does not parse.
pub fn requested(source: &str) -> String {
    let Ok(program) = crate::parser::parse(source) else { return source.to_owned() };
    let mut text = source.to_owned();
    for statement in program.statements.iter().rev() {
        if let crate::ast::Statement::Select(select) = statement
            && !select.explain
        {
            text.insert_str(select.span.start as usize, "EXPLAIN ");
        }
    }
    text
}

fn source(from: &From) -> String {
    match from {
        From::Plugin(call) => format!("scan plugin {}()", call.plugin.signature.name),
        From::Name(call) => {
            format!("scan {}", call.symbol.path.iter().map(|n| n.as_str()).collect::<Vec<_>>().join("."))
        }
    }
}

fn columns(select: &Select) -> String {
    let name = |c: &Column| match c {
        Column::Star => "*".to_string(),
        Column::Expr { name, value: Expr::Const(_) } => format!("{name} (constant)"),
        Column::Expr { name, .. } => name.to_string(),
        Column::Select { name, .. } => format!("{name} (a query per row)"),
    };
    let names: Vec<String> = select.columns.iter().map(name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explain_is_put_before_select_statements_only() {
        let text = requested("LET q = SELECT 1 FROM scope()\nSELECT * FROM q  SELECT 2 FROM scope()");
        assert_eq!(
            text,
            "LET q = SELECT 1 FROM scope()\nEXPLAIN SELECT * FROM q  EXPLAIN SELECT 2 FROM scope()"
        );
    }
}
