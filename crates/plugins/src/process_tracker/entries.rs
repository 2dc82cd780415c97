//! What a tracker knows: processes that run or ran, by number.

use std::collections::{BTreeMap, HashMap, VecDeque};

use vql::value::{Row, Time, Value, convert};

/// A process.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: String,
    pub parent: String,
    pub started: Option<Time>,
    pub ended: Option<Time>,
    /// What the queries told of it.
    pub data: Row,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Start,
    Exit,
}

impl Change {
    pub const fn name(self) -> &'static str {
        match self {
            Change::Start => "start",
            Change::Exit => "exit",
        }
    }
}

impl Entry {
    /// Reads a row with the columns `id`, `parent_id`, `start_time`, `end_time` and `data`.
    pub fn of_row(row: &Row) -> Option<Self> {
        let text = |name: &str| {
            let value = row.get_str(name).filter(|v| !v.is_null())?;
            Some(convert::to_text(value).to_str_lossy().into_owned())
        };
        let time = |name: &str| match row.get_str(name) {
            Some(Value::Time(time)) => Some(*time),
            Some(Value::Int(seconds)) => Time::from_second(*seconds).ok(),
            _ => None,
        };
        let data = match row.get_str("data") {
            Some(Value::Dict(dict)) => dict.snapshot(),
            _ => Row::default(),
        };
        Some(Entry {
            id: text("id").filter(|id| !id.is_empty())?,
            parent: text("parent_id").unwrap_or_default(),
            started: time("start_time"),
            ended: time("end_time"),
            data,
        })
    }

    /// The entry as queries see it.
    pub fn value(&self) -> Value {
        Value::dict([
            ("Id", Value::from(&*self.id)),
            ("ParentId", Value::from(&*self.parent)),
            ("StartTime", self.started.map_or(Value::Null, Value::Time)),
            ("EndTime", self.ended.map_or(Value::Null, Value::Time)),
            ("Data", Value::from(self.data.clone())),
        ])
    }

    pub fn name(&self) -> Value {
        self.data.get_str("Name").cloned().unwrap_or_else(|| Value::from(&*self.id))
    }
}

/// The processes, with limits.
#[derive(Debug)]
pub struct Entries {
    known: BTreeMap<String, Entry>,
    /// Those that ended, oldest first.
    gone: VecDeque<String>,
    max_size: usize,
    max_expiry: i64,
}

impl Entries {
    /// Keeps so many processes, and those that ended for so many seconds.
    pub fn new(max_size: usize, max_expiry: i64) -> Self {
        Entries { known: BTreeMap::new(), gone: VecDeque::new(), max_size, max_expiry }
    }

    pub fn get(&self, id: &str) -> Option<&Entry> {
        self.known.get(id)
    }

    pub fn all(&self) -> impl Iterator<Item = &Entry> {
        self.known.values()
    }

    pub fn children<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.known.values().filter(move |entry| entry.parent == id && entry.id != id)
    }

    /// A process and those above it, the topmost first.
    pub fn chain(&self, id: &str, max_items: usize) -> Vec<&Entry> {
        let mut chain: Vec<&Entry> = Vec::new();
        let mut next = self.get(id);
        while let Some(entry) = next
            && chain.len() < max_items
            && !chain.iter().any(|known| known.id == entry.id)
        {
            chain.push(entry);
            next = self.get(&entry.parent);
        }
        chain.reverse();
        chain
    }

    /// Whether this very process is known: the same number, not another that had it before.
    fn has(&self, entry: &Entry) -> bool {
        self.known.get(&entry.id).is_some_and(|known| {
            known.ended.is_none() && (known.started == entry.started || entry.started.is_none())
        })
    }

    /// Takes in all processes that run now; tells what changed.
    pub fn sync(&mut self, present: Vec<Entry>, now: Time) -> Vec<(Change, Entry)> {
        let running: HashMap<String, Option<Time>> =
            present.iter().map(|entry| (entry.id.clone(), entry.started)).collect();
        let is_gone = |entry: &&Entry| entry.ended.is_none() && !running.contains_key(&entry.id);
        let gone: Vec<String> = self.known.values().filter(is_gone).map(|entry| entry.id.clone()).collect();
        let mut changes = Vec::new();
        for id in gone {
            changes.extend(self.exit(&id, now));
        }
        for entry in present {
            changes.extend(self.start(entry, now));
        }
        self.trim(now);
        changes
    }

    /// A process started; another that had its number ended.
    pub fn start(&mut self, entry: Entry, now: Time) -> Vec<(Change, Entry)> {
        if self.has(&entry) {
            return Vec::new();
        }
        let mut changes: Vec<_> = self.exit(&entry.id, now).into_iter().collect();
        self.rename(&entry.id);
        self.known.insert(entry.id.clone(), entry.clone());
        changes.push((Change::Start, entry));
        changes
    }

    /// A process ended.
    pub fn exit(&mut self, id: &str, now: Time) -> Option<(Change, Entry)> {
        let entry = self.known.get_mut(id).filter(|entry| entry.ended.is_none())?;
        entry.ended = Some(now);
        self.gone.push_back(id.to_owned());
        Some((Change::Exit, entry.clone()))
    }

    /// Gives the process that had a number another name, which its children refer to from now on.
    fn rename(&mut self, id: &str) {
        let Some(mut older) = self.known.remove(id) else { return };
        let new = format!("{id}-{}", older.started.map_or(0, |t| t.as_second()));
        older.id.clone_from(&new);
        for child in self.known.values_mut().filter(|child| child.parent == id) {
            child.parent.clone_from(&new);
        }
        for gone in self.gone.iter_mut().filter(|gone| **gone == id) {
            gone.clone_from(&new);
        }
        self.known.insert(new, older);
    }

    /// Forgets processes that ended long ago, and the oldest of them when there are too many.
    pub fn trim(&mut self, now: Time) {
        while let Some(oldest) = self.gone.front() {
            let ended = self.known.get(oldest).and_then(|entry| entry.ended);
            let is_old = ended.is_none_or(|t| now.as_second() - t.as_second() > self.max_expiry);
            if !is_old && self.known.len() <= self.max_size {
                return;
            }
            if let Some(oldest) = self.gone.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> Time {
        Time::from_second(second).unwrap()
    }

    fn process(id: &str, parent: &str, started: i64) -> Entry {
        let data = Row::default();
        Entry { id: id.into(), parent: parent.into(), started: Some(time(started)), ended: None, data }
    }

    fn told(changes: &[(Change, Entry)]) -> Vec<String> {
        changes.iter().map(|(change, entry)| format!("{} {}", change.name(), entry.id)).collect()
    }

    #[test]
    fn processes_come_and_go() {
        let mut entries = Entries::new(100, 60);
        let first = vec![process("1", "0", 1), process("2", "1", 2), process("3", "2", 3)];
        assert_eq!(told(&entries.sync(first.clone(), time(10))), ["start 1", "start 2", "start 3"]);
        assert!(entries.sync(first, time(11)).is_empty());
        assert_eq!(
            told(&entries.sync(vec![process("1", "0", 1), process("3", "2", 3)], time(12))),
            ["exit 2"]
        );
        let chain: Vec<&str> = entries.chain("3", 10).iter().map(|e| &*e.id).collect();
        assert_eq!(chain, ["1", "2", "3"], "a parent that ended is still known");
        assert_eq!(entries.children("1").count(), 1);
        entries.trim(time(12 + 61));
        assert!(entries.get("2").is_none());
    }

    #[test]
    fn a_number_may_be_used_again() {
        let mut entries = Entries::new(100, 60);
        entries.sync(vec![process("7", "1", 1), process("8", "7", 2)], time(10));
        let changes = entries.sync(vec![process("7", "1", 20), process("8", "7", 2)], time(21));
        assert_eq!(told(&changes), ["exit 7", "start 7"]);
        assert_eq!(entries.get("8").unwrap().parent, "7-1", "the child of the former");
        assert_eq!(entries.children("7").count(), 0);
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut entries = Entries::new(3, 1000);
        for round in 0..20 {
            let present = vec![process(&round.to_string(), "1", round)];
            entries.sync(present, time(round));
        }
        assert_eq!(entries.all().count(), 3);
        assert!(entries.get("19").is_some());
        // A loop of parents ends.
        entries.sync(vec![process("a", "b", 1), process("b", "a", 1)], time(50));
        assert_eq!(entries.chain("a", 10).len(), 2);
    }
}
