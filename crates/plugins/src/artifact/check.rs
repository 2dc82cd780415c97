//! What is wrong with an artifact definition, each with its place in the file.

use std::collections::HashSet;

use serde_saphyr::{Location, Spanned};
use vql::ast::Statement;
use vql::lint::{Problem, lint};
use vql::permission::Permission;
use vql::registry::Registry;

use super::definition::{Document, DocumentParameter, DocumentSource, Kind};
use super::parameter::ParameterType;

/// What makes a definition unusable.
pub(super) fn document(yaml: &str, document: &Document) -> Vec<Problem> {
    let mut checker = Checker { yaml, problems: Vec::new() };
    checker.names(document);
    let mut seen = HashSet::new();
    for parameter in &document.parameters {
        checker.parameter(parameter, &mut seen);
    }
    let mut seen = HashSet::new();
    for source in &document.sources {
        checker.source(source, &mut seen);
    }
    for text in document.precondition.iter().chain(&document.export) {
        checker.syntax(text);
    }
    if let Some(export) = &document.export {
        checker.export(export);
    }
    checker.problems
}

/// What is doubtful about the queries: names that nobody knows, arguments that nobody takes.
pub(super) fn queries(yaml: &str, document: &Document, registry: Option<&Registry>) -> Vec<Problem> {
    let Some(registry) = registry else { return Vec::new() };
    let sources = document.sources.iter();
    let texts = sources.flat_map(|s| s.precondition.iter().chain(s.texts()));
    // Functions that an import or the export defines are known to the queries only when they run together.
    let export = document.export.as_ref().map_or("", |e| e.value.as_str());
    let defined = defined_names(export);
    let has_imports = !document.imports.is_empty();
    let mut problems = Vec::new();
    for text in document.precondition.iter().chain(&document.export).chain(texts) {
        let found = lint(&text.value, Some(registry)).into_iter().filter(|p| {
            let is_unknown_name = p.message.ends_with("is not known");
            let is_defined = defined.iter().any(|name| p.message.contains(&format!(" {name} ")));
            !(is_unknown_name && (has_imports || is_defined))
        });
        problems.extend(found.map(|p| placed(yaml, text, p)));
    }
    problems
}

fn defined_names(source: &str) -> Vec<String> {
    let Ok(program) = vql::parser::parse(source) else { return Vec::new() };
    let name = |s: &Statement| match s {
        Statement::Let(l) => Some(l.name.name.to_string()),
        Statement::Select(_) => None,
    };
    program.statements.iter().filter_map(name).collect()
}

/// A problem inside a text, at its place in the file.
fn placed(yaml: &str, text: &Spanned<String>, mut problem: Problem) -> Problem {
    let (line, column) = place(&text.referenced);
    let (first_line, indent) = block_start(yaml, line, column);
    problem.line += first_line - 1;
    problem.column += indent;
    problem
}

fn place(at: &Location) -> (usize, usize) {
    (at.line() as usize, at.column() as usize)
}

/// Where the content of a scalar starts: its first line and what to add to columns.
fn block_start(yaml: &str, line: usize, column: usize) -> (usize, usize) {
    let lines: Vec<&str> = yaml.lines().collect();
    let indent_of = |l: &str| l.len() - l.trim_start().len();
    let is_block = |l: &str| {
        let head = l.trim_end().trim_end_matches(['+', '-', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        head.ends_with('|') || head.ends_with('>')
    };
    // The place is that of the indicator, or of the content itself, depending on how the scalar is written.
    match line.checked_sub(1).and_then(|at| lines.get(at)) {
        Some(text) if is_block(text) => (line + 1, lines.get(line).map_or(0, |l| indent_of(l))),
        Some(_) if line >= 2 && is_block(lines[line - 2]) => (line, indent_of(lines[line - 1])),
        _ => (line.max(1), column.saturating_sub(1)),
    }
}

/// Words joined by dots.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 120 && name.split('.').all(is_word)
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Checker<'a> {
    yaml: &'a str,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn report(&mut self, at: &Spanned<String>, message: impl Into<String>) {
        let (line, column) = place(&at.referenced);
        self.problems.push(Problem::error(line, column, message));
    }

    fn names(&mut self, document: &Document) {
        if !is_name(document.name.value.trim()) {
            self.report(&document.name, "a name is words joined by dots, such as Linux.Sys.Users");
        }
        if let Some(kind) = &document.kind
            && Kind::from_name(&kind.value).is_none()
        {
            let message = format!(
                "type {} is not known: give CLIENT, CLIENT_EVENT, SERVER or SERVER_EVENT",
                kind.value
            );
            self.report(kind, message);
        }
        for import in document.imports.iter().filter(|i| !is_name(&i.value)) {
            self.report(import, "an import is the name of an artifact");
        }
        for permission in document.required_permissions.iter().chain(&document.implied_permissions) {
            if Permission::from_name(&permission.value).is_none() {
                self.report(permission, format!("permission {} is not known", permission.value));
            }
        }
    }

    fn parameter<'d>(&mut self, parameter: &'d DocumentParameter, seen: &mut HashSet<&'d str>) {
        let name = &parameter.name;
        if !is_word(&name.value) {
            self.report(name, "a parameter's name is one word of letters, digits and _");
        } else if !seen.insert(&name.value) {
            self.report(name, format!("there is another parameter {}", name.value));
        }
        let kind = match &parameter.kind {
            None => ParameterType::default(),
            Some(written) => match ParameterType::from_name(&written.value) {
                Some(kind) => kind,
                None => return self.report(written, format!("type {} is not known", written.value)),
            },
        };
        if let Some(regex) = &parameter.validating_regex
            && let Err(e) = regex::Regex::new(&regex.value)
        {
            self.report(regex, format!("bad regular expression: {e}"));
        }
        if let Some(default) = parameter.default.as_ref().filter(|d| !d.value.is_empty())
            && let Err(why) = kind.check(&default.value, &parameter.choices)
        {
            self.report(default, format!("the default is {why}"));
        }
    }

    fn source<'d>(&mut self, source: &'d DocumentSource, seen: &mut HashSet<&'d str>) {
        if let Some(name) = &source.name {
            if name.value.contains(['/', '\\']) || name.value.chars().any(char::is_control) {
                self.report(name, "a source's name has no slashes");
            } else if !seen.insert(&name.value) {
                self.report(name, format!("there is another source {}", name.value));
            }
        }
        if let Some(precondition) = &source.precondition {
            self.syntax(precondition);
        }
        let texts: Vec<_> = source.texts().collect();
        let Some((last, earlier)) = texts.split_last() else { return };
        for text in earlier {
            self.statements(text, false);
        }
        self.statements(last, true);
    }

    /// All statements are LET, but the last of the last text, which is the SELECT.
    fn statements(&mut self, text: &Spanned<String>, is_last: bool) {
        let Some(statements) = self.syntax(text) else { return };
        let (last, earlier) = match statements.split_last() {
            Some((last, earlier)) if is_last => (Some(last), earlier),
            _ => (None, &statements[..]),
        };
        if is_last && !matches!(last, Some(Statement::Select(_))) {
            self.report(text, "a source ends with a SELECT");
        }
        for statement in earlier.iter().filter(|s| matches!(s, Statement::Select(_))) {
            let start = statement.span().start as usize;
            let (line, column) = vql::span::line_column(text.value.as_bytes(), start);
            let problem = Problem::error(line, column, "only the last statement of a source may be a SELECT");
            self.problems.push(placed(self.yaml, text, problem));
        }
    }

    fn syntax(&mut self, text: &Spanned<String>) -> Option<Vec<Statement>> {
        match vql::parser::parse(&text.value) {
            Ok(program) => Some(program.statements),
            Err(_) => {
                let found = lint(&text.value, None);
                self.problems.extend(found.into_iter().map(|p| placed(self.yaml, text, p)));
                None
            }
        }
    }

    fn export(&mut self, export: &Spanned<String>) {
        let Ok(program) = vql::parser::parse(&export.value) else { return };
        if program.statements.iter().any(|s| matches!(s, Statement::Select(_))) {
            self.report(export, "an export holds LET statements only");
        }
    }
}
