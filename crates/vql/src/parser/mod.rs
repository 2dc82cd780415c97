//! Tokens in, syntax tree out: recursive descent over the grammar of the language reference, section 3.
//!
//! One token of look-ahead is enough everywhere. `expr.rs` holds expressions, `query.rs` statements and clauses,
//! `slip.rs` turns a token that fits nowhere into an error with advice.
//!
//! Two limits keep hostile programs from exhausting the stack, here and in everything that walks the tree later:
//! brackets and NOT nest at most [`MAX_DEPTH`] levels, and no tree is taller than [`MAX_HEIGHT`] (chains such as
//! `a + a + a …` lean to the left, one level for each operator). Chains of AND, OR and commas are flat and unlimited.

mod expr;
mod query;
mod slip;

use crate::ast::{Comment, Expr, Ident, Lambda, Program};
use crate::diagnostic::{Code, ParseError};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::span::Span;
use crate::{literal, stack};
use slip::Want;

/// Levels of brackets and NOT.
pub const MAX_DEPTH: u32 = 500;

/// Levels of the whole tree of one expression.
pub const MAX_HEIGHT: u32 = 10_000;

/// Longest source: places are kept in 32 bits.
pub const MAX_SOURCE: usize = 1 << 30;

/// Reads a program: one or more statements.
pub fn parse(source: &str) -> Result<Program, ParseError> {
    whole(source, Parser::program)
}

/// Reads one expression and nothing else.
pub fn parse_expr(source: &str) -> Result<Expr, ParseError> {
    whole(source, |parser| {
        let expr = parser.expr()?;
        parser.expect_end(Want::AfterExpr)?;
        Ok(expr)
    })
}

/// Reads what a lambda argument holds: `x=>x + 1`, `a, b=>a + b`.
pub fn parse_lambda(source: &str) -> Result<Lambda, ParseError> {
    whole(source, Parser::lambda)
}

fn whole<'s, T>(source: &'s str, read: impl FnOnce(&mut Parser<'s>) -> Parsed<T>) -> Result<T, ParseError> {
    if source.len() > MAX_SOURCE {
        let message = format!("source is longer than {MAX_SOURCE} bytes");
        return Err(ParseError::new(Code::TooLarge, message, Span::default(), source));
    }
    read(&mut Parser::new(source)).map_err(|error| *error)
}

/// Boxed, because every step of the descent hands it on and success is the common case.
type Parsed<T> = Result<T, Box<ParseError>>;

struct Parser<'s> {
    source: &'s str,
    lexer: Lexer<'s>,
    /// The token to be looked at next.
    token: Token,
    /// The last token that was taken.
    previous: Token,
    /// Brackets and NOTs around the present place.
    depth: u32,
    /// Height of the tree that was finished last; a second result of every rule that makes an expression.
    height: u32,
    /// What may follow the statement or sub-select that was finished last.
    after: Want,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str) -> Self {
        let mut lexer = Lexer::new(source);
        let token = lexer.next_token();
        let previous = Token { kind: TokenKind::End, span: Span::default() };
        Parser { source, lexer, token, previous, depth: 0, height: 0, after: Want::Statement }
    }

    fn text(&self, span: Span) -> &'s str {
        &self.source[span.range()]
    }

    /// Takes the present token.
    fn bump(&mut self) -> Token {
        self.previous = self.token;
        self.token = self.lexer.next_token();
        self.previous
    }

    fn at(&self, kind: TokenKind) -> bool {
        self.token.kind == kind
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind, want: Want) -> Parsed<Token> {
        if self.at(kind) { Ok(self.bump()) } else { self.unexpected(want) }
    }

    fn expect_end(&mut self, want: Want) -> Parsed<()> {
        if self.at(TokenKind::End) { Ok(()) } else { self.unexpected(want) }
    }

    /// The place from `start` to the last token taken.
    fn since(&self, start: Span) -> Span {
        start.to(self.previous.span)
    }

    fn name(&mut self, want: Want) -> Parsed<Ident> {
        let token = self.expect(TokenKind::Ident, want)?;
        Ok(self.ident(self.text(token.span), token.span))
    }

    fn ident(&self, text: &str, span: Span) -> Ident {
        let ticked = text.starts_with('`').then(|| text.into());
        Ident { name: literal::name(text).into_owned(), ticked, span }
    }

    /// Runs a rule one level further down.
    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(ParseError::new(Code::TooDeep, message, self.token.span, self.source).into());
        }
        self.depth += 1;
        let result = stack::deep(|| rule(self));
        self.depth -= 1;
        result
    }

    /// Notes that a node was put over trees of at most `height`.
    fn raise(&mut self, height: u32) -> Parsed<()> {
        self.height = height + 1;
        if self.height > MAX_HEIGHT {
            let message = format!("more than {MAX_HEIGHT} operators in one expression");
            return Err(ParseError::new(Code::TooLong, message, self.previous.span, self.source).into());
        }
        Ok(())
    }

    /// The comments met so far, with their text.
    fn comments(&self) -> Vec<Comment> {
        let comment = |span: &Span| Comment { text: self.text(*span).to_owned(), span: *span };
        self.lexer.comments.iter().map(comment).collect()
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
