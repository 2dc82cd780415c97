//! QEMU's monitor: one JSON object a line, over a Unix socket. QEMU may be in the hands of a sample, so what it says is
//! limited in length and read as words, never as paths or commands.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use crate::error::{Error, Result};

/// The longest line. The longest of what we ask for is the console, in base64.
const LONGEST: u64 = 1 << 20;
/// Events that nobody has looked at yet; more are dropped, as none that counts comes twice.
const EVENTS: usize = 64;

/// A thing that happened, such as `SHUTDOWN`.
#[derive(Debug)]
pub struct Event {
    pub name: String,
    pub data: Value,
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, String>>>>>;

/// A connection to the monitor.
pub struct Qmp {
    writer: AsyncMutex<(OwnedWriteHalf, u64)>,
    waiting: Waiting,
}

impl Qmp {
    /// Connects, and gives what will happen.
    pub async fn connect(path: &Path) -> Result<(Self, mpsc::Receiver<Event>)> {
        let socket = UnixStream::connect(path).await.map_err(Error::io("connect to", path))?;
        let (reader, writer) = socket.into_split();
        let mut reader = BufReader::new(reader);
        let greeting = line(&mut reader).await?.ok_or_else(|| Error::Monitor("it says nothing".into()))?;
        if greeting.get("QMP").is_none() {
            return Err(Error::Monitor("no greeting".into()));
        }
        let (waiting, (events, happened)) = (Waiting::default(), mpsc::channel(EVENTS));
        tokio::spawn(read(reader, Arc::clone(&waiting), events));
        let monitor = Self { writer: AsyncMutex::new((writer, 0)), waiting };
        monitor.ask("qmp_capabilities", json!({}), Duration::from_secs(30)).await?;
        Ok((monitor, happened))
    }

    /// Gives a command and waits for its answer.
    pub async fn ask(&self, command: &'static str, arguments: Value, limit: Duration) -> Result<Value> {
        self.ask_with(command, arguments, None, limit).await
    }

    /// Gives QEMU an open file under a name.
    pub async fn give_file(&self, name: &str, file: BorrowedFd<'_>, limit: Duration) -> Result<()> {
        self.ask_with("getfd", json!({ "fdname": name }), Some(file), limit).await.map(drop)
    }

    async fn ask_with(
        &self,
        command: &'static str,
        arguments: Value,
        file: Option<BorrowedFd<'_>>,
        limit: Duration,
    ) -> Result<Value> {
        let (answer, answered) = oneshot::channel();
        {
            let mut writer = self.writer.lock().await;
            writer.1 += 1;
            let number = writer.1;
            locked(&self.waiting).insert(number, answer);
            let mut text = json!({ "execute": command, "arguments": arguments, "id": number }).to_string();
            text.push('\n');
            send(&writer.0, text.as_bytes(), file)
                .await
                .map_err(|error| Error::Monitor(error.to_string()))?;
        }
        match tokio::time::timeout(limit, answered).await {
            Err(_) => Err(Error::TimedOut { what: command, limit }),
            Ok(Err(_)) => Err(Error::Monitor(format!("it closed before it answered {command}"))),
            Ok(Ok(Err(text))) => Err(Error::Refused { command, text }),
            Ok(Ok(Ok(value))) => Ok(value),
        }
    }
}

/// A line with a file travels in one message; the others are short as well.
async fn send(writer: &OwnedWriteHalf, mut text: &[u8], file: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let socket = writer.as_ref();
    let mut file = file;
    while !text.is_empty() {
        let sent = socket
            .async_io(Interest::WRITABLE, || {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                let files: Vec<BorrowedFd<'_>> = file.into_iter().collect();
                if !files.is_empty() {
                    control.push(SendAncillaryMessage::ScmRights(&files));
                }
                Ok(sendmsg(socket.as_fd(), &[IoSlice::new(text)], &mut control, SendFlags::NOSIGNAL)?)
            })
            .await?;
        file = None;
        text = &text[sent..];
    }
    Ok(())
}

async fn read(mut reader: BufReader<OwnedReadHalf>, waiting: Waiting, events: mpsc::Sender<Event>) {
    while let Ok(Some(mut message)) = line(&mut reader).await {
        if let Some(Value::String(name)) = message.get_mut("event").map(Value::take) {
            let data = message.get_mut("data").map(Value::take).unwrap_or_default();
            let _ = events.try_send(Event { name, data });
            continue;
        }
        let answer =
            message.get("id").and_then(Value::as_u64).and_then(|number| locked(&waiting).remove(&number));
        if let Some(answer) = answer {
            let refusal =
                message.pointer("/error/desc").map(|text| text.as_str().unwrap_or("error").to_string());
            let outcome = match refusal {
                Some(text) => Err(text),
                None => Ok(message.get_mut("return").map(Value::take).unwrap_or_default()),
            };
            let _ = answer.send(outcome);
        }
    }
    // Whoever waits learns it by the other end being dropped.
    locked(&waiting).clear();
}

/// The next line; none at the end.
async fn line(reader: &mut BufReader<OwnedReadHalf>) -> Result<Option<Value>> {
    let mut text = Vec::new();
    let mut limited = reader.take(LONGEST);
    let length =
        limited.read_until(b'\n', &mut text).await.map_err(|error| Error::Monitor(error.to_string()))?;
    match text.last() {
        None => Ok(None),
        Some(b'\n') => {
            serde_json::from_slice(&text).map(Some).map_err(|error| Error::Monitor(error.to_string()))
        }
        Some(_) => Err(Error::Monitor(format!("a line of {length} bytes without an end"))),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, Write as _};
    use std::os::unix::net::UnixListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A monitor that greets, then answers each line with what a test says.
    async fn against(answer: impl Fn(u64) -> Vec<u8> + Send + 'static) -> (Result<Qmp>, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.write_all(b"{\"QMP\": {}}\n").unwrap();
            let lines = std::io::BufReader::new(socket.try_clone().unwrap()).lines();
            for (at, _) in lines.map_while(io::Result::ok).enumerate() {
                let bytes =
                    if at == 0 { b"{\"return\": {}, \"id\": 1}\n".to_vec() } else { answer(at as u64 + 1) };
                if socket.write_all(&bytes).is_err() {
                    break;
                }
            }
        });
        (Qmp::connect(&path).await.map(|(monitor, _)| monitor), dir)
    }

    #[tokio::test]
    async fn refusals_carry_the_monitors_text() {
        let (monitor, _dir) = against(|id| {
            format!("{{\"error\": {{\"desc\": \"no such thing\"}}, \"id\": {id}}}\n").into_bytes()
        })
        .await;
        let error = monitor.unwrap().ask("stop", json!({}), LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), "QEMU refuses stop: no such thing");
    }

    #[tokio::test]
    async fn a_line_without_end_closes_the_connection() {
        let (monitor, _dir) = against(|_| vec![b'x'; 2 << 20]).await;
        let error = monitor.unwrap().ask("stop", json!({}), LIMIT).await.unwrap_err();
        assert!(matches!(error, Error::Monitor(_)), "{error}");
    }

    #[tokio::test]
    async fn answers_to_nothing_are_ignored() {
        let (monitor, _dir) = against(|id| {
            format!("{{\"return\": 1, \"id\": 99}}\n{{\"event\": 7}}\n{{\"return\": 2, \"id\": {id}}}\n")
                .into_bytes()
        })
        .await;
        assert_eq!(monitor.unwrap().ask("stop", json!({}), LIMIT).await.unwrap(), json!(2));
    }
}
