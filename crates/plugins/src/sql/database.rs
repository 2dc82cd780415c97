//! An SQLite file, opened so that it stays as it is: read in place where nobody writes to it, else as a copy.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;
use vql::call::Error;
use vql::cancel::Cancel;
use vql::scope::Scope;
use vql::text::Text;

use crate::accessor::{Target, copy_some, host_path, read_full};
use crate::world::World;

/// The largest database that is copied.
const MAX_COPY: u64 = 64 << 30;

/// The largest string or blob, and the longest query.
const MAX_VALUE: i32 = 100 << 20;
const MAX_QUERY: i32 = 1 << 20;

/// Instructions between looks at cancellation.
const STEPS: i32 = 10_000;

/// An opened database, and the copy that it may be.
pub struct Database {
    pub connection: Connection,
    /// Removed after the connection is closed.
    _copy: Option<TempDir>,
}

/// How a database file may be read.
enum State {
    NotSqlite,
    /// Nobody can be writing, as far as the file tells.
    Still,
    /// Writers may be at work: ask for the locks.
    Shared,
    /// Part of the content is in a second file.
    Journalled,
}

impl Database {
    /// Opens a database; `None` when the file is none.
    pub fn open(scope: &Scope<'_>, target: &Target) -> Result<Option<Database>, Error> {
        let state = state(scope, target).map_err(|e| target.failure(&e))?;
        if matches!(state, State::NotSqlite) {
            return Ok(None);
        }
        if let Some(path) = in_place(target)
            && let Some(connection) = open_in_place(&path, &state)?
        {
            return Ok(Some(Database { connection: guarded(connection, scope.cancel())?, _copy: None }));
        }
        let copy = copy(scope, target).map_err(|e| target.failure(&e))?;
        // The copy may be written to: SQLite first works in what the second file holds.
        let connection =
            Connection::open_with_flags(copy.path().join(COPY), OpenFlags::SQLITE_OPEN_READ_WRITE)
                .map_err(failed)?;
        Ok(Some(Database { connection: guarded(connection, scope.cancel())?, _copy: Some(copy) }))
    }
}

/// Why SQLite refused.
pub fn failed(error: rusqlite::Error) -> Error {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => Error::new(message),
        e => Error::new(e.to_string()),
    }
}

/// The path of a file of the host.
fn in_place(target: &Target) -> Option<PathBuf> {
    let is_host = matches!(target.accessor.name(), "auto" | "file") && target.path.delegate.is_none();
    is_host.then(|| host_path(&target.path))
}

/// The file beside the database whose name ends so.
fn beside(target: &Target, suffix: &str) -> Target {
    let mut components = target.path.components.to_vec();
    if let Some(last) = components.last_mut() {
        *last = Text::from([&**last, suffix.as_bytes()].concat());
    }
    Target { accessor: target.accessor, path: target.path.with_components(components).into() }
}

fn state(scope: &Scope<'_>, target: &Target) -> io::Result<State> {
    let mut header = [0; 20];
    let count = read_full(&mut *target.open(scope)?, &mut header)?;
    if count < header.len() || header[..16] != *b"SQLite format 3\0" {
        return Ok(State::NotSqlite);
    }
    let has = |suffix: &str| {
        let file = beside(target, suffix);
        file.accessor.stat(scope, &file.path).is_ok_and(|facts| facts.size > 0)
    };
    let is_wal = header[18] == 2;
    Ok(match is_wal {
        _ if has("-wal") || has("-journal") => State::Journalled,
        true => State::Still,
        false => State::Shared,
    })
}

/// Opens a file without changing anything; `None` when it has to be copied.
fn open_in_place(path: &Path, state: &State) -> Result<Option<Connection>, Error> {
    let mode = match state {
        // SQLite would want to make the second file, were it not told that nothing changes.
        State::Still => "immutable=1",
        State::Shared => "mode=ro",
        State::Journalled | State::NotSqlite => return Ok(None),
    };
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte))
            }
            byte => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("{uri}?{mode}"), flags).map_err(failed)?;
    match connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(())) {
        Ok(()) => Ok(Some(connection)),
        Err(rusqlite::Error::SqliteFailure(e, _))
            if matches!(e.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) =>
        {
            Ok(None)
        }
        Err(e) => Err(failed(e)),
    }
}

const COPY: &str = "database";

/// Copies a database and what is beside it.
fn copy(scope: &Scope<'_>, target: &Target) -> io::Result<TempDir> {
    let temp_dir = &World::of(scope).map_err(io::Error::other)?.temp_dir;
    let directory = tempfile::Builder::new().prefix("tmp").tempdir_in(temp_dir)?;
    let mut left = MAX_COPY;
    for suffix in ["", "-wal", "-journal"] {
        let source = beside(target, suffix);
        let mut from = match source.open(scope) {
            Ok(from) => from,
            Err(e) if suffix.is_empty() => return Err(e),
            Err(_) => continue,
        };
        let mut to = std::fs::File::create(directory.path().join(format!("{COPY}{suffix}")))?;
        copy_some(scope.cancel(), &mut from as &mut dyn Read, &mut to as &mut dyn Write, &mut left)?;
    }
    Ok(directory)
}

/// A connection that reads only, within limits, and stops when it is told to.
fn guarded(mut connection: Connection, cancel: &Cancel) -> Result<Connection, Error> {
    let cancel = cancel.clone();
    connection.progress_handler(STEPS, Some(move || cancel.is_cancelled())).map_err(failed)?;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, MAX_QUERY),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
    ] {
        connection.set_limit(limit, value).map_err(failed)?;
    }
    connection.authorizer(Some(authorize)).map_err(failed)?;
    Ok(connection)
}

/// Reading is allowed; nothing that writes, or opens another file.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        AuthAction::Pragma { pragma_name, .. } if PRAGMAS.contains(&&*pragma_name.to_ascii_lowercase()) => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

/// The pragmas that only tell something.
const PRAGMAS: &[&str] = &[
    "collation_list",
    "compile_options",
    "data_version",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "page_count",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
];
