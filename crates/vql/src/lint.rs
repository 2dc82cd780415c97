//! Mistakes that show without running a program: syntax, and names and arguments of built-ins.
//!
//! The language treats an unknown name as a problem of the run (reference, section 5.2), so most of what is found
//! beyond syntax is a warning: a variable may come from the environment. A wrong argument of a known built-in can
//! only fail, and is an error.

use std::collections::HashSet;
use std::fmt;

use crate::ast::{
    Arg, ArgValue, ColumnValue, Expr, ExprKind, LetBody, List, Program, Select, Source, Statement, Symbol,
};
use crate::call::Signature;
use crate::parser;
use crate::registry::Registry;
use crate::span::{Span, line_column};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// A problem, with its place in the text (line and column from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl Problem {
    pub fn error(line: usize, column: usize, message: impl Into<String>) -> Self {
        Problem { severity: Severity::Error, line, column, message: message.into() }
    }
}

impl fmt::Display for Problem {
    /// `LINE:COL: message`, as editors read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(f, "{}:{}: {kind}{}", self.line, self.column, self.message)
    }
}

/// The problems of a program; without a registry those of its syntax only.
pub fn lint(source: &str, registry: Option<&Registry>) -> Vec<Problem> {
    let program = match parser::parse(source) {
        Ok(program) => program,
        Err(error) => {
            let hint = error.hint.as_ref().map_or(String::new(), |h| format!(" ({h})"));
            let message = format!("{}{hint}", error.message);
            return vec![Problem::error(error.line as usize, error.column as usize, message)];
        }
    };
    let Some(registry) = registry else { return Vec::new() };
    let mut linter = Linter { source, registry, defined: definitions(&program), problems: Vec::new() };
    program.statements.iter().for_each(|s| linter.statement(s));
    linter.problems
}

/// Every name a LET defines, as a definition or as a parameter.
fn definitions(program: &Program) -> HashSet<&str> {
    let mut names = HashSet::new();
    for statement in &program.statements {
        if let Statement::Let(l) = statement {
            names.insert(l.name.name.as_str());
            names.extend(l.params.iter().flatten().map(|p| p.name.name.as_str()));
        }
    }
    names
}

struct Linter<'a> {
    source: &'a str,
    registry: &'a Registry,
    defined: HashSet<&'a str>,
    problems: Vec<Problem>,
}

impl Linter<'_> {
    fn report(&mut self, severity: Severity, span: Span, message: String) {
        let (line, column) = line_column(self.source.as_bytes(), span.start as usize);
        self.problems.push(Problem { severity, line, column, message });
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Select(s) => self.select(s),
            Statement::Let(l) => {
                for default in l.params.iter().flatten().filter_map(|p| p.default.as_ref()) {
                    self.arg_value(default);
                }
                match &l.body {
                    LetBody::Select(s) => self.select(s),
                    LetBody::Expr(e) => self.expr(e),
                }
            }
        }
    }

    fn select(&mut self, select: &Select) {
        for column in &select.columns {
            match &column.value {
                ColumnValue::Star => {}
                ColumnValue::Select(s) => self.select(s),
                ColumnValue::Expr(e) => self.expr(e),
            }
        }
        self.source(&select.from);
        for clause in [&select.filter, &select.group_by].into_iter().flatten() {
            self.expr(clause);
        }
    }

    fn source(&mut self, from: &Source) {
        let args = from.args.as_deref().unwrap_or_default();
        args.iter().for_each(|a| self.arg_value(&a.value));
        let [name, member @ ..] = &from.path[..] else { return };
        let is_family = self.registry.plugin(&name.name).is_some_and(|p| p.signature.is_family);
        if is_family == member.is_empty() || from.args.is_none() || self.defined.contains(name.name.as_str())
        {
            return;
        }
        match self.registry.plugin(&name.name) {
            Some(plugin) => self.call(&plugin.signature, args, from.span),
            None => {
                let message = match self.registry.function(&name.name) {
                    Some(_) => format!(
                        "{0} is a function, not a plugin: call it in a column, SELECT {0}(…) FROM scope()",
                        name.name
                    ),
                    None => format!("plugin {} is not known", name.name),
                };
                self.report(Severity::Warning, name.span, message);
            }
        }
    }

    /// The arguments of a built-in: unknown, missing.
    fn call(&mut self, signature: &Signature, args: &[Arg], span: Span) {
        if args.iter().any(|a| a.name.name == "**") {
            return;
        }
        for arg in args {
            let known = signature.args.iter().any(|a| a.name == arg.name.name);
            if !known && !signature.free_form {
                let names: Vec<&str> = signature.args.iter().map(|a| a.name).collect();
                let message = format!(
                    "{} has no argument {}; it takes {}",
                    signature.name,
                    arg.name.name,
                    names.join(", ")
                );
                self.report(Severity::Error, arg.name.span, message);
            }
        }
        for wanted in signature.args.iter().filter(|a| a.required) {
            if !args.iter().any(|a| a.name.name == wanted.name) {
                self.report(
                    Severity::Error,
                    span,
                    format!("{} needs the argument {}", signature.name, wanted.name),
                );
            }
        }
    }

    fn arg_value(&mut self, value: &ArgValue) {
        match value {
            ArgValue::Select(s) => self.select(s),
            ArgValue::Array(list) => self.list(list),
            ArgValue::Expr(e) => self.expr(e),
        }
    }

    fn list(&mut self, list: &List) {
        list.items.iter().for_each(|e| self.expr(e));
    }

    fn expr(&mut self, e: &Expr) {
        crate::stack::deep(|| self.expr_kind(e));
    }

    fn expr_kind(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Null
            | ExprKind::Bool { .. }
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::String { .. } => {}
            ExprKind::Symbol(s) => self.symbol(s),
            ExprKind::Paren(list) | ExprKind::List(list) => self.list(list),
            ExprKind::Not(e) | ExprKind::Member { base: e, .. } => self.expr(e),
            ExprKind::And { terms, .. } | ExprKind::Or { terms, .. } => {
                terms.iter().for_each(|t| self.expr(t))
            }
            ExprKind::Compare { left, right, .. } | ExprKind::Arith { left, right, .. } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Index { base, index } => {
                self.expr(base);
                self.expr(index);
            }
            ExprKind::Range { base, start, end } => {
                self.expr(base);
                [start, end].into_iter().flatten().for_each(|e| self.expr(e));
            }
        }
    }

    fn symbol(&mut self, symbol: &Symbol) {
        let args = symbol.args.as_deref().unwrap_or_default();
        args.iter().for_each(|a| self.arg_value(&a.value));
        let ([name], true) = (&symbol.path[..], symbol.args.is_some()) else { return };
        match self.registry.function(&name.name) {
            Some(function) => self.call(&function.signature, args, symbol.span),
            None if self.defined.contains(name.name.as_str()) => {}
            None => {
                let message = match self.registry.plugin(&name.name) {
                    Some(_) => format!("{0} is a plugin, not a function: use it after FROM", name.name),
                    None => format!("function {} is not known", name.name),
                };
                self.report(Severity::Warning, name.span, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<String> {
        lint(source, Some(&Registry::pure())).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn a_sound_program_has_no_problems() {
        let source =
            "LET f(x) = x + 1\nSELECT f(x=_value) AS Y FROM range(end=5) WHERE if(condition=_value, then=1)";
        assert_eq!(found(source), Vec::<String>::new());
    }

    #[test]
    fn wrong_arguments_are_errors_with_their_place() {
        assert_eq!(
            found("SELECT 1 FROM range(end=5, stop=1)"),
            ["1:28: range has no argument stop; it takes start, end, step"]
        );
        assert_eq!(found("SELECT\n  if(then=1) FROM scope()"), ["2:3: if needs the argument condition"]);
    }

    #[test]
    fn unknown_names_are_warnings() {
        assert_eq!(
            found("SELECT nosuch(a=1) FROM nosuch()"),
            ["1:8: warning: function nosuch is not known", "1:25: warning: plugin nosuch is not known",]
        );
    }

    #[test]
    fn syntax_errors_have_a_place_without_a_registry() {
        let problems = lint("SELECT 1\nFROM", None);
        assert_eq!((problems.len(), problems[0].severity), (1, Severity::Error));
    }
}
