//! A program compiled for running: names hashed, callables resolved, arguments put in their declared slots,
//! constants folded. Made by `compile`, run by `eval`.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::args::Memo;
use crate::ast::{ArithOp, CompareOp};
use crate::call::{Function, Plugin};
use crate::schema::{Name, Schema};
use crate::value::{Row, Value};

/// One statement, ready to run.
#[derive(Debug)]
pub enum Statement {
    Let(Let),
    Select(Arc<Select>),
}

#[derive(Debug)]
pub struct Let {
    pub name: Name,
    pub materialize: bool,
    pub has_params: bool,
    /// The name is also that of a built-in function: calls keep going to the built-in.
    pub masks_builtin: bool,
    pub body: LetBody,
}

#[derive(Debug)]
pub enum LetBody {
    Expr(Arc<StoredExpr>),
    Query(Arc<StoredQuery>),
}

/// A parameter of a LET.
#[derive(Debug)]
pub struct Param {
    pub name: Name,
    pub default: Option<Expr>,
}

/// `LET f(a, b=1) = expr`.
#[derive(Debug)]
pub struct StoredExpr {
    pub name: Name,
    pub params: Box<[Param]>,
    /// The parameters as a layer: one cell each.
    pub schema: Arc<Schema>,
    pub body: Expr,
}

/// A query that can be run again and again: from LET, or written as `{ SELECT … }`.
#[derive(Debug)]
pub struct StoredQuery {
    pub name: Option<Name>,
    pub params: Box<[Param]>,
    pub schema: Arc<Schema>,
    pub select: Arc<Select>,
    /// Arguments captured by calling the query as a value (`q(a=1)`).
    pub bound: Option<Row>,
}

/// A SELECT.
#[derive(Debug)]
pub struct Select {
    /// The source text, for messages.
    pub text: Box<str>,
    pub explain: bool,
    pub columns: Box<[Column]>,
    /// The named columns alone, under their names: the layer WHERE and GROUP BY see.
    pub aliases: Arc<Schema>,
    /// For each alias its place in `columns`.
    pub alias_columns: Box<[usize]>,
    /// Whether a `*` is among the columns; without one every row has the schema `aliases`.
    pub has_star: bool,
    pub from: From,
    pub filter: Option<Expr>,
    pub group_by: Option<Expr>,
    pub order_by: Option<OrderBy>,
    pub limit: Option<i64>,
}

#[derive(Debug)]
pub enum Column {
    Star,
    Expr {
        name: Name,
        value: Expr,
    },
    /// `{ SELECT … } AS name`: reduced to a cell (section 6.2).
    Select {
        name: Name,
        query: Arc<Select>,
    },
}

#[derive(Debug)]
pub struct OrderBy {
    pub column: Name,
    pub descending: bool,
}

/// What follows FROM.
#[derive(Debug)]
pub enum From {
    /// A built-in plugin.
    Plugin(PluginCall),
    /// Anything a name may stand for, called or not.
    Name(CallSymbol),
}

#[derive(Debug)]
pub struct PluginCall {
    pub plugin: &'static Plugin,
    pub args: CallArgs,
}

/// An expression.
#[derive(Clone, Debug)]
pub enum Expr {
    Const(Value),
    Symbol(Box<Symbol>),
    Call(Box<FunctionCall>),
    CallSymbol(Box<CallSymbol>),
    /// `-x` on a symbol or call.
    Negate(Box<Expr>),
    List(Box<[Expr]>),
    Query(Arc<StoredQuery>),
    And {
        terms: Box<[Expr]>,
        last_value: bool,
    },
    /// Each term with whether `||` stands before it.
    Or(Box<[(bool, Expr)]>),
    Not(Box<Expr>),
    Compare(CompareOp, Box<(Expr, Expr)>),
    Match(Box<Match>),
    Arith(Box<Arith>),
    Access(Box<Access>),
    /// Stands at every so many levels of a deep expression: makes sure of the stack for those below.
    Deep(Box<Expr>),
}

/// `a.b.c`, not called.
#[derive(Debug)]
pub struct Symbol {
    pub path: SmallVec<[Name; 2]>,
    /// In WHERE and GROUP BY: the place of the column this name means.
    pub alias: Option<u32>,
    /// Do not log when it is unknown (`scope().Name`).
    pub quiet: bool,
    /// The "not found" line was written: one per place in the text is enough.
    pub reported: std::sync::atomic::AtomicBool,
}

impl Clone for Symbol {
    fn clone(&self) -> Self {
        Symbol { path: self.path.clone(), alias: self.alias, quiet: self.quiet, reported: Default::default() }
    }
}

/// `a.b(x=1)` where `a` is no built-in function, or a source after FROM.
#[derive(Clone, Debug)]
pub struct CallSymbol {
    pub symbol: Symbol,
    /// `None`: not called.
    pub args: Option<Box<[(Name, Expr)]>>,
}

/// A call of a built-in function.
#[derive(Clone)]
pub struct FunctionCall {
    pub function: &'static Function,
    pub args: CallArgs,
    /// Identifies the call site, for aggregates.
    pub site: u64,
}

impl StoredQuery {
    /// The query with its arguments bound, as a value that still is to be run.
    pub fn bind(&self, args: Row) -> StoredQuery {
        StoredQuery {
            name: self.name.clone(),
            params: Box::new([]),
            schema: self.schema.clone(),
            select: self.select.clone(),
            bound: Some(args),
        }
    }
}

impl fmt::Debug for FunctionCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.function.signature.name, self.args)
    }
}

/// The arguments of a call, in the slots the callable declares.
#[derive(Clone, Debug)]
pub struct CallArgs {
    pub slots: Box<[Option<Expr>]>,
    /// Arguments without a slot, in the order written (free-form callables only).
    pub rest: Box<[(Name, Expr)]>,
    /// Which member of a family of plugins was called: `A.B` of `Artifact.A.B()`; else empty.
    pub member: Box<str>,
    /// `` `**`=dict ``: replaces everything else.
    pub splat: Option<Expr>,
    /// Some argument is an array literal with parts to evaluate: those are evaluated when the call starts.
    pub has_early: bool,
    /// The call cannot work (unknown or missing argument): this is what to log.
    pub broken: Option<Box<str>>,
    pub memo: Memo,
}

#[derive(Clone, Debug)]
pub struct Match {
    pub target: Expr,
    pub pattern: Expr,
    pub memo: Memo,
}

/// `first op a op b …`, left to right. Flat, so that a long sum needs no deep stack.
#[derive(Clone, Debug)]
pub struct Arith {
    pub first: Expr,
    pub rest: Box<[(ArithOp, Expr)]>,
}

/// `base.name[0][1:2]…`: members, indexes and ranges, one after another.
#[derive(Clone, Debug)]
pub struct Access {
    pub base: Expr,
    pub steps: Box<[Step]>,
}

#[derive(Clone, Debug)]
pub enum Step {
    Member(Name),
    Index(Expr),
    Range(Option<Expr>, Option<Expr>),
}
