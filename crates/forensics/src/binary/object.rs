//! Structures and arrays in a file. Their parts are parsed when they are asked for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::profile::{Number, StructDef};
use super::{Item, Lambdas, Machine};

/// A structure at a place.
pub struct Struct<L: Lambdas> {
    pub(crate) machine: Arc<Machine<L>>,
    origin: Arc<Origin>,
    /// The fields parsed so far, with the bytes they take.
    known: Mutex<HashMap<usize, (Item<L>, u64)>>,
    size: OnceLock<u64>,
}

/// What and where a structure is. A part knows this of the whole, and not the whole itself, which knows its parts.
struct Origin {
    def: Arc<StructDef>,
    offset: u64,
    parent: Option<Arc<Origin>>,
    /// How many structures it is inside of.
    level: u32,
}

/// How many structures may be inside one another.
const MAX_NESTING: u32 = 1000;

impl<L: Lambdas> Struct<L> {
    pub(crate) fn new(machine: Arc<Machine<L>>, def: Arc<StructDef>, offset: u64) -> Arc<Self> {
        Self::at(machine, Arc::new(Origin { def, offset, parent: None, level: 0 }))
    }

    /// A structure that is part of this one; `None` when it would be inside too many.
    pub(crate) fn part(&self, def: Arc<StructDef>, offset: u64) -> Option<Arc<Self>> {
        let level = self.origin.level + 1;
        let origin = Origin { def, offset, parent: Some(self.origin.clone()), level };
        (level < MAX_NESTING).then(|| Self::at(self.machine.clone(), origin.into()))
    }

    fn at(machine: Arc<Machine<L>>, origin: Arc<Origin>) -> Arc<Self> {
        let (known, size) = (Mutex::default(), OnceLock::new());
        Arc::new(Struct { machine, origin, known, size })
    }

    pub fn name(&self) -> &str {
        &self.origin.def.name
    }

    pub fn machine(&self) -> &Arc<Machine<L>> {
        &self.machine
    }

    /// The names of the fields, in the order of the profile.
    pub fn field_names(&self) -> impl Iterator<Item = &str> {
        self.origin.def.fields.iter().map(|f| f.name.as_str())
    }

    /// Where it starts in the file.
    pub fn start(&self) -> u64 {
        self.origin.offset
    }

    /// How many bytes it takes, as the profile says.
    pub fn size(self: &Arc<Self>) -> u64 {
        if let Some(size) = self.size.get() {
            return *size;
        }
        let size = self.number(&self.origin.def.size).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        *self.size.get_or_init(|| size)
    }

    /// Where it ends in the file.
    pub fn end(self: &Arc<Self>) -> u64 {
        self.origin.offset.saturating_add(self.size())
    }

    /// The structure it is part of.
    pub fn parent(&self) -> Option<Arc<Struct<L>>> {
        self.origin.parent.clone().map(|origin| Self::at(self.machine.clone(), origin))
    }

    /// A number of the profile, which may depend on this structure.
    pub(crate) fn number(self: &Arc<Self>, number: &Number) -> Option<i64> {
        match number {
            Number::Fixed(n) => Some(*n),
            Number::Lambda(lambda) => {
                let _level = self.machine.enter()?;
                let lambdas = &self.machine.lambdas;
                lambdas.number(&lambdas.call(lambda, Item::Struct(self.clone())))
            }
        }
    }

    /// A field; `None` when the profile has none of that name.
    pub fn field(self: &Arc<Self>, name: &str) -> Option<Item<L>> {
        let at = self.origin.def.fields.iter().rposition(|f| f.name == name)?;
        if let Some((item, _)) = self.known.lock().get(&at) {
            return Some(item.clone());
        }
        let Some(_level) = self.machine.enter() else { return Some(Item::Null) };
        let field = &self.origin.def.fields[at];
        // The lock is not held: what a lambda asks for may be a field of this structure.
        let parsed = match self.number(&field.offset).and_then(|by| self.origin.offset.checked_add_signed(by))
        {
            Some(offset) => field.kind.parse(self, offset),
            None => (Item::Null, 0),
        };
        self.known.lock().insert(at, parsed.clone());
        Some(parsed.0)
    }
}

/// The elements of an array, parsed.
pub struct Array<L: Lambdas> {
    pub items: Vec<Item<L>>,
    start: u64,
    size: u64,
    machine: Arc<Machine<L>>,
}

impl<L: Lambdas> Array<L> {
    pub(crate) fn new(machine: Arc<Machine<L>>, items: Vec<Item<L>>, start: u64, size: u64) -> Self {
        Array { items, start, size, machine }
    }

    pub fn machine(&self) -> &Arc<Machine<L>> {
        &self.machine
    }

    pub fn start(&self) -> u64 {
        self.start
    }

    /// How many bytes the elements take.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }
}
