//! Statements and the clauses of SELECT.

use super::slip::Want;
use super::{Parsed, Parser};
use crate::ast::{
    Column, ColumnValue, Let, LetBody, Limit, OrderBy, Param, Program, Select, Source, Statement,
};
use crate::diagnostic::{Code, ParseError};
use crate::lexer::TokenKind;
use crate::literal::{self, Number};

impl Parser<'_> {
    pub(super) fn program(&mut self) -> Parsed<Program> {
        let mut statements = Vec::new();
        loop {
            statements.push(self.statement()?);
            if self.at(TokenKind::End) {
                return Ok(Program { statements, comments: self.comments() });
            }
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        match self.token.kind {
            TokenKind::Let => self.let_().map(Statement::Let),
            _ => self.select(self.after).map(Statement::Select),
        }
    }

    fn let_(&mut self) -> Parsed<Let> {
        let start = self.bump().span;
        let name = self.name(Want::LetName)?;
        let params = if self.at(TokenKind::OpenParen) { Some(self.deeper(Self::params)?) } else { None };
        let materialize = self.at(TokenKind::LtEq);
        if !materialize && !self.at(TokenKind::Eq) {
            return self.unexpected(if params.is_none() { Want::LetAssign } else { Want::LetEquals });
        }
        self.bump();
        let body = match self.token.kind {
            TokenKind::Select | TokenKind::Explain => {
                LetBody::Select(Box::new(self.select(Want::Statement)?))
            }
            TokenKind::OpenBrace | TokenKind::OpenBracket => return self.unexpected(Want::LetBody),
            _ => {
                let expr = self.expr()?;
                self.after = Want::AfterLet;
                LetBody::Expr(expr)
            }
        };
        Ok(Let { name, params, materialize, body, span: self.since(start) })
    }

    /// `(a, b=1)`, from the opening bracket to the closing one.
    fn params(&mut self) -> Parsed<Vec<Param>> {
        self.bump();
        let mut params = Vec::new();
        if !self.at(TokenKind::CloseParen) {
            loop {
                let name = self.name(Want::ParamName)?;
                let default = if self.eat(TokenKind::Eq) { Some(self.arg_value()?) } else { None };
                params.push(Param { name, default });
                if !self.eat(TokenKind::Comma) {
                    break;
                }
            }
        }
        self.expect(TokenKind::CloseParen, Want::AfterParam)?;
        Ok(params)
    }

    /// `[EXPLAIN] SELECT …`; `want` is what the caller could take here.
    pub(super) fn select(&mut self, want: Want) -> Parsed<Select> {
        let start = self.token.span;
        let explain = self.eat(TokenKind::Explain);
        self.expect(TokenKind::Select, if explain { Want::SelectWord } else { want })?;
        let (columns, mut height) = self.columns()?;
        let from = self.source()?;
        height = height.max(self.height);
        let (mut filter, mut group_by, mut order_by, mut limit) = (None, None, None, None);
        if self.eat(TokenKind::Where) {
            filter = Some(self.bare_list()?);
            height = height.max(self.height);
            self.after = Want::AfterWhere;
        }
        if self.eat(TokenKind::GroupBy) {
            group_by = Some(self.bare_list()?);
            height = height.max(self.height);
            self.after = Want::AfterGroup;
        }
        if self.eat(TokenKind::OrderBy) {
            order_by = Some(self.order_by()?);
        }
        if self.eat(TokenKind::Limit) {
            limit = Some(self.limit()?);
            self.after = Want::AfterLimit;
        }
        self.raise(height)?;
        let span = self.since(start);
        Ok(Select { explain, columns, from, filter, group_by, order_by, limit, span })
    }

    /// The columns up to and with FROM. The comma after a leading `*` may be left out; there may be no column.
    fn columns(&mut self) -> Parsed<(Vec<Column>, u32)> {
        let mut columns = Vec::new();
        let mut height = 0;
        let mut more = !self.at(TokenKind::From);
        if self.at(TokenKind::Star) {
            columns.push(self.column()?);
            let comma = self.eat(TokenKind::Comma);
            more = if comma { !self.at(TokenKind::From) } else { self.at_column() };
        }
        while more {
            columns.push(self.column()?);
            height = height.max(self.height);
            more = self.eat(TokenKind::Comma);
        }
        self.expect(TokenKind::From, Want::AfterColumn)?;
        Ok((columns, height))
    }

    fn at_column(&self) -> bool {
        matches!(self.token.kind, TokenKind::Star | TokenKind::OpenBrace) || self.at_operand()
    }

    fn column(&mut self) -> Parsed<Column> {
        let start = self.token.span;
        let value = match self.token.kind {
            TokenKind::Star => {
                self.bump();
                self.height = 1;
                ColumnValue::Star
            }
            TokenKind::OpenBrace => ColumnValue::Select(Box::new(self.braces()?)),
            _ if self.at_operand() => ColumnValue::Expr(self.expr()?),
            _ => return self.unexpected(Want::Column),
        };
        let alias = if self.eat(TokenKind::As) { Some(self.name(Want::Alias)?) } else { None };
        Ok(Column { value, alias, span: self.since(start) })
    }

    fn source(&mut self) -> Parsed<Source> {
        let start = self.token.span;
        let mut path = vec![self.name(Want::Source)?];
        self.dotted(&mut path)?;
        self.height = 1;
        let args = if self.at(TokenKind::OpenParen) { Some(self.deeper(Self::args)?) } else { None };
        self.after = Want::AfterSource;
        Ok(Source { path, args, span: self.since(start) })
    }

    fn order_by(&mut self) -> Parsed<OrderBy> {
        let column = self.name(Want::SortKey)?;
        let descending = self.eat(TokenKind::Desc);
        self.after = if descending { Want::AfterDesc } else { Want::AfterOrder };
        Ok(OrderBy { column, descending })
    }

    fn limit(&mut self) -> Parsed<Limit> {
        let token = self.expect(TokenKind::Number, Want::LimitNumber)?;
        let count = match literal::number(self.text(token.span)) {
            Some(Number::Int(value)) => value,
            // `as` keeps to the range of integers.
            Some(Number::Float(value)) => value as i64,
            None => {
                let message = "number is too large";
                return Err(ParseError::new(Code::NumberRange, message, token.span, self.source).into());
            }
        };
        Ok(Limit { count, span: token.span })
    }
}
