//! Parse errors: what is wrong, where, what was expected, and how to write it instead.
//!
//! Every kind of error has a stable number, given once in the table [`codes!`] below and never reused.
//! A [`ParseError`] stands on its own (it keeps line, column and the few characters around the place), so it can
//! be sent on as one line with [`fmt::Display`]; [`ParseError::render`] draws the excerpt for people.

use crate::span::{Span, line_column};
use std::borrow::Cow;
use std::fmt;

macro_rules! codes {
    ($($variant:ident = $number:literal, $doc:literal;)*) => {
        /// The kinds of parse errors, by their stable numbers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Code { $(#[doc = $doc] $variant = $number),* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// One sentence for the list of codes.
            pub const fn doc(self) -> &'static str {
                match self { $(Code::$variant => $doc),* }
            }
        }
    };
}

codes! {
    // text that is no token
    BadCharacter = 1, "A character that begins no token.";
    OpenString = 2, "A string is not closed.";
    OpenComment = 3, "A block comment is not closed.";
    OpenName = 4, "A name in back-ticks is not closed.";
    EmptyName = 5, "A name in back-ticks is empty.";
    NumberRange = 6, "A number is too large even for a float.";
    Semicolon = 7, "Statements need no separator.";
    Bang = 8, "There is no `!` operator.";
    // limits
    TooDeep = 20, "Brackets or NOT are nested too deeply.";
    TooLong = 21, "Too many operators in one expression.";
    TooLarge = 22, "The source is too large.";
    // grammar in general
    Unexpected = 100, "A token that cannot stand here.";
    UnexpectedEnd = 101, "The text ends too early.";
    NoStatement = 102, "A program needs at least one statement.";
    KeywordAsName = 103, "A reserved word stands where a name is wanted.";
    // operators
    StuckMinus = 200, "A minus sticks to what follows it.";
    DoubleEquals = 201, "Equality is written with one `=`.";
    ChainedComparison = 202, "Comparisons do not chain.";
    Modulo = 203, "There is no modulo operator.";
    FactorStep = 204, "The right side of `*` and `/` is a plain value.";
    LoneMinus = 205, "A minus needs to touch a name or a number.";
    ForeignOperator = 206, "An operator of another language.";
    // calls, brackets
    PositionalArgument = 300, "Arguments are always named.";
    ArrayLiteral = 301, "Square brackets make an array only directly after `name=` in a call.";
    DictLiteral = 302, "There is no dict literal.";
    SelectPlace = 303, "A sub-select may stand only as a column or as an argument.";
    LetBraces = 304, "A stored query takes no braces.";
    EmptyParens = 305, "Empty parentheses are no value.";
    IndexValue = 306, "An index is a single value.";
    TrailingComma = 307, "A comma with nothing after it.";
    // clauses
    MissingFrom = 400, "A SELECT needs FROM.";
    SortKey = 401, "ORDER BY takes one plain column name.";
    Ascending = 402, "There is no ASC.";
    LimitNumber = 403, "LIMIT takes a literal number.";
    ForeignClause = 404, "A clause of SQL that VQL does not have.";
    ClauseOrder = 405, "A clause is repeated or out of order.";
    SourceShape = 406, "FROM takes one plugin or stored query.";
    // lambdas
    LambdaShape = 500, "A lambda is written `x=>expression`.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{:03}", *self as u16)
    }
}

/// Why a program was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    pub code: Code,
    /// What is wrong, e.g. ``unexpected token `-1` ``. Lower case, one line.
    pub message: Box<str>,
    /// What could have stood here; empty when that says nothing.
    pub expected: &'static str,
    /// How to write it instead.
    pub hint: Option<Cow<'static, str>>,
    pub span: Span,
    /// Line and column of the first character, both from 1, columns in characters.
    pub line: u32,
    pub column: u32,
    /// Line and column just after the last character.
    pub end_line: u32,
    pub end_column: u32,
    /// About ten characters of source before the place, a bar, and about ten after.
    pub around: Box<str>,
}

impl ParseError {
    /// An error at a place of `source`.
    pub fn new(code: Code, message: impl Into<Box<str>>, span: Span, source: &str) -> Self {
        let (line, column) = line_column(source.as_bytes(), span.start as usize);
        let (end_line, end_column) = line_column(source.as_bytes(), span.end as usize);
        ParseError {
            code,
            message: message.into(),
            expected: "",
            hint: None,
            span,
            line: line as u32,
            column: column as u32,
            end_line: end_line as u32,
            end_column: end_column as u32,
            around: around(source, span.start as usize).into(),
        }
    }

    #[must_use]
    pub fn expecting(mut self, expected: &'static str) -> Self {
        self.expected = expected;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The labelled excerpt for people, without colours: code, place, caret, what was expected, hint.
    pub fn render(&self, source: &str, origin: &str) -> String {
        self.render_with(source, origin, &annotate_snippets::Renderer::plain())
    }

    /// [`ParseError::render`] with colours for a terminal.
    pub fn render_styled(&self, source: &str, origin: &str) -> String {
        self.render_with(source, origin, &annotate_snippets::Renderer::styled())
    }

    fn render_with(&self, source: &str, origin: &str, renderer: &annotate_snippets::Renderer) -> String {
        use annotate_snippets::{AnnotationKind, Level, Origin, Snippet};
        let excerpt = Excerpt::of(source, self.span);
        let mut place = AnnotationKind::Primary.span(excerpt.span);
        if !self.expected.is_empty() {
            place = place.label(format!("expected {}", self.expected));
        }
        let mut snippet = Snippet::source(excerpt.text).line_start(self.line as usize).annotation(place);
        let title = Level::ERROR.primary_title(&*self.message).id(self.code.to_string());
        let mut group = if excerpt.is_cut {
            // The renderer would count columns from the cut.
            let origin = Origin::path(origin).line(self.line as usize).char_column(self.column as usize);
            title.element(origin).element(snippet)
        } else {
            snippet = snippet.path(origin);
            title.element(snippet)
        };
        if let Some(hint) = &self.hint {
            group = group.element(Level::HELP.message(hint.as_ref()));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for ParseError {
    /// The one-line form of the reference: `…source |source…: line:col: unexpected token …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}:{}: {}", self.around, self.line, self.column, self.message)?;
        if !self.expected.is_empty() {
            write!(f, " (expected {})", self.expected)?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseError {}

/// How much source is shown on either side of the place in the one-line form.
const AROUND: usize = 10;

fn around(source: &str, at: usize) -> String {
    let (before, after) = source.split_at(at.min(source.len()));
    let start = before.char_indices().rev().nth(AROUND - 1).map_or(0, |(i, _)| i);
    let mut text = before[start..].to_string();
    text.push('|');
    text.extend(after.chars().take(AROUND));
    // One line, whatever the source holds.
    text.replace(|c: char| c.is_control(), " ")
}

/// The first line of a place: only that much is handed to the renderer, so that large sources stay cheap.
struct Excerpt<'s> {
    text: &'s str,
    span: std::ops::Range<usize>,
    is_cut: bool,
}

impl<'s> Excerpt<'s> {
    /// Longest line shown whole; of a longer one, this much around the place.
    const WIDEST: usize = 400;

    fn of(source: &'s str, span: Span) -> Self {
        let start = (span.start as usize).min(source.len());
        let mut from = source[..start].rfind('\n').map_or(0, |i| i + 1);
        let mut to = source[start..].find('\n').map_or(source.len(), |i| start + i);
        let is_cut = to - from > Self::WIDEST;
        if is_cut {
            from = source.floor_char_boundary(from.max(start.saturating_sub(Self::WIDEST / 2)));
            to = source.ceil_char_boundary(to.min(start + Self::WIDEST / 2));
        }
        let end = source.floor_char_boundary((span.end as usize).clamp(start, to));
        Excerpt { text: &source[from..to], span: start - from..end - from, is_cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_ordered() {
        assert!(Code::ALL.is_sorted());
        assert_eq!(Code::BadCharacter.to_string(), "P001");
        assert!(Code::ALL.iter().all(|c| c.doc().ends_with('.')));
    }

    #[test]
    fn one_line_form_shows_the_place() {
        let source = "SELECT first, second -1\nFROM info()";
        let error = ParseError::new(Code::StuckMinus, "unexpected token `-1`", Span::new(21, 23), source);
        assert_eq!(error.to_string(), "t, second |-1 FROM in: 1:22: unexpected token `-1`");
        assert_eq!((error.line, error.column, error.end_line, error.end_column), (1, 22, 1, 24));
    }

    #[test]
    fn one_line_form_counts_characters_and_stays_on_one_line() {
        let source = "α\nβ\tγ;";
        let error = ParseError::new(Code::Semicolon, "unexpected token `;`", Span::new(8, 9), source);
        assert_eq!(error.to_string(), "α β γ|;: 2:4: unexpected token `;`");
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let source = format!("SELECT {} ;", "é".repeat(100_000));
        let at = source.len() - 1;
        let error = ParseError::new(Code::Semicolon, "unexpected token `;`", Span::new(at, at + 1), &source);
        assert!(error.render(&source, "x.vql").len() < 2_000);
    }
}
