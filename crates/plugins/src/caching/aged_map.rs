//! A map that forgets: entries that are too old, and the least used when there are too many.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use vql::text::Text;
use vql::value::Value;

pub struct AgedMap {
    entries: HashMap<Text, Aged>,
    /// Keys by the moment of their last use.
    order: BTreeMap<u64, Text>,
    uses: u64,
    size: usize,
    age: Duration,
}

struct Aged {
    value: Value,
    made: Instant,
    used: u64,
}

impl AgedMap {
    pub fn new(size: usize, age: Duration) -> Self {
        AgedMap { entries: HashMap::new(), order: BTreeMap::new(), uses: 0, size: size.max(1), age }
    }

    /// The value of a key, which counts as used.
    pub fn get(&mut self, key: &[u8], now: Instant) -> Option<Value> {
        let key = Text::from(key);
        let entry = self.entries.get_mut(&key)?;
        if now.saturating_duration_since(entry.made) >= self.age {
            self.remove(&key);
            return None;
        }
        self.uses += 1;
        self.order.remove(&std::mem::replace(&mut entry.used, self.uses));
        self.order.insert(self.uses, key);
        Some(entry.value.clone())
    }

    pub fn insert(&mut self, key: Text, value: Value, now: Instant) {
        self.remove(&key);
        while self.entries.len() >= self.size
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.uses += 1;
        self.order.insert(self.uses, key.clone());
        self.entries.insert(key, Aged { value, made: now, used: self.uses });
    }

    fn remove(&mut self, key: &Text) {
        if let Some(entry) = self.entries.remove(key) {
            self.order.remove(&entry.used);
        }
    }

    /// Keys, values and how old they are; least used first.
    pub fn iter(&self, now: Instant) -> impl Iterator<Item = (&Text, &Value, Duration)> {
        let age = move |entry: &Aged| now.saturating_duration_since(entry.made);
        let entries = self.order.values().map(move |key| (key, &self.entries[key]));
        let present = entries.map(move |(key, entry)| (key, &entry.value, age(entry)));
        present.filter(|(_, _, age)| *age < self.age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_used_and_the_old_are_forgotten() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut map = AgedMap::new(2, Duration::from_secs(10));
        let key = |k: &str| Text::from(k);
        map.insert(key("a"), Value::Int(1), at(0));
        map.insert(key("b"), Value::Int(2), at(1));
        assert!(map.get(b"a", at(2)).is_some());
        map.insert(key("c"), Value::Int(3), at(3));
        assert!(map.get(b"b", at(3)).is_none(), "b was used least");
        assert!(map.get(b"a", at(9)).is_some());
        assert!(map.get(b"a", at(10)).is_none(), "use does not make it younger");
        assert_eq!(map.iter(at(12)).count(), 1);
        assert_eq!(map.iter(at(13)).count(), 0);
    }

    #[test]
    fn a_new_value_takes_the_place_of_the_old() {
        let now = Instant::now();
        let mut map = AgedMap::new(2, Duration::from_secs(10));
        for i in 0..5 {
            map.insert(Text::from("a"), Value::Int(i), now);
        }
        assert!(matches!(map.get(b"a", now), Some(Value::Int(4))));
        assert_eq!((map.entries.len(), map.order.len()), (1, 1));
    }
}
