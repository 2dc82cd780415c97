//! Tokens to a tree.

use std::collections::HashMap;

use super::lexer::{Kind, Token};
use super::tree::{Body, Branch, Command, Node, Operand, Pipe};
use super::{Error, MAX_NESTING, Template, functions};
use crate::schema::Name;
use crate::stack;
use crate::text::Text;
use crate::value::Value;

pub fn parse(tokens: &[Token]) -> Result<Template, Error> {
    let mut parser = Parser {
        tokens,
        at: 0,
        named: HashMap::new(),
        variables: vec!["$".to_owned()],
        depth: 0,
        loops: 0,
        changes: false,
    };
    let (main, end) = parser.body()?;
    if end != Ended::Text {
        return parser.error(format!("unexpected {{{{{}}}}}", end.word()));
    }
    Ok(Template { main, named: parser.named, changes: parser.changes })
}

/// What ended a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    End,
    Else,
    Text,
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Ended::End => "end",
            Ended::Else => "else",
            Ended::Text => "EOF",
        }
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    named: HashMap<String, Body>,
    /// The variables known here.
    variables: Vec<String>,
    depth: usize,
    /// How many loops are open.
    loops: usize,
    changes: bool,
}

const KEYWORDS: &[&str] =
    &["if", "with", "range", "else", "end", "define", "block", "template", "break", "continue"];

impl Parser<'_> {
    fn line(&self) -> u32 {
        let token = self.tokens.get(self.at).or(self.tokens.last());
        token.map_or(1, |token| token.line)
    }

    fn error<T>(&self, reason: impl Into<String>) -> Result<T, Error> {
        Err(Error { line: self.line(), reason: reason.into() })
    }

    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn take(&mut self, kind: &Kind) -> bool {
        let is_next = self.peek() == Some(kind);
        self.at += usize::from(is_next);
        is_next
    }

    fn close(&mut self, context: &str) -> Result<(), Error> {
        if self.take(&Kind::Close) { Ok(()) } else { self.unexpected(context) }
    }

    fn unexpected<T>(&self, context: &str) -> Result<T, Error> {
        match self.peek() {
            None => self.error(format!("unexpected EOF in {context}")),
            Some(kind) => self.error(format!("unexpected {} in {context}", describe(kind))),
        }
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth >= MAX_NESTING {
            return self.error(format!("more than {MAX_NESTING} levels of nesting"));
        }
        self.depth += 1;
        let parsed = stack::deep(|| parse(self));
        self.depth -= 1;
        parsed
    }

    /// Nodes up to an end, which is consumed up to its word.
    fn body(&mut self) -> Result<(Body, Ended), Error> {
        self.nested(|parser| {
            let mut body = Body::new();
            loop {
                match parser.peek() {
                    None => return Ok((body, Ended::Text)),
                    Some(Kind::Outside(text)) => {
                        body.push(Node::Text(Text::from(text.as_str())));
                        parser.at += 1;
                    }
                    _ => {
                        if !parser.take(&Kind::Open) {
                            return parser.unexpected("template");
                        }
                        if let Some(end) = parser.action(&mut body)? {
                            return Ok((body, end));
                        }
                    }
                }
            }
        })
    }

    fn action(&mut self, body: &mut Body) -> Result<Option<Ended>, Error> {
        let word = match self.peek() {
            Some(Kind::Word(word)) if KEYWORDS.contains(&word.as_str()) => word.clone(),
            _ => {
                let pipe = self.pipe("command")?;
                self.close("command")?;
                body.push(Node::Action(pipe));
                return Ok(None);
            }
        };
        self.at += 1;
        match word.as_str() {
            "end" => return self.close("end").map(|()| Some(Ended::End)),
            // What follows is looked at by whoever this ends.
            "else" => return Ok(Some(Ended::Else)),
            "if" => body.push(Node::If(self.branch("if")?)),
            "with" => body.push(Node::With(self.branch("with")?)),
            "range" => body.push(Node::Range(self.branch("range")?)),
            "define" => self.define()?,
            "block" => body.push(self.block()?),
            "template" => body.push(self.call()?),
            word => {
                if self.loops == 0 {
                    return self.error(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                self.close(word)?;
                body.push(if word == "break" { Node::Break } else { Node::Continue });
            }
        }
        Ok(None)
    }

    fn branch(&mut self, word: &'static str) -> Result<Branch, Error> {
        self.nested(|parser| {
            let known = parser.variables.len();
            let pipe = parser.pipe(word)?;
            parser.close(word)?;
            let inside_known = parser.variables.len();
            parser.loops += usize::from(word == "range");
            let inside = parser.body();
            parser.loops -= usize::from(word == "range");
            let (body, end) = inside?;
            parser.variables.truncate(inside_known);
            let otherwise = match end {
                Ended::End => Body::new(),
                Ended::Else => parser.otherwise(word)?,
                Ended::Text => return parser.error("unexpected EOF"),
            };
            parser.variables.truncate(known);
            Ok(Branch { pipe, body, otherwise })
        })
    }

    /// What follows `else`, up to the end.
    fn otherwise(&mut self, word: &'static str) -> Result<Body, Error> {
        let is_chain = matches!(self.peek(), Some(Kind::Word(next)) if next == word && word != "range");
        if is_chain {
            self.at += 1;
            let branch = self.branch(word)?;
            return Ok(vec![if word == "if" { Node::If(branch) } else { Node::With(branch) }]);
        }
        self.close("else")?;
        match self.body()? {
            (body, Ended::End) => Ok(body),
            (_, end) => self.error(format!("expected end; found {{{{{}}}}}", end.word())),
        }
    }

    fn name(&mut self, context: &str) -> Result<String, Error> {
        match self.peek() {
            Some(Kind::Quoted(name)) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => self.unexpected(context),
        }
    }

    /// The body of a named template: it sees no variables of the place where it stands.
    fn definition(&mut self, name: &str) -> Result<(), Error> {
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let parsed = self.body();
        (self.variables, self.loops) = (outer, loops);
        match parsed? {
            (body, Ended::End) => {
                self.named.insert(name.to_owned(), body);
                Ok(())
            }
            (_, end) => self.error(format!("unexpected {{{{{}}}}} in define", end.word())),
        }
    }

    fn define(&mut self) -> Result<(), Error> {
        let name = self.name("define clause")?;
        self.close("define clause")?;
        self.definition(&name)
    }

    fn block(&mut self) -> Result<Node, Error> {
        let line = self.line();
        let name = self.name("block clause")?;
        let argument = self.pipe("block clause")?;
        self.close("block clause")?;
        self.definition(&name)?;
        Ok(Node::Call { line, name, argument: Some(argument) })
    }

    fn call(&mut self) -> Result<Node, Error> {
        let line = self.line();
        let name = self.name("template clause")?;
        let argument = match self.peek() {
            Some(Kind::Close) => None,
            _ => Some(self.pipe("template clause")?),
        };
        self.close("template clause")?;
        Ok(Node::Call { line, name, argument })
    }

    fn pipe(&mut self, context: &str) -> Result<Pipe, Error> {
        let line = self.line();
        let (variables, assigns) = self.declared(context)?;
        let mut commands = vec![self.command(context)?];
        while self.take(&Kind::Bar) {
            let command = self.command(context)?;
            if !matches!(command[0], Operand::Function(_)) {
                return self
                    .error(format!("non executable command in pipeline stage {}", commands.len() + 1));
            }
            commands.push(command);
        }
        if assigns {
            if let Some(unknown) = variables.iter().find(|name| !self.variables.contains(name)) {
                return self.error(format!("undefined variable {unknown:?}"));
            }
        } else {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe { line, variables, assigns, commands })
    }

    /// `$x :=`, `$x =` or, of a loop, `$i, $x :=`.
    fn declared(&mut self, context: &str) -> Result<(Vec<String>, bool), Error> {
        let kinds = |i: usize| self.tokens.get(self.at + i).map(|token| &token.kind);
        let (names, mark) = match (kinds(0), kinds(1), kinds(2), kinds(3)) {
            (Some(Kind::Variable(one)), Some(mark @ (Kind::Declare | Kind::Assign)), ..) => {
                (vec![one.clone()], mark)
            }
            (
                Some(Kind::Variable(one)),
                Some(Kind::Comma),
                Some(Kind::Variable(two)),
                Some(mark @ (Kind::Declare | Kind::Assign)),
            ) => {
                if context != "range" {
                    return self.error(format!("too many declarations in {context}"));
                }
                (vec![one.clone(), two.clone()], mark)
            }
            _ => return Ok((Vec::new(), false)),
        };
        let assigns = *mark == Kind::Assign;
        self.at += names.len() * 2;
        Ok((names, assigns))
    }

    fn command(&mut self, context: &str) -> Result<Command, Error> {
        let mut command = Command::new();
        loop {
            match self.peek() {
                Some(Kind::Bar | Kind::Close | Kind::Right) if !command.is_empty() => break,
                Some(Kind::Bar | Kind::Close | Kind::Right) => {
                    return self.error(format!("missing value for {context}"));
                }
                _ => {}
            }
            if !command.is_empty() && !self.tokens[self.at].spaced {
                return self.unexpected("operand");
            }
            let operand = self.operand(context)?;
            command.push(operand);
        }
        match &command[0] {
            Operand::Nil => self.error("nil is not a command"),
            Operand::Constant(_) | Operand::Dot if command.len() > 1 => {
                self.error("can't give argument to non-function")
            }
            _ => Ok(command),
        }
    }

    fn operand(&mut self, context: &str) -> Result<Operand, Error> {
        let Some(token) = self.tokens.get(self.at) else { return self.unexpected(context) };
        self.at += 1;
        Ok(match &token.kind {
            Kind::Dot => Operand::Dot,
            Kind::Field(name) => Operand::Field(self.fields(Some(Name::new(name)))),
            Kind::Variable(name) => {
                if !self.variables.contains(name) {
                    return self.error(format!("undefined variable {name:?}"));
                }
                Operand::Variable(name.clone(), self.fields(None))
            }
            Kind::Left => {
                let pipe = self.nested(|parser| parser.pipe("parenthesized pipeline"))?;
                if !self.take(&Kind::Right) {
                    return self.error("unclosed left paren");
                }
                Operand::Pipe(Box::new(pipe), self.fields(None))
            }
            Kind::Word(word) => match word.as_str() {
                "true" => Operand::Constant(Value::Bool(true)),
                "false" => Operand::Constant(Value::Bool(false)),
                "nil" => Operand::Nil,
                word => match functions::find(word) {
                    Some(function) => {
                        self.changes |= function.changes();
                        Operand::Function(function)
                    }
                    None => return self.error(format!("function {word:?} not defined")),
                },
            },
            kind => match kind.constant() {
                Some(value) => Operand::Constant(value),
                None => {
                    self.at -= 1;
                    return self.unexpected(context);
                }
            },
        })
    }

    /// The fields that follow without a space.
    fn fields(&mut self, first: Option<Name>) -> Vec<Name> {
        let mut names: Vec<Name> = first.into_iter().collect();
        while let Some(Token { kind: Kind::Field(name), spaced: false, .. }) = self.tokens.get(self.at) {
            names.push(Name::new(name));
            self.at += 1;
        }
        names
    }
}

fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Outside(_) => "text".to_owned(),
        Kind::Open => "{{".to_owned(),
        Kind::Close => "}}".to_owned(),
        Kind::Word(word) => format!("<{word}>"),
        Kind::Field(name) => format!("<.{name}>"),
        Kind::Dot => "<.>".to_owned(),
        Kind::Variable(name) => format!("<{name}>"),
        Kind::Number(_) => "number".to_owned(),
        Kind::Quoted(text) => format!("{text:?}"),
        Kind::Declare => ":=".to_owned(),
        Kind::Assign => "=".to_owned(),
        Kind::Bar => "|".to_owned(),
        Kind::Comma => "\",\"".to_owned(),
        Kind::Left => "(".to_owned(),
        Kind::Right => ")".to_owned(),
    }
}
