//! `pipe(name=, query=, sep=)`: what a query writes, to be read as a file by the accessor "pipe".

use std::any::Any;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{
    Arg, Category, Error, Example, Flow, Function, FunctionBody, OnError, Signature, Sink, Stop, Type,
};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::schema::Name;
use vql::scope::{Context, Scope};
use vql::session::Session;
use vql::text::Text;
use vql::value::{Object, Row, Value, convert};

use crate::accessor::Stream;

const NAME: usize = 0;
const QUERY: usize = 1;
const SEP: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "pipe",
        doc: "A pipe, whose text the accessor pipe reads: the cells of a query's rows, while the query runs.",
        category: Category::Files,
        args: &[
            Arg::optional(
                "name",
                Type::Str,
                "The path of the pipe; that of a variable that holds it will do as well.",
            ),
            Arg::optional("query", Type::Query, "Each cell of its rows is written."),
            Arg::optional("sep", Type::Str, "Written after each cell."),
        ],
        examples: &[
            Example::new(
                "By name",
                r#"if(condition=pipe(name='P', query={ SELECT * FROM range(end=3) }, sep=','), then=read_file(filename='P', accessor='pipe'))"#,
                "\"0,1,2,\"",
            ),
            Example::new("No such pipe", "read_file(filename='None', accessor='pipe')", "\"\""),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let query = args.value(QUERY);
    if !matches!(query, Value::Query(_) | Value::Rows(_) | Value::List(_)) {
        return Err(Error::new(format!("Field query should be a query not {}.", query.type_name())));
    }
    let name = args.text(NAME)?;
    let vars = args.scope.snapshot().snapshot();
    let pipe = Pipe { name: name.clone(), query, sep: args.text(SEP)?, vars };
    if !name.is_empty() {
        args.scope.kept::<Pipes>().0.lock().push(Arc::new(pipe.clone()));
    }
    Ok(Value::Object(Arc::new(pipe)))
}

/// A query and what it saw where the pipe was made.
#[derive(Clone)]
pub struct Pipe {
    name: Text,
    query: Value,
    sep: Text,
    vars: Row,
}

/// The pipes with a name of their own, newest last.
#[derive(Default)]
pub struct Pipes(Mutex<Vec<Arc<Pipe>>>);

impl Pipes {
    pub fn get(&self, name: &Text) -> Option<Arc<Pipe>> {
        self.0.lock().iter().rfind(|p| p.name == *name).cloned()
    }
}

/// Pieces that wait for the reader; when there are more the query waits.
const WAITING: usize = 64;

impl Pipe {
    /// The text from its beginning; going back starts the query anew.
    pub fn read(&self, scope: &Scope<'_>) -> Stream {
        let pipe = self.clone();
        let (cancel, root) = (scope.cancel().clone(), scope.root_cancel().clone());
        let context = Arc::new(scope.context().clone());
        // A pipe that reads itself must end.
        let depth = scope.depth() + 1;
        let start = move || -> io::Result<Box<dyn Read + Send>> {
            let thread = Thread::take(&context)?;
            let (sender, receiver) = sync_channel(WAITING);
            let (pipe, stop) = (pipe.clone(), root.child());
            let session = Session::new(context.clone(), pipe.vars.clone(), stop.clone()).at_depth(depth);
            std::thread::Builder::new().name("pipe".into()).spawn(move || {
                pipe.write(session, sender);
                drop(thread);
            })?;
            Ok(Box::new(Reader { receiver, piece: Vec::new(), at: 0, stop }))
        };
        Stream::new(&cancel, Box::new(start))
    }

    fn write(&self, session: Session, to: SyncSender<Vec<u8>>) {
        let scope = session.scope();
        let mut writer = Writer { sep: self.sep.clone(), piece: Vec::new(), to };
        if let Err(Stop::Failed(e)) = scope.push_rows(&self.query, &mut writer) {
            scope.log(Level::Error, format!("pipe: {e}"));
        }
        session.close();
    }
}

/// One of the threads that the program may have.
struct Thread(Arc<AtomicUsize>);

impl Thread {
    fn take(context: &Context) -> io::Result<Thread> {
        let thread = Thread(context.threads.clone());
        if thread.0.fetch_add(1, Ordering::Relaxed) >= context.limits.threads {
            return Err(io::Error::other("the query has too many threads"));
        }
        Ok(thread)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes rows and hands over their cells.
struct Writer {
    sep: Text,
    piece: Vec<u8>,
    to: SyncSender<Vec<u8>>,
}

impl Writer {
    fn cells(&mut self, cells: &[Value]) -> Flow {
        for cell in cells {
            convert::write_text(cell, &mut self.piece);
            self.piece.extend_from_slice(&self.sep);
        }
        if self.piece.is_empty() {
            return Ok(());
        }
        // Fails when nobody reads any more.
        self.to.send(std::mem::take(&mut self.piece)).map_err(|_| Stop::Done)
    }
}

impl Sink for Writer {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.cells(&row.cells)
    }

    fn value(&mut self, value: Value) -> Flow {
        self.cells(&[value])
    }
}

/// The reader's side; the query ends with it.
struct Reader {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    stop: Cancel,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            let Ok(piece) = self.receiver.recv() else { return Ok(0) };
            (self.piece, self.at) = (piece, 0);
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pipe {:?}", self.name)
    }
}

impl Object for Pipe {
    fn type_name(&self) -> &'static str {
        "*pipe.Pipe"
    }

    fn member(&self, name: &str) -> Option<Value> {
        (name == "Name").then(|| Value::Text(self.name.clone()))
    }

    fn members(&self) -> Vec<Name> {
        vec![Name::new("Name")]
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
