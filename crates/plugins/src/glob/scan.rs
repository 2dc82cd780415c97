//! Reading one directory: which of its entries match, and what to look for below them.

use std::io;
use std::ops::ControlFlow;

use vql::cancel::Cancel;

use super::component::fold;
use super::tree::{Active, Edges, Matched, Tree};
use crate::accessor::Kind;

/// The entries of a directory that matter, by name.
#[derive(Default)]
pub struct Listing {
    /// The names, in one piece: they are made texts of where they are used.
    names: Vec<u8>,
    pub entries: Vec<Entry>,
    /// Many entries match alike.
    pub outcomes: Vec<Outcome>,
    /// Why there may be more.
    pub failure: Option<io::Error>,
}

/// An entry of a directory.
pub struct Entry {
    /// Where its name is.
    start: usize,
    length: u32,
    pub kind: Kind,
    /// Which of the outcomes it has.
    pub outcome: u32,
}

/// How entries match.
#[derive(PartialEq)]
pub struct Outcome {
    pub matched: Matched,
    /// What is looked for below.
    pub next: Active,
}

impl Listing {
    /// A figure of how much it holds, never 0.
    pub fn weight(&self) -> usize {
        self.entries.len() + 1
    }

    pub fn name(&self, entry: &Entry) -> &[u8] {
        name(&self.names, entry)
    }

    pub fn outcome(&self, entry: &Entry) -> &Outcome {
        &self.outcomes[entry.outcome as usize]
    }

    /// The entries that are directories to walk into.
    pub fn directories(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.kind == Kind::Directory && !self.outcome(e).next.is_empty())
    }

    fn sort(&mut self) {
        let names = &self.names;
        self.entries.sort_unstable_by(|a, b| name(names, a).cmp(name(names, b)));
        self.entries.dedup_by(|a, b| name(names, a) == name(names, b));
    }
}

fn name<'a>(names: &'a [u8], entry: &Entry) -> &'a [u8] {
    &names[entry.start..entry.start + entry.length as usize]
}

/// How many entries are read between looks at cancellation.
const CHECK: usize = 1024;

/// Outcomes that are compared before another is kept.
const MAX_COMPARED: usize = 8;

/// Takes a name and what it is.
pub type Each<'a> = &'a mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>;

/// Reads a directory, through `list`.
pub fn scan(
    tree: &Tree,
    active: &Active,
    cancel: &Cancel,
    list: impl FnOnce(Each<'_>) -> io::Result<()>,
) -> Listing {
    let mut listing = Listing::default();
    let mut matching = Matching { tree, active, names_matter: tree.names_matter(active), alike: [None; 2] };
    let (mut lower, mut count) = (String::new(), 0);
    let failure = list(&mut |name, kind| {
        if let Some(outcome) = matching.outcome(name, kind, &mut lower, &mut listing.outcomes) {
            let (start, length) = (listing.names.len(), name.len() as u32);
            listing.names.extend_from_slice(&name[..length as usize]);
            listing.entries.push(Entry { start, length, kind, outcome });
        }
        count += 1;
        if count % CHECK == 0 && cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })
    .err();
    listing.failure = failure;
    listing.sort();
    listing
}

/// Matches the entries of one directory.
struct Matching<'a> {
    tree: &'a Tree,
    active: &'a Active,
    names_matter: bool,
    /// Where names do not matter: the outcome of what has no entries, and of what may have some.
    alike: [Option<Option<u32>>; 2],
}

impl Matching<'_> {
    /// The place of an entry's outcome; `None` if it neither matches nor is to be walked into.
    fn outcome(
        &mut self,
        name: &[u8],
        kind: Kind,
        lower: &mut String,
        outcomes: &mut Vec<Outcome>,
    ) -> Option<u32> {
        let may_hold = usize::from(kind != Kind::Other);
        if let Some(known) = self.alike[may_hold] {
            return known;
        }
        if self.names_matter {
            fold(name, lower);
        }
        let (mut matched, mut next) = (Matched::new(), Active::default());
        self.tree.step(self.active, lower, Edges::ALL, &mut matched, &mut next);
        if kind == Kind::Other {
            next = Active::default();
        }
        let matters = !matched.is_empty() || !next.is_empty();
        let outcome = matters.then(|| place(outcomes, Outcome { matched, next }));
        if !self.names_matter {
            self.alike[may_hold] = Some(outcome);
        }
        outcome
    }
}

/// The place of an outcome that is the same as one of the last ones, or a new one.
fn place(outcomes: &mut Vec<Outcome>, outcome: Outcome) -> u32 {
    let from = outcomes.len().saturating_sub(MAX_COMPARED);
    if let Some(at) = outcomes[from..].iter().position(|o| *o == outcome) {
        return (from + at) as u32;
    }
    outcomes.push(outcome);
    outcomes.len() as u32 - 1
}
