//! Language reference, section 2: one case for each sentence.

use super::*;
use TokenKind::*;

/// Kinds and texts of all tokens, without the end.
fn lex(source: &str) -> Vec<(TokenKind, &str)> {
    let mut lexer = Lexer::new(source);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next_token();
        if token.kind == End {
            return tokens;
        }
        tokens.push((token.kind, &source[token.span.range()]));
        assert!(tokens.len() <= source.len(), "the lexer moves on: {source}");
    }
}

fn kinds(source: &str) -> Vec<TokenKind> {
    lex(source).into_iter().map(|(kind, _)| kind).collect()
}

fn texts(source: &str) -> Vec<&str> {
    lex(source).into_iter().map(|(_, text)| text).collect()
}

fn comments(source: &str) -> Vec<&str> {
    let mut lexer = Lexer::new(source);
    while lexer.next_token().kind != End {}
    lexer.comments.iter().map(|span| &source[span.range()]).collect()
}

#[test]
fn white_space_and_comments_are_dropped() {
    assert_eq!(lex(" \t\r\n\x0c"), []);
    assert_eq!(kinds("\x0b"), [BadChar], "a vertical tab is not white space");
    let cases = [
        ("a/* b\n c */d", vec!["a", "d"], vec!["/* b\n c */"]),
        ("/* a /* b */ c */", vec!["c", "*", "/"], vec!["/* a /* b */"]),
        ("/**/x", vec!["x"], vec!["/**/"]),
        ("a -- b\nc", vec!["a", "c"], vec!["-- b"]),
        ("a // b\nc", vec!["a", "c"], vec!["// b"]),
        ("5--3", vec!["5"], vec!["--3"]),
        ("a--", vec!["a"], vec!["--"]),
        ("'--' // '", vec!["'--'"], vec!["// '"]),
        ("a / *", vec!["a", "/", "*"], vec![]),
    ];
    for (source, tokens, notes) in cases {
        assert_eq!(texts(source), tokens, "{source}");
        assert_eq!(comments(source), notes, "{source}");
    }
}

#[test]
fn keywords_are_whole_words_in_any_case() {
    let all = "EXPLAIN SELECT WHERE AND OR FROM NOT AS IN LIMIT NULL DESC GROUP BY ORDER BY TRUE FALSE LET";
    let want = [
        Explain, Select, Where, And, Or, From, Not, As, In, Limit, Null, Desc, GroupBy, OrderBy, True, False,
        Let,
    ];
    for source in [all.to_owned(), all.to_lowercase(), "sElEcT".to_owned()] {
        assert!(kinds(&source).iter().all(|k| k.is_keyword()));
    }
    assert_eq!(kinds(all), want);
    assert_eq!(kinds("selects android _or in_ x.from1"), [Ident, Ident, Ident, Ident, Ident, Dot, Ident]);
    assert_eq!(kinds("AND-x"), [And, NegIdent], "a minus ends the word");
    assert_eq!(kinds("5AND"), [Number, And]);
    assert_eq!(kinds("SELECTé"), [Select, BadChar], "the word boundary is ASCII");
}

#[test]
fn group_by_and_order_by_are_one_token() {
    assert_eq!(lex("GROUP \n\t BY"), [(GroupBy, "GROUP \n\t BY")]);
    assert_eq!(lex("order by"), [(OrderBy, "order by")]);
    assert_eq!(kinds("GROUPBY"), [Ident]);
    assert_eq!(kinds("order group by asc"), [Ident, GroupBy, Ident]);
    assert_eq!(kinds("group bya"), [Ident, Ident]);
    assert_eq!(kinds("GROUP /**/ BY"), [Ident, Ident]);
    assert_eq!(kinds("GROUP"), [Ident]);
    assert_eq!(kinds("ORDER "), [Ident]);
}

#[test]
fn numbers_take_their_minus() {
    let cases = [
        ("a-1", vec!["a", "-1"]),
        ("1-1", vec!["1", "-1"]),
        ("1 - 1", vec!["1", "-", "1"]),
        ("(a)-1", vec!["(", "a", ")", "-1"]),
        ("5.", vec!["5", "."]),
        (".5", vec![".5"]),
        ("-.5", vec!["-.5"]),
        ("1.5.5", vec!["1.5", ".5"]),
        ("1..2", vec!["1", ".", ".2"]),
        ("a.5", vec!["a", ".5"]),
        ("0x1Fg", vec!["0x1F", "g"]),
        ("0xg", vec!["0", "xg"]),
        ("0X1", vec!["0", "X1"]),
        ("-0x1f", vec!["-0x1f"]),
        ("1e3 1E-3 1e+3", vec!["1e3", "1E-3", "1e+3"]),
        ("1e", vec!["1", "e"]),
        ("1e+", vec!["1", "e", "+"]),
        ("1:2", vec!["1", ":", "2"]),
        ("007", vec!["007"]),
    ];
    for (source, want) in cases {
        assert_eq!(texts(source), want, "{source}");
    }
}

#[test]
fn identifiers_take_their_minus_and_ticks() {
    assert_eq!(lex("_a9"), [(Ident, "_a9")]);
    assert_eq!(lex("`a b.\n'\"--`"), [(Ident, "`a b.\n'\"--`")]);
    assert_eq!(lex("-x - y"), [(NegIdent, "-x"), (Minus, "-"), (Ident, "y")]);
    assert_eq!(lex("-`a b`"), [(NegIdent, "-`a b`")]);
    assert_eq!(lex("-NULL"), [(NegIdent, "-NULL")], "rule 11 does not know keywords");
    assert_eq!(lex("9a"), [(Number, "9"), (Ident, "a")]);
    assert_eq!(lex("``"), [(EmptyTick, "``")]);
    assert_eq!(lex("a `b"), [(Ident, "a"), (OpenTick, "`b")]);
    assert_eq!(lex("-`b"), [(OpenTick, "-`b")]);
}

#[test]
fn operators_prefer_the_longer_form() {
    let source = "<> != <= >= => =~ - + : * / % , . ( ) = < > { } [ ] && || | ||||";
    let want = [
        LtGt,
        NotEq,
        LtEq,
        GtEq,
        Arrow,
        Match,
        Minus,
        Plus,
        Colon,
        Star,
        Slash,
        Percent,
        Comma,
        Dot,
        OpenParen,
        CloseParen,
        Eq,
        Lt,
        Gt,
        OpenBrace,
        CloseBrace,
        OpenBracket,
        CloseBracket,
        AndAnd,
        Bars,
        Bars,
        Bars,
    ];
    assert_eq!(kinds(source), want);
    assert_eq!(kinds("=="), [Eq, Eq]);
    assert_eq!(kinds("<=="), [LtEq, Eq]);
    assert_eq!(kinds("=>="), [Arrow, Eq]);
    assert_eq!(kinds("a<-1"), [Ident, Lt, Number]);
    assert_eq!(kinds("x=-1"), [Ident, Eq, Number]);
}

#[test]
fn strings_end_at_their_own_quote() {
    let cases = [
        r#""a\"b""#,
        r#"'a\'b'"#,
        r#""it's""#,
        "'two\nlines'",
        r#""\\""#,
        "'''a'b''c'''",
        "'''two\nlines\\'''",
        "\"\\\n\"",
        "''",
        "\"\"",
        "''''''",
    ];
    for source in cases {
        assert_eq!(texts(source), [source]);
    }
    assert_eq!(kinds("'''a''''"), [RawString, OpenString]);
    assert_eq!(kinds("'a' \"b\""), [String, String]);
    assert_eq!(kinds("'a"), [OpenString]);
    assert_eq!(kinds("'a\\"), [OpenString]);
    assert_eq!(kinds("'a\\'"), [OpenString]);
    assert_eq!(kinds("'''a''"), [OpenRawString]);
    assert_eq!(kinds("a /* b"), [Ident, OpenComment]);
}

#[test]
fn anything_else_is_an_error() {
    for source in [";", "@", "$", "#", "!", "^", "~", "?", "&", "\\", "é", "€", "😀", "\0"] {
        assert_eq!(lex(source), [(BadChar, source)], "{source:?}");
    }
}
