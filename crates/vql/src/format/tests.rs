//! Formatting keeps the meaning and is stable.

use super::format;
use crate::ast::Program;
use crate::parser::parse;
use crate::parser::sample::Sample;

/// The tree without places and comments, as text.
fn bare(mut program: Program) -> String {
    program.comments.clear();
    let spans = regex::Regex::new(r"Span \{ start: \d+, end: \d+ \}").expect("a valid pattern");
    spans.replace_all(&format!("{program:?}"), "_").into_owned()
}

fn formatted(source: &str) -> String {
    format(source).unwrap_or_else(|e| panic!("{source}\n{e}"))
}

/// Formats, and checks what must hold for any program.
fn checked(source: &str) -> String {
    let once = formatted(source);
    let before = parse(source).unwrap();
    let after = parse(&once).unwrap_or_else(|e| panic!("{source}\n---\n{once}\n---\n{e}"));
    let texts = |p: &Program| p.comments.iter().map(|c| c.text.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(texts(&before), texts(&after), "comments are kept: {source}");
    assert_eq!(bare(before), bare(after), "the meaning is kept: {source}\n---\n{once}");
    assert_eq!(formatted(&once), once, "formatting again changes nothing: {source}");
    assert!(once.lines().all(|l| l.trim_end() == l || source.contains(l)), "no trailing space:\n{once}");
    once
}

#[test]
fn random_programs_keep_meaning_and_comments() {
    for seed in 0..3_000 {
        checked(&Sample::program(seed, seed % 2 == 0));
    }
}

#[test]
fn short_statements_stand_on_one_line() {
    let cases = [
        ("let  a=1", "LET a = 1\n"),
        ("LET f( a,b = 2 )<=a+b", "LET f(a, b=2) <= a + b\n"),
        (
            "select * , a as b from x( y = 1 ) where not a in (1,2) order  by b desc limit 5",
            "SELECT *, a AS b FROM x(y=1) WHERE NOT a IN (1, 2) ORDER BY b DESC LIMIT 5\n",
        ),
        (
            "SELECT f(q={select a from b},x=[ ],y=[1,]) FROM z",
            "SELECT f(q={ SELECT a FROM b }, x=[], y=[1,]) FROM z\n",
        ),
        ("SELECT a [ 0 ] . b [ 1 : ] , -1 FROM z", "SELECT a[0].b[1:], -1 FROM z\n"),
        ("LET a = true and False or null", "LET a = true and False or NULL\n"),
        ("LET a = 0x10 + 010 - -x", "LET a = 0x10 + 010 - -x\n"),
        ("SELECT FROM x", "SELECT FROM x\n"),
        ("SELECT *, FROM x", "SELECT *, FROM x\n"),
        ("SELECT * a FROM x", "SELECT * a FROM x\n"),
        ("LET a=1 LET b=2", "LET a = 1\nLET b = 2\n"),
        ("LET a=1\n\n\n\nLET b=2\nLET c=3", "LET a = 1\n\nLET b = 2\nLET c = 3\n"),
    ];
    for (source, want) in cases {
        assert_eq!(checked(source), want, "{source}");
    }
}

#[test]
fn long_selects_get_a_line_for_each_clause() {
    let source = "SELECT Name, Pid, CommandLine FROM pslist() WHERE Name =~ 'svchost' AND Pid > 10 AND CommandLine GROUP BY Name ORDER BY Pid LIMIT 5";
    let want = "\
SELECT Name, Pid, CommandLine
FROM pslist()
WHERE Name =~ 'svchost' AND Pid > 10 AND CommandLine
GROUP BY Name
ORDER BY Pid
LIMIT 5
";
    assert_eq!(checked(source), want);
}

#[test]
fn what_does_not_fit_breaks_from_the_outside() {
    let source = "LET q = SELECT Name, hash(path=FullPath, accessor='file', hashselect='SHA256').SHA256 AS Hash, FullPath \
        FROM foreach(row={SELECT * FROM pslist()}, query={SELECT * FROM glob(globs=Exe)}) \
        WHERE Name =~ 'a very long regular expression' AND (FullPath =~ 'another one' OR Hash = 'nothing at all')";
    let want = "\
LET q =
  SELECT
    Name,
    hash(path=FullPath, accessor='file', hashselect='SHA256').SHA256 AS Hash,
    FullPath
  FROM foreach(
    row={ SELECT * FROM pslist() },
    query={ SELECT * FROM glob(globs=Exe) }
  )
  WHERE Name =~ 'a very long regular expression'
    AND (FullPath =~ 'another one' OR Hash = 'nothing at all')
";
    assert_eq!(checked(source), want);
}

#[test]
fn comments_stay_with_their_tokens() {
    let source = "-- head\n\n\n\n-- about a\nLET a = 1 -- one\n\n/* b */ LET b = f(x=1, -- first\n-- own\ny=2 /* two */\n-- last\n)\n-- end";
    let want = "\
-- head

-- about a
LET a = 1 -- one

/* b */
LET b = f(
  x=1, -- first
  -- own
  y=2 /* two */
  -- last
)
-- end
";
    assert_eq!(checked(source), want);
    assert_eq!(checked("LET a = -- why\n 5"), "LET a = -- why\n  5\n");
    assert_eq!(checked("LET a=/* c */5/* d */LET b=1"), "LET a = /* c */ 5 /* d */\nLET b = 1\n");
    assert_eq!(
        checked("LET q =\n-- c\nSELECT a\n-- d\nFROM b"),
        "LET q =\n  -- c\n  SELECT a\n  -- d\n  FROM b\n"
    );
}

#[test]
fn strings_over_several_lines_are_left_alone() {
    let source = "LET a = f(x='''one\n  two''', y=1)";
    assert_eq!(checked(source), format!("{source}\n"));
}

#[test]
fn nonsense_is_refused() {
    assert!(format("SELECT a b").is_err());
}

#[test]
fn the_deepest_and_the_longest_are_laid_out() {
    let deep = format!("LET a = {}1{}", "(".repeat(500), ")".repeat(500));
    let long = format!("LET a = a{}", " + a".repeat(9_000));
    for source in [deep, long] {
        let once = formatted(&source);
        assert_eq!(formatted(&once), once);
    }
}
