//! `humanize()`: a size, number or time as people write it (builtins page, section 1.2).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

const BYTES: usize = 0;
const IBYTES: usize = 1;
const TIME: usize = 2;
const COMMA: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "humanize",
        doc: "A size, number or time as people write it.",
        category: Category::Numbers,
        args: &[
            Arg::optional("bytes", Type::Int, "A size in powers of 1000."),
            Arg::optional("ibytes", Type::Int, "A size in powers of 1024."),
            Arg::optional("time", Type::Time, "A time, told from the present."),
            Arg::optional("comma", Type::Int, "A number with thousands separated."),
        ],
        version: 2,
        examples: &[
            Example::new("A size", "humanize(bytes=1234567)", r#""1.2 MB""#),
            Example::new("In powers of 1024", "humanize(ibytes=1048576)", r#""1.0 MiB""#),
            Example::new("Large sizes without fraction", "humanize(bytes=82854982)", r#""83 MB""#),
            Example::new("A number", "humanize(comma=-1234567)", r#""-1,234,567""#),
            Example::new("Nothing given", "humanize()", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    if let Some(time) = args.time(TIME)? {
        let nanos = args.scope.host().now().as_nanosecond() - time.as_nanosecond();
        return Ok(relative((nanos / 1_000_000_000) as i64).into());
    }
    if args.has(COMMA) {
        return Ok(with_commas(args.int(COMMA, 0)?).into());
    }
    if args.has(BYTES) {
        return Ok(size(args.int(BYTES, 0)?, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"]).into());
    }
    if args.has(IBYTES) {
        return Ok(
            size(args.int(IBYTES, 0)?, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]).into()
        );
    }
    Err("one of time, comma, bytes or ibytes is required".into())
}

/// Below ten of a unit, one digit after the point.
fn size(bytes: i64, base: f64, units: &[&str]) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    let bytes = bytes.unsigned_abs();
    if bytes < 10 {
        return format!("{sign}{bytes} B");
    }
    let mut unit = 0;
    let mut left = bytes as f64;
    while left >= base && unit + 1 < units.len() {
        left /= base;
        unit += 1;
    }
    let rounded = (left * 10.0 + 0.5).floor() / 10.0;
    let digits = usize::from(rounded < 10.0);
    format!("{sign}{rounded:.digits$} {}", units[unit])
}

fn with_commas(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 12 * MONTH;

/// Seconds ago as words; negative ones are to come.
fn relative(seconds: i64) -> String {
    let size = seconds.saturating_abs();
    if size == 0 {
        return "now".to_owned();
    }
    let units =
        [(YEAR, "year"), (MONTH, "month"), (WEEK, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")];
    let (unit, name) = units.into_iter().find(|(unit, _)| size >= *unit).unwrap_or((1, "second"));
    let tail = if seconds < 0 { "from now" } else { "ago" };
    match size / unit {
        _ if size >= 37 * YEAR => format!("a long while {tail}"),
        1 => format!("1 {name} {tail}"),
        count => format!("{count} {name}s {tail}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, wanted) in [
            (0, "now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (-90, "1 minute from now"),
            (2 * HOUR, "2 hours ago"),
            (3 * WEEK, "3 weeks ago"),
            (2 * MONTH, "2 months ago"),
            (5 * YEAR, "5 years ago"),
            (40 * YEAR, "a long while ago"),
            (i64::MIN, "a long while from now"),
        ] {
            assert_eq!(relative(seconds), wanted);
        }
    }

    #[test]
    fn sizes() {
        let units = ["B", "kB", "MB"];
        for (bytes, wanted) in [
            (0, "0 B"),
            (9, "9 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (-1500, "-1.5 kB"),
            (i64::MIN, "-9223372036855 MB"),
        ] {
            assert_eq!(size(bytes, 1000.0, &units), wanted);
        }
    }
}
