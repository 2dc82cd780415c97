//! One connection: its header, then bytes until its end.

use std::sync::Arc;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::header::{self, Header, Origin};
use super::name;
use super::session::{Cut, Session};
use crate::processing::shown;

/// How much is read at once.
const PIECE: usize = 64 << 10;
/// Of what a guest sent, in a remark.
const MAX_SHOWN: usize = 200;

/// Where what a connection carries goes.
struct Target {
    member: String,
    limit: u64,
    origin: Option<Origin>,
    /// Whether it is a file of the guest; the others are streams of the analyzer, which end with the task.
    is_file: bool,
}

/// Takes what a guest sends. Nothing is ever answered; whatever is refused is said in a remark.
pub(super) async fn receive(session: Arc<Session>, mut stream: impl AsyncRead + Unpin) {
    let Ok(_place) = session.free.try_acquire() else {
        session.remark(|| "a connection was refused: too many are open".into());
        return;
    };
    let over = session.over.clone();
    let header = tokio::select! {
        biased;
        () = over.cancelled() => return,
        header = tokio::time::timeout(session.limits.header, read_header(&mut stream)) => header,
    };
    let refusal = match header {
        Ok(Ok(Some((header, rest)))) => match target(&session, header) {
            Ok(target) => return store(&session, target, rest, stream).await,
            Err(refusal) => refusal,
        },
        // It went without a word.
        Ok(Ok(None)) => return,
        Ok(Err(refusal)) => refusal,
        Err(_) => "the header took too long".into(),
    };
    session.remark(|| format!("an upload was refused: {refusal}"));
}

/// The header, and what was read beyond it; `None` when nothing came at all.
async fn read_header(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<(Header, Vec<u8>)>, String> {
    let mut bytes = Vec::new();
    loop {
        match header::parse(&bytes) {
            Ok(Some((header, length))) => return Ok(Some((header, bytes.split_off(length)))),
            Ok(None) => {}
            Err(error) => return Err(format!("{error}: {}", brief(&bytes))),
        }
        // Four lines at most are held.
        let mut room = (&mut *stream).take(header::MAX_LINE as u64);
        match room.read_buf(&mut bytes).await {
            Ok(0) if bytes.is_empty() => return Ok(None),
            Ok(0) => return Err(format!("the header is not complete: {}", brief(&bytes))),
            Ok(_) => {}
            Err(error) => return Err(format!("the connection broke within the header: {error}")),
        }
    }
}

fn target(session: &Session, header: Header) -> Result<Target, String> {
    let (member, limit, origin, is_file) = match header {
        Header::Log => ("analysis.log".to_owned(), session.limits.log, None, false),
        Header::Bson { pid } => (format!("logs/{pid}.bson"), session.limits.bson, None, false),
        Header::File { path, origin } => {
            let member = name::member(&path).map_err(|why| format!("{why}: {}", brief(&path)))?;
            (member, session.limits.file, origin, true)
        }
    };
    Ok(Target { member, limit, origin, is_file })
}

async fn store(session: &Session, target: Target, rest: Vec<u8>, stream: impl AsyncRead + Unpin) {
    if !session.count_file() {
        session.remark(|| format!("{} was refused: there are too many files", target.member));
        return;
    }
    let file = match session.folder.create(&target.member) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            session.remark(|| format!("{} was refused: it is there already", target.member));
            return;
        }
        Err(error) => {
            session.remark(|| format!("{} cannot be written: {error}", target.member));
            return;
        }
    };
    let upload = target.is_file.then(|| session.uploads.token());
    let (size, cut) = copy(session, &target, rest, stream, File::from_std(file)).await;
    if let Some(cut) = cut.filter(|cut| *cut != Cut::Over || target.is_file) {
        session.remark(|| format!("{} is not whole, it has {size} bytes: {}", target.member, cut.text()));
    }
    // A log that ends with its task is whole; one that was longer than allowed is not.
    if target.is_file || cut == Some(Cut::Limit) {
        let noted = session.note(&target.member, target.origin.as_ref(), size, cut);
        if let Err(error) = noted {
            session.remark(|| format!("where {} came from was not noted: {error}", target.member));
        }
    }
    drop(upload);
}

/// Copies until the end, or until something forbids it: how many bytes, and why no more.
async fn copy(
    session: &Session,
    target: &Target,
    rest: Vec<u8>,
    mut stream: impl AsyncRead + Unpin,
    mut file: File,
) -> (u64, Option<Cut>) {
    let (mut size, mut piece) = (0, rest);
    let cut = loop {
        let room = (target.limit - size).min(piece.len() as u64);
        let allowed = session.count_bytes(room);
        let is_more = allowed < piece.len() as u64;
        piece.truncate(usize::try_from(allowed).unwrap_or(usize::MAX));
        if let Err(error) = file.write_all(&piece).await {
            session.remark(|| format!("{} cannot be written: {error}", target.member));
            break Some(Cut::Broken);
        }
        size += allowed;
        if is_more {
            break Some(Cut::Limit);
        }
        piece.clear();
        piece.reserve(PIECE);
        let next = async {
            let mut room = (&mut stream).take(PIECE as u64);
            match target.is_file {
                true => tokio::time::timeout(session.limits.idle, room.read_buf(&mut piece)).await.ok(),
                false => Some(room.read_buf(&mut piece).await),
            }
        };
        let read = tokio::select! {
            biased;
            () = session.over.cancelled() => break Some(Cut::Over),
            read = next => read,
        };
        match read {
            None => break Some(Cut::Idle),
            Some(Err(_)) => break Some(Cut::Broken),
            Some(Ok(0)) => break None,
            Some(Ok(_)) => {}
        }
    };
    match file.flush().await {
        Ok(()) => (size, cut),
        Err(error) => {
            session.remark(|| format!("{} cannot be written: {error}", target.member));
            (size, cut.or(Some(Cut::Broken)))
        }
    }
}

fn brief(bytes: &[u8]) -> String {
    let text = shown(&bytes[..bytes.len().min(MAX_SHOWN)]);
    let more = if bytes.len() > MAX_SHOWN { format!(" ... ({} bytes)", bytes.len()) } else { String::new() };
    format!("{text:?}{more}")
}
