//! `substr()`: a part of a string, counted in characters (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::text::Text;
use crate::value::Value;

const STR: usize = 0;
const START: usize = 1;
const END: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "substr",
        doc: "A part of a string, counted in characters.",
        category: Category::Text,
        args: &[
            Arg::required("str", Type::Str, "The text."),
            Arg::optional("start", Type::Int, "The first character, from 0.").with_default("0"),
            Arg::optional("end", Type::Int, "The character after the last; 0: the end.").with_default("0"),
        ],
        examples: &[
            Example::new("A middle part", "substr(str='hello', start=1, end=3)", r#""el""#),
            Example::new("To the end", "substr(str='héllo', start=1)", r#""éllo""#),
            Example::new("Too far", "substr(str='ab', start=1, end=9)", r#""b""#),
            Example::new("Negative places are refused", "substr(str='ab', start=-1)", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(STR)?;
    let (start, end) = (args.int(START, 0)?, args.int(END, 0)?);
    let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else {
        return Err("start and end must not be negative".into());
    };
    let end = if end == 0 { usize::MAX } else { end };
    if end < start {
        return Err("end must not be less than start".into());
    }
    Ok(Value::Text(Text::from(characters(&text, start, end))))
}

/// A byte that is not UTF-8 counts as a character.
fn characters(text: &[u8], start: usize, end: usize) -> &[u8] {
    if text.is_ascii() {
        let end = end.min(text.len());
        return &text[start.min(end)..end];
    }
    let (mut from, mut at, mut count) = (text.len(), 0, 0);
    for chunk in text.utf8_chunks() {
        let lengths = chunk.valid().chars().map(char::len_utf8).chain(chunk.invalid().iter().map(|_| 1));
        for length in lengths {
            if count == start {
                from = at;
            }
            if count == end {
                return &text[from..at];
            }
            at += length;
            count += 1;
        }
    }
    &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_count_one_each() {
        assert_eq!(characters(b"\xff\xc3\xa9b", 1, 3), "éb".as_bytes());
        assert_eq!(characters("é".as_bytes(), 5, 9), b"");
        assert_eq!(characters("é".as_bytes(), 0, 0), b"");
    }
}
