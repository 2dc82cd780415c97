//! `commandline_split()`: splits a command line into its arguments (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "commandline_split",
        doc: "Splits a command line into its arguments.",
        category: Category::Parsers,
        args: &[
            Arg::required("command", Type::Str, "The command line."),
            Arg::optional("bash_style", Type::Bool, "By the rules of bash instead of those of Windows.")
                .with_default("FALSE"),
        ],
        examples: &[
            Example::new(
                "Windows",
                r#"commandline_split(command='"C:\\a b\\x.exe" /c "say ""hi"" now"')"#,
                r#"["C:\\a b\\x.exe","/c","say \"hi\" now"]"#,
            ),
            Example::new(
                "Backslashes before quotes",
                r#"commandline_split(command='x a\\\\\\"b c\\d')"#,
                r#"["x","a\\\"b","c\\d"]"#,
            ),
            Example::new(
                "Bash",
                r#"commandline_split(command="echo 'a b' \"c $d\" e\\ f", bash_style=TRUE)"#,
                r#"["echo","a b","c $d","e f"]"#,
            ),
            Example::new(
                "Bash with an open quote",
                r#"commandline_split(command="echo 'a", bash_style=TRUE)"#,
                "null",
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let command = args.text(0)?;
    let parts = if args.bool(1) { bash(&command)? } else { windows(&command) };
    Ok(Value::list(parts.into_iter().map(|part| Value::Text(part.into())).collect()))
}

/// The rules of `CommandLineToArgvW`: backslashes count only before a quote, and two quotes inside quotes are one.
fn windows(text: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        while matches!(text.get(at), Some(b' ' | b'\t')) {
            at += 1;
        }
        if at >= text.len() {
            return parts;
        }
        let mut part = Vec::new();
        let mut in_quotes = false;
        while let Some(c) = text.get(at) {
            match c {
                b' ' | b'\t' if !in_quotes => break,
                b'\\' => {
                    let count = text[at..].iter().take_while(|c| **c == b'\\').count();
                    at += count;
                    let before_quote = text.get(at) == Some(&b'"');
                    let kept = if before_quote { count / 2 } else { count };
                    part.resize(part.len() + kept, b'\\');
                    if before_quote && count % 2 == 1 {
                        part.push(b'"');
                        at += 1;
                    }
                    continue;
                }
                b'"' if in_quotes && text.get(at + 1) == Some(&b'"') => {
                    part.push(b'"');
                    at += 1;
                }
                b'"' => in_quotes = !in_quotes,
                c => part.push(*c),
            }
            at += 1;
        }
        parts.push(part);
    }
}

/// Words of bash without expansions.
fn bash(text: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut parts = Vec::new();
    let mut part: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut rest = text.iter();
    while let Some(c) = rest.next() {
        let word = part.as_ref().map_or(0, Vec::len);
        match (c, quote) {
            (b'\'', Some(b'\'')) | (b'"', Some(b'"')) => quote = None,
            (c, Some(b'\'')) => part.get_or_insert_default().push(*c),
            (b'\\', Some(_)) => {
                let next = *rest.next().ok_or("a quote does not end")?;
                if !matches!(next, b'"' | b'\\' | b'$' | b'`') {
                    part.get_or_insert_default().push(b'\\');
                }
                part.get_or_insert_default().push(next);
            }
            (c, Some(_)) => part.get_or_insert_default().push(*c),
            (b'\'' | b'"', None) => {
                quote = Some(*c);
                part.get_or_insert_default();
            }
            (b'\\', None) => {
                let next = *rest.next().ok_or("a backslash at the end")?;
                part.get_or_insert_default().push(next);
            }
            (b' ' | b'\t' | b'\n', None) => parts.extend(part.take()),
            (b'#', None) if word == 0 && part.is_none() => break,
            (c, None) => part.get_or_insert_default().push(*c),
        }
    }
    if quote.is_some() {
        return Err("a quote does not end".into());
    }
    parts.extend(part);
    Ok(parts)
}
