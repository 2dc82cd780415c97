//! A token that fits nowhere, turned into an error with advice.
//!
//! The rules of the parser say what they [`Want`]; this module looks at the tokens around the place and recognises
//! what people coming from SQL, Python or Go tend to write. A slip nobody thought of still gets the token, the place
//! and what was expected.

use super::{Parsed, Parser};
use crate::diagnostic::{Code, ParseError};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::span::Span;
use std::borrow::Cow;

macro_rules! wants {
    ($($variant:ident = $text:literal;)*) => {
        /// What a rule of the grammar could have taken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Want { $($variant),* }

        impl Want {
            /// For "expected …".
            fn text(self) -> &'static str {
                match self { $(Want::$variant => $text),* }
            }
        }
    };
}

wants! {
    Statement = "`LET`, `SELECT` or `EXPLAIN`";
    SelectWord = "`SELECT`";
    SubSelect = "`SELECT` or `EXPLAIN`";
    LetName = "a name";
    LetAssign = "`=`, `<=` or parameters";
    LetEquals = "`=` or `<=`";
    LetBody = "an expression or `SELECT`";
    AfterLet = "an operator, the next statement or the end";
    ParamName = "a parameter name";
    AfterParam = "`,` or `)`";
    Column = "a column";
    AfterColumn = "`FROM`, `,`, `AS` or an operator";
    Alias = "a name";
    Source = "the name of a plugin or a stored query";
    AfterSource = "`WHERE`, `GROUP BY`, `ORDER BY`, `LIMIT` or the end of the query";
    AfterWhere = "an operator, `,`, `GROUP BY`, `ORDER BY`, `LIMIT` or the end of the query";
    AfterGroup = "an operator, `,`, `ORDER BY`, `LIMIT` or the end of the query";
    SortKey = "the name of a column";
    AfterOrder = "`DESC`, `LIMIT` or the end of the query";
    AfterDesc = "`LIMIT` or the end of the query";
    LimitNumber = "a number";
    AfterLimit = "the end of the query";
    Operand = "a value";
    AfterExpr = "an operator or the end";
    AfterComparison = "`AND`, `OR` or the end of the comparison";
    AfterFactor = "an operator";
    Member = "a member name";
    Index = "a value or `:`";
    AfterIndex = "`]` or `:`";
    AfterRange = "`]`";
    AfterItem = "an operator, `,` or `)`";
    AfterElement = "an operator, `,` or `]`";
    ArgName = "an argument name";
    ArgEquals = "`=`";
    AfterArg = "an operator, `,` or `)`";
    LambdaParam = "a parameter name";
    LambdaArrow = "`=>` or `,`";
}

impl Want {
    fn is_name(self) -> bool {
        use Want::*;
        matches!(
            self,
            LetName | ParamName | Alias | Source | SortKey | Member | ArgName | LambdaParam | LambdaArrow
        )
    }

    fn is_operand(self) -> bool {
        matches!(self, Want::Operand | Want::Column | Want::LetBody | Want::Index)
    }

    /// Whether a whole query could end here.
    fn ends_query(self) -> bool {
        use Want::*;
        matches!(
            self,
            AfterSource
                | AfterWhere
                | AfterGroup
                | AfterOrder
                | AfterDesc
                | AfterLimit
                | AfterLet
                | AfterExpr
        )
    }
}

/// A recognised slip: its code and the advice.
type Advice = (Code, Option<Cow<'static, str>>);

fn advice(code: Code, hint: impl Into<Cow<'static, str>>) -> Option<Advice> {
    Some((code, Some(hint.into())))
}

impl Parser<'_> {
    /// The present token cannot be taken.
    #[cold]
    pub(super) fn unexpected<T>(&self, want: Want) -> Parsed<T> {
        Err(self.slip(want).into())
    }

    fn slip(&self, want: Want) -> ParseError {
        if let Some(error) = self.bad_text() {
            return error;
        }
        let (code, hint) = self.recognise(want).unwrap_or(match self.token.kind {
            TokenKind::End if self.previous.kind == TokenKind::End => (Code::NoStatement, None),
            TokenKind::End => (Code::UnexpectedEnd, None),
            _ => (Code::Unexpected, None),
        });
        let message = format!("unexpected token {}", self.quoted(self.token));
        let error = ParseError::new(code, message, self.place(), self.source).expecting(want.text());
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Where to point: at the token, or just behind the last one when the text ends too early.
    fn place(&self) -> Span {
        let end = self.previous.span.end;
        let ends_early = self.token.kind == TokenKind::End && self.previous.kind != TokenKind::End;
        if ends_early { Span { start: end, end } } else { self.token.span }
    }

    /// The token as shown in messages: one line, not too long.
    fn quoted(&self, token: Token) -> String {
        const LONGEST: usize = 30;
        if token.kind == TokenKind::End {
            return "<end of text>".to_owned();
        }
        let text = self.text(token.span);
        let short = text.split(['\n', '\r']).next().unwrap_or_default();
        let cut = short.floor_char_boundary(LONGEST);
        let dots = if cut < text.len() { "…" } else { "" };
        format!("`{}{dots}`", &short[..cut])
    }

    fn word(&self, token: Token) -> &str {
        if token.kind == TokenKind::Ident { self.text(token.span) } else { "" }
    }

    /// The token behind the present one.
    fn next(&self) -> Token {
        Lexer::starting_at(self.source, self.token.span.end as usize).next_token()
    }

    fn touches_previous(&self) -> bool {
        self.previous.span.end == self.token.span.start
    }

    /// Text that is no token at all.
    fn bad_text(&self) -> Option<ParseError> {
        let span = self.token.span;
        let first = |code, message: &str| Some(ParseError::new(code, message, span, self.source));
        match self.token.kind {
            TokenKind::OpenString => first(Code::OpenString, "string is not closed")
                .map(|e| e.hint("a quote or backslash inside is written with a backslash before it")),
            TokenKind::OpenRawString => first(Code::OpenString, "raw string is not closed")
                .map(|e| e.hint("a raw string ends with three single quotes")),
            TokenKind::OpenComment => first(Code::OpenComment, "comment is not closed")
                .map(|e| e.hint("comments that start with `/*` end with `*/` and do not nest")),
            TokenKind::OpenTick => first(Code::OpenName, "name in back-ticks is not closed"),
            TokenKind::EmptyTick => first(Code::EmptyName, "name in back-ticks is empty"),
            TokenKind::BadChar => {
                let (code, hint) = bad_character(self.text(span));
                let message = format!("unexpected token {}", self.quoted(self.token));
                let error = ParseError::new(code, message, span, self.source);
                Some(if hint.is_empty() { error } else { error.hint(hint) })
            }
            _ => None,
        }
    }

    /// The known slips, the more specific first.
    fn recognise(&self, want: Want) -> Option<Advice> {
        self.stuck_minus(want)
            .or_else(|| self.operator_slip(want))
            .or_else(|| self.argument_slip(want))
            .or_else(|| self.bracket_slip(want))
            .or_else(|| self.clause_slip(want))
            .or_else(|| self.sql_word())
            .or_else(|| self.keyword_as_name(want))
            .or_else(|| self.missing_from(want))
    }

    fn stuck_minus(&self, want: Want) -> Option<Advice> {
        let text = self.text(self.token.span);
        let sticks = matches!(self.token.kind, TokenKind::Number | TokenKind::NegIdent);
        if !sticks || !text.starts_with('-') || !self.previous.kind.ends_operand() || want.is_operand() {
            return None;
        }
        let short = |token: Token| {
            let text = self.text(token.span);
            let plain = text.len() <= 20 && !text.contains(['`', '\n', ')', ']']);
            if plain { text } else { "…" }
        };
        let (left, right) = (short(self.previous), short(self.token).trim_start_matches('-'));
        advice(Code::StuckMinus, format!("a minus sticks to what follows it; write `{left} - {right}`"))
    }

    fn operator_slip(&self, want: Want) -> Option<Advice> {
        use TokenKind::*;
        let (before, here) = (self.previous.kind, self.token.kind);
        match (before, here) {
            (Eq, Eq) => advice(Code::DoubleEquals, "equality is written with one `=`"),
            (Eq, Match) | (Match, Eq) => {
                advice(Code::ForeignOperator, "a regular expression match is written `=~`")
            }
            (_, Percent) => {
                advice(Code::Modulo, "there is no modulo operator; write `a - b * int(int=a / b)`")
            }
            _ if want == Want::AfterComparison => advice(
                Code::ChainedComparison,
                "comparisons do not chain; join two with `AND`, or put one in parentheses",
            ),
            _ if want == Want::AfterFactor => advice(
                Code::FactorStep,
                "the right side of `*` and `/` is a plain value; put it in parentheses, as in `x * (y[0])`",
            ),
            (Star | Slash, Star | Slash) if self.touches_previous() => {
                advice(Code::ForeignOperator, "there is no such operator")
            }
            (_, Minus) if want.is_operand() => advice(
                Code::LoneMinus,
                "a minus before a value must touch a name or a number, as in `-x`; otherwise write `0 - …`",
            ),
            (_, Plus) if want.is_operand() => {
                advice(Code::ForeignOperator, "there is no sign `+`; strings are joined with one `+`")
            }
            (_, Not) if before.ends_operand() && self.next().kind == In => {
                advice(Code::ForeignOperator, "write `NOT x IN y`")
            }
            (_, Colon) if self.next().kind == Eq => {
                advice(Code::ForeignOperator, "variables are set with `LET name = …`")
            }
            _ => None,
        }
    }

    fn argument_slip(&self, want: Want) -> Option<Advice> {
        use TokenKind::*;
        let hint = "arguments are always named; write `f(name=value)`";
        match want {
            Want::ArgName | Want::ParamName if self.at(CloseParen) => {
                advice(Code::TrailingComma, "remove the comma before `)`")
            }
            Want::ArgName if self.token.kind.is_keyword() && self.next().kind == Eq => None,
            Want::ArgName if self.at(Star) => advice(
                Code::PositionalArgument,
                "write `count()`, without `*`; a dict of arguments is ``f(`**`=d)``",
            ),
            Want::ArgName if !self.at(End) => advice(Code::PositionalArgument, hint),
            Want::ArgEquals if self.at(Colon) => {
                advice(Code::PositionalArgument, "arguments are written `name=value`, with `=`")
            }
            Want::ArgEquals if !self.at(End) => advice(Code::PositionalArgument, hint),
            _ => None,
        }
    }

    fn bracket_slip(&self, want: Want) -> Option<Advice> {
        use TokenKind::*;
        let next = || self.next().kind;
        match self.token.kind {
            CloseParen if self.previous.kind == OpenParen && want.is_operand() => {
                advice(Code::EmptyParens, "an empty array exists only as an argument: `f(name=[])`")
            }
            CloseBracket if want == Want::Index && self.previous.kind == OpenBracket => {
                advice(Code::IndexValue, "write `[:]` for everything, or a value such as `[0]`")
            }
            OpenBracket if want.is_operand() => advice(
                Code::ArrayLiteral,
                "`[…]` makes an array only directly after `name=` in a call; write `(1, 2)` here",
            ),
            OpenBrace if want == Want::LetBody && matches!(next(), Select | Explain) => {
                advice(Code::LetBraces, "write `LET q = SELECT …`, without braces")
            }
            OpenBrace if want == Want::Source => {
                advice(Code::SourceShape, "name the query first: `LET q = SELECT …`, then `FROM q`")
            }
            OpenBrace if matches!(next(), Select | Explain) => advice(
                Code::SelectPlace,
                "`{ SELECT … }` may stand only as a column or directly after `name=` in a call",
            ),
            OpenBrace => advice(Code::DictLiteral, DICT),
            _ if want == Want::SubSelect && !self.at(End) => advice(Code::DictLiteral, DICT),
            Select | Explain if want.is_operand() && self.previous.kind == Eq => {
                advice(Code::SelectPlace, "a query as an argument needs braces: `name={ SELECT … }`")
            }
            Select | Explain if want.is_operand() => advice(
                Code::SelectPlace,
                "a query inside an expression stands in braces, as a column or an argument",
            ),
            _ if matches!(want, Want::AfterIndex | Want::AfterRange | Want::Index) && !self.at(End) => {
                advice(Code::IndexValue, "an index is a single value; put more in parentheses: `a[(i + 1)]`")
            }
            _ => None,
        }
    }

    fn clause_slip(&self, want: Want) -> Option<Advice> {
        use TokenKind::*;
        match (want, self.token.kind) {
            (Want::Column, From) if self.previous.kind == Comma => {
                advice(Code::TrailingComma, "remove the comma before `FROM`")
            }
            (Want::SortKey, _)
            | (Want::AfterOrder | Want::AfterDesc, Comma | Dot | OpenParen | OpenBracket) => self.sort_key(),
            (Want::AfterOrder, Plus | Minus | Star | Slash) => self.sort_key(),
            (Want::LimitNumber, _) => {
                advice(Code::LimitNumber, "LIMIT takes a literal number, not an expression")
            }
            (Want::AfterLimit, Comma) => {
                advice(Code::LimitNumber, "LIMIT takes one number; there is no OFFSET")
            }
            (Want::Source, Select | OpenParen) if self.previous.kind == From => {
                advice(Code::SourceShape, "name the query first: `LET q = SELECT …`, then `FROM q`")
            }
            (Want::Source, String | RawString) => {
                advice(Code::SourceShape, "FROM takes a name, such as `glob(globs=\"…\")`")
            }
            (Want::AfterSource, As) => advice(Code::SourceShape, "a source takes no alias"),
            (Want::AfterSource, Comma) => {
                advice(Code::SourceShape, "FROM takes one source; combine two with `foreach()` or `chain()`")
            }
            (Want::Alias, String | RawString) => {
                advice(Code::KeywordAsName, "names are quoted with back-ticks")
            }
            (Want::AfterLet, Comma) => {
                advice(Code::Unexpected, "an array is written in parentheses: `(1, 2)`")
            }
            (_, Where | GroupBy | OrderBy | Limit) if want.ends_query() && want != Want::AfterLet => advice(
                Code::ClauseOrder,
                "each clause stands once, in the order WHERE, GROUP BY, ORDER BY, LIMIT",
            ),
            (Want::LambdaParam, OpenParen) | (Want::LambdaArrow, CloseParen) => {
                advice(Code::LambdaShape, "the parameters of a lambda stand without parentheses: `a, b=>…`")
            }
            (Want::LambdaArrow | Want::LambdaParam, _) => {
                advice(Code::LambdaShape, "a lambda is written `x=>expression`")
            }
            _ => None,
        }
    }

    fn sort_key(&self) -> Option<Advice> {
        if self.token.kind.is_keyword() || self.at(TokenKind::End) {
            return None;
        }
        let hint =
            "ORDER BY takes one plain column name; compute the key as a column with `AS` and sort by that";
        advice(Code::SortKey, hint)
    }

    /// Words of SQL that are plain identifiers here, at the place or just before it.
    fn sql_word(&self) -> Option<Advice> {
        if self.token.kind == TokenKind::Desc {
            return None;
        }
        let found = |token| {
            let word = self.word(token);
            SQL_WORDS.iter().find(|(name, ..)| word.eq_ignore_ascii_case(name))
        };
        let after_word = || self.token.kind != TokenKind::End && self.previous.kind == TokenKind::Ident;
        let (_, code, hint) =
            found(self.token).or_else(|| after_word().then(|| found(self.previous)).flatten())?;
        advice(*code, *hint)
    }

    fn keyword_as_name(&self, want: Want) -> Option<Advice> {
        use TokenKind::*;
        // `SELECT from, to`: the word was taken for the clause.
        let taken = want == Want::Source && matches!(self.token.kind, Comma | Dot | As | Eq | CloseParen);
        let used_as_name = || {
            matches!(
                self.next().kind,
                Comma | Dot | Eq | From | As | CloseParen | CloseBracket | OpenParen | Plus | End
            )
        };
        let is_name = want.is_name() || want.is_operand() && used_as_name();
        let word = match self.token.kind.is_keyword() {
            _ if taken => self.previous,
            true if is_name => self.token,
            _ => return None,
        };
        let word = self.text(word.span);
        let hint = format!("{word} is a reserved word; as a name it needs back-ticks: `{word}`");
        advice(Code::KeywordAsName, hint)
    }

    fn missing_from(&self, want: Want) -> Option<Advice> {
        use TokenKind::*;
        let ends = matches!(
            self.token.kind,
            End | Where | GroupBy | OrderBy | Limit | Select | Let | Explain | CloseBrace
        );
        (want == Want::AfterColumn && ends)
            .then(|| {
                advice(Code::MissingFrom, "a SELECT needs a source; for a single row write `FROM scope()`")
            })
            .flatten()
    }
}

const DICT: &str = "there is no dict literal; write `dict(a=1, b=2)`";

/// What to say about a character that begins no token.
fn bad_character(text: &str) -> (Code, &'static str) {
    match text {
        ";" => (Code::Semicolon, "statements need no separator; leave it out"),
        "!" => (Code::Bang, "write `NOT x`"),
        "#" => (Code::BadCharacter, "comments start with `--`"),
        "@" | "$" | "?" => (Code::BadCharacter, "names with other characters are written in back-ticks"),
        "^" => (Code::BadCharacter, "there is no such operator"),
        "&" => (Code::ForeignOperator, "write `AND` or `&&`"),
        "~" => (Code::ForeignOperator, "a regular expression match is written `=~`"),
        "“" | "”" | "‘" | "’" | "„" => (Code::BadCharacter, "use straight quotes"),
        "\u{feff}" => (Code::BadCharacter, "remove the byte order mark"),
        "\u{a0}" => (Code::BadCharacter, "this is a no-break space; use a plain one"),
        _ if text.chars().all(char::is_alphanumeric) => {
            (Code::BadCharacter, "names with other characters are written in back-ticks")
        }
        _ => (Code::BadCharacter, ""),
    }
}

/// Words with a meaning in SQL and none here.
const SQL_WORDS: &[(&str, Code, &str)] = &[
    ("ASC", Code::Ascending, "there is no ASC; ascending is the default"),
    (
        "HAVING",
        Code::ForeignClause,
        "there is no HAVING; name the query with LET and filter it in a second SELECT",
    ),
    ("JOIN", Code::ForeignClause, JOIN),
    ("INNER", Code::ForeignClause, JOIN),
    ("LEFT", Code::ForeignClause, JOIN),
    ("RIGHT", Code::ForeignClause, JOIN),
    ("FULL", Code::ForeignClause, JOIN),
    ("CROSS", Code::ForeignClause, JOIN),
    ("DISTINCT", Code::ForeignClause, "there is no DISTINCT; use GROUP BY"),
    ("OFFSET", Code::ForeignClause, "there is no OFFSET"),
    ("UNION", Code::ForeignClause, "there is no UNION; use `chain(a={ SELECT … }, b={ SELECT … })`"),
    ("WITH", Code::ForeignClause, "there is no WITH; name the query with LET"),
    ("ORDER", Code::ForeignClause, "write `ORDER BY`, with only white space between the words"),
    ("GROUP", Code::ForeignClause, "write `GROUP BY`, with only white space between the words"),
    ("CASE", Code::ForeignOperator, "there is no CASE; use `if(condition=…, then=…, else=…)`"),
    ("LIKE", Code::ForeignOperator, "there is no LIKE; match a regular expression with `=~`"),
    ("ILIKE", Code::ForeignOperator, "there is no ILIKE; match a regular expression with `=~`"),
    ("REGEXP", Code::ForeignOperator, "match a regular expression with `=~`"),
    ("BETWEEN", Code::ForeignOperator, "there is no BETWEEN; write `x >= a AND x <= b`"),
    ("IS", Code::ForeignOperator, "there is no IS; write `x = NULL` or `x != NULL`"),
    ("MOD", Code::Modulo, "there is no modulo operator; write `a - b * int(int=a / b)`"),
];

const JOIN: &str = "there is no JOIN; use `foreach(row={ SELECT … }, query={ SELECT … })`";
