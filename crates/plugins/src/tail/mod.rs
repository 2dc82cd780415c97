//! Lines, or other pieces, as they are added to files, for event plugins.
//!
//! Files are looked at a few times a second, which works on every file system. A file that is renamed away and made anew
//! (as log files are) is read to its end before the new one is read from its start; one that becomes shorter is read from
//! its start again. A line counts when its end is there.

mod stream;

use std::io;
use std::time::{Duration, Instant};

use vql::args::Args;
use vql::call::{Flow, Stop};
use vql::host::Level;

use crate::accessor::{Content, Facts, Target};
use stream::Stream;

/// How often files are looked at.
const PERIOD: Duration = Duration::from_millis(250);

/// How long a file that was renamed away is still read: its writer may not have noticed.
const GRACE: Duration = Duration::from_secs(5);

/// How many files are watched at most.
pub const MAX_FILES: usize = 1000;

/// What happens to a file.
#[derive(Debug)]
pub enum Event<'a, T: ?Sized = [u8]> {
    /// A new line, without its end; or whatever the file is made of.
    Line(&'a T),
    /// A new line of the file that had the name before: its writer had not noticed yet.
    Late(&'a T),
    /// The lines that follow are the first of a new file.
    Restart,
    /// All that was there has been handed out.
    Idle,
}

/// Where to begin with a file that is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Beginning,
    End,
}

/// An open file that grows, and what was read of it.
pub trait Growing: Sized {
    /// What it is made of.
    type Piece: ?Sized;

    /// Begins with a file that has `size` bytes now, whose pieces have at most `limit` bytes.
    fn open(content: Box<dyn Content>, start: Start, size: u64, limit: usize) -> io::Result<Self>;

    /// How far it was read; a file that is shorter now was emptied.
    fn position(&self) -> u64;

    /// Begins at the start again.
    fn rewind(&mut self);

    /// Hands out what is there and was not handed out yet. A failed read is tried again with the next look.
    fn read(&mut self, each: &mut dyn FnMut(&Self::Piece) -> Flow) -> Flow;

    /// Nothing more will come: hands out what is left.
    fn finish(&mut self, each: &mut dyn FnMut(&Self::Piece) -> Flow) -> Flow;
}

/// A file that grows.
pub struct Tail<G = Stream> {
    pub target: Target,
    start: Start,
    limit: usize,
    current: Option<Opened<G>>,
    /// The file that had the name before, and until when it is read.
    previous: Option<(Opened<G>, Instant)>,
    /// Whether it was told that the file cannot be read.
    reported: bool,
}

struct Opened<G> {
    stream: G,
    device: u64,
    inode: u64,
}

impl<G> Opened<G> {
    fn is(&self, facts: &Facts) -> bool {
        (self.device, self.inode) == (facts.device, facts.inode)
    }
}

impl Tail {
    /// A file whose lines have at most `limit` bytes; longer ones are cut.
    pub fn new(target: Target, start: Start, limit: usize) -> Self {
        Tail::of(target, start, limit)
    }
}

impl<G: Growing> Tail<G> {
    /// A file whose pieces have at most `limit` bytes.
    pub fn of(target: Target, start: Start, limit: usize) -> Self {
        Tail { target, start, limit, current: None, previous: None, reported: false }
    }

    /// Looks at the file once, and hands out what happened.
    fn poll(&mut self, args: &Args<'_>, each: &mut dyn FnMut(Event<'_, G::Piece>) -> Flow) -> Flow {
        // Asked before reading: what is written in between comes with the next look.
        let facts = self.target.accessor.stat_target(args.scope, &self.target.path);
        if let Some((previous, until)) = &mut self.previous {
            let mut late = |line: &G::Piece| each(Event::Late(line));
            previous.stream.read(&mut late)?;
            if Instant::now() >= *until {
                previous.stream.finish(&mut late)?;
                self.previous = None;
            }
        }
        if let Some(current) = &mut self.current {
            let known = current.stream.position();
            current.stream.read(&mut |line| each(Event::Line(line)))?;
            match &facts {
                Ok(facts) if current.is(facts) => {
                    if facts.size < known {
                        current.stream.rewind();
                        each(Event::Restart)?;
                        current.stream.read(&mut |line| each(Event::Line(line)))?;
                    }
                    return Ok(());
                }
                Ok(_) => {
                    let until = Instant::now() + GRACE;
                    if let Some((mut older, _)) = self.previous.take() {
                        older.stream.finish(&mut |line| each(Event::Line(line)))?;
                    }
                    self.previous = self.current.take().map(|current| (current, until));
                    each(Event::Restart)?;
                }
                // Renamed away, and not made anew yet.
                Err(_) => return Ok(()),
            }
        }
        if self.open(args)
            && let Some(current) = &mut self.current
        {
            return current.stream.read(&mut |line| each(Event::Line(line)));
        }
        Ok(())
    }

    /// Opens the file; when that fails, logs why once.
    fn open(&mut self, args: &Args<'_>) -> bool {
        let opened = self.target.open(args.scope).and_then(|content| {
            let facts = self.target.accessor.stat_target(args.scope, &self.target.path)?;
            let stream = G::open(content, self.start, facts.size, self.limit)?;
            Ok(Opened { stream, device: facts.device, inode: facts.inode })
        });
        // Whatever comes later under this name is new.
        self.start = Start::Beginning;
        match opened {
            Ok(opened) => self.current = Some(opened),
            Err(e) if !self.reported => {
                self.target.report(args, &e);
                self.reported = true;
            }
            Err(_) => {}
        }
        self.current.is_some()
    }
}

/// Finds further files from time to time.
pub struct Finder<'a> {
    pub period: Duration,
    pub find: Box<dyn FnMut() -> Vec<Target> + Send + 'a>,
}

/// Watches files until the query is cancelled; events come with the place of their file in the list. A line of the log says when
/// what was there has been seen: everything later counts.
pub fn follow<G: Growing>(
    args: &Args<'_>,
    mut tails: Vec<Tail<G>>,
    limit: usize,
    mut finder: Option<Finder<'_>>,
    each: &mut dyn FnMut(usize, Event<'_, G::Piece>) -> Flow,
) -> Flow {
    let mut start = Start::End;
    let mut due = Instant::now();
    let mut is_told = false;
    loop {
        if let Some(finder) = &mut finder
            && Instant::now() >= due
        {
            for target in (finder.find)() {
                let is_known = tails.iter().any(|tail| tail.target.path == target.path);
                if !is_known && tails.len() < MAX_FILES {
                    tails.push(Tail::of(target, start, limit));
                }
            }
            // Files found later are new: their first lines count.
            start = Start::Beginning;
            due = Instant::now() + finder.period;
        }
        for (place, tail) in tails.iter_mut().enumerate() {
            args.scope.tick()?;
            tail.poll(args, &mut |event| each(place, event))?;
            each(place, Event::Idle)?;
        }
        if !std::mem::replace(&mut is_told, true) {
            let name = args.signature.name;
            args.scope.log(Level::Debug, format!("{name}: watching, {} files until now", tails.len()));
        }
        if args.scope.cancel().wait(PERIOD) {
            return Err(Stop::Done);
        }
    }
}
