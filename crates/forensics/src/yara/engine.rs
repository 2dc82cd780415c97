//! The engine: yara-x.

use std::time::Duration;

use yara_x::{Compiler, MetaValue, SourceCode};

use super::{Found, Hit, MAX_FOUND, MAX_SOURCE, SECONDS, Variable};
use crate::{Error, Result};

/// Compiled rules, to be shared by any number of scanners.
pub struct Rules(yara_x::Rules);

impl Rules {
    /// Compiles rules, in a namespace of that name unless it is empty.
    pub fn compile(source: &str, namespace: &str, variables: &[(String, Variable)]) -> Result<Rules> {
        if source.len() > MAX_SOURCE {
            return Err(Error::TooMuch { what: "rules", limit: MAX_SOURCE as u64 });
        }
        let mut compiler = compiler();
        for (name, value) in variables {
            let defined = match value {
                Variable::Bool(b) => compiler.define_global(name, *b),
                Variable::Int(i) => compiler.define_global(name, *i),
                Variable::Float(f) => compiler.define_global(name, *f),
                Variable::Text(s) => compiler.define_global(name, s.as_str()),
                Variable::Bytes(b) => compiler.define_global(name, String::from_utf8_lossy(b).as_ref()),
            };
            defined.map_err(|e| Error::broken("variable", e.to_string()))?;
        }
        if !namespace.is_empty() {
            compiler.new_namespace(namespace);
        }
        compiler.add_source(SourceCode::from(source)).map_err(|e| Error::broken("rules", e.to_string()))?;
        Ok(Rules(compiler.build()))
    }
}

pub(super) fn compiler<'a>() -> Compiler<'a> {
    let mut compiler = Compiler::new();
    compiler.enable_includes(false);
    // Rules in the wild were written for the older engine, which was less strict here.
    compiler.relaxed_re_syntax(true);
    compiler
}

/// Scans contents, one after another.
pub struct Scanner<'r>(yara_x::Scanner<'r>);

impl<'r> Scanner<'r> {
    pub fn new(rules: &'r Rules) -> Self {
        let mut scanner = yara_x::Scanner::new(&rules.0);
        scanner.set_timeout(Duration::from_secs(SECONDS));
        Scanner(scanner)
    }

    /// The rules that match, in the order in which they were written.
    pub fn scan(&mut self, content: &[u8]) -> Result<Vec<Hit>> {
        let results = self.0.scan(content).map_err(|e| Error::broken("scan", e.to_string()))?;
        let mut hits: Vec<Hit> = Vec::new();
        for rule in results.matching_rules() {
            let mut strings = Vec::new();
            for pattern in rule.patterns() {
                let name = pattern.identifier();
                let found = pattern.matches().take(MAX_FOUND);
                strings.extend(found.map(|m| Found { name: name.to_owned(), range: m.range() }));
            }
            hits.push(Hit {
                rule: rule.identifier().to_owned(),
                namespace: rule.namespace().to_owned(),
                tags: rule.tags().map(|t| t.identifier().to_owned()).collect(),
                meta: rule.metadata().map(|(name, value)| (name.to_owned(), variable(value))).collect(),
                strings,
            });
        }
        Ok(hits)
    }
}

fn variable(value: MetaValue<'_>) -> Variable {
    match value {
        MetaValue::Integer(i) => Variable::Int(i),
        MetaValue::Float(f) => Variable::Float(f),
        MetaValue::Bool(b) => Variable::Bool(b),
        MetaValue::String(s) => Variable::Text(s.to_owned()),
        MetaValue::Bytes(b) => Variable::Bytes(b.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str, content: &[u8]) -> Vec<String> {
        let rules = Rules::compile(source, "", &[]).unwrap();
        let hits = Scanner::new(&rules).scan(content).unwrap();
        hits.iter().map(|h| h.rule.clone()).collect()
    }

    #[test]
    fn what_matches_is_described() {
        let source = r#"rule Found : first second {
            meta: author = "me" level = 3 sure = true
            strings: $a = "abc" $b = { 00 ?? 02 }
            condition: $a and $b
        }
        rule Absent { strings: $x = "xyz" condition: $x }"#;
        let rules = Rules::compile(source, "space", &[]).unwrap();
        let mut scanner = Scanner::new(&rules);
        let hits = scanner.scan(b"..abc\x00\x01\x02abc").unwrap();
        let [hit] = &hits[..] else { panic!("{hits:?}") };
        assert_eq!((&*hit.rule, &*hit.namespace), ("Found", "space"));
        assert_eq!(hit.tags, ["first", "second"]);
        let meta = [
            ("author", Variable::Text("me".into())),
            ("level", Variable::Int(3)),
            ("sure", Variable::Bool(true)),
        ];
        assert_eq!(hit.meta, meta.map(|(name, value)| (name.to_owned(), value)));
        let found: Vec<_> = hit.strings.iter().map(|f| (&*f.name, f.range.clone())).collect();
        assert_eq!(found, [("$a", 2..5), ("$a", 8..11), ("$b", 5..8)]);
        assert!(scanner.scan(b"abc").unwrap().is_empty());
    }

    #[test]
    fn variables_and_modules_are_there() {
        let source = r#"import "hash" import "math"
            rule V { condition: wanted == 7 and hash.md5(0, filesize) == "900150983cd24fb0d6963f7d28e17f72" }
            rule E { condition: math.entropy(0, filesize) > 7 }"#;
        let rules = Rules::compile(source, "", &[("wanted".into(), Variable::Int(7))]).unwrap();
        let hits = Scanner::new(&rules).scan(b"abc").unwrap();
        assert_eq!(hits.iter().map(|h| &*h.rule).collect::<Vec<_>>(), ["V"]);
    }

    #[test]
    fn rules_read_no_files() {
        let error = Rules::compile("include \"/etc/passwd\"", "", &[]).err().unwrap().to_string();
        assert!(error.contains("include"), "{error}");
    }

    #[test]
    fn broken_rules_are_refused() {
        for source in ["rule", "rule X { condition: y }", "rule X { strings: $a = /(/ condition: $a }"] {
            assert!(Rules::compile(source, "", &[]).is_err(), "{source}");
        }
        assert!(Rules::compile("rule X { condition: true }", "", &[("1".into(), Variable::Int(1))]).is_err());
    }

    #[test]
    fn the_start_of_a_file_can_be_asked_for() {
        let source = "rule Mz { condition: uint16(0) == 0x5A4D and filesize < 10 }";
        assert_eq!(names(source, b"MZ...."), ["Mz"]);
        assert!(names(source, b"ZM....").is_empty());
    }
}
