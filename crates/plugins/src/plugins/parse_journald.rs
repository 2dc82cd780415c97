//! `FROM parse_journald(filename=, accessor=, raw=, start_time=, end_time=)`: the entries of systemd journals.

use forensics::journal::Journal;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::permission::Permission;

use crate::accessor::Target;
use crate::evidence::{self, End};
use crate::journald::{RAW_DOC, row};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const RAW: usize = 2;
const START_TIME: usize = 3;
const END_TIME: usize = 4;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_journald",
        doc: "The entries of systemd journals: `System` holds what the journal vouches for, `EventData` what the program said.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The journals to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("raw", Type::Bool, RAW_DOC),
            Arg::optional(
                "start_time",
                Type::Time,
                "Only what was written then or later; found without reading what is before it.",
            ),
            Arg::optional("end_time", Type::Time, "Only what was written until then; reading ends there."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        ..Signature::NEW
    },
    columns: &["System", "EventData"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let is_raw = args.bool(RAW);
    let micros = |slot| match args.time(slot) {
        Ok(Some(time)) => Ok(Some(u64::try_from(time.as_microsecond()).unwrap_or(0))),
        Ok(None) if args.has(slot) && !args.value(slot).is_null() => {
            Err(Error::new(format!("{} is no time", args.signature.args[slot].name)))
        }
        other => other.map(|_| None),
    };
    let (start, end) = (micros(START_TIME)?, micros(END_TIME)?.unwrap_or(u64::MAX));
    evidence::each(args, FILENAME, ACCESSOR, |target, file| {
        let mut journal = Journal::open(file)?;
        let first = start.map_or(0, |start| journal.first_since(start));
        for number in first..journal.len() {
            args.scope.tick()?;
            match journal.head(number) {
                Ok(head) if head.realtime > end => break,
                Ok(_) => {}
                Err(e) => {
                    report(args, target, number, &e);
                    continue;
                }
            }
            let mut entry = journal.entry(number)?;
            if let Some(e) = entry.broken.take() {
                report(args, target, number, &e);
            }
            sink.row(&mut row(entry, journal.sequence_id(), is_raw))?;
        }
        Ok::<(), End>(())
    })
}

/// Tells that an entry, or part of it, could not be read.
pub fn report(args: &Args<'_>, target: &Target, number: u64, error: &forensics::Error) {
    let failure = evidence::failure(target, error);
    args.scope.log(Level::Default, format!("{}: entry {number}: {failure}", args.signature.name));
}
