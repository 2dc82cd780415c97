//! `FROM parse_records_with_regex(file=, regex=, …)`: what patterns find in files, row by row.

use std::sync::Arc;

use regex::bytes::{Captures, Regex};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::schema::{Name, Schema};
use vql::value::regex::{Haystack, compile};
use vql::value::{Row, Value};

use crate::accessor::{self, Target};
use crate::text::buffer_size;
use crate::text::window::Window;

const FILE: usize = 0;
const REGEX: usize = 1;
const ACCESSOR: usize = 2;
const BUFFER_SIZE: usize = 3;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_records_with_regex",
        doc: "Searches forward through files; each match of the first pattern that matches is a row of its groups.",
        category: Category::Parsers,
        args: &[
            Arg::required("file", Type::PathList, "The files to search."),
            Arg::required("regex", Type::StrList, "Patterns, tried in order; their groups become columns."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("buffer_size", Type::Int, "A match is found if it fits into half as many bytes.")
                .with_default("1048576"),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[Example::new(
            "Named groups",
            r#"SELECT Key, Value FROM parse_records_with_regex(file="a=1\nb=2\n", accessor="data",
                regex="(?P<Key>\\w+)=(?P<Value>\\d+)")"#,
            r#"[{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

/// The patterns, and where their groups go.
struct Patterns {
    regexes: Vec<Regex>,
    /// For each pattern the column of each of its groups.
    places: Vec<Vec<usize>>,
    schema: Arc<Schema>,
}

impl Patterns {
    fn new(args: &Args<'_>) -> Result<Self, Error> {
        let mut schema = Schema::new();
        let _ = schema.add(Name::new("FullPath"));
        let (mut regexes, mut places) = (Vec::new(), Vec::new());
        for pattern in args.text_list(REGEX)? {
            let regex = compile(&pattern, true)?;
            let column = |(i, name): (usize, Option<&str>)| {
                let name = name.map_or_else(|| format!("g{i}"), str::to_owned);
                let (Ok(place) | Err(place)) = schema.add(Name::new(&name));
                place
            };
            places.push(regex.capture_names().enumerate().skip(1).map(column).collect());
            regexes.push(regex);
        }
        Ok(Patterns { regexes, places, schema: schema.into() })
    }

    /// The first match at or after `from` of the first pattern that has one.
    fn find<'t>(&self, text: &'t [u8], from: usize) -> Option<(usize, Captures<'t>)> {
        self.regexes.iter().enumerate().find_map(|(i, regex)| Some((i, regex.captures_at(text, from)?)))
    }
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let patterns = Patterns::new(args)?;
    let size = buffer_size(args, BUFFER_SIZE, 1 << 20)?;
    for target in accessor::resolve_all(args, FILE, ACCESSOR)? {
        search(args, &target, &patterns, size, sink)?;
    }
    Ok(())
}

fn search(args: &Args<'_>, target: &Target, patterns: &Patterns, size: usize, sink: &mut dyn Sink) -> Flow {
    let Some(file) = target.open_or_log(args) else { return Ok(()) };
    let title = target.title();
    let mut window = Window::new(file, size);
    loop {
        args.scope.tick()?;
        if let Err(e) = window.fill() {
            target.report(args, &e);
            return Ok(());
        }
        let is_over = window.is_over();
        let done = search_window(args, window.visible(), is_over, patterns, &title, sink)?;
        if is_over {
            return Ok(());
        }
        window.consume(done);
    }
}

/// Emits what a window shows; how much of it is done with.
fn search_window(
    args: &Args<'_>,
    visible: &[u8],
    is_over: bool,
    patterns: &Patterns,
    title: &Value,
    sink: &mut dyn Sink,
) -> Result<usize, vql::call::Stop> {
    let hay = Haystack::new(visible);
    // What starts in the second half might look different with more text: it is left for the next window.
    let half = boundary(&hay.text, hay.text.len() / 2);
    let mut at = 0;
    while at <= hay.text.len() {
        let Some((i, captures)) = patterns.find(&hay.text, at) else { break };
        let whole = captures.get_match();
        if !is_over {
            if whole.start() >= half {
                break;
            }
            if whole.end() == hay.text.len() && whole.start() > 0 {
                return Ok(hay.original(0..whole.start()).len());
            }
        }
        if whole.is_empty() {
            args.scope.tick()?;
            at = boundary(&hay.text, whole.end() + 1);
            continue;
        }
        let mut cells = vec![Value::from(""); patterns.schema.len()];
        cells[0] = title.clone();
        for (group, place) in captures.iter().skip(1).zip(&patterns.places[i]) {
            if let Some(group) = group {
                cells[*place] = Value::text(hay.original(group.range()));
            }
        }
        at = whole.end();
        sink.row(&mut Row { schema: patterns.schema.clone(), cells })?;
    }
    Ok(hay.original(0..at.max(half).min(hay.text.len())).len())
}

/// The first place at or after `at` where a character of UTF-8 text starts.
fn boundary(text: &[u8], at: usize) -> usize {
    (at..text.len()).find(|i| text[*i] & 0xC0 != 0x80).unwrap_or(at)
}
