//! Properties that hold for all values and programs, tried on random ones. The generator is seeded: a failure
//! repeats.

use std::cmp::Ordering;

use common::Job;
use vql::json::{self, JsonOptions};
use vql::time::Zones;
use vql::value::{Value, compare, equal};

mod common;

/// A small generator of pseudo-random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    fn int(&mut self) -> i64 {
        match self.below(4) {
            0 => {
                *self.pick(&[0, 1, -1, i64::MAX, i64::MIN, i64::MAX - 1, 1 << 53, (1 << 53) + 1, -(1 << 53)])
            }
            1 => self.below(10) as i64 - 5,
            2 => self.next() as i64,
            _ => (self.next() >> self.below(60)) as i64,
        }
    }

    fn float(&mut self) -> f64 {
        match self.below(4) {
            0 => *self.pick(&[0.0, -0.5, 0.1, 1.5, 1e21, 1e-7, 1e300, -1e-300, 5e-324, 0.000001, 123456.789]),
            1 => self.below(1000) as f64 / 8.0 - 50.0,
            2 => (self.below(2_000_000) as f64 - 1_000_000.0) / 1024.0,
            _ => {
                let f = f64::from_bits(self.next());
                // Whole numbers between 2^53 and 1e21 are read back as integers of other digits.
                if f.is_finite() && !(9e15..1e21).contains(&f.abs()) { f } else { 0.25 }
            }
        }
    }

    fn text(&mut self) -> String {
        let pieces = [
            "a", "B", "", " ", "\"", "\\", "\n", "\u{0}", "\u{1f}", "é", "漢", "🦅", "\u{2028}", "<", "&",
            "10", "/",
        ];
        (0..self.below(6)).map(|_| *self.pick(&pieces)).collect()
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 1),
            2 => Value::Int(self.int()),
            3 => Value::Float(self.float()),
            4 | 5 => Value::from(self.text().as_str()),
            6 | 7 => Value::list((0..self.below(5)).map(|_| self.value(depth - 1)).collect()),
            _ => {
                let pairs: Vec<(String, Value)> =
                    (0..self.below(5)).map(|_| (self.text(), self.value(depth - 1))).collect();
                Value::dict(pairs.iter().map(|(k, v)| (k.as_str(), v.clone())))
            }
        }
    }
}

fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    json::write_value(value, &mut out, &JsonOptions::default());
    out
}

#[test]
fn json_is_read_back_as_it_was_written() {
    let mut random = Random(1);
    for i in 0..20_000 {
        let value = random.value(4);
        let text = encode(&value);
        let shown = String::from_utf8(text.clone()).expect("JSON is UTF-8");
        let read = json::parse(&text).unwrap_or_else(|e| panic!("{i}: {shown}: {e}"));
        assert_eq!(String::from_utf8_lossy(&encode(&read)), shown, "{i}");
        assert!(equal::equal(&value, &read), "{i}: {shown}");
        let other: serde_json::Value =
            serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{i}: {shown}: {e}"));
        let mut indented = Vec::new();
        json::write_indented(&value, &mut indented, &JsonOptions::default());
        let again: serde_json::Value = serde_json::from_slice(&indented).expect("indented JSON");
        assert_eq!(other, again, "{i}");
    }
}

#[test]
fn any_bytes_become_valid_json() {
    let mut random = Random(2);
    for _ in 0..20_000 {
        let bytes: Vec<u8> = (0..random.below(40)).map(|_| random.next() as u8).collect();
        let text = encode(&Value::Text(bytes.as_slice().into()));
        let read: String = serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{bytes:?}: {e}"));
        let mut wanted = String::new();
        for chunk in bytes.utf8_chunks() {
            wanted.push_str(chunk.valid());
            chunk.invalid().iter().for_each(|_| wanted.push('\u{fffd}'));
        }
        assert_eq!(read, wanted, "{bytes:?}");
    }
}

#[test]
fn any_bytes_are_refused_or_read_as_json() {
    let mut random = Random(3);
    let pieces: [&[u8]; 18] = [
        b"{", b"}", b"[", b"]", b":", b",", b"\"", b"a", b"\\u12", b"\\", b"-", b"0", b"1e9", b".5", b"null",
        b"true", b" ", b"\xff",
    ];
    for _ in 0..50_000 {
        let text: Vec<u8> = (0..random.below(12)).flat_map(|_| random.pick(&pieces).to_vec()).collect();
        let ours = json::parse(&text).is_ok();
        let theirs = serde_json::from_slice::<serde_json::Value>(&text).is_ok();
        // Numbers too large for a float and bytes that are not UTF-8 are the only freedom.
        if std::str::from_utf8(&text).is_ok() && !text.windows(3).any(|w| w == b"1e9") {
            assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&text));
        }
    }
}

/// Whether `=` and `<` have quirks between these that no order can follow (reference, sections 7.6 and 7.7).
fn is_quirk(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Bool(_), b) => !matches!(b, Value::Bool(_)),
        (a, Value::Bool(_)) => !matches!(a, Value::Bool(_)),
        (Value::List(a), Value::List(b)) => a.first().zip(b.first()).is_some_and(|(a, b)| is_quirk(a, b)),
        // A list or dict counts as less than a number, as text does.
        (Value::List(_) | Value::Dict(_), b) => !matches!(b, Value::List(_) | Value::Dict(_)),
        _ => false,
    }
}

#[test]
fn the_order_of_sorting_is_total_and_follows_less_and_equal() {
    let mut random = Random(4);
    let zones = Zones::default;
    for i in 0..200_000 {
        let (a, b, c) = (random.value(2), random.value(2), random.value(2));
        let show = || format!("{i}: {a:?} | {b:?} | {c:?}");
        let order = compare::sort_order;
        assert_eq!(order(&a, &a), Ordering::Equal, "{}", show());
        assert_eq!(order(&a, &b), order(&b, &a).reverse(), "{}", show());
        if order(&a, &b).is_le() && order(&b, &c).is_le() {
            assert!(order(&a, &c).is_le(), "{}", show());
        }
        if order(&a, &b).is_eq() && order(&b, &c).is_eq() {
            assert!(order(&a, &c).is_eq(), "{}", show());
        }
        if is_quirk(&a, &b) {
            continue;
        }
        if compare::less(&a, &b, &zones) {
            assert_eq!(order(&a, &b), Ordering::Less, "{}", show());
            assert!(!compare::less(&b, &a, &zones), "{}", show());
            assert!(!equal::equal(&a, &b), "{}", show());
        }
        if equal::equal(&a, &b) {
            assert_eq!(order(&a, &b), Ordering::Equal, "{}", show());
        }
        assert!(equal::equal(&a, &a) || matches!(a, Value::Float(f) if f.is_nan()), "{}", show());
    }
}

/// Random programs of every construct, with random white space.
struct Program<'r> {
    random: &'r mut Random,
    out: String,
}

impl Program<'_> {
    fn word(&mut self, word: &str) {
        let space = *self.random.pick(&[" ", "  ", "\n", "\t", " /* x */ ", "\n-- x\n"]);
        self.out.push_str(space);
        self.out.push_str(word);
    }

    fn name(&mut self) {
        let name = *self.random.pick(&["a", "b", "_value", "`c d`", "`from`", "order"]);
        self.word(name);
    }

    fn value(&mut self, depth: u32) {
        match self.random.below(if depth == 0 { 7 } else { 13 }) {
            0 => self.word("1"),
            1 => self.word("0x1F"),
            2 => self.word("-2.50"),
            3 => self.word("'it\\'s'"),
            4 => self.word("'''raw'''"),
            5 => self.word("null"),
            6 => self.name(),
            7 => {
                self.word("-a");
                self.out.push_str(".b");
            }
            8 => {
                self.word("(");
                self.expr(depth - 1);
                self.word(")");
            }
            9 => {
                self.word("(");
                self.expr(depth - 1);
                self.word(",");
                if self.random.below(2) == 0 {
                    self.expr(depth - 1);
                }
                self.word(")");
            }
            10 => {
                self.word("dict(x=");
                self.expr(depth - 1);
                self.word(", y=[");
                self.expr(depth - 1);
                self.word(",");
                self.expr(depth - 1);
                self.word("])");
            }
            11 => {
                self.word("dict(q={");
                self.select(depth - 1);
                self.word("})");
            }
            _ => {
                self.word("count()");
            }
        }
    }

    fn member(&mut self, depth: u32) {
        self.value(depth);
        match self.random.below(8) {
            0 => self.word("[0]"),
            1 => self.word("[1 : 2]"),
            2 => self.word("[ -1 ]"),
            _ => {}
        }
    }

    fn expr(&mut self, depth: u32) {
        if self.random.below(8) == 0 {
            self.word("NOT");
        }
        self.member(depth);
        let mut compared = false;
        for _ in 0..self.random.below(3) {
            let op = *self
                .random
                .pick(&["+", "- ", "*", "/", "and", "&&", "OR", "||", "=", "<", "in", "=~", "!="]);
            let compares = matches!(op, "=" | "<" | "in" | "=~" | "!=");
            if compares && compared {
                continue;
            }
            compared = !matches!(op, "and" | "&&" | "OR" | "||") && (compared || compares);
            self.word(op);
            self.out.push(' ');
            if matches!(op, "*" | "/") { self.value(depth.min(1)) } else { self.member(depth) }
        }
    }

    fn select(&mut self, depth: u32) {
        self.word("select");
        if self.random.below(3) == 0 {
            self.word("* ,");
        }
        self.expr(depth);
        if self.random.below(2) == 0 {
            self.word("as c");
        }
        self.word("FROM");
        let source = *self.random.pick(&["scope()", "range(end=3)", "foreach(row=(1, 'x', null))"]);
        self.word(source);
        if self.random.below(3) == 0 {
            self.word("where");
            self.expr(depth);
        }
        if self.random.below(4) == 0 {
            self.word("group   by");
            self.expr(depth);
        }
        if self.random.below(4) == 0 {
            let order = *self.random.pick(&["ORDER BY c", "order by `c d` desc", "order\nby _value DESC"]);
            self.word(order);
        }
        if self.random.below(4) == 0 {
            self.word("limit 2");
        }
    }
}

#[test]
fn formatting_keeps_the_meaning_and_is_stable() {
    let mut random = Random(5);
    let mut parsed = 0;
    for i in 0..3_000 {
        let mut program = Program { random: &mut random, out: String::new() };
        program.word("let a = dict(b=5, c=(1, 2))");
        program.word("let b(x=1) = x + 1");
        program.select(2);
        let source = program.out;
        let Ok(formatted) = vql::format::format(&source) else { continue };
        parsed += 1;
        let again =
            vql::format::format(&formatted).unwrap_or_else(|e| panic!("{i}: {e}\n{source}\n{formatted}"));
        assert_eq!(again, formatted, "{i}: {source}");
        let (before, after) =
            (common::run(&Job::new(source.as_str())), common::run(&Job::new(formatted.as_str())));
        let before = before.unwrap_or_else(|e| panic!("{i}: {e}\n{source}"));
        let after = after.unwrap_or_else(|e| panic!("{i}: {e}\n{formatted}"));
        assert_eq!(before.results, after.results, "{i}: {source}\n{formatted}");
        assert_eq!(before.logs, after.logs, "{i}: {source}\n{formatted}");
    }
    assert!(parsed > 1_000, "only {parsed} programs were programs");
}
