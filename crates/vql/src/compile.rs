//! From syntax tree to plan: names hashed, callables resolved, arguments put in slots, constants folded.
//!
//! Compiling never fails: what cannot work (an unknown plugin, a missing argument) is an error of the run and
//! becomes a log line there, as the language demands (reference, section 5.2).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::args::Memo;
use crate::ast::{self, ArgValue, ColumnValue, ExprKind, LogicOp};
use crate::call::{Signature, Type};
use crate::canonical;
use crate::plan::{
    Access, Arith, CallArgs, CallSymbol, Column, Expr, From, FunctionCall, Let, LetBody, Match, OrderBy,
    Param, PluginCall, Select, Statement, Step, StoredExpr, StoredQuery, Symbol,
};
use crate::registry::Registry;
use crate::schema::{Name, Schema};
use crate::value::Value;

/// Compiles a parsed program.
pub fn program(ast: &ast::Program, source: &str, registry: &Registry) -> Vec<Statement> {
    let compiler = Compiler { source, registry, aliases: None, level: 0 };
    ast.statements.iter().map(|s| compiler.statement(s)).collect()
}

/// Compiles one expression (the body of a lambda).
pub fn expression(ast: &ast::Expr, source: &str, registry: &Registry) -> Expr {
    Compiler { source, registry, aliases: None, level: 0 }.expr(ast)
}

#[derive(Clone, Copy)]
struct Compiler<'a> {
    source: &'a str,
    registry: &'a Registry,
    /// The columns of the query whose WHERE or GROUP BY is being compiled.
    aliases: Option<&'a Schema>,
    /// Levels of expressions above.
    level: u32,
}

/// A [`Expr::Deep`] stands at every so many levels.
const DEEP_EVERY: u32 = 32;

/// Call sites are told apart by number, over all programs of the process.
fn next_site() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<'a> Compiler<'a> {
    fn statement(&self, statement: &ast::Statement) -> Statement {
        match statement {
            ast::Statement::Let(l) => Statement::Let(self.let_(l)),
            ast::Statement::Select(s) => Statement::Select(Arc::new(self.select(s))),
        }
    }

    fn let_(&self, l: &ast::Let) -> Let {
        let name = Name::new(&l.name.name);
        let params: Box<[Param]> = l.params.iter().flatten().map(|p| self.param(p)).collect();
        let schema = Schema::of(params.iter().map(|p| p.name.clone()));
        let has_params = !params.is_empty();
        let body = match &l.body {
            ast::LetBody::Expr(e) => {
                LetBody::Expr(Arc::new(StoredExpr { name: name.clone(), params, schema, body: self.expr(e) }))
            }
            ast::LetBody::Select(s) => {
                let select = Arc::new(self.select(s));
                let query = StoredQuery { name: Some(name.clone()), params, schema, select, bound: None };
                LetBody::Query(Arc::new(query))
            }
        };
        let masks_builtin = self.registry.function(name.as_str()).is_some();
        Let { name, materialize: l.materialize, has_params, masks_builtin, body }
    }

    fn param(&self, p: &ast::Param) -> Param {
        Param { name: Name::new(&p.name.name), default: p.default.as_ref().map(|v| self.arg_value(v)) }
    }

    fn select(&self, s: &ast::Select) -> Select {
        // Inside, names mean this query's columns and rows first.
        Compiler { aliases: None, ..*self }.select_here(s)
    }

    fn select_here(&self, s: &ast::Select) -> Select {
        let columns: Vec<Column> = s.columns.iter().map(|c| self.column(c)).collect();
        let (columns, aliases, alias_columns) = keep_last(columns);
        let clause = Compiler { aliases: Some(&aliases), ..*self };
        let filter = s.filter.as_ref().map(|e| clause.expr(e));
        let group_by = s.group_by.as_ref().map(|e| clause.expr(e));
        Select {
            text: self.source.get(s.span.range()).unwrap_or_default().into(),
            explain: s.explain,
            has_star: columns.iter().any(|c| matches!(c, Column::Star)),
            columns,
            aliases,
            alias_columns,
            from: self.from(&s.from),
            filter,
            group_by,
            order_by: s
                .order_by
                .as_ref()
                .map(|o| OrderBy { column: Name::new(&o.column.name), descending: o.descending }),
            limit: s.limit.as_ref().map(|l| l.count),
        }
    }

    fn column(&self, column: &ast::Column) -> Column {
        let name = || Name::new(&canonical::column_name(column).unwrap_or_default());
        match &column.value {
            ColumnValue::Star => Column::Star,
            ColumnValue::Expr(e) => Column::Expr { name: name(), value: self.expr(e) },
            ColumnValue::Select(s) => Column::Select { name: name(), query: Arc::new(self.select(s)) },
        }
    }

    fn from(&self, from: &ast::Source) -> From {
        let path: Vec<Name> = from.path.iter().map(|i| Name::new(&i.name)).collect();
        if let (Some(args), [name, member @ ..]) = (&from.args, &path[..])
            && let Some(plugin) = self.registry.plugin(name.as_str())
            && plugin.signature.is_family != member.is_empty()
        {
            let mut args = self.call_args(&plugin.signature, args);
            args.member = member.iter().map(Name::as_str).collect::<Vec<_>>().join(".").into();
            return From::Plugin(PluginCall { plugin, args });
        }
        From::Name(CallSymbol { symbol: symbol(path), args: from.args.as_ref().map(|a| self.named_args(a)) })
    }

    fn named_args(&self, args: &[ast::Arg]) -> Box<[(Name, Expr)]> {
        args.iter().map(|a| (Name::new(&a.name.name), self.arg_value(&a.value))).collect()
    }

    fn arg_value(&self, value: &ArgValue) -> Expr {
        match value {
            ArgValue::Select(s) => Expr::Query(self.anonymous(s)),
            ArgValue::Array(list) => self.list(list),
            ArgValue::Expr(e) => self.expr(e),
        }
    }

    fn anonymous(&self, s: &ast::Select) -> Arc<StoredQuery> {
        let select = Arc::new(self.select(s));
        Arc::new(StoredQuery {
            name: None,
            params: Box::new([]),
            schema: Schema::empty(),
            select,
            bound: None,
        })
    }

    /// Puts arguments into the declared slots; what cannot work becomes the line to log.
    fn call_args(&self, signature: &'static Signature, args: &[ast::Arg]) -> CallArgs {
        let mut slots: Vec<Option<Expr>> = signature.args.iter().map(|_| None).collect();
        let mut rest = Vec::new();
        let mut splat = None;
        let mut broken: Option<String> = None;
        for arg in args {
            let name = arg.name.name.as_str();
            let value = self.arg_value(&arg.value);
            match signature.args.iter().position(|a| a.name == name) {
                Some(i) => slots[i] = Some(value),
                None if name == "**" => splat = Some(value),
                None if signature.free_form => rest.push((Name::new(name), value)),
                None => broken = broken.or(Some(format!("Unexpected arg {name}"))),
            }
        }
        let missing = signature.args.iter().zip(&slots).find(|(a, slot)| a.required && slot.is_none());
        if let (Some((arg, _)), None, None) = (missing, &splat, &broken) {
            broken = Some(format!("Field {} is required", arg.name));
        }
        if splat.is_some() {
            broken = None;
        }
        let lazy = |i: usize| signature.args.get(i).is_some_and(|a| a.ty == Type::Lazy);
        let is_early = |(i, e): (usize, Option<&Expr>)| matches!(e, Some(Expr::List(_))) && !lazy(i);
        let has_early = slots.iter().map(Option::as_ref).enumerate().any(is_early)
            || rest.iter().any(|(_, e)| matches!(e, Expr::List(_)));
        CallArgs {
            slots: slots.into(),
            rest: rest.into(),
            member: Box::default(),
            splat,
            has_early,
            broken: broken.map(Into::into),
            memo: Memo::default(),
        }
    }

    fn expr(&self, e: &ast::Expr) -> Expr {
        let below = Compiler { level: self.level + 1, ..*self };
        let expr = crate::stack::deep(|| below.expr_kind(e));
        match (below.level % DEEP_EVERY, &expr) {
            (0, Expr::Const(_) | Expr::Symbol(_)) | (1.., _) => expr,
            (0, _) => Expr::Deep(Box::new(expr)),
        }
    }

    fn expr_kind(&self, e: &ast::Expr) -> Expr {
        match &e.kind {
            ExprKind::Null => Expr::Const(Value::Null),
            ExprKind::Bool { value, .. } => Expr::Const(Value::Bool(*value)),
            ExprKind::Int(i) => Expr::Const(Value::Int(*i)),
            ExprKind::Float(f) => Expr::Const(Value::Float(*f)),
            ExprKind::String { value, .. } => Expr::Const(Value::text(value.as_slice())),
            ExprKind::Symbol(s) => self.symbol(s),
            ExprKind::Paren(list) | ExprKind::List(list) => self.list(list),
            ExprKind::Not(e) => fold_not(self.expr(e)),
            ExprKind::And { terms, ops } => Expr::And {
                terms: terms.iter().map(|t| self.expr(t)).collect(),
                last_value: ops.last() == Some(&LogicOp::Symbol),
            },
            ExprKind::Or { terms, ops } => {
                let keeps = |i: usize| i > 0 && ops[i - 1] == LogicOp::Symbol;
                Expr::Or(terms.iter().enumerate().map(|(i, t)| (keeps(i), self.expr(t))).collect())
            }
            ExprKind::Compare { op, left, right } => self.compare(*op, left, right),
            ExprKind::Arith { .. } => self.arith(e),
            ExprKind::Member { .. } | ExprKind::Index { .. } | ExprKind::Range { .. } => self.access(e),
        }
    }

    fn compare(&self, op: ast::CompareOp, left: &ast::Expr, right: &ast::Expr) -> Expr {
        let (left, right) = (self.expr(left), self.expr(right));
        match op {
            ast::CompareOp::Match => {
                Expr::Match(Box::new(Match { target: left, pattern: right, memo: Memo::default() }))
            }
            op => Expr::Compare(op, Box::new((left, right))),
        }
    }

    /// A chain of operators, taken apart from the right without recursion.
    fn arith(&self, mut e: &ast::Expr) -> Expr {
        let mut rest = Vec::new();
        while let ExprKind::Arith { op, left, right } = &e.kind {
            rest.push((*op, self.expr(right)));
            e = left;
        }
        rest.reverse();
        fold_arith(Arith { first: self.expr(e), rest: rest.into() })
    }

    fn access(&self, mut e: &ast::Expr) -> Expr {
        let mut steps = Vec::new();
        loop {
            e = match &e.kind {
                ExprKind::Member { base, name } => {
                    steps.push(Step::Member(Name::new(&name.name)));
                    base
                }
                ExprKind::Index { base, index } => {
                    steps.push(Step::Index(self.expr(index)));
                    base
                }
                ExprKind::Range { base, start, end } => {
                    let bound = |b: &Option<Box<ast::Expr>>| b.as_ref().map(|e| self.expr(e));
                    steps.push(Step::Range(bound(start), bound(end)));
                    base
                }
                _ => break,
            };
        }
        steps.reverse();
        if let (true, Some(Step::Member(_))) = (is_scope_call(e), steps.first()) {
            return scope_probe(steps);
        }
        Expr::Access(Box::new(Access { base: self.expr(e), steps: steps.into() }))
    }

    /// `(a, b)`: a single element without trailing comma is the element itself.
    fn list(&self, list: &ast::List) -> Expr {
        if list.items.len() == 1 && !list.trailing_comma {
            return self.expr(&list.items[0]);
        }
        let items: Vec<Expr> = list.items.iter().map(|e| self.expr(e)).collect();
        match items.iter().map(constant).collect::<Option<Vec<Value>>>() {
            Some(values) => Expr::Const(Value::list(values)),
            None => Expr::List(items.into()),
        }
    }

    fn symbol(&self, s: &ast::Symbol) -> Expr {
        let path: Vec<Name> = s.path.iter().map(|i| Name::new(&i.name)).collect();
        let expr = match &s.args {
            None => {
                let alias = self.aliases.and_then(|a| a.find(&path[0])).map(|i| i as u32);
                Expr::Symbol(Box::new(Symbol { alias, ..symbol(path) }))
            }
            Some(args) => self.call(path, args),
        };
        if s.negated { Expr::Negate(Box::new(expr)) } else { expr }
    }

    fn call(&self, path: Vec<Name>, args: &[ast::Arg]) -> Expr {
        if let [name] = &path[..]
            && let Some(function) = self.registry.function(name.as_str())
        {
            let args = self.call_args(&function.signature, args);
            return Expr::Call(Box::new(FunctionCall { function, args, site: next_site() }));
        }
        Expr::CallSymbol(Box::new(CallSymbol { symbol: symbol(path), args: Some(self.named_args(args)) }))
    }
}

fn symbol(path: Vec<Name>) -> Symbol {
    Symbol { path: path.into_iter().collect(), alias: None, quiet: false, reported: Default::default() }
}

fn is_scope_call(e: &ast::Expr) -> bool {
    let ExprKind::Symbol(s) = &e.kind else { return false };
    !s.negated && s.path.len() == 1 && s.path[0].name == "scope" && s.args.as_ref().is_some_and(Vec::is_empty)
}

/// `scope().Name…`: a look-up that logs nothing when the name is unknown, and copies no scope.
fn scope_probe(mut steps: Vec<Step>) -> Expr {
    let members = steps.iter().take_while(|s| matches!(s, Step::Member(_))).count();
    let rest = steps.split_off(members);
    let path = steps.into_iter().filter_map(|s| match s {
        Step::Member(name) => Some(name),
        _ => None,
    });
    let probe = Expr::Symbol(Box::new(Symbol {
        path: path.collect(),
        alias: None,
        quiet: true,
        reported: Default::default(),
    }));
    match rest.is_empty() {
        true => probe,
        false => Expr::Access(Box::new(Access { base: probe, steps: rest.into() })),
    }
}

/// Of two columns of one name the later wins, and sits at the later place (section 6.2).
fn keep_last(columns: Vec<Column>) -> (Box<[Column]>, Arc<Schema>, Box<[usize]>) {
    let name_of = |c: &Column| match c {
        Column::Star => None,
        Column::Expr { name, .. } | Column::Select { name, .. } => Some(name.clone()),
    };
    let names: Vec<Option<Name>> = columns.iter().map(name_of).collect();
    let is_last = |i: usize| names[i].is_none() || !names[i + 1..].contains(&names[i]);
    let kept: Vec<Column> =
        columns.into_iter().enumerate().filter(|(i, _)| is_last(*i)).map(|(_, c)| c).collect();
    let named: Vec<(usize, Name)> =
        kept.iter().enumerate().filter_map(|(i, c)| Some((i, name_of(c)?))).collect();
    let aliases = Schema::of(named.iter().map(|(_, n)| n.clone()));
    (kept.into(), aliases, named.into_iter().map(|(i, _)| i).collect())
}

fn constant(e: &Expr) -> Option<Value> {
    match e {
        Expr::Const(v) => Some(v.clone()),
        _ => None,
    }
}

fn fold_not(e: Expr) -> Expr {
    match &e {
        Expr::Const(v) => match crate::value::truth::truth(v) {
            Some(truth) => Expr::Const(Value::Bool(!truth)),
            None => Expr::Not(Box::new(e)),
        },
        _ => Expr::Not(Box::new(e)),
    }
}

/// Folds a chain of constants; an operation that would log is left for the run. Long text is not folded.
fn fold_arith(arith: Arith) -> Expr {
    let mut folded = match &arith.first {
        Expr::Const(v) => v.clone(),
        _ => return Expr::Arith(Box::new(arith)),
    };
    for (op, right) in &arith.rest {
        let Expr::Const(right) = right else { return Expr::Arith(Box::new(arith)) };
        let result = match op {
            ast::ArithOp::Add => crate::value::add::add(&folded, right),
            ast::ArithOp::Sub => crate::value::subtract::subtract(&folded, right),
            // Only numbers: a text repeated a million times belongs into the run, not into the plan.
            ast::ArithOp::Mul if matches!(folded, Value::Text(_)) => return Expr::Arith(Box::new(arith)),
            ast::ArithOp::Mul => crate::value::multiply::multiply(&folded, right),
            ast::ArithOp::Div => crate::value::divide::divide(&folded, right),
        };
        match result {
            Ok(v) => folded = v,
            Err(_) => return Expr::Arith(Box::new(arith)),
        }
    }
    Expr::Const(folded)
}
