//! Any profile over any bytes is parsed to an end: no panic, bounded work.
#![no_main]

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use forensics::binary::{Image, Item, Lambdas, Machine, Profile};
use libfuzzer_sys::fuzz_target;

/// Lambdas of the form `x=>x.name`, and a budget of calls.
struct Members(AtomicU32);

impl Lambdas for Members {
    type Value = i64;

    fn call(&self, lambda: &str, argument: Item<Self>) -> i64 {
        if self.0.fetch_add(1, Ordering::Relaxed) > 10_000 {
            return 0;
        }
        match argument {
            Item::Struct(this) => match lambda.rsplit('.').next().unwrap_or_default() {
                "EndOf" => this.end() as i64,
                "SizeOf" => this.size() as i64,
                name => this.field(name).and_then(|item| item.number(self)).unwrap_or(0),
            },
            other => other.number(self).unwrap_or(0),
        }
    }

    fn number(&self, value: &i64) -> Option<i64> {
        Some(*value)
    }

    fn text(&self, value: &i64) -> String {
        value.to_string()
    }

    fn truth(&self, value: &i64) -> bool {
        *value != 0
    }
}

fn walk(item: &Item<Members>, left: &mut u32) {
    *left = left.saturating_sub(1);
    if *left == 0 {
        return;
    }
    match item {
        Item::Struct(this) => {
            for name in this.field_names().map(str::to_owned).collect::<Vec<_>>() {
                if let Some(item) = this.field(&name) {
                    walk(&item, left);
                }
            }
        }
        Item::List(list) => list.items.iter().for_each(|item| walk(item, left)),
        _ => {}
    }
}

// The profile ends at the first zero byte; the rest is the file.
fuzz_target!(|input: &[u8]| {
    let (profile, file) = input.split_at(input.iter().position(|b| *b == 0).unwrap_or(input.len()));
    let Ok(profile) = Profile::parse(&String::from_utf8_lossy(profile)) else { return };
    let names: Vec<String> = profile.structs.keys().cloned().collect();
    let image = Image::new(Cursor::new(file.to_vec()));
    let machine = Machine::new(Arc::new(profile), image, Members(AtomicU32::new(0)));
    let mut left = 2_000;
    for name in names {
        if let Some(found) = machine.parse(&name, 0) {
            walk(&Item::Struct(found), &mut left);
        }
    }
});
