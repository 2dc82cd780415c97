//! The reference pages of functions, plugins and accessors, and the completion data for editors, written from what
//! the callables declare.
//!
//! The pages are committed; this test fails while one is stale, and rewrites them with `UPDATE_GENERATED=1`.

use std::fmt::Write;
use std::path::PathBuf;

use vql::call::{Arg, Example, Platforms, Signature};
use vql::json::JsonOptions;
use vql::value::Value;

const NOTE: &str =
    "<!-- Written from the source: UPDATE_GENERATED=1 cargo test -p plugins --test reference -->";

/// One callable, as Markdown.
fn entry(page: &mut String, signature: &Signature, columns: &[&str], example: fn(&mut String, &Example)) {
    let _ = writeln!(page, "\n## `{}`\n\n{}", signature.name, signature.doc);
    if !signature.args.is_empty() {
        page.push_str("\n| argument | type | | meaning |\n| --- | --- | --- | --- |\n");
        signature.args.iter().for_each(|arg| argument(page, arg));
    }
    if signature.free_form {
        page.push_str("\nTakes further arguments of any name.\n");
    }
    facts(page, signature, columns);
    if !signature.examples.is_empty() {
        page.push('\n');
    }
    signature.examples.iter().for_each(|e| example(page, e));
}

/// An expression and its value, in a line.
fn expression(page: &mut String, example: &Example) {
    let ticks = if example.vql.contains('`') { "``" } else { "`" };
    let _ = writeln!(page, "- {}: {ticks}{}{ticks} → `{}`", example.title, example.vql, example.result);
}

/// A query and its rows.
fn query(page: &mut String, example: &Example) {
    let _ = writeln!(
        page,
        "{}:\n\n```vql\n{}\n```\n```json\n{}\n```",
        example.title, example.vql, example.result
    );
}

fn argument(page: &mut String, arg: &Arg) {
    let need = match (arg.required, arg.default) {
        (true, _) => "required".to_owned(),
        (false, "") => String::new(),
        (false, default) => format!("default `{default}`"),
    };
    let doc = arg.doc.replace('|', "\\|");
    let _ = writeln!(page, "| `{}` | {} | {need} | {doc} |", arg.name, arg.ty.name());
}

fn facts(page: &mut String, signature: &Signature, columns: &[&str]) {
    if !columns.is_empty() {
        let _ = writeln!(page, "\nColumns: `{}`.", columns.join("`, `"));
    }
    let needs = signature.needs();
    if !needs.is_empty() {
        let _ = writeln!(page, "\nNeeds {}.", needs.join(" and "));
    }
    if signature.platforms == Platforms::Linux {
        page.push_str("\nLinux only.\n");
    }
}

fn contents(page: &mut String, signatures: &[&Signature]) {
    for signature in signatures {
        let _ = writeln!(page, "- [`{0}`](#{0}): {1}", signature.name, signature.doc);
    }
}

fn functions() -> String {
    let all = plugins::registry().functions();
    let mut page = format!(
        "# Functions\n\n{NOTE}\n\nFunctions are called in expressions: `SELECT f(a=1) FROM scope()`.\n\n"
    );
    contents(&mut page, &all.iter().map(|f| &f.signature).collect::<Vec<_>>());
    all.iter().for_each(|f| entry(&mut page, &f.signature, &[], expression));
    page
}

fn plugin_page() -> String {
    let all = plugins::registry().plugins();
    let mut page =
        format!("# Plugins\n\n{NOTE}\n\nPlugins stand after FROM and emit rows: `SELECT * FROM p(a=1)`.\n\n");
    contents(&mut page, &all.iter().map(|p| &p.signature).collect::<Vec<_>>());
    all.iter().for_each(|p| entry(&mut page, &p.signature, p.columns, query));
    page
}

/// The same facts for editors: what completion and hover need, one entry a line.
fn completion() -> String {
    let registry = plugins::registry();
    let functions = registry.functions().into_iter().map(|f| ("function", &f.signature, &[][..]));
    let plugins = registry.plugins().into_iter().map(|p| ("plugin", &p.signature, p.columns));
    let entries: Vec<String> =
        functions.chain(plugins).map(|(kind, s, columns)| completion_entry(kind, s, columns)).collect();
    format!("[\n{}\n]\n", entries.join(",\n"))
}

fn completion_entry(kind: &str, signature: &Signature, columns: &[&str]) -> String {
    let text = |s: &str| Value::from(s);
    let argument = |a: &Arg| {
        Value::dict([
            ("name", text(a.name)),
            ("type", text(a.ty.name())),
            ("required", Value::Bool(a.required)),
            ("doc", text(a.doc)),
        ])
    };
    let entry = Value::dict([
        ("kind", text(kind)),
        ("name", text(signature.name)),
        ("doc", text(signature.doc)),
        ("args", Value::list(signature.args.iter().map(argument).collect())),
        ("free_form", Value::Bool(signature.free_form)),
        ("columns", Value::list(columns.iter().map(|c| text(c)).collect())),
        ("permissions", Value::list(signature.needs().into_iter().map(Value::from).collect())),
    ]);
    let mut json = Vec::new();
    vql::json::write_value(&entry, &mut json, &JsonOptions::default());
    String::from_utf8(json).unwrap()
}

fn accessors() -> String {
    let mut page = format!(
        "# Accessors\n\n{NOTE}\n\nThe `accessor` argument says how a path is read.\n\n| name | meaning |\n| --- | --- |\n"
    );
    for accessor in plugins::accessor::ACCESSORS {
        let _ = writeln!(page, "| `{}` | {} |", accessor.name(), accessor.doc());
    }
    page
}

#[test]
fn reference_pages_are_fresh() {
    let folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../docs/reference");
    let update = std::env::var_os("UPDATE_GENERATED").is_some();
    for (name, text) in [
        ("functions.md", functions()),
        ("plugins.md", plugin_page()),
        ("accessors.md", accessors()),
        ("completion.json", completion()),
    ] {
        let path = folder.join(name);
        if update {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "docs/reference/{name} is stale: run UPDATE_GENERATED=1 cargo test -p plugins --test reference"
        );
    }
}
