//! Tokens as the formatter sees them: with the text to show and the comments that go with them.

use crate::lexer::{Lexer, Token, TokenKind};
use crate::span::Span;

/// A token and its comments.
pub(super) struct Piece<'s> {
    pub kind: TokenKind,
    pub text: &'s str,
    /// Comments on lines of their own before the token.
    pub leading: Vec<Note<'s>>,
    /// Comments that start on the line where the token ends.
    pub trailing: Vec<Note<'s>>,
    /// A blank line stands right before the token.
    pub blank_before: bool,
    pub starts_statement: bool,
    /// For an opening bracket: a comma stands directly between it and its partner.
    pub has_comma: bool,
}

/// A comment.
#[derive(Clone, Copy)]
pub(super) struct Note<'s> {
    pub text: &'s str,
    pub blank_before: bool,
    /// It ends with the line, so the next token cannot stand on it.
    pub to_line_end: bool,
}

/// All tokens of a valid program; the last is [`TokenKind::End`].
pub(super) fn read(source: &str) -> Vec<Piece<'_>> {
    let mut lexer = Lexer::new(source);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut end = 0;
    loop {
        let token = lexer.next_token();
        let mut leading = Vec::new();
        for comment in std::mem::take(&mut lexer.comments) {
            let gap = &source[end..comment.start as usize];
            let note = note(source, comment, gap);
            end = comment.end as usize;
            match pieces.last_mut() {
                Some(before) if leading.is_empty() && !gap.contains('\n') => before.trailing.push(note),
                _ => leading.push(note),
            }
        }
        let blank_before = is_blank(&source[end..token.span.start as usize]);
        pieces.push(piece(source, token, leading, blank_before));
        end = token.span.end as usize;
        if token.kind == TokenKind::End {
            break;
        }
    }
    mark(&mut pieces);
    pieces
}

fn piece<'s>(source: &'s str, token: Token, leading: Vec<Note<'s>>, blank_before: bool) -> Piece<'s> {
    Piece {
        kind: token.kind,
        text: shown(token.kind).unwrap_or(&source[token.span.range()]),
        leading,
        trailing: Vec::new(),
        blank_before,
        starts_statement: false,
        has_comma: false,
    }
}

fn note<'s>(source: &'s str, comment: Span, gap: &str) -> Note<'s> {
    let text = &source[comment.range()];
    let to_line_end = !text.starts_with("/*");
    let text = if to_line_end { text.trim_end() } else { text };
    Note { text, blank_before: is_blank(gap), to_line_end }
}

/// Whether the white space between two things holds an empty line.
fn is_blank(gap: &str) -> bool {
    gap.bytes().filter(|b| *b == b'\n').count() > 1
}

/// Finds where statements start and which brackets hold commas.
fn mark(pieces: &mut [Piece]) {
    use TokenKind::*;
    let mut open = Vec::new();
    let mut before = End;
    for i in 0..pieces.len() {
        let kind = pieces[i].kind;
        match kind {
            OpenParen | OpenBracket | OpenBrace => open.push(i),
            CloseParen | CloseBracket | CloseBrace => drop(open.pop()),
            Comma => {
                if let Some(bracket) = open.last() {
                    pieces[*bracket].has_comma = true;
                }
            }
            Let | Select | Explain if open.is_empty() => {
                pieces[i].starts_statement = !matches!(before, Eq | LtEq | Explain);
            }
            _ => {}
        }
        before = kind;
    }
}

/// The spelling of keywords, except those whose spelling matters.
fn shown(kind: TokenKind) -> Option<&'static str> {
    use TokenKind::*;
    Some(match kind {
        Explain => "EXPLAIN",
        Select => "SELECT",
        Where => "WHERE",
        From => "FROM",
        Not => "NOT",
        As => "AS",
        In => "IN",
        Limit => "LIMIT",
        Null => "NULL",
        Desc => "DESC",
        GroupBy => "GROUP BY",
        OrderBy => "ORDER BY",
        Let => "LET",
        _ => return None,
    })
}
