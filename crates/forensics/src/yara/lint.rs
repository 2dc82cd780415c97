//! Keeping of a collection of rules those that compile.

use std::ops::Range;

use yara_x::SourceCode;
use yara_x_parser::Parser;
use yara_x_parser::cst::{Event, SyntaxKind};

/// The rules of a source that compile, and why the others do not. With `clean` their metadata is left out.
pub fn lint(source: &str, clean: bool) -> (String, Vec<String>) {
    let (parts, mut problems) = parts(source);
    let mut compiler = super::engine::compiler();
    let mut kept = String::new();
    for part in parts {
        let text = part.text(source, clean);
        match compiler.add_source(SourceCode::from(text.as_str())) {
            Ok(_) => {
                kept.push_str(text.trim());
                kept.push('\n');
            }
            Err(e) => problems.push(e.to_string()),
        }
    }
    (kept, problems)
}

/// An import or a rule.
struct Part {
    range: Range<usize>,
    meta: Option<Range<usize>>,
}

impl Part {
    fn text(&self, source: &str, clean: bool) -> String {
        match &self.meta {
            Some(meta) if clean => {
                let (head, tail) = (&source[self.range.start..meta.start], &source[meta.end..self.range.end]);
                format!("{head}{}", tail.trim_start())
            }
            _ => source[self.range.clone()].to_owned(),
        }
    }
}

/// The parts that can be told apart, and what is wrong with the rest.
fn parts(source: &str) -> (Vec<Part>, Vec<String>) {
    let (mut parts, mut problems): (Vec<Part>, Vec<String>) = Default::default();
    for event in Parser::new(source.as_bytes()) {
        match event {
            Event::Begin { kind: SyntaxKind::IMPORT_STMT | SyntaxKind::RULE_DECL, span } => {
                parts.push(Part { range: span.range(), meta: None });
            }
            Event::Begin { kind: SyntaxKind::META_BLK, span } => {
                if let Some(rule) = parts.last_mut() {
                    rule.meta = Some(span.range());
                }
            }
            Event::Error { message, .. } => problems.push(message),
            _ => {}
        }
    }
    // Text that is no UTF-8 boundary cannot come out of the parser, but a slice must not depend on that.
    parts.retain(|part| source.get(part.range.clone()).is_some());
    (parts, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_do_not_compile_are_left_out() {
        let source = r#"import "pe"
rule Good { meta: a = "meta: x" b = 2 strings: $a = "x" condition: $a and pe.is_pe }
rule Bad { condition: unknown }
rule Other { condition: Good }"#;
        let (kept, problems) = lint(source, false);
        assert!(kept.contains("rule Good") && kept.contains("rule Other") && !kept.contains("Bad"), "{kept}");
        assert_eq!(problems.len(), 1, "{problems:?}");
        let (cleaned, _) = lint(source, true);
        assert_eq!(
            cleaned,
            "import \"pe\"\nrule Good { strings: $a = \"x\" condition: $a and pe.is_pe }\nrule Other { condition: Good }\n"
        );
        assert!(lint(&cleaned, true).1.is_empty());
    }

    #[test]
    fn text_that_is_no_rule_gives_nothing() {
        let (kept, problems) = lint("hello world", true);
        assert!(kept.is_empty() && !problems.is_empty());
    }
}
