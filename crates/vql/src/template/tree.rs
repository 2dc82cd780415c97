//! The parsed form of a template.

use super::functions::Function;
use crate::schema::Name;
use crate::text::Text;
use crate::value::Value;

pub type Body = Vec<Node>;

#[derive(Debug)]
pub enum Node {
    Text(Text),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Call { line: u32, name: String, argument: Option<Pipe> },
    Break,
    Continue,
}

/// What `if`, `with` and `range` have in common.
#[derive(Debug)]
pub struct Branch {
    pub pipe: Pipe,
    pub body: Body,
    pub otherwise: Body,
}

/// Commands, each given what the one before gave.
#[derive(Debug)]
pub struct Pipe {
    pub line: u32,
    /// The variables that are set, with their dollar.
    pub variables: Vec<String>,
    /// `=` rather than `:=`.
    pub assigns: bool,
    pub commands: Vec<Command>,
}

/// A value, or a function with its arguments.
pub type Command = Vec<Operand>;

#[derive(Debug)]
pub enum Operand {
    Dot,
    Nil,
    Constant(Value),
    /// `.a.b`
    Field(Vec<Name>),
    /// `$x.a.b`
    Variable(String, Vec<Name>),
    Function(&'static Function),
    /// `(…).a.b`
    Pipe(Box<Pipe>, Vec<Name>),
}
