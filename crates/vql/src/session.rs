//! Running programs: several may share one scope, one after another (API reference, section 2.3).

use std::sync::Arc;

use crate::call::{Flow, Sink};
use crate::cancel::Cancel;
use crate::diagnostic::ParseError;
use crate::dict::Dict;
use crate::host::Level;
use crate::parser;
use crate::plan::{Let, LetBody, Select, Statement};
use crate::registry::Registry;
use crate::schema::Name;
use crate::scope::{Context, RootState, Scope};
use crate::value::{Row, Value};

/// A program ready to run.
#[derive(Debug)]
pub struct Program {
    pub statements: Vec<Statement>,
}

impl Program {
    /// Parses and compiles. Only syntax can be wrong here; everything else shows when it runs.
    pub fn compile(source: &str, registry: &Registry) -> Result<Self, ParseError> {
        let ast = parser::parse(source)?;
        Ok(Program { statements: crate::compile::program(&ast, source, registry) })
    }

    /// Turns on explain logging for every SELECT statement, as if `EXPLAIN` stood before it.
    pub fn explain(&mut self) {
        for statement in &mut self.statements {
            if let Statement::Select(select) = statement
                && let Some(select) = Arc::get_mut(select)
            {
                select.explain = true;
            }
        }
    }
}

/// A scope in which statements run, one after another.
pub struct Session {
    context: Arc<Context>,
    vars: Dict,
    state: RootState,
}

impl Session {
    /// A session with these variables; `cancel` stops whatever runs in it.
    pub fn new(context: Arc<Context>, env: Row, cancel: Cancel) -> Self {
        let mut vars = Row::default();
        vars.set(&Name::new("NULL"), Value::Null);
        for (name, value) in env.iter() {
            vars.set(name, value.clone());
        }
        Session { context, vars: vars.into(), state: RootState { cancel, ..RootState::default() } }
    }

    /// A session inside another, some levels deep already: a program that runs itself meets the stack limit.
    #[must_use]
    pub fn below(mut self, scope: &Scope<'_>) -> Self {
        self.state.depth = scope.depth + 1;
        self
    }

    /// A session that starts some levels deep: what [`Session::below`] is to a session on another thread.
    #[must_use]
    pub fn at_depth(mut self, depth: u32) -> Self {
        self.state.depth = depth;
        self
    }

    /// The scope of the session.
    pub fn scope(&self) -> Scope<'_> {
        Scope::root(&self.context, &self.vars, &self.state)
    }

    /// Runs a statement; a LET gives no rows.
    pub fn run(&self, statement: &Statement, sink: &mut dyn Sink) -> Flow {
        match statement {
            Statement::Let(l) => {
                self.define(l);
                Ok(())
            }
            Statement::Select(select) => self.select(select, sink),
        }
    }

    pub fn select(&self, select: &Select, sink: &mut dyn Sink) -> Flow {
        self.scope().run_select(select, sink)
    }

    /// Runs a LET statement (section 8).
    pub fn define(&self, l: &Let) {
        let scope = self.scope();
        if l.masks_builtin {
            scope.log(Level::Warn, format!("LET expression is masking a built in function {}", l.name));
        }
        let stored = match &l.body {
            LetBody::Expr(e) => Value::Expr(e.clone()),
            LetBody::Query(q) => Value::Query(q.clone()),
        };
        let value = match l.materialize {
            false => stored,
            true => self.materialized(l, &stored),
        };
        self.vars.set(l.name.as_str(), value);
    }

    fn materialized(&self, l: &Let, stored: &Value) -> Value {
        let scope = self.scope();
        if l.has_params {
            let name = &l.name;
            let line =
                format!("Expression {name} takes parameters but is materialized! Did you mean to use '='? ");
            scope.log(Level::Warn, line);
        }
        match scope.settle(stored.clone()) {
            query @ Value::Query(_) => scope.materialize(&l.name, &query),
            value => value,
        }
    }

    /// Ends the session: destructors run now.
    pub fn close(self) {
        self.state.cleanup.run();
    }

    /// Ends the whole program: as [`Session::close`], and what callables kept is dropped.
    pub fn finish(self) {
        let _ending = self.context.ending();
        self.close();
    }
}
