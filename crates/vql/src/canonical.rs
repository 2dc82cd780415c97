//! The canonical text of a tree: how the engine spells it in column names and messages.
//!
//! Source: language reference, section 6.3, followed to the letter, the odd spaces included
//! (`a  AND b`, `DESC `, `LIMIT 5 `). For text that people should read there is [`crate::format`].

use crate::ast::{
    Arg, ArgValue, Column, ColumnValue, Expr, ExprKind, Let, LetBody, List, LogicOp, Select, Source,
    Statement, Symbol,
};
use crate::stack::deep;
use std::fmt::Write;

/// The name of an output column: its alias, or its canonical text; `None` for `*`.
pub fn column_name(column: &Column) -> Option<String> {
    if let Some(alias) = &column.alias {
        return Some(alias.name.clone());
    }
    let text = match &column.value {
        ColumnValue::Star => return None,
        ColumnValue::Select(query) => written(|out| braces(query, out)),
        ColumnValue::Expr(Expr { kind: ExprKind::Symbol(s), .. })
            if s.path.len() == 1 && s.args.is_none() && !s.negated =>
        {
            return Some(s.path[0].name.clone());
        }
        ColumnValue::Expr(value) => written(|out| write_expr(value, out)),
    };
    let text = text.trim();
    Some(if text.starts_with('`') { text.replace('`', "") } else { text.to_owned() })
}

pub fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Let(definition) => written(|out| write_let(definition, out)),
        Statement::Select(query) => select(query),
    }
}

pub fn select(query: &Select) -> String {
    written(|out| write_select(query, out))
}

pub fn expr(value: &Expr) -> String {
    written(|out| write_expr(value, out))
}

pub fn symbol(value: &Symbol) -> String {
    written(|out| write_symbol(value, out))
}

pub fn source(value: &Source) -> String {
    written(|out| write_source(value, out))
}

pub fn argument(value: &Arg) -> String {
    written(|out| write_arg(value, out))
}

fn written(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

/// Writes `items` with `, ` between them.
fn separated<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
}

fn write_let(definition: &Let, out: &mut String) {
    out.push_str("LET ");
    out.push_str(definition.name.text());
    if let Some(params) = &definition.params {
        out.push('(');
        separated(params, out, |param, out| {
            out.push_str(param.name.text());
            if let Some(default) = &param.default {
                out.push('=');
                write_arg_value(default, out);
            }
        });
        out.push(')');
    }
    out.push_str(if definition.materialize { " <= " } else { " = " });
    match &definition.body {
        LetBody::Select(query) => write_select(query, out),
        LetBody::Expr(value) => write_expr(value, out),
    }
}

fn write_select(query: &Select, out: &mut String) {
    if query.explain {
        out.push_str("EXPLAIN ");
    }
    out.push_str("SELECT ");
    separated(&query.columns, out, write_column);
    // Without columns there is no second space.
    out.push_str(if query.columns.is_empty() { "FROM " } else { " FROM " });
    write_source(&query.from, out);
    if let Some(filter) = &query.filter {
        out.push_str(" WHERE ");
        write_expr(filter, out);
    }
    if let Some(key) = &query.group_by {
        out.push_str(" GROUP BY ");
        write_expr(key, out);
    }
    if let Some(order) = &query.order_by {
        out.push_str(" ORDER BY ");
        out.push_str(order.column.text());
        out.push_str(if order.descending { " DESC " } else { "" });
    }
    if let Some(limit) = &query.limit {
        let _ = write!(out, " LIMIT {} ", limit.count);
    }
}

fn write_column(column: &Column, out: &mut String) {
    match &column.value {
        ColumnValue::Star => out.push('*'),
        ColumnValue::Select(query) => braces(query, out),
        ColumnValue::Expr(value) => write_expr(value, out),
    }
    if let Some(alias) = &column.alias {
        out.push_str(" AS ");
        out.push_str(alias.text());
    }
}

fn braces(query: &Select, out: &mut String) {
    out.push_str("{ ");
    write_select(query, out);
    out.push_str(" }");
}

fn write_source(source: &Source, out: &mut String) {
    write_path(&source.path, out);
    write_args(source.args.as_deref(), out);
}

fn write_symbol(symbol: &Symbol, out: &mut String) {
    if symbol.negated {
        out.push('-');
    }
    write_path(&symbol.path, out);
    write_args(symbol.args.as_deref(), out);
}

fn write_path(path: &[crate::ast::Ident], out: &mut String) {
    for (i, part) in path.iter().enumerate() {
        if i > 0 {
            out.push('.');
        }
        out.push_str(part.text());
    }
}

fn write_args(args: Option<&[Arg]>, out: &mut String) {
    if let Some(args) = args {
        out.push('(');
        separated(args, out, write_arg);
        out.push(')');
    }
}

fn write_arg(arg: &Arg, out: &mut String) {
    out.push_str(arg.name.text());
    out.push('=');
    write_arg_value(&arg.value, out);
}

fn write_arg_value(value: &ArgValue, out: &mut String) {
    match value {
        ArgValue::Select(query) => braces(query, out),
        ArgValue::Array(list) => {
            out.push('[');
            write_list(list, out);
            out.push(']');
        }
        ArgValue::Expr(value) => write_expr(value, out),
    }
}

fn write_list(list: &List, out: &mut String) {
    separated(&list.items, out, write_expr);
    if list.trailing_comma {
        out.push_str(", ");
    }
}

fn write_expr(value: &Expr, out: &mut String) {
    deep(|| write_kind(&value.kind, out));
}

fn write_kind(kind: &ExprKind, out: &mut String) {
    match kind {
        ExprKind::Null => out.push_str("NULL"),
        ExprKind::Bool { text, .. } | ExprKind::String { text, .. } => out.push_str(text),
        ExprKind::Int(value) => out.push_str(itoa::Buffer::new().format(*value)),
        ExprKind::Float(value) => write_float(*value, out),
        ExprKind::Symbol(symbol) => write_symbol(symbol, out),
        ExprKind::Paren(list) => {
            out.push('(');
            write_list(list, out);
            out.push(')');
        }
        ExprKind::List(list) => write_list(list, out),
        ExprKind::Not(inner) => {
            out.push_str("NOT ");
            write_expr(inner, out);
        }
        // Two spaces before AND, one before OR.
        ExprKind::And { terms, ops } => write_chain(terms, ops, "  ", "&&", out),
        ExprKind::Or { terms, ops } => write_chain(terms, ops, " ", "||", out),
        ExprKind::Compare { op, left, right } => write_binary(left, op.text(), right, out),
        ExprKind::Arith { op, left, right } => write_binary(left, op.text(), right, out),
        ExprKind::Member { .. } | ExprKind::Index { .. } | ExprKind::Range { .. } => write_step(kind, out),
    }
}

/// Shortest decimal form, no exponent, at least one fraction digit.
fn write_float(value: f64, out: &mut String) {
    let start = out.len();
    let _ = write!(out, "{value}");
    if !out[start..].contains('.') {
        out.push_str(".0");
    }
}

fn write_chain(terms: &[Expr], ops: &[LogicOp], before: &str, symbol: &str, out: &mut String) {
    let Some((first, rest)) = terms.split_first() else { return };
    write_expr(first, out);
    for (op, term) in ops.iter().zip(rest) {
        out.push_str(before);
        out.push_str(match op {
            LogicOp::Word(word) => word,
            LogicOp::Symbol => symbol,
        });
        out.push(' ');
        write_expr(term, out);
    }
}

fn write_binary(left: &Expr, op: &str, right: &Expr, out: &mut String) {
    write_expr(left, out);
    out.push(' ');
    out.push_str(op);
    out.push(' ');
    write_expr(right, out);
}

fn write_step(kind: &ExprKind, out: &mut String) {
    match kind {
        ExprKind::Member { base, name } => {
            write_expr(base, out);
            out.push('.');
            out.push_str(name.text());
        }
        ExprKind::Index { base, index } => {
            write_expr(base, out);
            out.push('[');
            write_expr(index, out);
            out.push(']');
        }
        ExprKind::Range { base, start, end } => {
            write_expr(base, out);
            out.push('[');
            if let Some(start) = start {
                write_expr(start, out);
            }
            out.push(':');
            if let Some(end) = end {
                write_expr(end, out);
            }
            out.push(']');
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::{parse, parse_expr};

    fn canonical(text: &str) -> String {
        expr(&parse_expr(text).unwrap_or_else(|e| panic!("{text}: {e}")))
    }

    fn query(text: &str) -> String {
        let program = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        program.statements.iter().map(statement).collect::<Vec<_>>().join(";")
    }

    #[test]
    fn expressions_follow_the_table() {
        let cases = [
            ("a . b\n.c", "a.b.c"),
            ("-x", "-x"),
            ("-a.b", "-a.b"),
            ("`a b` . `c`", "`a b`.`c`"),
            ("f(a = 1,b=2)", "f(a=1, b=2)"),
            ("f( )", "f()"),
            ("-f(a=1)", "-f(a=1)"),
            ("f(q={SELECT * FROM info()})", "f(q={ SELECT * FROM info() })"),
            ("f(x=[1,2])", "f(x=[1, 2])"),
            ("f(x=[ ])", "f(x=[])"),
            ("f(x=[7])", "f(x=[7])"),
            ("f(x=[7,])", "f(x=[7, ])"),
            ("( 1+2 )", "(1 + 2)"),
            ("(1,2)", "(1, 2)"),
            ("(1,)", "(1, )"),
            ("1+2- 3*4/5", "1 + 2 - 3 * 4 / 5"),
            ("a=1", "a = 1"),
            ("a<>1", "a <> 1"),
            ("a!=1", "a != 1"),
            ("a<=1", "a <= 1"),
            ("a=~'x'", "a =~ 'x'"),
            ("a in b", "a IN b"),
            ("a or b Or c", "a or b Or c"),
            ("a||b", "a || b"),
            ("a | b ||| c", "a | b ||| c"),
            ("a AND b", "a  AND b"),
            ("a and b&&c", "a  and b  && c"),
            ("not x", "NOT x"),
            ("a[ 0 ]", "a[0]"),
            ("a[1 : 2]", "a[1:2]"),
            ("a[:2]", "a[:2]"),
            ("a[2:]", "a[2:]"),
            ("a[:]", "a[:]"),
            ("f(x=1) . b[0]", "f(x=1).b[0]"),
            (r#""it's \n""#, r#""it's \n""#),
            ("'''raw'''", "'''raw'''"),
            ("0x10", "16"),
            ("010", "8"),
            ("1e3", "1000.0"),
            (".5", "0.5"),
            ("1e21", "1000000000000000000000.0"),
            ("1e-7", "0.0000001"),
            ("-2.50", "-2.5"),
            ("True", "True"),
            ("null", "NULL"),
        ];
        for (text, want) in cases {
            assert_eq!(canonical(text), want, "{text}");
        }
    }

    #[test]
    fn queries_keep_the_odd_spaces() {
        let cases = [
            (
                "select a,b as c from p(x=1) where w group by g order by o desc limit 5",
                "SELECT a, b AS c FROM p(x=1) WHERE w GROUP BY g ORDER BY o DESC  LIMIT 5 ",
            ),
            ("SELECT * FROM a.b ORDER BY o LIMIT 0x5", "SELECT * FROM a.b ORDER BY o LIMIT 5 "),
            ("SELECT * , a FROM x", "SELECT *, a FROM x"),
            (
                "EXPLAIN SELECT {SELECT * FROM y LIMIT 1} FROM x()",
                "EXPLAIN SELECT { SELECT * FROM y LIMIT 1  } FROM x()",
            ),
            ("SELECT FROM x", "SELECT FROM x"),
            ("SELECT a FROM x WHERE b,c GROUP BY d,e", "SELECT a FROM x WHERE b, c GROUP BY d, e"),
            ("LET f(a,b=2,c=[1,2])=a+b", "LET f(a, b=2, c=[1, 2]) = a + b"),
            ("LET q<=SELECT * FROM x", "LET q <= SELECT * FROM x"),
        ];
        for (text, want) in cases {
            assert_eq!(query(text), want, "{text}");
        }
    }

    #[test]
    fn columns_are_named_by_alias_or_canonical_text() {
        let cases = [
            ("1+ 2", "1 + 2"),
            ("len(list = (1,2))", "len(list=(1, 2))"),
            ("\"it\" ", "\"it\""),
            ("a AND b", "a  AND b"),
            ("a AS B", "B"),
            ("a AS `b\\tc`", "b\tc"),
            ("`a b`", "a b"),
            ("`a\\x41`", "aA"),
            ("`a b`.c", "a b.c"),
            ("`a` + 1", "a + 1"),
            ("x.`a b`", "x.`a b`"),
            ("{ SELECT a FROM b }", "{ SELECT a FROM b }"),
            ("-x", "-x"),
        ];
        for (text, want) in cases {
            let program = parse(&format!("SELECT {text} FROM scope()")).unwrap();
            let crate::ast::Statement::Select(query) = &program.statements[0] else { unreachable!() };
            assert_eq!(column_name(&query.columns[0]).as_deref(), Some(want), "{text}");
        }
        let program = parse("SELECT * FROM scope()").unwrap();
        let crate::ast::Statement::Select(query) = &program.statements[0] else { unreachable!() };
        assert_eq!(column_name(&query.columns[0]), None);
    }
}
