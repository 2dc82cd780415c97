//! Folders with a list: the files, the `mod` lines and the entries of the list name the same things.
//!
//! A `mod.rs` is such a list when it holds a constant slice of references into its modules:
//! `pub const FUNCTIONS: &[&Function] = &[&count::FUNCTION, …];`. A module which is no entry says so in a comment
//! on its line: `mod shared; // not listed: used by glob and read_file`.

use std::collections::BTreeSet;

use super::{File, Problem, problem};

pub fn check(files: &[File]) -> Vec<Problem> {
    let lists = files.iter().filter(|file| file.name() == "mod.rs");
    lists.flat_map(|list| check_list(list, &members(files, list.folder()))).collect()
}

/// The modules that lie in a folder, as files or as folders of their own.
fn members(files: &[File], folder: &str) -> BTreeSet<String> {
    let inside = files.iter().filter_map(|file| file.path.strip_prefix(folder)?.strip_prefix('/'));
    let modules = inside.filter_map(|path| match path.split_once('/') {
        None => path.strip_suffix(".rs"),
        Some((module, "mod.rs")) => Some(module),
        Some(_) => None,
    });
    modules.filter(|module| *module != "mod" && *module != "tests").map(String::from).collect()
}

/// A name and the line it stands on.
type Named = (String, usize);

fn check_list(list: &File, members: &BTreeSet<String>) -> Vec<Problem> {
    let Some((constant, start, entries)) = slice(&list.text) else {
        return Vec::new();
    };
    let (mods, unlisted) = mod_lines(&list.text);
    let mut problems = Vec::new();
    let mut say = |line, message: String| problems.push(problem(&list.path, line, message));

    let declared: BTreeSet<&str> = mods.iter().chain(&unlisted).map(|(name, _)| name.as_str()).collect();
    let listed: BTreeSet<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    for member in members.iter().filter(|member| !declared.contains(member.as_str())) {
        let after = mods.iter().rfind(|(name, _)| name < member).map_or(0, |(_, line)| *line);
        say(after, format!("add `mod {};` after this line: the file is there", identifier(member)));
    }
    for (name, line) in mods.iter().filter(|(name, _)| !listed.contains(name.as_str())) {
        let before = entries.iter().find(|(entry, _)| entry > name);
        let place =
            before.map_or("at the end".to_string(), |(entry, at)| format!("before `{entry}` (line {at})"));
        say(
            *line,
            format!(
                "add `&{}::…` to {constant} (line {start}) {place}, or say `// not listed: why`",
                identifier(name)
            ),
        );
    }
    for (name, line) in unlisted.iter().filter(|(name, _)| listed.contains(name.as_str())) {
        say(*line, format!("`{name}` is in {constant}, so drop the comment `not listed`"));
    }
    for (what, names) in [("mod lines", &mods), ("entries", &entries)] {
        if let Some(pair) = names.windows(2).find(|pair| pair[0].0 > pair[1].0) {
            say(pair[1].1, format!("{what} are alphabetical: `{}` stands before `{}`", pair[1].0, pair[0].0));
        }
    }
    problems
}

/// The list's name, its line, and the modules its entries come from.
fn slice(text: &str) -> Option<(String, usize, Vec<Named>)> {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| is_const(line) && line.contains("= &["))?;
    let name = lines[start].split("const ").nth(1)?.split(':').next()?.trim().to_string();
    let mut entries = Vec::new();
    for (at, line) in lines.iter().enumerate().skip(start) {
        let body = if at == start { line.split("= &[").nth(1).unwrap_or_default() } else { line };
        let code = body.split("//").next().unwrap_or_default();
        for piece in code.split('&').skip(1) {
            if let Some((module, _)) = piece.split_once("::") {
                entries.push((module.trim_start_matches("r#").to_string(), at + 1));
            }
        }
        if code.contains("];") {
            break;
        }
    }
    // A slice of something else: strings, numbers.
    if entries.is_empty() { None } else { Some((name, start + 1, entries)) }
}

fn is_const(line: &str) -> bool {
    ["const ", "pub const ", "pub(crate) const ", "pub(super) const "]
        .iter()
        .any(|word| line.starts_with(word))
}

/// The modules that must be entries, and those that are not.
fn mod_lines(text: &str) -> (Vec<Named>, Vec<Named>) {
    let (mut mods, mut unlisted) = (Vec::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let rest = ["mod ", "pub mod ", "pub(crate) mod "].iter().find_map(|word| line.strip_prefix(word));
        let Some((name, comment)) = rest.and_then(|rest| rest.split_once(';')) else {
            continue;
        };
        let name = name.trim_start_matches("r#").to_string();
        if name == "tests" {
            continue;
        }
        let list = if comment.contains("// not listed: ") { &mut unlisted } else { &mut mods };
        list.push((name, at + 1));
    }
    (mods, unlisted)
}

fn identifier(name: &str) -> String {
    const KEYWORDS: &[&str] =
        &["if", "for", "let", "match", "type", "use", "loop", "in", "move", "ref", "where"];
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str, members: &[&str]) -> Vec<String> {
        let list = File { path: "functions/mod.rs".into(), text: text.into() };
        let members = members.iter().map(|name| name.to_string()).collect();
        check_list(&list, &members).iter().map(Problem::to_string).collect()
    }

    const GOOD: &str = "mod count;\nmod r#if;\nmod zip; // not listed: used by both\n\n\
        pub const FUNCTIONS: &[&Function] = &[\n    &count::FUNCTION,\n    &r#if::FUNCTION,\n];\n";

    #[test]
    fn a_complete_list_passes() {
        assert_eq!(messages(GOOD, &["count", "if", "zip"]), [""; 0]);
    }

    #[test]
    fn a_missing_mod_line_is_named_with_its_place() {
        let found = messages(GOOD, &["count", "for", "if", "zip"]);
        assert_eq!(found, ["functions/mod.rs:1: add `mod r#for;` after this line: the file is there"]);
    }

    #[test]
    fn a_missing_entry_is_named_with_its_place() {
        let text = GOOD.replace("    &count::FUNCTION,\n", "");
        let found = messages(&text, &["count", "if", "zip"]);
        assert_eq!(
            found,
            [
                "functions/mod.rs:1: add `&count::…` to FUNCTIONS (line 5) before `if` (line 6), or say `// not listed: why`"
            ]
        );
    }

    #[test]
    fn disorder_is_told() {
        let text = "mod b;\nmod a;\npub const X: &[&dyn T] = &[&a::A, &b::B { name: \"x\" }, &b::B { name: \"y\" }];\n";
        assert_eq!(
            messages(text, &["a", "b"]),
            ["functions/mod.rs:2: mod lines are alphabetical: `a` stands before `b`"]
        );
    }

    #[test]
    fn other_folders_are_left_alone() {
        assert_eq!(messages("mod a;\nconst NAMES: &[&str] = &[\"x\"];\n", &["a", "b"]), [""; 0]);
    }

    #[test]
    fn folders_count_when_they_are_modules() {
        let file = |path: &str| File { path: path.into(), text: String::new() };
        let files =
            [file("f/mod.rs"), file("f/a.rs"), file("f/b/mod.rs"), file("f/a/tests.rs"), file("f/tests.rs")];
        assert_eq!(members(&files, "f").into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
