//! `base85decode()`: decodes ASCII-85 (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "base85decode",
        doc: "Decodes ASCII-85.",
        category: Category::Encoding,
        args: &[Arg::required("string", Type::Str, "The text, with or without <~ and ~>.")],
        examples: &[
            Example::new("Plain", "base85decode(string='87cURD]j')", r#""Hello ""#),
            Example::new("With its frame", "base85decode(string='<~87cURD]j7BEbo80~>')", r#""Hello world!""#),
            Example::new("Zeros", "encode(string=base85decode(string='z'), type='hex')", r#""00000000""#),
            Example::new("Bad text", "base85decode(string='vvvvv')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"<~").unwrap_or(text);
    let text = text.strip_suffix(b"~>").unwrap_or(text);
    decode(text).map(|bytes| Value::Text(bytes.into()))
}

/// Groups of five digits are four bytes; a shorter group at the end one byte less than it has digits.
fn decode(text: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |at: usize| Error::new(format!("illegal ascii85 data at input byte {at}"));
    let mut out = Vec::with_capacity(text.len() / 5 * 4);
    let (mut group, mut count) = (0u64, 0);
    for (at, c) in text.iter().enumerate() {
        match c {
            c if c.is_ascii_whitespace() => continue,
            b'z' if count == 0 => {
                out.extend_from_slice(&[0; 4]);
                continue;
            }
            b'!'..=b'u' => group = group * 85 + u64::from(c - b'!'),
            _ => return Err(failed(at)),
        }
        count += 1;
        if count == 5 {
            out.extend_from_slice(&u32::try_from(group).map_err(|_| failed(at))?.to_be_bytes());
            (group, count) = (0, 0);
        }
    }
    if count == 1 {
        return Err(failed(text.len()));
    }
    if count > 1 {
        let full = (count..5).fold(group, |group, _| group * 85 + 84);
        let bytes = u32::try_from(full).map_err(|_| failed(text.len()))?.to_be_bytes();
        out.extend_from_slice(&bytes[..count - 1]);
    }
    Ok(out)
}
