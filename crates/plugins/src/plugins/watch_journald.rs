//! `watch_journald(filename=, accessor=, raw=)`: new entries of systemd journals, for ever.

use std::time::Duration;

use vql::args::Args;
use vql::call::{Arg, Category, Each, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::host::Level;
use vql::permission::Permission;

use super::parse_journald::report;
use crate::accessor::{self, Target};
use crate::glob::{Options, Tree, Walk};
use crate::journald::{Live, Piece, RAW_DOC, row};
use crate::tail::{Event, Finder, MAX_FILES, Start, Tail, follow};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const RAW: usize = 2;

/// How often patterns are matched again.
const PERIOD: Duration = Duration::from_secs(10);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "watch_journald",
        doc: "The entries that are added to systemd journals from now on, for ever, also after a journal was rotated.",
        category: Category::Events,
        args: &[
            Arg::required(
                "filename",
                Type::PathList,
                "The journals to watch. Patterns as those of glob() are matched again every ten seconds; they leave out journals \
                 that are put away, which have an @ in their name.",
            ),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("raw", Type::Bool, RAW_DOC),
        ],
        permissions: &[Permission::FilesystemRead],
        ..Signature::NEW
    },
    columns: &["System", "EventData"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let is_raw = args.bool(RAW);
    let targets = accessor::resolve_all(args, FILENAME, ACCESSOR)?;
    let (patterns, files): (Vec<_>, Vec<_>) = targets.into_iter().partition(|t| is_pattern(args, t));
    if files.len() > MAX_FILES {
        return Err(format!("at most {MAX_FILES} files can be watched").into());
    }
    // Log lines name the files by the place at which they were found.
    let watched = parking_lot::Mutex::new(files.clone());
    let tails = files.into_iter().map(|target| Tail::<Live>::of(target, Start::End, 0)).collect();
    let finder = (!patterns.is_empty()).then(|| Finder {
        period: PERIOD,
        find: Box::new(|| {
            let mut watched = watched.lock();
            let found: Vec<Target> = patterns.iter().flat_map(|pattern| find(args, pattern)).collect();
            for target in &found {
                if !watched.iter().any(|known| known.path == target.path) && watched.len() < MAX_FILES {
                    watched.push(target.clone());
                }
            }
            found
        }),
    });
    follow(args, tails, 0, finder, &mut |place, event| match event {
        Event::Line(piece) | Event::Late(piece) => {
            let target = watched.lock().get(place).cloned();
            emit(args, target.as_ref(), piece, is_raw, sink)
        }
        Event::Restart | Event::Idle => Ok(()),
    })
}

fn emit(args: &Args<'_>, target: Option<&Target>, piece: &Piece, is_raw: bool, sink: &mut dyn Sink) -> Flow {
    let tell = |e: &forensics::Error| {
        if let Some(target) = target {
            report(args, target, piece.number, e);
        }
    };
    match piece.entry.take() {
        Some(Ok(mut entry)) => {
            if let Some(e) = entry.broken.take() {
                tell(&e);
            }
            sink.row(&mut row(entry, piece.sequence_id, is_raw))
        }
        Some(Err(e)) => {
            tell(&e);
            Ok(())
        }
        None => Ok(()),
    }
}

/// Whether a path has to be matched: it could be a pattern, and no file has just that name.
fn is_pattern(args: &Args<'_>, target: &Target) -> bool {
    let has_marks = target.path.components.iter().any(|c| c.iter().any(|b| b"*?[{".contains(b)));
    has_marks && target.accessor.stat(args.scope, &target.path).is_err()
}

/// The journals that match a pattern now.
fn find(args: &Args<'_>, pattern: &Target) -> Vec<Target> {
    let accessor = pattern.accessor;
    let patterns = [accessor.title(&pattern.path)].map(|title| vql::value::convert::to_text(&title));
    let mut found = Vec::new();
    let flow = Tree::new(&patterns, |text| accessor.parse(text)).map_err(Stop::Failed).and_then(|tree| {
        let options = Options { nosymlink: false, one_filesystem: false, recursion: None };
        let root = accessor.parse(&"/".into()).into();
        let mut take = Each(|row: vql::value::Value| {
            if let Some(path) = row.into_row().get_str("OSPath")
                && let Some(target) = accessor::target_of(args.scope, path, accessor.name())?
                && !target.path.components.last().is_none_or(|name| name.contains(&b'@'))
            {
                found.push(target);
            }
            if found.len() < MAX_FILES { Ok(()) } else { Err(Stop::Done) }
        });
        Walk::new(args.scope, accessor, &tree, &patterns, options).run(root, &mut take)
    });
    if let Err(Stop::Failed(e)) = flow {
        args.scope.log(Level::Default, format!("watch_journald: {e}"));
    }
    found
}
