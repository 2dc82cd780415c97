//! Collections: what was asked for, how far it got, and where its rows, log lines and files are.
//!
//! A record is a small JSON file in `flows/<client>/`. Rows, log lines and files lie in the file store below
//! `clients/<client>/collections/<flow>/`, so that `VFSGetBuffer` reads them. Records have the fields of the
//! messages that the gRPC reference lists in section 11, in that order: queries show them as they are.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::data_dir::create_private_dir;
use crate::durable;
use crate::encode;
use crate::error::{Error, Result};
use crate::file_store::FileStore;
use crate::rows::{RowReader, RowWriter};

mod record;

pub use record::{
    Env, Flow, FlowState, LogLine, Parameters, QueryStatus, Request, ReturnedStatus, Spec, UploadedFile,
};

/// The client id that stands for the server itself.
pub const SERVER: &str = "server";

/// The ending of the empty file that marks a collection its client has still to take.
const WAITING: &str = ".waiting";

/// All collections.
#[derive(Debug)]
pub struct Flows {
    dir: PathBuf,
    files: Arc<FileStore>,
    changing: Mutex<()>,
}

impl Flows {
    /// Uses the directory, creating it when missing.
    pub fn open(dir: PathBuf, files: Arc<FileStore>) -> Result<Self> {
        create_private_dir(&dir)?;
        Ok(Self { dir, files, changing: Mutex::default() })
    }

    /// A new id, in the order of time: `F.` and 13 characters.
    pub fn new_id(&self) -> Result<String> {
        Ok(format!("F.{}", encode::timed_id()?))
    }

    /// Stores a record; on disk when this returns.
    pub fn save(&self, flow: &Flow) -> Result<()> {
        let path = self.path(&flow.client_id, &flow.session_id)?;
        let dir = path.parent().unwrap_or(&self.dir);
        create_private_dir(dir)?;
        durable::write_json(&path, flow)
    }

    /// Stores the record of a collection that its client has still to take; see [`Flows::pending`].
    pub fn enqueue(&self, flow: &Flow) -> Result<()> {
        let mark = self.waiting(&flow.client_id, &flow.session_id)?;
        create_private_dir(mark.parent().unwrap_or(&self.dir))?;
        // A mark without a record means nothing, so it comes first: saving makes both last.
        fs::File::create(&mark).map_err(Error::io("create", &mark))?;
        self.save(flow)
    }

    /// The collections that a client has still to take, urgent ones first, then by age. Reads nothing when there
    /// are none.
    pub fn pending(&self, client: &str) -> Result<Vec<Flow>> {
        let mut pending = Vec::new();
        for id in self.names(client, WAITING)? {
            pending.extend(self.find(client, &id)?.filter(|flow| !flow.state.is_over()));
        }
        pending.sort_by(|a, b| {
            let key = |f: &Flow| (!f.request.urgent, f.create_time);
            key(a).cmp(&key(b)).then_with(|| a.session_id.cmp(&b.session_id))
        });
        Ok(pending)
    }

    /// Whether the client has still to take the collection.
    pub fn is_pending(&self, client: &str, id: &str) -> Result<bool> {
        Ok(self.waiting(client, id)?.exists())
    }

    /// Takes a collection out of the queue: the client has it, or will never get it.
    pub fn dequeue(&self, client: &str, id: &str) -> Result<()> {
        durable::remove(&self.waiting(client, id)?)
    }

    /// Changes a record in one step; `None` when there is none. Two changes never mix.
    pub fn update(&self, client: &str, id: &str, change: impl FnOnce(&mut Flow)) -> Result<Option<Flow>> {
        let _changing = self.changing.lock();
        let Some(mut flow) = self.find(client, id)? else { return Ok(None) };
        change(&mut flow);
        self.save(&flow)?;
        Ok(Some(flow))
    }

    /// The collection of that id.
    pub fn find(&self, client: &str, id: &str) -> Result<Option<Flow>> {
        durable::read_json(&self.path(client, id)?)
    }

    /// The ids of a client's collections, newest first.
    pub fn ids(&self, client: &str) -> Result<Vec<String>> {
        let mut ids = self.names(client, ".json")?;
        ids.sort_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// The names of a client's files with this ending, without it.
    fn names(&self, client: &str, ending: &str) -> Result<Vec<String>> {
        let dir = self.client_dir(client)?;
        let entries = match fs::read_dir(&dir) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(Error::io("list", &dir))?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("list", &dir))?.file_name();
            let id = name.to_str().and_then(|n| n.strip_suffix(ending)).and_then(encode::decode);
            ids.extend(id.filter(|id| !id.starts_with('.')));
        }
        Ok(ids)
    }

    /// The clients that have collections.
    pub fn clients(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(Error::io("list", &self.dir))? {
            let name = entry.map_err(Error::io("list", &self.dir))?.file_name();
            found.extend(name.to_str().and_then(encode::decode));
        }
        found.sort();
        Ok(found)
    }

    /// Forgets a collection with all it brought.
    pub fn delete(&self, client: &str, id: &str) -> Result<()> {
        self.files.remove(&components(client, id, &[])?)?;
        self.files.remove(&["downloads".to_owned(), safe(client)?, safe(id)?])?;
        self.dequeue(client, id)?;
        durable::remove(&self.path(client, id)?)
    }

    /// Adds rows to the results of a source (`Artifact` or `Artifact/Source`).
    pub fn results_writer(&self, client: &str, id: &str, source: &str) -> Result<RowWriter> {
        RowWriter::new(self.files.create(&result_path(client, id, source)?)?)
    }

    /// The results of a source; nothing when there are none.
    pub fn results(&self, client: &str, id: &str, source: &str) -> Result<RowReader> {
        self.reader(&result_path(client, id, source)?)
    }

    /// Adds log lines.
    pub fn log_writer(&self, client: &str, id: &str) -> Result<RowWriter> {
        RowWriter::new(self.files.create(&components(client, id, &["logs.jsonl"])?)?)
    }

    /// The log lines, as [`LogLine`]s in JSON.
    pub fn log(&self, client: &str, id: &str) -> Result<RowReader> {
        self.reader(&components(client, id, &["logs.jsonl"])?)
    }

    /// Adds to the list of files.
    pub fn uploads_writer(&self, client: &str, id: &str) -> Result<RowWriter> {
        RowWriter::new(self.files.create(&components(client, id, &["uploads.jsonl"])?)?)
    }

    /// The list of files, as rows in JSON.
    pub fn uploads(&self, client: &str, id: &str) -> Result<RowReader> {
        self.reader(&components(client, id, &["uploads.jsonl"])?)
    }

    /// Every file that belongs to a collection: its place in the file store.
    pub fn files_of(&self, client: &str, id: &str) -> Result<Vec<Vec<String>>> {
        self.files.walk(&components(client, id, &[])?)
    }

    fn reader(&self, path: &[String]) -> Result<RowReader> {
        match self.files.open_beneath(path) {
            Err(Error::FileNotFound) => Ok(RowReader::empty()),
            file => Ok(RowReader::new(file?)),
        }
    }

    fn client_dir(&self, client: &str) -> Result<PathBuf> {
        Ok(self.dir.join(safe(client)?))
    }

    fn waiting(&self, client: &str, id: &str) -> Result<PathBuf> {
        Ok(self.client_dir(client)?.join(safe(id)? + WAITING))
    }

    fn path(&self, client: &str, id: &str) -> Result<PathBuf> {
        Ok(self.client_dir(client)?.join(safe(id)? + ".json"))
    }
}

/// A place below the directory of a collection in the file store.
pub fn components(client: &str, id: &str, rest: &[&str]) -> Result<Vec<String>> {
    let mut path = vec!["clients".to_owned(), safe(client)?, "collections".to_owned(), safe(id)?];
    path.extend(rest.iter().map(|part| (*part).to_owned()));
    Ok(path)
}

fn result_path(client: &str, id: &str, source: &str) -> Result<Vec<String>> {
    components(client, id, &["results", &(safe(source)? + ".jsonl")])
}

fn safe(name: &str) -> Result<String> {
    encode::file_name(name).ok_or(Error::PathInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flows() -> (tempfile::TempDir, Flows) {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(FileStore::open(dir.path().join("files")).unwrap());
        let flows = Flows::open(dir.path().join("flows"), files).unwrap();
        (dir, flows)
    }

    #[test]
    fn a_record_comes_back_and_goes_with_all_it_brought() {
        let (_dir, flows) = flows();
        let id = flows.new_id().unwrap();
        assert!(id.len() == 15 && id.starts_with("F."), "{id}");
        let flow = Flow { client_id: SERVER.into(), session_id: id.clone(), ..Flow::default() };
        flows.save(&flow).unwrap();
        assert_eq!(flows.find(SERVER, &id).unwrap(), Some(flow));
        assert_eq!(flows.ids(SERVER).unwrap(), [id.as_str()]);
        assert_eq!(flows.clients().unwrap(), [SERVER]);
        let mut rows = flows.results_writer(SERVER, &id, "A.B/One").unwrap();
        rows.push(b"{\"x\":1}").unwrap();
        rows.finish().unwrap();
        let read: Vec<_> = flows.results(SERVER, &id, "A.B/One").unwrap().map(Result::unwrap).collect();
        assert_eq!(read, [b"{\"x\":1}".to_vec()]);
        assert_eq!(flows.files_of(SERVER, &id).unwrap().len(), 1);
        flows.delete(SERVER, &id).unwrap();
        assert_eq!(flows.find(SERVER, &id).unwrap(), None);
        assert_eq!(flows.results(SERVER, &id, "A.B/One").unwrap().count(), 0);
        flows.delete(SERVER, &id).unwrap();
    }

    #[test]
    fn a_client_takes_what_waits_for_it() {
        let (_dir, flows) = flows();
        let flow = |id: &str, urgent: bool, create_time: u64| Flow {
            client_id: "C.1".into(),
            session_id: id.into(),
            request: Request { urgent, ..Request::default() },
            create_time,
            state: FlowState::Running,
            ..Flow::default()
        };
        for flow in
            [flow("F.1", false, 2), flow("F.2", false, 1), flow("F.3", true, 3), flow("F.4", false, 4)]
        {
            flows.enqueue(&flow).unwrap();
        }
        flows.save(&flow("F.5", false, 0)).unwrap();
        flows.delete("C.1", "F.4").unwrap();
        let waiting = || flows.pending("C.1").unwrap().into_iter().map(|f| f.session_id).collect::<Vec<_>>();
        assert_eq!(waiting(), ["F.3", "F.2", "F.1"]);
        flows.dequeue("C.1", "F.2").unwrap();
        flows.update("C.1", "F.1", |f| f.state = FlowState::Error).unwrap();
        assert_eq!(waiting(), ["F.3"]);
        assert_eq!(flows.ids("C.1").unwrap(), ["F.5", "F.3", "F.2", "F.1"]);
        assert!(flows.pending("C.2").unwrap().is_empty());
        assert_eq!(flows.update("C.1", "F.9", |_| ()).unwrap(), None);
    }

    #[test]
    fn no_name_leads_outside() {
        let (dir, flows) = flows();
        let flow = Flow { client_id: "../..".into(), session_id: "../x".into(), ..Flow::default() };
        flows.save(&flow).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        assert_eq!(flows.find("../..", "../x").unwrap(), Some(flow));
        assert!(flows.find("", "x").is_err());
    }
}
