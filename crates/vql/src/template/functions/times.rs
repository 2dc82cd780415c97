//! Times, in UTC where no zone is named. Nothing here asks a clock.

use super::{Call, Function, Made, function};
use crate::time::{layout, zone_named};
use crate::value::{Time, Value};

pub const FUNCTIONS: &[Function] = &[
    function("date", 2, 2, |call| formatted(call, 0, 1, None)),
    function("dateInZone", 3, 3, |call| formatted(call, 0, 1, Some(2))),
    function("date_in_zone", 3, 3, |call| formatted(call, 0, 1, Some(2))),
    function("htmlDate", 1, 1, |call| {
        let text = layout::format_layout(time(call, 0)?, "2006-01-02", None);
        call.made(text)
    }),
    function("unixEpoch", 1, 1, |call| call.made(crate::time::unix(time(call, 0)?).to_string())),
];

/// A time, or seconds since 1970.
fn time(call: &Call<'_, '_>, i: usize) -> Result<Time, String> {
    match &call.args[i] {
        Value::Time(time) => Ok(*time),
        Value::Int(seconds) => Time::from_second(*seconds).or_else(|_| call.ill_typed(i, "time.Time")),
        _ => call.ill_typed(i, "time.Time"),
    }
}

fn formatted(call: &mut Call<'_, '_>, format: usize, at: usize, zone: Option<usize>) -> Made {
    let zone = match zone {
        Some(zone) => zone_named(&call.text(zone)?),
        None => None,
    };
    let text = layout::format_layout(time(call, at)?, &call.text(format)?, zone.as_ref());
    call.made(text)
}
