//! What a function or plugin declares about itself, once: argument checking, `help()`, the reference pages and
//! completion all come from these constants.
//!
//! A callable is one file: this metadata, then a free function that does the work. Examples run as tests.

use std::fmt;

use crate::args::Args;
use crate::permission::{Permission, Permissions};
use crate::scope::Scope;
use crate::value::{Row, Value};

/// The declared type of an argument (reference, section 11: what each accepts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Str,
    Int,
    Uint,
    Float,
    Bool,
    /// Any value; queries stay queries.
    Any,
    /// Evaluated only when the callable asks for it.
    Lazy,
    Dict,
    Query,
    Lambda,
    Time,
    Path,
    /// A list of text; a scalar is a list of one.
    StrList,
    /// A list of anything; a scalar is a list of one.
    AnyList,
    DictList,
    PathList,
}

impl Type {
    /// The word used in the reference pages.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Str => "string",
            Type::Int => "int64",
            Type::Uint => "uint64",
            Type::Float => "float64",
            Type::Bool => "bool",
            Type::Any => "any",
            Type::Lazy => "lazy",
            Type::Dict => "dict",
            Type::Query => "query",
            Type::Lambda => "lambda",
            Type::Time => "time",
            Type::Path => "path",
            Type::StrList => "list of string",
            Type::AnyList => "list of any",
            Type::DictList => "list of dict",
            Type::PathList => "list of path",
        }
    }
}

/// One declared argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    pub name: &'static str,
    pub ty: Type,
    pub required: bool,
    pub doc: &'static str,
    /// The default as VQL text, for the documentation ("" if none).
    pub default: &'static str,
}

impl Arg {
    pub const fn required(name: &'static str, ty: Type, doc: &'static str) -> Self {
        Arg { name, ty, required: true, doc, default: "" }
    }

    pub const fn optional(name: &'static str, ty: Type, doc: &'static str) -> Self {
        Arg { name, ty, required: false, doc, default: "" }
    }

    pub const fn with_default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }
}

/// An expression and the JSON it gives; both documentation and test.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    pub title: &'static str,
    /// For functions an expression, for plugins a whole query.
    pub vql: &'static str,
    /// Compact JSON: the value of the expression, or the array of rows.
    pub result: &'static str,
}

impl Example {
    pub const fn new(title: &'static str, vql: &'static str, result: &'static str) -> Self {
        Example { title, vql, result }
    }
}

/// Where a callable belongs in the reference pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    Language,
    Text,
    Numbers,
    Time,
    Data,
    Encoding,
    Parsers,
    Paths,
    Files,
    Host,
    Events,
    Server,
    Network,
}

/// The operating systems a callable works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platforms {
    All,
    Linux,
}

/// What both kinds of callable declare.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    pub category: Category,
    pub args: &'static [Arg],
    /// Accepts arguments of any name besides the declared ones (`dict(a=1)`).
    pub free_form: bool,
    /// A family of plugins, called by the names of its members: `Artifact.Linux.Sys.Users()`.
    pub is_family: bool,
    /// The caller must hold all of these.
    pub permissions: &'static [Permission],
    /// And at least one of these, if there are any.
    pub permissions_any: &'static [Permission],
    pub platforms: Platforms,
    /// What `version()` reports.
    pub version: i64,
    pub examples: &'static [Example],
}

impl Signature {
    /// The base to complete with `..Signature::NEW`.
    pub const NEW: Signature = Signature {
        name: "",
        doc: "",
        category: Category::Language,
        args: &[],
        free_form: false,
        is_family: false,
        permissions: &[],
        permissions_any: &[],
        platforms: Platforms::All,
        version: 0,
        examples: &[],
    };

    /// What the caller must hold, as help texts show it: each entry a permission, or several of which one is enough.
    pub fn needs(&self) -> Vec<String> {
        let mut needs: Vec<String> = self.permissions.iter().map(|p| p.name().to_owned()).collect();
        if !self.permissions_any.is_empty() {
            needs.push(names(self.permissions_any, " or "));
        }
        needs
    }

    /// Why a caller with these rights may not call it.
    pub(crate) fn check(&self, held: Permissions) -> Result<(), Error> {
        let denied =
            |names: String| Err(Error::new(format!("PermissionDenied: Permission denied: [{names}]")));
        if let Some(lacking) = self.permissions.iter().find(|p| !held.has(**p)) {
            return denied(lacking.name().to_owned());
        }
        match self.permissions_any {
            any if any.is_empty() || any.iter().any(|p| held.has(*p)) => Ok(()),
            any => denied(names(any, " ")),
        }
    }
}

fn names(permissions: &[Permission], between: &str) -> String {
    permissions.iter().map(|p| p.name()).collect::<Vec<_>>().join(between)
}

/// A function: arguments to a value.
#[derive(Clone, Copy)]
pub struct Function {
    pub signature: Signature,
    /// What a failed call yields: NULL, or FALSE for the older ones (builtins page, section 0).
    pub on_error: OnError,
    pub run: FunctionBody,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    Null,
    False,
}

#[derive(Clone, Copy)]
pub enum FunctionBody {
    Plain(fn(&Args<'_>) -> Result<Value, Error>),
    /// Keeps state per aggregate context and call site (reference, section 9): gets the state (NULL at first)
    /// and the evaluated arguments, one a slot (NULL when absent).
    Aggregate(fn(&Scope<'_>, &mut Value, &[Value]) -> Result<Value, Error>),
}

/// A plugin: arguments to a stream of rows.
#[derive(Clone, Copy)]
pub struct Plugin {
    pub signature: Signature,
    /// The columns rows have, where they are known beforehand.
    pub columns: &'static [&'static str],
    pub run: fn(&Args<'_>, &mut dyn Sink) -> Flow,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.signature.name)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {}", self.signature.name)
    }
}

/// Why a call failed: the text after `<name>: ` in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(pub Box<str>);

impl Error {
    pub fn new(message: impl Into<String>) -> Self {
        Error(message.into().into_boxed_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<&str> for Error {
    fn from(s: &str) -> Self {
        Error::new(s)
    }
}

impl From<String> for Error {
    fn from(s: String) -> Self {
        Error::new(s)
    }
}

/// Why a stream of rows ended early.
#[derive(Debug)]
pub enum Stop {
    /// Nobody wants more rows: the consumer is done, or the query was cancelled.
    Done,
    /// The source failed; logged where the plugin was called.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(e: Error) -> Self {
        Stop::Failed(e)
    }
}

impl From<&str> for Stop {
    fn from(e: &str) -> Self {
        Stop::Failed(e.into())
    }
}

impl From<String> for Stop {
    fn from(e: String) -> Self {
        Stop::Failed(e.into())
    }
}

/// `Ok`: go on. The `?` operator ends a source as soon as its consumer is done.
pub type Flow = Result<(), Stop>;

/// Where rows go. Rows are pushed, one call each: nothing is buffered between operators, so a row from a slow
/// source is delivered at once, and a slow consumer holds its source back.
pub trait Sink: Send {
    /// Takes a row. The cells may be taken out of it; the caller refills it for the next row.
    fn row(&mut self, row: &mut Row) -> Flow;

    /// Takes a row that is any value (an element of a list, a time object…).
    fn value(&mut self, value: Value) -> Flow;
}

/// Pushes `_value` rows or other values into a closure; the usual way to consume a query in place.
pub struct Each<F>(pub F);

impl<F: FnMut(Value) -> Flow + Send> Sink for Each<F> {
    fn row(&mut self, row: &mut Row) -> Flow {
        (self.0)(Value::Dict(std::mem::take(row).into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        (self.0)(value)
    }
}
