//! Language reference, section 3: one case for each sentence. Trees are compared through a short notation in which
//! every operator is a bracketed prefix, so precedence shows.

use super::sample::Sample;
use super::*;
use crate::ast::{Arg, ArgValue, ColumnValue, ExprKind, LetBody, List, LogicOp, Select, Statement};
use crate::canonical;

/// `1 + a * 2` is shown as `(+ 1 (* a 2))`.
fn shape(expr: &Expr) -> String {
    let list = |list: &List| {
        let mut items: Vec<_> = list.items.iter().map(shape).collect();
        items.extend(list.trailing_comma.then(String::new));
        items.join(",")
    };
    let chain = |word: &str, terms: &[Expr], ops: &[LogicOp]| {
        let symbols = ops.iter().filter(|op| **op == LogicOp::Symbol).count();
        let terms: Vec<_> = terms.iter().map(shape).collect();
        format!("({word}{} {})", "!".repeat(symbols), terms.join(" "))
    };
    match &expr.kind {
        ExprKind::Paren(items) => format!("<{}>", list(items)),
        ExprKind::List(items) => format!("list<{}>", list(items)),
        ExprKind::Not(inner) => format!("(not {})", shape(inner)),
        ExprKind::And { terms, ops } => chain("and", terms, ops),
        ExprKind::Or { terms, ops } => chain("or", terms, ops),
        ExprKind::Compare { op, left, right } => format!("({} {} {})", op.text(), shape(left), shape(right)),
        ExprKind::Arith { op, left, right } => format!("({} {} {})", op.text(), shape(left), shape(right)),
        ExprKind::Member { base, name } => format!("(. {} {})", shape(base), name.name),
        ExprKind::Index { base, index } => format!("(at {} {})", shape(base), shape(index)),
        ExprKind::Range { base, start, end } => {
            let bound = |b: &Option<Box<Expr>>| b.as_ref().map_or("_".to_owned(), |b| shape(b));
            format!("(range {} {} {})", shape(base), bound(start), bound(end))
        }
        _ => canonical::expr(expr),
    }
}

fn expr(source: &str) -> String {
    shape(&parse_expr(source).unwrap_or_else(|e| panic!("{source}\n{e}")))
}

fn select(source: &str) -> Select {
    match parse(source).unwrap_or_else(|e| panic!("{source}\n{e}")).statements.remove(0) {
        Statement::Select(select) => select,
        Statement::Let(_) => panic!("{source} is no SELECT"),
    }
}

fn refused(sources: &[&str]) {
    for source in sources {
        assert!(parse(source).is_err(), "accepted: {source}");
    }
}

fn refused_exprs(sources: &[&str]) {
    for source in sources {
        assert!(parse_expr(source).is_err(), "accepted: {source}");
    }
}

#[test]
fn and_binds_looser_than_or() {
    let cases = [
        ("a OR b AND c", "(and (or a b) c)"),
        ("a AND b OR c", "(and a (or b c))"),
        ("a AND b AND c", "(and a b c)"),
        ("a && b", "(and! a b)"),
        ("a and b && c", "(and! a b c)"),
        ("a || b OR c", "(or! a b c)"),
        ("a | b ||| c", "(or a b c)"),
        ("NOT x = 3", "(not (= x 3))"),
        ("NOT a AND b", "(and (not a) b)"),
        ("NOT NOT a OR b", "(or (not (not a)) b)"),
    ];
    for (source, want) in cases {
        assert_eq!(expr(source), want, "{source}");
    }
}

#[test]
fn arithmetic_binds_tighter_than_comparisons() {
    let cases = [
        ("a + 1 < b * 2", "(< (+ a 1) (* b 2))"),
        ("1 - 2 - 3", "(- (- 1 2) 3)"),
        ("1 - 2 + 3", "(+ (- 1 2) 3)"),
        ("8 / 2 * 3", "(* (/ 8 2) 3)"),
        ("1 + 2 * 3", "(+ 1 (* 2 3))"),
        ("(1 + 2) * 3", "(* <(+ 1 2)> 3)"),
        ("3 + -x", "(+ 3 -x)"),
        ("a - b", "(- a b)"),
        ("a[0] * b.c", "(* (at a 0) b.c)"),
        ("x * (y[0])", "(* x <(at y 0)>)"),
        ("a IN (1, 2)", "(IN a <1,2>)"),
        ("a =~ 'x' + y", "(=~ a (+ 'x' y))"),
        ("a <> b", "(<> a b)"),
        ("a != b", "(!= a b)"),
        ("a <= b AND c >= d", "(and (<= a b) (>= c d))"),
    ];
    for (source, want) in cases {
        assert_eq!(expr(source), want, "{source}");
    }
    refused_exprs(&["1 < 2 < 3", "a = b = c", "a = NOT b", "x * y[0]", "x / f(a=1).b", "a % b", "a == b"]);
    refused_exprs(&["a-1", "1-1", "a -1", "a-b", "(a)-1", "- x", "-(x)", "+ x", "a b", "'a' 'b'", "a ** b"]);
}

#[test]
fn members_indexes_and_ranges_chain() {
    let cases = [
        ("a.b.c", "a.b.c"),
        ("a[0]", "(at a 0)"),
        ("a[-1]", "(at a -1)"),
        ("a[i]", "(at a i)"),
        ("a[row.n]", "(at a row.n)"),
        ("a[f(x=1)]", "(at a f(x=1))"),
        ("a[\"key\"]", "(at a \"key\")"),
        ("a[(i + 1)]", "(at a <(+ i 1)>)"),
        ("a[1:3]", "(range a 1 3)"),
        ("a[:3]", "(range a _ 3)"),
        ("a[2:]", "(range a 2 _)"),
        ("a[-2:]", "(range a -2 _)"),
        ("a[:]", "(range a _ _)"),
        ("a[0][1].b.c[2:]", "(range (. (. (at (at a 0) 1) b) c) 2 _)"),
        ("f(x=1).b[0]", "(at (. f(x=1) b) 0)"),
        ("a.b(x=1).c", "(. a.b(x=1) c)"),
        ("(a).b", "(. <a> b)"),
        ("'s'[0]", "(at 's' 0)"),
        ("`a.b`.c", "`a.b`.c"),
    ];
    for (source, want) in cases {
        assert_eq!(expr(source), want, "{source}");
    }
    refused_exprs(&[
        "a[]",
        "a[i + 1]",
        "a[b[0]]",
        "a[1:2:3]",
        "a[NOT b]",
        "a.",
        "a.5",
        "f(x=1)(y=2)",
        "a[0](x=1)",
    ]);
}

#[test]
fn lists_live_in_parentheses_and_arguments() {
    let cases = [
        ("(1, 2, 3)", "<1,2,3>"),
        ("(7)", "<7>"),
        ("(7, )", "<7,>"),
        ("(7,,)", "<7,>"),
        ("(1,,2)", "<1,2>"),
        ("((1), (2, ))", "<<1>,<2,>>"),
    ];
    for (source, want) in cases {
        assert_eq!(expr(source), want, "{source}");
    }
    refused_exprs(&["()", "[1]", "(,1)", "(1", "1)", "{ SELECT a FROM b }", "{a: 1}", "a IN [1]", "1, 2"]);
}

#[test]
fn arguments_are_named_and_typed_by_their_brackets() {
    let symbol = |source: &str| match parse_expr(source).unwrap_or_else(|e| panic!("{e}")).kind {
        ExprKind::Symbol(symbol) => symbol,
        other => panic!("{other:?}"),
    };
    let args = |source| symbol(source).args.expect("a call");
    assert!(symbol("f").args.is_none());
    assert!(args("f()").is_empty());
    assert!(symbol("-f(a=1)").negated);
    assert!(
        matches!(&args("f(x=[7])")[0].value, ArgValue::Array(l) if l.items.len() == 1 && !l.trailing_comma)
    );
    assert!(matches!(&args("f(x=[7, ])")[0].value, ArgValue::Array(l) if l.trailing_comma));
    assert!(matches!(&args("f(x=[])")[0].value, ArgValue::Array(l) if l.items.is_empty()));
    assert!(matches!(&args("f(x={SELECT a FROM b})")[0].value, ArgValue::Select(_)));
    assert!(matches!(&args("f(`**`=d)")[0], Arg { name, .. } if name.name == "**"));
    assert!(matches!(&args("f(a=b=c)")[0].value, ArgValue::Expr(e) if shape(e) == "(= b c)"));
    assert!(matches!(&args("f(a=b AND c, d=1)")[..], [a, _] if matches!(&a.value, ArgValue::Expr(_))));
    refused_exprs(&[
        "f(1)",
        "f(a)",
        "f(a=1,)",
        "f(,)",
        "f(a=)",
        "f(a:1)",
        "f(a=1 b=2)",
        "f(a.b=1)",
        "f(-a=1)",
    ]);
    refused_exprs(&[
        "f(in=1)",
        "f(a=[1][0])",
        "f(a={b})",
        "f(a={SELECT 1 FROM b, c})",
        "f(a=SELECT 1 FROM b)",
    ]);
}

#[test]
fn literals_have_their_values() {
    let kind = |source| parse_expr(source).unwrap_or_else(|e| panic!("{source}: {e}")).kind;
    assert_eq!(kind("NULL"), ExprKind::Null);
    assert_eq!(kind("tRue"), ExprKind::Bool { value: true, text: "tRue".into() });
    assert_eq!(kind("010"), ExprKind::Int(8));
    assert_eq!(kind("089"), ExprKind::Float(89.0));
    assert_eq!(kind(r"'\x41'"), ExprKind::String { value: b"A".to_vec(), text: r"'\x41'".into() });
    assert_eq!(kind("'''\\'''"), ExprKind::String { value: b"\\".to_vec(), text: "'''\\'''".into() });
    let error = parse_expr("1e999").unwrap_err();
    assert_eq!(error.code, Code::NumberRange);
}

#[test]
fn names_are_decoded_and_keep_their_spelling() {
    let ExprKind::Symbol(symbol) = parse_expr(r"-`a\x41 .`.b").unwrap().kind else { panic!("a symbol") };
    assert!(symbol.negated);
    assert_eq!((symbol.path[0].name.as_str(), symbol.path[0].text()), ("aA .", r"`a\x41 .`"));
    assert_eq!((symbol.path[1].name.as_str(), symbol.path[1].text()), ("b", "b"));
    assert_eq!(symbol.path[0].span, Span::new(1, 10));
    assert_eq!(symbol.span, Span::new(0, 12));
}

#[test]
fn statements_need_no_separator() {
    let program = parse("LET a = 1 LET b=2 SELECT a FROM scope() SELECT b FROM scope() -- end").unwrap();
    assert_eq!(program.statements.len(), 4);
    assert_eq!(program.comments.len(), 1);
    assert_eq!(program.statements[1].span(), Span::new(10, 17));
    refused(&["", "  ", "-- only\n", "a", "LET a = 1;", "LET a = 1 b", "SELECT a FROM b c"]);
}

#[test]
fn let_defines_expressions_and_queries() {
    let define =
        |source: &str| match parse(source).unwrap_or_else(|e| panic!("{source}\n{e}")).statements.remove(0) {
            Statement::Let(definition) => definition,
            Statement::Select(_) => panic!("{source} is no LET"),
        };
    assert!(!define("LET a = 1").materialize);
    assert!(define("LET a <= 1").materialize);
    assert!(define("LET a = 1").params.is_none());
    assert_eq!(define("LET a() = 1").params, Some(vec![]));
    let params = define("LET f(a, b=2, c=[1,2], q={ SELECT a FROM b }, `d e`) = a").params.unwrap();
    let names: Vec<_> = params.iter().map(|p| (p.name.name.as_str(), p.default.is_some())).collect();
    assert_eq!(names, [("a", false), ("b", true), ("c", true), ("q", true), ("d e", false)]);
    assert!(matches!(define("LET q = SELECT a FROM b").body, LetBody::Select(_)));
    assert!(matches!(define("LET q = EXPLAIN SELECT a FROM b").body, LetBody::Select(s) if s.explain));
    assert!(matches!(define("LET `a b` = a AND b <= c").body, LetBody::Expr(_)));
    refused(&[
        "LET a",
        "LET a =",
        "LET 1 = 2",
        "LET -a = 1",
        "LET a.b = 1",
        "LET a == 1",
        "LET a(1) = 1",
        "LET in = 1",
    ]);
    refused(&[
        "LET q = { SELECT a FROM b }",
        "LET a = [1]",
        "LET a(b,) = 1",
        "LET a(b c) = 1",
        "LET a = 1, 2",
    ]);
}

#[test]
fn columns_may_start_with_a_star() {
    let shapes = |source| {
        let column = |c: &crate::ast::Column| match &c.value {
            ColumnValue::Star => "*".to_owned(),
            ColumnValue::Select(_) => "{}".to_owned(),
            ColumnValue::Expr(e) => shape(e),
        };
        select(source).columns.iter().map(column).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shapes("SELECT * FROM x"), "*");
    assert_eq!(shapes("SELECT *, a FROM x"), "* a");
    assert_eq!(shapes("SELECT * a, b FROM x"), "* a b");
    assert_eq!(shapes("SELECT *, FROM x"), "*");
    assert_eq!(shapes("SELECT a, * FROM x"), "a *");
    assert_eq!(shapes("SELECT FROM x"), "");
    assert_eq!(shapes("SELECT { SELECT a FROM b } AS C, d FROM x"), "{} d");
    assert_eq!(select("SELECT a AS `b c` FROM x").columns[0].alias.as_ref().unwrap().name, "b c");
    assert_eq!(select("SELECT a AS A FROM x").columns[0].span, Span::new(7, 13));
    refused(&["SELECT a, FROM x", "SELECT a b FROM x", "SELECT a AS 'b' FROM x", "SELECT a AS b.c FROM x"]);
    refused(&["SELECT", "SELECT a", "SELECT *", "SELECT (SELECT a FROM b) FROM c", "SELECT from FROM x"]);
}

#[test]
fn sources_are_names_with_arguments() {
    let from = |source| canonical::source(&select(source).from);
    assert_eq!(from("SELECT * FROM a"), "a");
    assert_eq!(from("SELECT * FROM Artifact.Linux.Sys(x=1)"), "Artifact.Linux.Sys(x=1)");
    assert_eq!(from("SELECT * FROM `a b` ( )"), "`a b`()");
    refused(&[
        "SELECT * FROM (SELECT a FROM b)",
        "SELECT * FROM 'x'",
        "SELECT * FROM -a",
        "SELECT * FROM a, b",
    ]);
    refused(&["SELECT * FROM a AS b", "SELECT * FROM a[0]", "SELECT * FROM a().b", "SELECT * FROM"]);
}

#[test]
fn clauses_stand_in_order() {
    let query = select("select a from b where c, d group by e, f order by g desc limit 5");
    assert_eq!(query.filter.as_ref().map(shape).as_deref(), Some("list<c,d>"));
    assert_eq!(query.group_by.as_ref().map(shape).as_deref(), Some("list<e,f>"));
    assert!(query.order_by.is_some_and(|o| o.column.name == "g" && o.descending));
    assert_eq!(query.limit.unwrap().count, 5);
    let query = select("SELECT a FROM b WHERE c AND d GROUP BY 1, ORDER BY `g h` LIMIT -1.5");
    assert_eq!(query.filter.as_ref().map(shape).as_deref(), Some("(and c d)"));
    assert_eq!(query.group_by.as_ref().map(shape).as_deref(), Some("list<1,>"));
    assert!(query.order_by.is_some_and(|o| o.column.name == "g h" && !o.descending));
    assert_eq!(query.limit.unwrap().count, -1);
    assert!(select("EXPLAIN SELECT a FROM b").explain);
    refused(&["SELECT a FROM b LIMIT 5 WHERE c", "SELECT a FROM b WHERE c WHERE d", "SELECT a FROM b WHERE"]);
    refused(&[
        "SELECT a FROM b ORDER BY c, d",
        "SELECT a FROM b ORDER BY c.d",
        "SELECT a FROM b ORDER BY c ASC",
    ]);
    refused(&["SELECT a FROM b ORDER BY f()", "SELECT a FROM b ORDER BY 1", "SELECT a FROM b LIMIT x"]);
    refused(&["SELECT a FROM b LIMIT 1 + 1", "SELECT a FROM b LIMIT (1)", "EXPLAIN LET a = 1", "EXPLAIN a"]);
}

#[test]
fn lambdas_are_parameters_an_arrow_and_an_expression() {
    let lambda = |source| {
        let lambda = parse_lambda(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        let names: Vec<_> = lambda.params.into_iter().map(|p| p.name).collect();
        (names.join(" "), shape(&lambda.body))
    };
    assert_eq!(lambda("x=>x + 1"), ("x".into(), "(+ x 1)".into()));
    assert_eq!(lambda("a, b => a AND b"), ("a b".into(), "(and a b)".into()));
    assert_eq!(lambda("x /* c */ =>\n-- why\nf(a=x)"), ("x".into(), "f(a=x)".into()));
    for source in
        ["", "x", "=>x", "(x)=>x", "x=>", "x=>SELECT a FROM b", "x=>1 2", "x=1=>x", "x,=>x", "x=>1, 2"]
    {
        assert!(parse_lambda(source).is_err(), "accepted: {source}");
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |open: &str, inner: &str, close: &str, levels| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let max = MAX_DEPTH as usize;
    for (open, close) in
        [("(", ")"), ("NOT ", ""), ("f(a=", ")"), ("a[(", ")]"), ("(1 + ", ")"), ("(a, ", ")")]
    {
        let levels = if open == "a[(" { max / 2 } else { max };
        let good = parse_expr(&nested(open, "1", close, levels)).unwrap_or_else(|e| panic!("{open}: {e}"));
        assert_eq!(good.clone(), good);
        assert!(canonical::expr(&good).len() > max);
        let error = parse_expr(&nested(open, "1", close, levels + 1)).unwrap_err();
        assert_eq!(error.code, Code::TooDeep, "{open}");
        assert!(error.message.contains("nested more than 500 levels deep"));
    }
    let queries = nested("SELECT * FROM f(q={", "SELECT * FROM x", "})", max / 2);
    assert_eq!(parse(&queries).unwrap().clone().statements.len(), 1);
    let error = parse(&nested("SELECT { ", "SELECT 1 FROM x", " } FROM x", max + 1)).unwrap_err();
    assert_eq!(error.code, Code::TooDeep);
    // Far beyond, and never closed.
    assert_eq!(parse_expr(&"(".repeat(1_000_000)).unwrap_err().code, Code::TooDeep);
}

#[test]
fn long_chains_are_walked_or_refused() {
    let chain = |first: &str, next: &str, count| format!("{first}{}", next.repeat(count));
    for next in [" + a", " * a", "[0]", "[1:2]"] {
        let tree =
            parse_expr(&chain("a", next, MAX_HEIGHT as usize - 1)).unwrap_or_else(|e| panic!("{next}: {e}"));
        assert!(tree.clone() == tree, "{next}");
        assert!(format!("{tree:?}").len() > canonical::expr(&tree).len());
        assert_eq!(parse_expr(&chain("a", next, 100_000)).unwrap_err().code, Code::TooLong, "{next}");
    }
    assert!(parse_expr(&chain("f()", ".a", 9_000)).is_ok());
    for next in [" AND a", " OR a", " || a"] {
        assert!(parse_expr(&chain("a", next, 100_000)).is_ok(), "flat chains have no limit: {next}");
    }
    assert!(parse_expr(&format!("({})", chain("a", ", a", 100_000))).is_ok());
    assert!(parse_expr(&chain("a", ".a", 100_000)).is_ok(), "a dotted name is flat");
    // The limit counts from the top, however the chains are stacked.
    let stacked = (0..300).fold("a".to_owned(), |inner, _| chain(&format!("({inner})"), " + a", 100));
    assert_eq!(parse_expr(&stacked).unwrap_err().code, Code::TooLong);
}

#[test]
fn large_programs_take_linear_time() {
    let block = "LET a = b + f(x=1, y='some text', z=[1, 2, 3]) -- note\n";
    let source = block.repeat(10_000_000 / block.len());
    assert_eq!(parse(&source).unwrap().statements.len(), 10_000_000 / block.len());
    for piece in ["SELECT ", "LET a = ", "'", "\"\\", "`", "/*", "a.", "f(a=", "{", "--\n", "1e", "ORDER "] {
        assert!(parse(&piece.repeat(10_000_000 / piece.len())).is_err(), "{piece}");
    }
}

#[test]
fn spoilt_programs_never_panic() {
    const BITS: &[&str] =
        &["'", "\"", "`", "(", ")", "[", "]", "{", "}", ",", "=", "-", "é", ";", " SELECT ", ".", "--"];
    for seed in 0..2_000 {
        let mut random = Sample::program(seed, true);
        let mut pick = Sample::numbers(seed + 1);
        for _ in 0..3 {
            let at = random.floor_char_boundary(pick.below(random.len()));
            match pick.below(3) {
                0 => random.truncate(at),
                1 => random.insert_str(at, BITS[pick.below(BITS.len())]),
                _ if at < random.len() => drop(random.remove(at)),
                _ => {}
            }
            if random.is_empty() {
                break;
            }
        }
        if let Err(error) = parse(&random) {
            assert!(error.render(&random, "x").contains(&error.code.to_string()));
            assert!(error.span.end as usize <= random.len());
        }
        drop(parse_lambda(&random));
    }
}

#[test]
fn canonical_text_reads_back_as_itself() {
    for seed in 0..2_000 {
        let source = Sample::program(seed, false);
        let once = parse(&source)
            .unwrap()
            .statements
            .iter()
            .map(canonical::statement)
            .collect::<Vec<_>>()
            .join("\n");
        let again = parse(&once).unwrap_or_else(|e| panic!("{source}\n{once}\n{e}"));
        let twice = again.statements.iter().map(canonical::statement).collect::<Vec<_>>().join("\n");
        assert_eq!(once, twice, "{source}");
    }
}
