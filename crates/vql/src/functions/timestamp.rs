//! `timestamp()`: makes a time out of a number or text (builtins page, section 1.3).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::host::Level;
use crate::time;
use crate::value::convert::{as_text, to_text};
use crate::value::{Time, Value};

const EPOCH: usize = 0;
const COCOATIME: usize = 1;
const MACTIME: usize = 2;
const WINFILETIME: usize = 3;
const STRING: usize = 4;
const FORMAT: usize = 5;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "timestamp",
        doc: "Makes a time out of a number or text.",
        category: Category::Time,
        args: &[
            Arg::optional(
                "epoch",
                Type::Any,
                "Seconds, milliseconds, microseconds or nanoseconds since 1970, or text.",
            ),
            Arg::optional("cocoatime", Type::Int, "Seconds since 2001."),
            Arg::optional("mactime", Type::Int, "Seconds since 1904."),
            Arg::optional("winfiletime", Type::Int, "Units of 100 nanoseconds since 1601."),
            Arg::optional("string", Type::Str, "Text in any usual form."),
            Arg::optional("format", Type::Str, "The layout of the text, as in 2006-01-02 15:04:05."),
        ],
        version: 2,
        examples: &[
            Example::new("Seconds", "timestamp(epoch=1714557600)", r#""2024-05-01T10:00:00Z""#),
            Example::new("Milliseconds", "timestamp(epoch=1714557600123)", r#""2024-05-01T10:00:00.123Z""#),
            Example::new("Text", "timestamp(string='May 1, 2024 10:00 PM')", r#""2024-05-01T22:00:00Z""#),
            Example::new(
                "By layout",
                "timestamp(string='01.05.24', format='02.01.06')",
                r#""2024-05-01T00:00:00Z""#,
            ),
            Example::new(
                "A Windows file time",
                "timestamp(winfiletime=133590312000000000)",
                r#""2024-05-01T10:00:00Z""#,
            ),
            Example::new("Zero", "timestamp(epoch=0)", r#""0001-01-01T00:00:00Z""#),
            Example::new("Its members", "timestamp(epoch=1714557600).Year", "2024"),
            Example::new("Not a time", "timestamp(string='soon')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// Seconds from 1970 to 2001, from 1904 to 1970, and from 1601 to 1970.
const COCOA: i64 = 978_307_200;
const MAC: i64 = 2_082_844_800;
const WINDOWS: i64 = 11_644_473_600;

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let cocoa = args.int(COCOATIME, 0)?;
    if cocoa > 0 {
        return Ok(at(cocoa.saturating_add(COCOA), 0));
    }
    let mac = args.int(MACTIME, 0)?;
    if mac > 0 {
        return Ok(at(mac.saturating_sub(MAC), 0));
    }
    let windows = args.int(WINFILETIME, 0)?;
    if windows > 0 {
        return Ok(at(windows / 10_000_000 - WINDOWS, (windows % 10_000_000 * 100) as i32));
    }
    let value = match args.optional(STRING) {
        None | Some(Value::Null) => args.value(EPOCH),
        Some(text) => text,
    };
    let value = args.scope.listed(value);
    if value.is_null() {
        return Ok(Value::Null);
    }
    let format = args.text(FORMAT)?;
    let zones = args.scope.zones();
    let time = match as_text(&value) {
        Some(text) if !format.is_empty() && !text.is_empty() => {
            time::parse_layout(&format.to_str_lossy(), &text.to_str_lossy(), &zones)
        }
        _ => time::from_value(&value, &zones),
    };
    if time.is_none() {
        args.scope.log(Level::Debug, format!("timestamp: cannot read {} as a time", shown(&value)));
    }
    Ok(time.map_or(Value::Null, Value::Time))
}

fn at(second: i64, nanos: i32) -> Value {
    Time::new(second, nanos).map_or(Value::Null, Value::Time)
}

/// The start of the text, for the log.
fn shown(value: &Value) -> String {
    to_text(value).to_str_lossy().chars().take(100).collect()
}
