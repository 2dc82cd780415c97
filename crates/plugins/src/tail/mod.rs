//! Lines as they are added to files, for event plugins.
//!
//! Files are looked at a few times a second, which works on every file system. A file that is renamed away and made anew
//! (as log files are) is read to its end before the new one is read from its start; one that becomes shorter is read from
//! its start again. A line counts when its end is there.

mod stream;

use std::time::{Duration, Instant};

use vql::args::Args;
use vql::call::{Flow, Stop};

use crate::accessor::{Facts, Target};
use stream::Stream;

/// How often files are looked at.
const PERIOD: Duration = Duration::from_millis(250);

/// How long a file that was renamed away is still read: its writer may not have noticed.
const GRACE: Duration = Duration::from_secs(5);

/// How many files are watched at most.
pub const MAX_FILES: usize = 1000;

/// What happens to a file.
#[derive(Debug)]
pub enum Event<'a> {
    /// A new line, without its end.
    Line(&'a [u8]),
    /// A new line of the file that had the name before: its writer had not noticed yet.
    Late(&'a [u8]),
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

/// A file that grows.
pub struct Tail {
    pub target: Target,
    start: Start,
    limit: usize,
    current: Option<Opened>,
    /// The file that had the name before, and until when it is read.
    previous: Option<(Opened, Instant)>,
    /// Whether it was told that the file cannot be read.
    reported: bool,
}

struct Opened {
    stream: Stream,
    device: u64,
    inode: u64,
}

impl Opened {
    fn is(&self, facts: &Facts) -> bool {
        (self.device, self.inode) == (facts.device, facts.inode)
    }
}

impl Tail {
    /// A file whose lines have at most `limit` bytes; longer ones are cut.
    pub fn new(target: Target, start: Start, limit: usize) -> Self {
        Tail { target, start, limit, current: None, previous: None, reported: false }
    }

    /// Looks at the file once, and hands out what happened.
    fn poll(&mut self, args: &Args<'_>, each: &mut dyn FnMut(Event<'_>) -> Flow) -> Flow {
        // Asked before reading: what is written in between comes with the next look.
        let facts = self.target.accessor.stat_target(args.scope, &self.target.path);
        if let Some((previous, until)) = &mut self.previous {
            let mut late = |event: Event<'_>| match event {
                Event::Line(line) => each(Event::Late(line)),
                event => each(event),
            };
            previous.stream.read(&mut late)?;
            if Instant::now() >= *until {
                previous.stream.finish(&mut late)?;
                self.previous = None;
            }
        }
        if let Some(current) = &mut self.current {
            let known = current.stream.position;
            current.stream.read(each)?;
            match &facts {
                Ok(facts) if current.is(facts) => {
                    if facts.size < known {
                        current.stream.rewind();
                        each(Event::Restart)?;
                        current.stream.read(each)?;
                    }
                    return Ok(());
                }
                Ok(_) => {
                    let until = Instant::now() + GRACE;
                    if let Some((mut older, _)) = self.previous.take() {
                        older.stream.finish(each)?;
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
            return current.stream.read(each);
        }
        Ok(())
    }

    /// Opens the file; when that fails, logs why once.
    fn open(&mut self, args: &Args<'_>) -> bool {
        let opened = self.target.open(args.scope).and_then(|content| {
            let facts = self.target.accessor.stat_target(args.scope, &self.target.path)?;
            let mut stream = Stream::new(content, self.limit);
            if self.start == Start::End {
                stream.position = facts.size;
            }
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

/// Watches files until the query is cancelled; events come with the place of their file in the list.
pub fn follow(
    args: &Args<'_>,
    mut tails: Vec<Tail>,
    limit: usize,
    mut finder: Option<Finder<'_>>,
    each: &mut dyn FnMut(usize, Event<'_>) -> Flow,
) -> Flow {
    let mut start = Start::End;
    let mut due = Instant::now();
    loop {
        if let Some(finder) = &mut finder
            && Instant::now() >= due
        {
            for target in (finder.find)() {
                let is_known = tails.iter().any(|tail| tail.target.path == target.path);
                if !is_known && tails.len() < MAX_FILES {
                    tails.push(Tail::new(target, start, limit));
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
        if args.scope.cancel().wait(PERIOD) {
            return Err(Stop::Done);
        }
    }
}
