//! JSON, base64, digests.

use sha2::{Digest, Sha256};

use super::dicts::sorted;
use super::{Call, Function, Made, function};
use crate::value::Value;
use crate::{base64, json};

pub const FUNCTIONS: &[Function] = &[
    function("toJson", 1, 1, to_json),
    function("toRawJson", 1, 1, |call| {
        let Value::Text(text) = to_json(call)? else { return Ok(Value::Null) };
        let text =
            text.to_str_lossy().replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&");
        call.made(text)
    }),
    function("toPrettyJson", 1, 1, to_pretty_json),
    function("fromJson", 1, 1, from_json),
    function("b64enc", 1, 1, |call| {
        let mut out = Vec::new();
        base64::encode(call.text(0)?.as_bytes(), true, &mut out);
        call.made(out)
    }),
    function("b64dec", 1, 1, |call| {
        let decoded = base64::decode(call.text(0)?.as_bytes());
        match decoded {
            Ok(bytes) => call.made(bytes),
            Err(at) => call.made(format!("illegal base64 data at input byte {at}")),
        }
    }),
    function("sha256sum", 1, 1, |call| {
        let digest = Sha256::digest(call.text(0)?.as_bytes());
        call.made(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    }),
];

fn to_json(call: &mut Call<'_, '_>) -> Made {
    let value = sorted(call, &call.args[0].clone(), 0)?;
    let mut out = Vec::new();
    json::write_value(&value, &mut out, &json::JsonOptions::default());
    call.made(out)
}

/// With two spaces for each level.
fn to_pretty_json(call: &mut Call<'_, '_>) -> Made {
    let value = sorted(call, &call.args[0].clone(), 0)?;
    let mut narrow = Vec::new();
    json::write_indented(&value, &mut narrow, &json::JsonOptions::default());
    let mut out = Vec::with_capacity(narrow.len() * 2);
    for (i, line) in narrow.split(|c| *c == b'\n').enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        let spaces = line.iter().take_while(|c| **c == b' ').count();
        out.resize(out.len() + spaces, b' ');
        out.extend_from_slice(line);
    }
    call.made(out)
}

/// What cannot be read is nothing.
fn from_json(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?.into_owned();
    call.room_for(text.len() * 4)?;
    Ok(json::parse(text.as_bytes()).unwrap_or_default())
}
