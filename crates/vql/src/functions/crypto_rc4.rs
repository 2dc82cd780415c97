//! `crypto_rc4()`: encrypts or decrypts with RC4 (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "crypto_rc4",
        doc: "Encrypts or decrypts with RC4.",
        category: Category::Encoding,
        args: &[
            Arg::required("string", Type::Str, "The bytes."),
            Arg::required("key", Type::Str, "The key, up to 256 bytes."),
        ],
        examples: &[
            Example::new(
                "Encrypt",
                "encode(string=crypto_rc4(string='Plaintext', key='Key'), type='hex')",
                r#""bbf316e8d940af0ad3""#,
            ),
            Example::new(
                "Twice is nothing",
                "crypto_rc4(string=crypto_rc4(string='hello', key='k'), key='k')",
                r#""hello""#,
            ),
            Example::new("No key", "crypto_rc4(string='a', key='')", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (text, key) = (args.text(0)?, args.text(1)?);
    if !(1..=256).contains(&key.len()) {
        return Err("key must have 1 to 256 bytes".into());
    }
    Ok(Value::Text(rc4(&text, &key).into()))
}

fn rc4(text: &[u8], key: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|i| i as u8);
    let mut j = 0u8;
    for i in 0..256 {
        j = j.wrapping_add(state[i]).wrapping_add(key[i % key.len()]);
        state.swap(i, j.into());
    }
    let (mut i, mut j) = (0u8, 0u8);
    let next = |c: &u8| {
        i = i.wrapping_add(1);
        j = j.wrapping_add(state[usize::from(i)]);
        state.swap(i.into(), j.into());
        c ^ state[usize::from(state[usize::from(i)].wrapping_add(state[usize::from(j)]))]
    };
    text.iter().map(next).collect()
}
