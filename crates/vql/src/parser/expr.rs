//! Expressions, from the loosest operator to the tightest:
//! `,` → AND → OR → NOT → one comparison → `+ -` → `* /` → `[ ]` and `.`. AND is looser than OR: not as in SQL.

use super::slip::Want;
use super::{Parsed, Parser};
use crate::ast::{
    Arg, ArgValue, ArithOp, CompareOp, Expr, ExprKind, Ident, Lambda, List, LogicOp, Select, Symbol,
};
use crate::diagnostic::{Code, ParseError};
use crate::lexer::TokenKind;
use crate::literal::{self, Number};
use crate::span::Span;

impl Parser<'_> {
    /// `a, b=>expr`
    pub(super) fn lambda(&mut self) -> Parsed<Lambda> {
        let mut params = vec![self.name(Want::LambdaParam)?];
        while self.eat(TokenKind::Comma) {
            params.push(self.name(Want::LambdaParam)?);
        }
        self.expect(TokenKind::Arrow, Want::LambdaArrow)?;
        let body = self.expr()?;
        self.expect_end(Want::AfterExpr)?;
        Ok(Lambda { params, body })
    }

    /// `expr {, [expr]}`: commas may trail, and several in a row count as one.
    pub(super) fn list(&mut self) -> Parsed<List> {
        let start = self.token.span;
        let mut items = vec![self.expr()?];
        let mut height = self.height;
        let mut trailing_comma = false;
        while self.eat(TokenKind::Comma) {
            trailing_comma = !self.at_operand();
            if !trailing_comma {
                items.push(self.expr()?);
                height = height.max(self.height);
            }
        }
        self.height = height;
        Ok(List { items, trailing_comma, span: self.since(start) })
    }

    /// What follows WHERE and GROUP BY: a list, or just its element when there is no comma.
    pub(super) fn bare_list(&mut self) -> Parsed<Expr> {
        let mut list = self.list()?;
        if list.items.len() == 1 && !list.trailing_comma {
            return Ok(list.items.remove(0));
        }
        self.raise(self.height)?;
        Ok(Expr { span: list.span, kind: ExprKind::List(Box::new(list)) })
    }

    pub(super) fn at_operand(&self) -> bool {
        use TokenKind::*;
        matches!(
            self.token.kind,
            Ident | NegIdent | Number | String | RawString | Null | True | False | OpenParen | Not
        )
    }

    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        let first = self.or_chain()?;
        if !matches!(self.token.kind, TokenKind::And | TokenKind::AndAnd) {
            return Ok(first);
        }
        let start = first.span;
        let (mut terms, mut ops, mut height) = (vec![first], Vec::new(), self.height);
        while matches!(self.token.kind, TokenKind::And | TokenKind::AndAnd) {
            ops.push(self.logic_op("&&"));
            terms.push(self.or_chain()?);
            height = height.max(self.height);
        }
        self.raise(height)?;
        Ok(Expr { kind: ExprKind::And { terms, ops }, span: self.since(start) })
    }

    fn or_chain(&mut self) -> Parsed<Expr> {
        let first = self.condition()?;
        if !matches!(self.token.kind, TokenKind::Or | TokenKind::Bars) {
            return Ok(first);
        }
        let start = first.span;
        let (mut terms, mut ops, mut height) = (vec![first], Vec::new(), self.height);
        while matches!(self.token.kind, TokenKind::Or | TokenKind::Bars) {
            ops.push(self.logic_op("||"));
            terms.push(self.condition()?);
            height = height.max(self.height);
        }
        self.raise(height)?;
        Ok(Expr { kind: ExprKind::Or { terms, ops }, span: self.since(start) })
    }

    /// Takes a logic operator; only `symbol` itself, not a word or another run of bars, is the symbolic form.
    fn logic_op(&mut self, symbol: &str) -> LogicOp {
        let span = self.bump().span;
        let text = self.text(span);
        if text == symbol { LogicOp::Symbol } else { LogicOp::Word(text.to_owned()) }
    }

    fn condition(&mut self) -> Parsed<Expr> {
        if self.at(TokenKind::Not) {
            let start = self.bump().span;
            let inner = self.deeper(Self::condition)?;
            self.raise(self.height)?;
            return Ok(Expr { kind: ExprKind::Not(Box::new(inner)), span: self.since(start) });
        }
        let left = self.sum()?;
        let Some(op) = compare_op(self.token.kind) else { return Ok(left) };
        let height = self.height;
        self.bump();
        let right = self.sum()?;
        if compare_op(self.token.kind).is_some() {
            return self.unexpected(Want::AfterComparison);
        }
        self.raise(height.max(self.height))?;
        let span = left.span.to(right.span);
        Ok(Expr { kind: ExprKind::Compare { op, left: Box::new(left), right: Box::new(right) }, span })
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let mut left = self.product()?;
        loop {
            let op = match self.token.kind {
                TokenKind::Plus => ArithOp::Add,
                TokenKind::Minus => ArithOp::Sub,
                _ => return Ok(left),
            };
            let height = self.height;
            self.bump();
            let right = self.product()?;
            self.raise(height.max(self.height))?;
            left = arith(op, left, right);
        }
    }

    fn product(&mut self) -> Parsed<Expr> {
        let mut left = self.member()?;
        loop {
            let op = match self.token.kind {
                TokenKind::Star => ArithOp::Mul,
                TokenKind::Slash => ArithOp::Div,
                _ => return Ok(left),
            };
            let height = self.height;
            self.bump();
            let right = self.value()?;
            if matches!(self.token.kind, TokenKind::OpenBracket | TokenKind::Dot) {
                return self.unexpected(Want::AfterFactor);
            }
            self.raise(height.max(self.height))?;
            left = arith(op, left, right);
        }
    }

    fn member(&mut self) -> Parsed<Expr> {
        let mut base = self.value()?;
        loop {
            let height = self.height;
            let start = base.span;
            let kind = match self.token.kind {
                TokenKind::Dot => {
                    self.bump();
                    ExprKind::Member { base: Box::new(base), name: self.name(Want::Member)? }
                }
                TokenKind::OpenBracket => self.deeper(|parser| parser.index(base))?,
                _ => return Ok(base),
            };
            self.raise(height.max(self.height))?;
            base = Expr { kind, span: self.since(start) };
        }
    }

    /// `[value]`, `[value:value]` with either bound left out.
    fn index(&mut self, base: Expr) -> Parsed<ExprKind> {
        self.bump();
        let base = Box::new(base);
        let start = if self.at(TokenKind::Colon) { None } else { Some(Box::new(self.index_value()?)) };
        let height = self.height;
        match start {
            Some(index) if !self.at(TokenKind::Colon) => {
                self.expect(TokenKind::CloseBracket, Want::AfterIndex)?;
                Ok(ExprKind::Index { base, index })
            }
            start => {
                self.expect(TokenKind::Colon, Want::AfterIndex)?;
                let open = self.at(TokenKind::CloseBracket);
                let end = if open { None } else { Some(Box::new(self.index_value()?)) };
                self.height = height.max(self.height);
                self.expect(TokenKind::CloseBracket, Want::AfterRange)?;
                Ok(ExprKind::Range { base, start, end })
            }
        }
    }

    fn index_value(&mut self) -> Parsed<Expr> {
        if !self.at_operand() || self.at(TokenKind::Not) {
            return self.unexpected(Want::Index);
        }
        self.value()
    }

    fn value(&mut self) -> Parsed<Expr> {
        let span = self.token.span;
        self.height = 1;
        let kind = match self.token.kind {
            TokenKind::Ident | TokenKind::NegIdent => ExprKind::Symbol(self.symbol()?),
            TokenKind::OpenParen => ExprKind::Paren(Box::new(self.deeper(Self::parens)?)),
            TokenKind::String | TokenKind::RawString => {
                self.bump();
                let text = self.text(span);
                ExprKind::String { value: literal::string(text), text: text.to_owned() }
            }
            TokenKind::Number => self.number()?,
            TokenKind::True | TokenKind::False => {
                let value = self.bump().kind == TokenKind::True;
                ExprKind::Bool { value, text: self.text(span).to_owned() }
            }
            TokenKind::Null => {
                self.bump();
                ExprKind::Null
            }
            _ => return self.unexpected(Want::Operand),
        };
        Ok(Expr { kind, span: self.since(span) })
    }

    fn number(&mut self) -> Parsed<ExprKind> {
        let span = self.bump().span;
        match literal::number(self.text(span)) {
            Some(Number::Int(value)) => Ok(ExprKind::Int(value)),
            Some(Number::Float(value)) => Ok(ExprKind::Float(value)),
            None => {
                let message = "number is too large";
                Err(ParseError::new(Code::NumberRange, message, span, self.source).into())
            }
        }
    }

    fn parens(&mut self) -> Parsed<List> {
        let start = self.bump().span;
        let mut list = self.list()?;
        self.expect(TokenKind::CloseParen, Want::AfterItem)?;
        list.span = self.since(start);
        self.raise(self.height)?;
        Ok(list)
    }

    fn symbol(&mut self) -> Parsed<Symbol> {
        let token = self.bump();
        let negated = token.kind == TokenKind::NegIdent;
        let name_span = Span { start: token.span.start + u32::from(negated), ..token.span };
        let mut path = vec![self.ident(self.text(name_span), name_span)];
        self.dotted(&mut path)?;
        let args = if self.at(TokenKind::OpenParen) { Some(self.deeper(Self::args)?) } else { None };
        Ok(Symbol { negated, path, args, span: self.since(token.span) })
    }

    /// The further parts of a dotted name.
    pub(super) fn dotted(&mut self, path: &mut Vec<Ident>) -> Parsed<()> {
        while self.eat(TokenKind::Dot) {
            path.push(self.name(Want::Member)?);
        }
        Ok(())
    }

    /// `(name=value, …)`, from the opening bracket to the closing one.
    pub(super) fn args(&mut self) -> Parsed<Vec<Arg>> {
        self.bump();
        if self.eat(TokenKind::CloseParen) {
            self.height = 1;
            return Ok(Vec::new());
        }
        // Most calls have one argument, and a vector that starts empty makes room for four.
        let mut args = vec![self.arg()?];
        let mut height = self.height;
        while self.eat(TokenKind::Comma) {
            args.push(self.arg()?);
            height = height.max(self.height);
        }
        self.expect(TokenKind::CloseParen, Want::AfterArg)?;
        self.raise(height)?;
        Ok(args)
    }

    fn arg(&mut self) -> Parsed<Arg> {
        let name = self.name(Want::ArgName)?;
        self.expect(TokenKind::Eq, Want::ArgEquals)?;
        let value = self.arg_value()?;
        Ok(Arg { name, value })
    }

    /// What stands after `name=`: the only place for array literals.
    pub(super) fn arg_value(&mut self) -> Parsed<ArgValue> {
        match self.token.kind {
            TokenKind::OpenBrace => Ok(ArgValue::Select(Box::new(self.braces()?))),
            TokenKind::OpenBracket => Ok(ArgValue::Array(self.deeper(Self::array)?)),
            _ => Ok(ArgValue::Expr(self.expr()?)),
        }
    }

    fn array(&mut self) -> Parsed<List> {
        let start = self.bump().span;
        self.height = 0;
        let mut list = if self.at(TokenKind::CloseBracket) {
            List { items: Vec::new(), trailing_comma: false, span: start }
        } else {
            self.list()?
        };
        self.expect(TokenKind::CloseBracket, Want::AfterElement)?;
        list.span = self.since(start);
        self.raise(self.height)?;
        Ok(list)
    }

    /// `{ SELECT … }`
    pub(super) fn braces(&mut self) -> Parsed<Select> {
        self.deeper(|parser| {
            parser.bump();
            let select = parser.select(Want::SubSelect)?;
            parser.expect(TokenKind::CloseBrace, parser.after)?;
            Ok(select)
        })
    }
}

fn arith(op: ArithOp, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Expr { kind: ExprKind::Arith { op, left: Box::new(left), right: Box::new(right) }, span }
}

fn compare_op(kind: TokenKind) -> Option<CompareOp> {
    Some(match kind {
        TokenKind::Eq => CompareOp::Eq,
        TokenKind::NotEq => CompareOp::Ne,
        TokenKind::LtGt => CompareOp::LtGt,
        TokenKind::Lt => CompareOp::Lt,
        TokenKind::LtEq => CompareOp::Le,
        TokenKind::Gt => CompareOp::Gt,
        TokenKind::GtEq => CompareOp::Ge,
        TokenKind::In => CompareOp::In,
        TokenKind::Match => CompareOp::Match,
        _ => return None,
    })
}
