//! What came back, as rows.

use std::io::Write;
use std::os::unix::ffi::OsStringExt;

use reqwest::header::HeaderMap;
use tempfile::TempPath;
use vql::args::Args;
use vql::call::{Error, Flow, Sink, Stop};
use vql::host::Level;
use vql::permission::Permission;
use vql::text::Text;
use vql::value::{Row, Value};

use super::Trouble;
use super::request::Request;
use super::target::Target;
use crate::accessor::{self, Content, read_full};
use crate::net::exchange::{Exchange, Failure, Head};
use crate::net::upload::Bytes;
use crate::world::World;

/// How much of a file is read at a time.
const PIECE: usize = 64 << 10;

/// An answer whose body is still to come.
pub struct Answer {
    status: u16,
    headers: Value,
    body: Body,
}

enum Body {
    Web(Exchange),
    File(Box<dyn Content>),
    /// Content made here.
    Held(Option<Bytes>),
}

/// Sends a request over the network; waits for the head of the answer.
pub fn network(args: &Args<'_>, request: &Request, url: &str, target: Target) -> Result<Answer, Trouble> {
    let (unix, place) = match target {
        Target::Unix(socket, place) => (Some(socket), place),
        Target::Web(place) => (None, place),
        Target::File(_) => return Err(Trouble::Unusable("files are not fetched over the network".into())),
    };
    let failed = |e: String| Trouble::Failed(request.secret.as_ref().map_or(e.clone(), |s| s.hide(&e, url)));
    let mut call = request.call(args, url, place).map_err(Trouble::Unusable)?;
    call.unix = unix;
    let mut exchange = Exchange::start(args.scope, call).map_err(Trouble::Unusable)?;
    let head = exchange.head(args.scope);
    if let Some(dict) = &request.cookies {
        request.jar.lock().show(dict);
    }
    match head {
        Ok(Head { status, headers }) => {
            Ok(Answer { status, headers: shown(&headers), body: Body::Web(exchange) })
        }
        Err(Failure::Left) => Err(Trouble::Left),
        Err(Failure::Failed(e)) => Err(failed(e)),
    }
}

/// Reads a file as if a server had sent it.
pub fn file(args: &Args<'_>, path: &[u8]) -> Result<Answer, Trouble> {
    if !args.scope.context().permissions.has(Permission::FilesystemRead) {
        let denied = "PermissionDenied: Permission denied: [FILESYSTEM_READ]";
        return Err(Trouble::Unusable(denied.into()));
    }
    let accessor = accessor::find(args.scope, "file").map_err(Trouble::Unusable)?;
    let headers = Value::dict([]);
    Ok(match accessor.open(args.scope, &accessor.parse(&Text::from(path))) {
        Ok(content) => Answer { status: 200, headers, body: Body::File(content) },
        Err(e) => {
            let text = format!("404 {}\n", accessor::reason(&e));
            Answer { status: 404, headers, body: Body::Held(Some(text.into())) }
        }
    })
}

/// The row of an exchange without an answer.
pub fn failed(args: &Args<'_>, url: &str, why: &str, sink: &mut dyn Sink) -> Flow {
    args.scope.log(Level::Default, format!("http_client: Error {why} while fetching {url}"));
    row(args, url, Value::from(why), 500, Value::Null, sink)
}

fn row(args: &Args<'_>, url: &str, content: Value, status: u16, headers: Value, sink: &mut dyn Sink) -> Flow {
    let cells = vec![Value::from(url), content, Value::Int(status.into()), headers];
    sink.row(&mut Row { schema: args.columns(), cells })
}

/// Headers as a dict of lists, their names in the usual capitals.
fn shown(headers: &HeaderMap) -> Value {
    let mut row = Row::default();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|v| Value::text(v.as_bytes())).collect();
        row.set(&vql::schema::Name::new(&canonical(name.as_str())), Value::list(values));
    }
    Value::Dict(row.into())
}

/// `content-type` as `Content-Type`.
fn canonical(name: &str) -> String {
    let mut is_start = true;
    let turn = |c: char| {
        let c = if is_start { c.to_ascii_uppercase() } else { c };
        is_start = c == '-';
        c
    };
    name.chars().map(turn).collect()
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body as rows, or as the row of a temporary file.
    pub fn emit(mut self, args: &Args<'_>, request: &Request, url: &str, sink: &mut dyn Sink) -> Flow {
        let outcome = match request.extension.is_empty() {
            true => self.chunks(args, request.chunk_size, url, sink),
            false => self.save(args, request, url, sink),
        };
        match outcome {
            Err(Stop::Failed(e)) => {
                let e = e.to_string();
                let e = request.secret.as_ref().map_or(e.clone(), |s| s.hide(&e, url));
                args.scope.log(Level::Default, format!("http_client: Error {e} while fetching {url}"));
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// A row for each full chunk as soon as it is there, and one for the rest, even if that is empty.
    fn chunks(&mut self, args: &Args<'_>, size: usize, url: &str, sink: &mut dyn Sink) -> Flow {
        let mut chunk: Vec<u8> = Vec::new();
        let mut end = Ok(());
        loop {
            args.scope.tick()?;
            let mut piece = match self.body.piece(args) {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(Stop::Failed(e)) if !chunk.is_empty() => {
                    end = Err(Stop::Failed(e));
                    break;
                }
                Err(stop) => return Err(stop),
            };
            while chunk.len() + piece.len() >= size {
                chunk.extend_from_slice(&piece.split_to(size - chunk.len()));
                let full = Value::text(std::mem::take(&mut chunk));
                row(args, url, full, self.status, self.headers.clone(), sink)?;
            }
            chunk.extend_from_slice(&piece);
        }
        row(args, url, Value::text(chunk), self.status, self.headers.clone(), sink)?;
        end
    }

    fn save(&mut self, args: &Args<'_>, request: &Request, url: &str, sink: &mut dyn Sink) -> Flow {
        let failed = |e: std::io::Error| Error::new(accessor::reason(&e));
        if request.extension.contains(['/', '\0']) {
            return Err("tempfile_extension should be a part of a name".into());
        }
        let directory = &World::of(args.scope)?.temp_dir;
        let file = tempfile::Builder::new().prefix("tmp").suffix(&request.extension).tempfile_in(directory);
        let (mut file, path) = file.map_err(failed)?.into_parts();
        let shown = path.as_os_str().to_owned();
        let text = shown.to_string_lossy().into_owned();
        args.scope.log(Level::Default, format!("http_client: Downloading {url} into {text}"));
        keep(args, path, request.remove_last, &text);
        loop {
            args.scope.tick()?;
            match self.body.piece(args)? {
                Some(piece) => file.write_all(&piece).map_err(failed)?,
                None => break,
            }
        }
        drop(file);
        row(args, url, Value::text(shown.into_vec()), self.status, self.headers.clone(), sink)
    }
}

/// Removes the file when its scope ends, or last of all.
fn keep(args: &Args<'_>, path: TempPath, last: bool, shown: &str) {
    if last {
        args.scope.log(Level::Default, format!("http_client: Adding global destructor for {shown}"));
    }
    args.scope.at_end(last, move || drop(path));
}

impl Body {
    fn piece(&mut self, args: &Args<'_>) -> Result<Option<Bytes>, Stop> {
        match self {
            Body::Web(exchange) => exchange.piece(args.scope).map_err(Stop::from),
            Body::Held(bytes) => Ok(bytes.take()),
            Body::File(content) => {
                let mut piece = vec![0; PIECE];
                let count = read_full(&mut **content, &mut piece);
                let count = count.map_err(|e| Error::new(accessor::reason(&e)))?;
                piece.truncate(count);
                Ok((count > 0).then(|| piece.into()))
            }
        }
    }
}
