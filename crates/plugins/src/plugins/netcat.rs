//! `FROM netcat(address=, …)`: what a socket says, piece by piece.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::Sender;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::value::{Row, Value, convert};

use crate::accessor::reason;
use crate::net::dial::{Dialler, Line, host_port};
use crate::net::task::Stream;

const ADDRESS: usize = 0;
const TYPE: usize = 1;
const SEND: usize = 2;
const SEP: usize = 3;
const CHUNK_SIZE: usize = 4;
const RETRY: usize = 5;

/// Pieces that wait for the query.
const AHEAD: usize = 4;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "netcat",
        doc: "Connects to a socket and gives what it says, a row for each part between separators.",
        category: Category::Network,
        args: &[
            Arg::required("address", Type::Str, "host:port, or the path of a unix socket."),
            Arg::optional("type", Type::Str, "tcp, udp or unix.").with_default("\"tcp\""),
            Arg::optional("send", Type::Str, "What to say first."),
            Arg::optional("sep", Type::Str, "What ends a part.").with_default("\"\\n\""),
            Arg::optional("chunk_size", Type::Int, "Longer parts are cut here.").with_default("65536"),
            Arg::optional("retry", Type::Int, "Seconds to wait before connecting again; 0: once is enough.")
                .with_default("0"),
        ],
        permissions: &[Permission::Network],
        ..Signature::NEW
    },
    columns: &["Data"],
    run,
};

/// Where to connect.
enum Place {
    Tcp(String, u16),
    Udp(String, u16),
    Unix(String),
}

enum Event {
    Piece(Vec<u8>),
    Over(io::Result<()>),
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let address = args.string(ADDRESS)?;
    let kind = args.string(TYPE)?;
    let place = || -> Result<Place, Error> {
        Ok(match kind.to_ascii_lowercase().as_str() {
            "" | "tcp" => host_port(&address, None).map(|(host, port)| Place::Tcp(host, port))?,
            "udp" => host_port(&address, None).map(|(host, port)| Place::Udp(host, port))?,
            "unix" => Place::Unix(address.clone()),
            other => return Err(Error::new(format!("type should be tcp, udp or unix, not {other}"))),
        })
    };
    let sep = args.optional_text(SEP)?.map(|sep| sep.to_vec()).filter(|sep| !sep.is_empty());
    let mut parts = Parts {
        sep: sep.unwrap_or_else(|| b"\n".to_vec()),
        limit: match args.int(CHUNK_SIZE, 0)? {
            n if n > 0 => (n as usize).min(convert::MAX_TEXT),
            _ => 64 << 10,
        },
        rest: Vec::new(),
    };
    let send = args.text(SEND)?.to_vec();
    let retry = args.uint(RETRY, 0)?;
    loop {
        let (dialler, place, send) = (Dialler::new(args.scope)?, place()?, send.clone());
        let mut stream = Stream::start(args.scope, AHEAD, |events| talk(dialler, place, send, events))?;
        if let Err(e) = listen(args, &mut stream, &mut parts, sink)? {
            args.scope.log(Level::Default, format!("netcat: {address}: {}", reason(&e)));
        }
        if retry == 0 {
            return Ok(());
        }
        if args.scope.cancel().wait(Duration::from_secs(retry)) {
            return Err(Stop::Done);
        }
    }
}

fn listen(
    args: &Args<'_>,
    stream: &mut Stream<Event>,
    parts: &mut Parts,
    sink: &mut dyn Sink,
) -> Result<io::Result<()>, Stop> {
    let mut emit =
        |part: &[u8]| sink.row(&mut Row { schema: args.columns(), cells: vec![Value::text(part)] });
    loop {
        args.scope.tick()?;
        match stream.next(args.scope)? {
            Some(Event::Piece(piece)) => parts.add(&piece, &mut emit)?,
            Some(Event::Over(outcome)) => {
                parts.end(&mut emit)?;
                return Ok(outcome);
            }
            None => return Ok(Err(io::Error::other("the connection broke off"))),
        }
    }
}

async fn talk(dialler: Dialler, place: Place, send: Vec<u8>, events: Sender<Event>) {
    let outcome = match place {
        Place::Udp(host, port) => datagrams(&dialler, &host, port, &send, &events).await,
        Place::Tcp(host, port) => match dialler.tcp(&host, port).await {
            Ok(stream) => pieces(Box::new(stream), &send, &events).await,
            Err(e) => Err(e),
        },
        Place::Unix(path) => match dialler.unix(path.as_ref()).await {
            Ok(stream) => pieces(Box::new(stream), &send, &events).await,
            Err(e) => Err(e),
        },
    };
    let _ = events.send(Event::Over(outcome)).await;
}

async fn pieces(mut line: Line, send: &[u8], events: &Sender<Event>) -> io::Result<()> {
    line.write_all(send).await?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = line.read(&mut buffer).await?;
        if count == 0 || events.send(Event::Piece(buffer[..count].to_vec())).await.is_err() {
            return Ok(());
        }
    }
}

async fn datagrams(
    dialler: &Dialler,
    host: &str,
    port: u16,
    send: &[u8],
    events: &Sender<Event>,
) -> io::Result<()> {
    let socket = dialler.udp(host, port).await?;
    socket.send(send).await?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = socket.recv(&mut buffer).await?;
        if events.send(Event::Piece(buffer[..count].to_vec())).await.is_err() {
            return Ok(());
        }
    }
}

/// Cuts what comes at separators.
struct Parts {
    sep: Vec<u8>,
    limit: usize,
    rest: Vec<u8>,
}

impl Parts {
    fn add(&mut self, piece: &[u8], emit: &mut dyn FnMut(&[u8]) -> Flow) -> Flow {
        // A separator may lie across the border of two pieces.
        let mut from = self.rest.len().saturating_sub(self.sep.len() - 1);
        self.rest.extend_from_slice(piece);
        let mut start = 0;
        while let Some(at) = memchr::memmem::find(&self.rest[from..], &self.sep) {
            self.pieces(start, from + at, emit)?;
            start = from + at + self.sep.len();
            from = start;
        }
        while self.rest.len() - start > self.limit {
            emit(&self.rest[start..start + self.limit])?;
            start += self.limit;
        }
        self.rest.drain(..start);
        Ok(())
    }

    /// A part, in pieces if it is too long.
    fn pieces(&self, start: usize, end: usize, emit: &mut dyn FnMut(&[u8]) -> Flow) -> Flow {
        match end - start {
            0 => emit(&[]),
            _ => self.rest[start..end].chunks(self.limit).try_for_each(emit),
        }
    }

    fn end(&mut self, emit: &mut dyn FnMut(&[u8]) -> Flow) -> Flow {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { Ok(()) } else { emit(&rest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sep: &str, limit: usize, pieces: &[&str]) -> Vec<String> {
        let mut parts = Parts { sep: sep.into(), limit, rest: Vec::new() };
        let mut got = Vec::new();
        let mut emit = |part: &[u8]| {
            got.push(String::from_utf8_lossy(part).into_owned());
            Ok(())
        };
        pieces.iter().for_each(|piece| parts.add(piece.as_bytes(), &mut emit).unwrap());
        parts.end(&mut emit).unwrap();
        got
    }

    #[test]
    fn parts_end_at_separators_and_at_the_limit() {
        assert_eq!(cut("\n", 100, &["a\nb", "c\n\nd"]), ["a", "bc", "", "d"]);
        assert_eq!(cut("--", 100, &["a-", "-b-", "c--"]), ["a", "b-c"]);
        assert_eq!(cut("\n", 3, &["abcdefg", "h\ni"]), ["abc", "def", "gh", "i"]);
        assert_eq!(cut("\n", 3, &["abcdefgh\n"]), ["abc", "def", "gh"]);
        assert_eq!(cut("\n", 3, &[]), [""; 0]);
    }
}
