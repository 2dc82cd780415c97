//! `relpath()`: the way from one path to another (builtins page, section 1.7).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::path::{OsPath, PathKind};
use crate::text::Text;
use crate::value::Value;

const PATH: usize = 0;
const BASE: usize = 1;
const SEP: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "relpath",
        doc: "The way from one path to another.",
        category: Category::Paths,
        args: &[
            Arg::required("path", Type::Str, "Where to go."),
            Arg::required("base", Type::Str, "Where to start."),
            Arg::optional("sep", Type::Str, "What goes between components.").with_default(r#""/""#),
        ],
        examples: &[
            Example::new("Below", "relpath(path='/a/b/c', base='/a')", r#""b/c""#),
            Example::new("Beside", "relpath(path='/a/x', base='/a/b/c')", r#""../../x""#),
            Example::new("The same", "relpath(path='/a/./b', base='/a/b')", r#"".""#),
            Example::new("Windows", r#"relpath(path='C:\\a\\b', base='C:\\', sep='\\')"#, r#""a\\b""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let sep = args.text(SEP)?;
    let kind = PathKind::choose(&sep, b"")?;
    let sep = if sep.is_empty() { Text::from("/") } else { sep };
    let (path, base) = (clean(kind, &args.text(PATH)?), clean(kind, &args.text(BASE)?));
    let common = path.iter().zip(&base).take_while(|(a, b)| a == b).count();
    let up = Text::from("..");
    if base[common..].contains(&up) {
        return Err("the way up from base is not known".into());
    }
    let steps = base[common..].iter().map(|_| &up).chain(&path[common..]);
    let steps: Vec<&[u8]> = steps.map(|t| &**t).collect();
    Ok(Value::Text(if steps.is_empty() { Text::from(".") } else { steps.join(&*sep).into() }))
}

/// The components without `..` where that can be told.
fn clean(kind: PathKind, text: &[u8]) -> Vec<Text> {
    let mut clean: Vec<Text> = Vec::new();
    for component in OsPath::parse(kind, text).components.into_vec() {
        match clean.last() {
            Some(last) if *component == *b".." && **last != *b".." => {
                clean.pop();
            }
            None if *component == *b".." && text.starts_with(b"/") => {}
            _ => clean.push(component),
        }
    }
    clean
}
