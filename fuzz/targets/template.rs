//! Any template over some data is expanded to an end: no panic, bounded work.
#![no_main]

use std::cell::Cell;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vql::json;
use vql::template::{Surroundings, Template};
use vql::value::Value;

/// How often an expansion may ask whether it is cancelled.
const STEPS: u32 = 20_000;

const DATA: &[u8] = br#"{"S":"some <text>","N":5,"F":1.5,"L":["a",1,null],"M":{"a":{"b":[1,2]},"c":"d"},"T":true}"#;

thread_local! {
    static PARSED: LazyLock<Value> = LazyLock::new(|| json::parse(DATA).unwrap_or_default());
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(template) = Template::parse(text) else { return };
    let asked = Cell::new(0);
    let is_cancelled = || {
        asked.set(asked.get() + 1);
        asked.get() > STEPS
    };
    let around = Surroundings { settle: &|value| value, is_cancelled: &is_cancelled };
    let data = PARSED.with(|data| (*data).clone());
    let plain = template.expand(&data, false, &around);
    asked.set(0);
    let again = template.expand(&data, false, &around);
    assert_eq!(plain.is_ok(), again.is_ok(), "an expansion changes its data");
    asked.set(0);
    let _ = template.expand(&data, true, &around);
});
