//! The pretty formatter: one way to lay out a program.
//!
//! Only white space and the case of keywords change, never a token, so a program keeps its meaning and its comments.
//! `AND`, `OR`, `TRUE` and `FALSE` stay as written because their spelling shows in the names of unaliased columns
//! (language reference, section 6.3). Formatting twice gives the same text as once.
//!
//! The style: what fits in 80 columns stays on one line. A longer SELECT gets one line for each clause, a longer
//! list one line for each item, a longer chain one line for each operator; what is inside is indented by two.
//!
//! ```text
//! LET Big = SELECT Pid, Name FROM pslist() WHERE Size > 10
//! SELECT
//!   Name,
//!   upcase(string=Name) AS Upper
//! FROM foreach(
//!   row=Big,
//!   query={ SELECT * FROM glob(globs=Name) }
//! )
//! WHERE Name =~ "exe$"
//!   AND NOT Upper IN (…)
//! ```
//!
//! A comment on a line of its own stays in front of the token it stood before, any other stays behind the token it
//! followed. One blank line between statements is kept.
//!
//! `pieces.rs` reads tokens and comments, this file decides where lines may break, `print.rs` decides where they do.

mod pieces;
mod print;

use crate::diagnostic::ParseError;
use crate::lexer::TokenKind;
use crate::{parser, stack};
use pieces::{Note, Piece};
use print::Item;

/// Formats a program; one that does not parse is refused.
pub fn format(source: &str) -> Result<String, ParseError> {
    parser::parse(source)?;
    let mut layout = Layout { pieces: pieces::read(source), at: 0, items: Vec::new() };
    layout.program();
    Ok(print::print(&layout.items))
}

/// Walks the tokens of a valid program along the grammar and says where lines may break.
struct Layout<'s> {
    pieces: Vec<Piece<'s>>,
    at: usize,
    items: Vec<Item<'s>>,
}

impl<'s> Layout<'s> {
    fn kind(&self) -> TokenKind {
        self.pieces[self.at].kind
    }

    fn push(&mut self, item: Item<'s>) {
        self.items.push(item);
    }

    /// The comments that stand on their own lines before the present token.
    fn leading(&mut self) -> bool {
        let notes = std::mem::take(&mut self.pieces[self.at].leading);
        for note in &notes {
            self.push(if note.blank_before && self.is_between_statements() {
                Item::Blank
            } else {
                Item::Hard
            });
            self.push(Item::text(note.text));
            self.push(Item::Hard);
        }
        !notes.is_empty()
    }

    fn is_between_statements(&self) -> bool {
        self.pieces[self.at].starts_statement || self.kind() == TokenKind::End
    }

    /// Puts out the present token with its comments.
    fn take(&mut self) {
        self.leading();
        if self.kind() == TokenKind::End {
            return;
        }
        self.push(Item::text(self.pieces[self.at].text));
        for note in std::mem::take(&mut self.pieces[self.at].trailing) {
            self.trailing(note);
        }
        self.at += 1;
    }

    fn trailing(&mut self, note: Note<'s>) {
        use TokenKind::*;
        self.push(Item::Space);
        if note.to_line_end {
            self.push(Item::line_comment(note.text));
            return self.push(Item::Hard);
        }
        self.push(Item::text(note.text));
        if !matches!(self.pieces[self.at + 1].kind, Comma | CloseParen | CloseBracket | End) {
            self.push(Item::Space);
        }
    }

    /// Takes the token if it is of that kind.
    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.take();
        }
        found
    }

    /// Puts what `inside` makes in a group, which is laid out on one line if it fits.
    fn group(&mut self, inside: impl FnOnce(&mut Self)) {
        self.push(Item::Open);
        inside(self);
        self.push(Item::Close);
    }

    fn indent(&mut self, inside: impl FnOnce(&mut Self)) {
        self.push(Item::Indent);
        inside(self);
        self.push(Item::Dedent);
    }

    fn program(&mut self) {
        while self.kind() != TokenKind::End {
            self.push(Item::Hard);
            self.leading();
            let blank = self.pieces[self.at].blank_before;
            self.push(if blank { Item::Blank } else { Item::Hard });
            match self.kind() {
                TokenKind::Let => self.let_(),
                _ => self.select(),
            }
        }
        self.leading();
    }

    fn let_(&mut self) {
        self.group(|this| {
            this.take();
            this.push(Item::Space);
            this.take();
            if this.kind() == TokenKind::OpenParen {
                this.list(TokenKind::CloseParen, Self::param);
            }
            this.push(Item::Space);
            let commented = this.pieces[this.at].trailing.iter().any(|note| note.to_line_end);
            this.take();
            let commented = commented || !this.pieces[this.at].leading.is_empty();
            if matches!(this.kind(), TokenKind::Select | TokenKind::Explain) {
                this.push(Item::Indent);
                this.push(Item::Line);
                this.select();
                this.push(Item::Dedent);
            } else {
                this.push(Item::Space);
                this.push(if commented { Item::Indent } else { Item::Nothing });
                this.expr(true);
                this.push(if commented { Item::Dedent } else { Item::Nothing });
            }
        });
    }

    fn param(&mut self) {
        self.take();
        if self.eat(TokenKind::Eq) {
            self.arg_value();
        }
    }

    fn select(&mut self) {
        self.group(|this| {
            if this.eat(TokenKind::Explain) {
                this.push(Item::Space);
            }
            this.take();
            if this.kind() != TokenKind::From {
                this.columns();
            }
            this.push(Item::Line);
            this.take();
            this.push(Item::Space);
            this.symbol();
            this.clauses();
        });
    }

    fn columns(&mut self) {
        self.group(|this| {
            this.indent(|this| {
                this.push(Item::Line);
                let star = this.kind() == TokenKind::Star;
                this.column();
                // The comma after a leading star may be missing, and one may stand before FROM.
                while this.eat(TokenKind::Comma) || star && this.kind() != TokenKind::From {
                    if this.kind() == TokenKind::From {
                        break;
                    }
                    this.push(Item::Line);
                    this.column();
                }
            });
        });
    }

    fn column(&mut self) {
        match self.kind() {
            TokenKind::Star => self.take(),
            TokenKind::OpenBrace => self.braces(),
            _ => self.expr(true),
        }
        if self.kind() == TokenKind::As {
            self.push(Item::Space);
            self.take();
            self.push(Item::Space);
            self.take();
        }
    }

    fn clauses(&mut self) {
        use TokenKind::*;
        while matches!(self.kind(), Where | GroupBy | OrderBy | Limit) {
            let list = matches!(self.kind(), Where | GroupBy);
            self.push(Item::Line);
            self.take();
            self.push(Item::Space);
            if list {
                self.group(|this| this.items(true, |this| this.expr(true)));
            } else {
                self.take();
            }
            if self.kind() == Desc {
                self.push(Item::Space);
                self.take();
            }
        }
    }

    /// `item {, [item]}`, the items after the first indented if `hang`.
    fn items(&mut self, hang: bool, mut item: impl FnMut(&mut Self)) {
        item(self);
        self.push(if hang { Item::Indent } else { Item::Nothing });
        while self.eat(TokenKind::Comma) {
            if self.at_item() {
                self.push(Item::Line);
                item(self);
            }
        }
        self.push(if hang { Item::Dedent } else { Item::Nothing });
    }

    /// Whether an item follows, after a comma which may be the last.
    fn at_item(&self) -> bool {
        use TokenKind::*;
        matches!(
            self.kind(),
            Ident | NegIdent | Number | String | RawString | Null | True | False | OpenParen | Not
        )
    }

    /// A bracketed list, from the opening bracket to the closing one.
    fn list(&mut self, close: TokenKind, item: impl FnMut(&mut Self)) {
        stack::deep(|| {
            self.group(|this| {
                this.take();
                if this.kind() == close {
                    return this.take();
                }
                this.indent(|this| {
                    this.push(Item::Soft);
                    this.items(false, item);
                    // Comments before the closing bracket belong to what is inside.
                    this.leading();
                });
                this.push(Item::Soft);
                this.take();
            });
        });
    }

    /// Calls are lists of arguments; other brackets are lists of values.
    fn values(&mut self, close: TokenKind) {
        let hang = self.pieces[self.at].has_comma;
        self.list(close, |this| this.expr(hang));
    }

    fn arg(&mut self) {
        self.take();
        self.take();
        self.arg_value();
    }

    fn arg_value(&mut self) {
        match self.kind() {
            TokenKind::OpenBrace => self.braces(),
            TokenKind::OpenBracket => self.values(TokenKind::CloseBracket),
            _ => self.expr(true),
        }
    }

    fn braces(&mut self) {
        stack::deep(|| {
            self.group(|this| {
                this.take();
                this.indent(|this| {
                    this.push(Item::Line);
                    this.select();
                    this.leading();
                });
                this.push(Item::Line);
                this.take();
            });
        });
    }

    /// A chain of AND over chains of OR; the terms after the first are indented if `hang`.
    fn expr(&mut self, hang: bool) {
        let or = |this: &mut Self, hang| {
            this.chain(hang, |k| matches!(k, TokenKind::Or | TokenKind::Bars), |this, _| this.condition());
        };
        self.chain(hang, |k| matches!(k, TokenKind::And | TokenKind::AndAnd), or);
    }

    /// `term {op term}` with a possible break before each operator.
    fn chain(&mut self, hang: bool, is_op: impl Fn(TokenKind) -> bool, term: impl Fn(&mut Self, bool)) {
        let open = self.items.len();
        self.push(Item::Nothing);
        term(self, hang);
        if !is_op(self.kind()) {
            return;
        }
        self.items[open] = Item::Open;
        self.push(if hang { Item::Indent } else { Item::Nothing });
        while is_op(self.kind()) {
            self.push(Item::Line);
            self.take();
            self.push(Item::Space);
            term(self, true);
        }
        self.push(if hang { Item::Dedent } else { Item::Nothing });
        self.push(Item::Close);
    }

    fn condition(&mut self) {
        if self.eat(TokenKind::Not) {
            self.push(Item::Space);
            return stack::deep(|| self.condition());
        }
        self.sum();
        if is_comparison(self.kind()) {
            self.push(Item::Space);
            self.take();
            self.push(Item::Space);
            self.sum();
        }
    }

    fn sum(&mut self) {
        let is_op = |kind| matches!(kind, TokenKind::Plus | TokenKind::Minus);
        self.chain(true, is_op, |this, _| this.product());
    }

    fn product(&mut self) {
        self.member();
        while matches!(self.kind(), TokenKind::Star | TokenKind::Slash) {
            self.push(Item::Space);
            self.take();
            self.push(Item::Space);
            self.value();
        }
    }

    fn member(&mut self) {
        self.value();
        loop {
            match self.kind() {
                TokenKind::Dot => {
                    self.take();
                    self.take();
                }
                TokenKind::OpenBracket => self.index(),
                _ => return,
            }
        }
    }

    fn index(&mut self) {
        self.take();
        while !matches!(self.kind(), TokenKind::CloseBracket | TokenKind::End) {
            if !self.eat(TokenKind::Colon) {
                stack::deep(|| self.value());
            }
        }
        self.take();
    }

    fn value(&mut self) {
        match self.kind() {
            TokenKind::Ident | TokenKind::NegIdent => self.symbol(),
            TokenKind::OpenParen => self.values(TokenKind::CloseParen),
            _ => self.take(),
        }
    }

    fn symbol(&mut self) {
        self.take();
        while self.eat(TokenKind::Dot) {
            self.take();
        }
        if self.kind() == TokenKind::OpenParen {
            self.list(TokenKind::CloseParen, Self::arg);
        }
    }
}

fn is_comparison(kind: TokenKind) -> bool {
    use TokenKind::*;
    matches!(kind, Eq | NotEq | LtGt | Lt | LtEq | Gt | GtEq | In | Match)
}

#[cfg(test)]
mod tests;
