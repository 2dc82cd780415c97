//! Reading one directory: which of its entries match, and what to look for below them.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::cancel::Cancel;
use vql::path::OsPath;
use vql::text::Text;

use super::component::fold;
use super::tree::{Active, Edges, Matched, Tree};
use crate::accessor::Kind;

/// The entries of a directory that matter, by name.
#[derive(Default)]
pub struct Listing {
    pub entries: Vec<Entry>,
    /// Many entries match alike.
    pub outcomes: Vec<Outcome>,
    /// Why there may be more.
    pub failure: Option<io::Error>,
}

/// An entry of a directory.
pub struct Entry {
    pub path: Arc<OsPath>,
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
    path: &Arc<OsPath>,
    active: &Active,
    cancel: &Cancel,
    list: impl FnOnce(Each<'_>) -> io::Result<()>,
) -> Listing {
    let mut found: Vec<(Text, Kind, u32)> = Vec::new();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let (mut lower, mut count) = (String::new(), 0);
    let failure = list(&mut |name, kind| {
        fold(name, &mut lower);
        let (mut matched, mut next) = (Matched::new(), Active::default());
        tree.step(active, &lower, Edges::ALL, &mut matched, &mut next);
        if kind == Kind::Other {
            next = Active::default();
        }
        if !matched.is_empty() || !next.is_empty() {
            let outcome = place(&mut outcomes, Outcome { matched, next });
            found.push((Text::from(name), kind, outcome));
        }
        count += 1;
        if count % CHECK == 0 && cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })
    .err();
    found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    found.dedup_by(|a, b| a.0 == b.0);
    let entry =
        |(name, kind, outcome): (Text, Kind, u32)| Entry { path: Arc::new(path.join(name)), kind, outcome };
    Listing { entries: found.into_iter().map(entry).collect(), outcomes, failure }
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
