//! Links between documents.

use std::path::Path;

use super::{File, Problem, problem};

pub fn check(root: &Path, files: &[File]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for page in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, link) in links(&page.text) {
            if !root.join(page.folder()).join(link).exists() {
                problems.push(problem(&page.path, line, format!("the link to `{link}` leads nowhere")));
            }
        }
    }
    problems
}

/// The targets of `](…)` outside code blocks that name a file, and their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut is_code) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        for piece in line.split("](").skip(1) {
            let target = piece.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((at + 1, target));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn only_links_to_files_count() {
        let text = "[a](b.md) [c](https://x.example/y) [d](#part) [e](f/g.md#part)\n```\n[h](i.md)\n```\n";
        assert_eq!(links(text), [(1, "b.md"), (1, "f/g.md")]);
    }
}
