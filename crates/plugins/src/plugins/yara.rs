//! `FROM yara(rules=, files=, …)`: files scanned with YARA rules.
//!
//! A file of up to [`WHOLE`] bytes is scanned at once, so that strings are found wherever they lie and modules such as `pe` see
//! all of it. Larger ones, and those for which `blocksize` is given, are scanned in blocks that overlap.

use forensics::yara::Scanner;
use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::{self, Target, read_full};
use crate::yara::{COLUMNS, Report, RuleArgs};

const RULES: usize = 0;
const FILES: usize = 1;
const ACCESSOR: usize = 2;
const CONTEXT: usize = 3;
const START: usize = 4;
const END: usize = 5;
const NUMBER: usize = 6;
const BLOCKSIZE: usize = 7;
const KEY: usize = 8;
const NAMESPACE: usize = 9;
const VARS: usize = 10;

/// The most that is held in memory of one file.
const WHOLE: u64 = 128 << 20;
/// Where scanning ends unless told.
const DEFAULT_END: u64 = 100 << 20;
/// Bytes of a block that the next one repeats, so that what lies across the boundary is found.
const OVERLAP: usize = 4096;
const SMALLEST_BLOCK: u64 = 4 * OVERLAP as u64;

pub(super) const RULES_DOC: &str = "The rules. They may not include other files.";

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "yara",
        doc: "Files scanned with YARA rules, a row for each string found.",
        category: Category::Parsers,
        args: &ARGS,
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[
            Example::new(
                "A string in text",
                "SELECT Rule, Tags, Meta, String.Name AS Name, String.Offset AS Offset, String.Data AS Data, String.HexData AS Hex \
                 FROM yara(rules='rule X : tag { meta: level = 3 strings: $a = \"wor\" condition: $a }', \
                 files='hello world', accessor='data', context=2)",
                r#"[{"Rule":"X","Tags":["tag"],"Meta":{"level":3},"Name":"$a","Offset":6,"Data":"o world","Hex":["00000000  6f 20 77 6f 72 6c 64                              |o world|"]}]"#,
            ),
            Example::new(
                "A condition on a variable",
                "SELECT Rule, String FROM yara(rules='rule X { condition: wanted > 3 }', files='x', accessor='data', vars=dict(wanted=4))",
                r#"[{"Rule":"X","String":null}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: COLUMNS,
    run,
};

const ARGS: [Arg; 12] = [
    Arg::required("rules", Type::Str, RULES_DOC),
    Arg::required("files", Type::AnyList, "The files to scan."),
    Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
    Arg::optional("context", Type::Int, "Bytes to show on each side of a match."),
    Arg::optional("start", Type::Uint, "Where in a file to start.").with_default("0"),
    Arg::optional("end", Type::Uint, "Where in a file to end.").with_default("104857600"),
    Arg::optional("number", Type::Int, "Rows of one file at most.").with_default("1"),
    Arg::optional(
        "blocksize",
        Type::Uint,
        "Scan in blocks of so many bytes; by default up to 128 MiB at once.",
    ),
    Arg::optional(
        "key",
        Type::Str,
        "The name under which a program keeps the compiled rules; by default the rules themselves.",
    ),
    Arg::optional("namespace", Type::Str, "The namespace of the rules."),
    Arg::optional("vars", Type::Dict, "Variables that the rules refer to."),
    Arg::optional("force_buffers", Type::Bool, "Accepted; files are never mapped into memory."),
];

/// Arguments in common with `yarax()`, which has them in the same places.
pub(super) fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let rules = RuleArgs { rules: RULES, key: KEY, namespace: NAMESPACE, vars: VARS }.compile(args)?;
    let mut scanner = Scanner::new(&rules);
    let range = Span::of(args)?;
    let context = args.int(CONTEXT, 0)?.clamp(0, 1 << 20) as usize;
    let number = match args.int(NUMBER, 0)? {
        n if n > 0 => n as u64,
        _ => 1,
    };
    for target in accessor::resolve_all(args, FILES, ACCESSOR)? {
        args.scope.tick()?;
        let info =
            target.info(args.scope).map_or(Value::Null, |info| Value::Object(std::sync::Arc::new(info)));
        let mut report = Report { file: (info, target.title()), context, left: number, args };
        scan(args, &target, &range, &mut scanner, &mut report, sink)?;
    }
    Ok(())
}

/// Which part of a file is scanned, and how.
struct Span {
    start: u64,
    end: u64,
    block: u64,
}

impl Span {
    fn of(args: &Args<'_>) -> Result<Span, vql::call::Error> {
        let start = args.uint(START, 0)?;
        let end = match args.uint(END, 0)? {
            0 => start.saturating_add(DEFAULT_END),
            end => end,
        };
        let block = match args.uint(BLOCKSIZE, 0)? {
            0 => WHOLE,
            size => size.clamp(SMALLEST_BLOCK, WHOLE),
        };
        Ok(Span { start, end, block })
    }
}

fn scan(
    args: &Args<'_>,
    target: &Target,
    span: &Span,
    scanner: &mut Scanner<'_>,
    report: &mut Report<'_>,
    sink: &mut dyn Sink,
) -> Flow {
    let Some(mut file) = target.open_or_log(args) else { return Ok(()) };
    if let Err(e) = file.seek(std::io::SeekFrom::Start(span.start)) {
        target.report(args, &e);
        return Ok(());
    }
    let mut base = span.start;
    let mut block = Block::default();
    while report.left > 0 && base < span.end {
        args.scope.tick()?;
        let wanted = usize::try_from(span.block.min(span.end - base)).unwrap_or(usize::MAX);
        let more = match block.fill(&mut *file, wanted) {
            Ok(more) => more && base + (wanted as u64) < span.end,
            Err(e) => {
                target.report(args, &e);
                return Ok(());
            }
        };
        let content = block.content();
        if content.is_empty() {
            return Ok(());
        }
        let overlap = if more { OVERLAP } else { 0 };
        report.scan(scanner, content, (base, overlap), sink)?;
        if !more {
            return Ok(());
        }
        base += (content.len() - OVERLAP) as u64;
        block.keep_last(OVERLAP);
    }
    Ok(())
}

/// A part of a file. Its memory grows with what there is to read, and is used again for the next part.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    filled: usize,
}

impl Block {
    fn content(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// Reads on until there are so many bytes; whether there may be more.
    fn fill(&mut self, file: &mut dyn accessor::Content, wanted: usize) -> std::io::Result<bool> {
        const FIRST: usize = 1 << 20;
        while self.filled < wanted {
            if self.filled == self.bytes.len() {
                self.bytes.resize(wanted.min(FIRST.max(2 * self.filled)), 0);
            }
            let room = self.bytes.len().min(wanted);
            let count = read_full(file, &mut self.bytes[self.filled..room])?;
            self.filled += count;
            if self.filled < room {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Moves the last bytes to the front and forgets the others.
    fn keep_last(&mut self, count: usize) {
        self.bytes.copy_within(self.filled - count..self.filled, 0);
        self.filled = count;
    }
}
