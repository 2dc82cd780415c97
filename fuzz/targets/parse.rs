//! Any text is parsed or refused; what is parsed can be printed and formatted without changing its meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vql::{ast::Program, canonical, format, parser};

fuzz_target!(|source: &str| {
    // An error must be printable wherever it points.
    let program = match parser::parse(source) {
        Ok(program) => program,
        Err(error) => return drop((error.to_string(), error.render(source, "fuzz.vql"))),
    };
    let text = canonical_text(&program);
    let again = parser::parse(&text).expect("canonical text parses");
    assert_eq!(canonical_text(&again), text, "canonical text is stable");

    let once = format::format(source).expect("what parses is formatted");
    let formatted = parser::parse(&once).expect("formatted text parses");
    assert_eq!(canonical_text(&formatted), text, "formatting keeps the meaning");
    assert_eq!(formatted.comments.len(), program.comments.len(), "formatting keeps the comments");
    assert_eq!(format::format(&once).expect("formatted text is formatted"), once, "formatting is idempotent");

    let _ = parser::parse_lambda(source);
});

fn canonical_text(program: &Program) -> String {
    let texts: Vec<String> = program.statements.iter().map(canonical::statement).collect();
    texts.join("\n")
}
