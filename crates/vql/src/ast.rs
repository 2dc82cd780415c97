//! The syntax tree: what was written, without meaning.
//!
//! Source: language reference, section 3. Every node that can be blamed for something carries its [`Span`].
//! Names are already decoded (back-ticks removed, escapes done); `text` fields keep the spelling where the
//! canonical form prints it as written (section 6.3).

use crate::span::Span;
use crate::stack::deep;
use std::fmt;

/// A whole program: one or more statements, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub statements: Vec<Statement>,
    /// Comments in source order, kept for the formatter.
    pub comments: Vec<Comment>,
}

/// A comment, with its delimiters.
#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    pub text: String,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Let(Let),
    Select(Select),
}

impl Statement {
    pub fn span(&self) -> Span {
        match self {
            Statement::Let(l) => l.span,
            Statement::Select(s) => s.span,
        }
    }
}

/// `LET name(params) = body` or `LET name <= body`.
#[derive(Clone, Debug, PartialEq)]
pub struct Let {
    pub name: Ident,
    /// `None` without parentheses, `Some(vec![])` for `()`.
    pub params: Option<Vec<Param>>,
    /// `<=`: evaluated at once and kept.
    pub materialize: bool,
    pub body: LetBody,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LetBody {
    Select(Box<Select>),
    Expr(Expr),
}

/// A parameter of a LET, with its default if it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub name: Ident,
    pub default: Option<ArgValue>,
}

/// An identifier: what it means, and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    pub name: String,
    /// The spelling where it differs from the name, that is, with back-ticks.
    pub ticked: Option<Box<str>>,
    pub span: Span,
}

impl Ident {
    /// The identifier as written, with its back-ticks.
    pub fn text(&self) -> &str {
        self.ticked.as_deref().unwrap_or(&self.name)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    pub explain: bool,
    pub columns: Vec<Column>,
    pub from: Source,
    /// `WHERE`: a comma list; one element is the usual case.
    pub filter: Option<Expr>,
    pub group_by: Option<Expr>,
    pub order_by: Option<OrderBy>,
    pub limit: Option<Limit>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub value: ColumnValue,
    pub alias: Option<Ident>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValue {
    Star,
    /// `{ SELECT … }` as a column.
    Select(Box<Select>),
    Expr(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    pub column: Ident,
    pub descending: bool,
}

/// `LIMIT n`: the number as written and as read (a negative number, a float: truncated to an integer).
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub count: i64,
    pub span: Span,
}

/// What follows FROM: `a.b.c` or `a.b.c(args)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub path: Vec<Ident>,
    pub args: Option<Vec<Arg>>,
    pub span: Span,
}

/// `name=value` in a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    pub name: Ident,
    pub value: ArgValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ArgValue {
    /// `{ SELECT … }`
    Select(Box<Select>),
    /// `[a, b]`; a single element without trailing comma means the element itself.
    Array(List),
    Expr(Expr),
}

/// A comma list: `(a, b)`, `[a, b]`, or what follows WHERE and GROUP BY.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    pub items: Vec<Expr>,
    pub trailing_comma: bool,
    pub span: Span,
}

pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
}

// Written out instead of derived: a chain of thousands of operators leans deep, and each of these walks it whole.

impl Clone for Expr {
    fn clone(&self) -> Self {
        deep(|| Expr { kind: self.kind.clone(), span: self.span })
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.span == other.span && deep(|| self.kind == other.kind)
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        deep(|| f.debug_struct("Expr").field("kind", &self.kind).field("span", &self.span).finish())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Null,
    /// `text` keeps the case as written (`TRUE`, `true`).
    Bool {
        value: bool,
        text: String,
    },
    Int(i64),
    Float(f64),
    /// A string literal: its bytes, and its spelling with quotes.
    String {
        value: Vec<u8>,
        text: String,
    },
    Symbol(Symbol),
    /// `(a, b)` or `(a)`: parentheses are kept, for the canonical text.
    Paren(Box<List>),
    /// A bare comma list (after WHERE or GROUP BY).
    List(Box<List>),
    Not(Box<Expr>),
    /// A chain of AND/&&: at least two terms; `ops[i]` joins `terms[i]` and `terms[i + 1]`.
    And {
        terms: Vec<Expr>,
        ops: Vec<LogicOp>,
    },
    /// A chain of OR/||.
    Or {
        terms: Vec<Expr>,
        ops: Vec<LogicOp>,
    },
    Compare {
        op: CompareOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `+ - * /`, left-associative.
    Arith {
        op: ArithOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `base.name` after something that is not a plain symbol: `a[0].b`, `f(x=1).b`, `(a).b`.
    Member {
        base: Box<Expr>,
        name: Ident,
    },
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    Range {
        base: Box<Expr>,
        start: Option<Box<Expr>>,
        end: Option<Box<Expr>>,
    },
}

/// `a.b.c`, `-a`, `f(x=1)`, `a.b(x=1)`. Members after a call are [`ExprKind::Member`].
#[derive(Clone, Debug, PartialEq)]
pub struct Symbol {
    /// A leading minus that belongs to the identifier.
    pub negated: bool,
    pub path: Vec<Ident>,
    pub args: Option<Vec<Arg>>,
    pub span: Span,
}

/// How a logic operator was written; it decides what the chain yields (section 7.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogicOp {
    /// `AND`, `or`, `||||`: as written. The result is a truth value.
    Word(String),
    /// `&&` or `||` exactly: the result is the term's value.
    Symbol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    Eq,
    Ne,
    /// `<>`, treated as `!=` but printed as written.
    LtGt,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Match,
}

impl CompareOp {
    pub const fn text(self) -> &'static str {
        match self {
            CompareOp::Eq => "=",
            CompareOp::Ne => "!=",
            CompareOp::LtGt => "<>",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
            CompareOp::In => "IN",
            CompareOp::Match => "=~",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithOp {
    Add,
    Sub,
    Mul,
    Div,
}

impl ArithOp {
    pub const fn text(self) -> &'static str {
        match self {
            ArithOp::Add => "+",
            ArithOp::Sub => "-",
            ArithOp::Mul => "*",
            ArithOp::Div => "/",
        }
    }
}

/// `a, b=>expr`, written inside a string.
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    pub params: Vec<Ident>,
    pub body: Expr,
}
