//! Messages to a NATS server, one a line as the agent sent it. JetStream's part is three things of its protocol: a publish that asks
//! for an answer, the header that names a message so that a stream keeps it once, and the answer itself.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, HeaderMap, Message, ServerAddr, StatusCode, Subscriber};
use futures_util::StreamExt as _;
use serde::Deserialize;
use store::result_log::{Log, Stored};
use tokio::time::{Instant, timeout};

use super::destination::Nats;
use super::follower::{Batch, Failure};
use super::webhook::first_line;

const CONNECT: Duration = Duration::from_secs(10);
/// For some messages and their answers.
const EXCHANGE: Duration = Duration::from_secs(30);
/// How often it is looked whether there is a connection still.
const LOOK: Duration = Duration::from_millis(250);
/// Messages that wait for their answers at a time. A stream takes them in the order they were sent in.
const IN_FLIGHT: usize = 128;
/// A part of a subject: longer names are cut.
const MAX_TOKEN: usize = 128;

pub struct NatsSink {
    nats: Nats,
    server: ServerAddr,
    log: Log,
    subject: String,
    client: Option<Client>,
}

/// What a stream answers.
#[derive(Deserialize)]
struct Answer {
    error: Option<Refusal>,
    stream: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    description: String,
}

impl NatsSink {
    pub fn new(nats: &Nats, log: Log) -> Result<Self, String> {
        let server: ServerAddr =
            nats.url.parse().map_err(|_| "its url is none of a NATS server".to_owned())?;
        let subject = nats.subject.clone().unwrap_or_else(|| "harrier.{log}".to_owned());
        check(&subject)?;
        for path in [&nats.password_file, &nats.token_file].into_iter().flatten() {
            first_line(path)?;
        }
        Ok(Self { nats: nats.clone(), server, log, subject, client: None })
    }

    pub async fn deliver(&mut self, rows: &Batch) -> Result<(), Failure> {
        let client = self.client().await.map_err(|why| Failure::new(0, why))?;
        if !is_connected(&client) {
            return Err(Failure::new(0, "there is no connection"));
        }
        // The server would close the connection over such a message, and again each time it is sent.
        let limit = client.server_info().max_payload;
        let too_large = rows.iter().position(|(_, row)| limit > 0 && row.len() > limit);
        let rows = &rows[..too_large.unwrap_or(rows.len())];
        match self.nats.jetstream {
            Some(false) => self.publish(&client, rows).await?,
            _ => self.store(&client, rows).await?,
        }
        match too_large {
            None => Ok(()),
            Some(delivered) => {
                let why = format!("the server takes {limit} bytes in a message");
                Err(Failure { delivered, why, after: None, is_final: true })
            }
        }
    }

    async fn client(&mut self) -> Result<Client, String> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut options =
            ConnectOptions::new().connection_timeout(CONNECT).name("harrier").request_timeout(Some(EXCHANGE));
        if let Some(path) = &self.nats.ca {
            options = options.add_root_certificates(path.clone());
        }
        if let Some(path) = &self.nats.token_file {
            options = options.token(first_line(path)?);
        }
        if let (Some(user), Some(path)) = (&self.nats.user, &self.nats.password_file) {
            options = options.user_and_password(user.clone(), first_line(path)?);
        }
        let client = options.connect(self.server.clone()).await.map_err(|error| error.to_string())?;
        self.client = Some(client.clone());
        Ok(client)
    }

    /// Without a stream: the server has all messages when it answers the flush.
    async fn publish(&mut self, client: &Client, rows: &Batch) -> Result<(), Failure> {
        for (done, (_, row)) in rows.iter().enumerate() {
            let Ok(stored) = Stored::parse(row) else { continue };
            let line = stored.line.get().to_owned();
            let sent = client.publish(self.subject_of(&stored), line.into()).await;
            sent.map_err(|error| Failure::new(done, error))?;
        }
        let flushed = timeout(EXCHANGE, client.flush()).await;
        match flushed {
            Ok(Ok(())) if is_connected(client) => Ok(()),
            Ok(Err(error)) => Err(Failure::new(0, error)),
            _ => Err(Failure::new(0, "the server does not answer")),
        }
    }

    /// Has a stream confirm each message. They are sent in order, some before earlier ones are confirmed. The first that the stream
    /// does not take, and all behind it, are sent again; the stream knows by their names which of them it has.
    async fn store(&mut self, client: &Client, rows: &Batch) -> Result<(), Failure> {
        let inbox = client.new_inbox();
        let answers = client.subscribe(format!("{inbox}.*")).await;
        let mut answers = answers.map_err(|error| Failure::new(0, error))?;
        let mut done = 0;
        for part in rows.chunks(IN_FLIGHT) {
            let mut subjects = Vec::with_capacity(part.len());
            for (at, (number, row)) in part.iter().enumerate() {
                let sent = self.send(client, *number, row, format!("{inbox}.{}", done + at)).await;
                subjects.push(sent.map_err(|why| Failure::new(done, why))?);
            }
            let confirmed = self.confirmed(client, &mut answers, done, &subjects).await;
            confirmed.map_err(|(confirmed, why)| Failure::new(done + confirmed, why))?;
            done += part.len();
        }
        Ok(())
    }

    /// Waits until all messages of a part are confirmed; else tells how many at its beginning were.
    async fn confirmed(
        &self,
        client: &Client,
        answers: &mut Subscriber,
        first: usize,
        subjects: &[String],
    ) -> Result<(), (usize, String)> {
        let mut confirmed = vec![false; subjects.len()];
        let prefix = |confirmed: &[bool]| confirmed.iter().take_while(|one| **one).count();
        let end = Instant::now() + EXCHANGE;
        while prefix(&confirmed) < subjects.len() {
            let answer = match timeout(LOOK, answers.next()).await {
                Ok(Some(answer)) => answer,
                // A connection that is made anew brings no answers to what was sent before.
                Err(_) if Instant::now() < end && is_connected(client) => continue,
                _ => return Err((prefix(&confirmed), "the server does not answer".to_owned())),
            };
            let at = answer.subject.rsplit('.').next().and_then(|last| last.parse::<usize>().ok());
            // Answers to an earlier part that was given up.
            let Some(at) = at.and_then(|at| at.checked_sub(first)).filter(|at| *at < subjects.len()) else {
                continue;
            };
            check_answer(&answer, &subjects[at]).map_err(|why| (prefix(&confirmed), why))?;
            confirmed[at] = true;
        }
        Ok(())
    }

    /// Sends one message; gives its subject.
    async fn send(&self, client: &Client, number: u64, row: &[u8], reply: String) -> Result<String, String> {
        let stored = Stored::parse(row).map_err(|error| error.to_string())?;
        let mut headers = HeaderMap::new();
        // A log that was made anew counts anew: with the time no two rows have one name.
        headers.insert("Nats-Msg-Id", format!("{}-{number}-{}", self.log.name(), stored.received()).as_str());
        let (subject, line) = (self.subject_of(&stored), stored.line.get().to_owned());
        let sent = client.publish_with_reply_and_headers(subject.clone(), reply, headers, line.into()).await;
        sent.map(|()| subject).map_err(|error| error.to_string())
    }

    fn subject_of(&self, stored: &Stored<'_>) -> String {
        let name = stored.name.as_deref().map_or_else(|| "_".to_owned(), token);
        let subject = self.subject.replace("{log}", self.log.name());
        subject.replace("{host_id}", &stored.host_id.to_string()).replace("{name}", &name)
    }
}

fn is_connected(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

fn check_answer(answer: &Message, subject: &str) -> Result<(), String> {
    if answer.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(format!("no stream takes the subject {subject}"));
    }
    match serde_json::from_slice::<Answer>(&answer.payload) {
        Ok(Answer { error: Some(error), .. }) => Err(error.description),
        Ok(Answer { stream: Some(_), .. }) => Ok(()),
        _ => Err(format!("who answers at {subject} is no stream")),
    }
}

/// A name as one part of a subject: agents choose names, and dots, stars and blanks mean something there.
fn token(name: &str) -> String {
    let plain = |char: char| if char.is_ascii_alphanumeric() || "-_/".contains(char) { char } else { '_' };
    let token: String = name.chars().map(plain).take(MAX_TOKEN).collect();
    if token.is_empty() { "_".to_owned() } else { token }
}

fn check(subject: &str) -> Result<(), String> {
    let filled = subject.replace("{log}", "x").replace("{host_id}", "x").replace("{name}", "x");
    let is_plain = |part: &str| {
        !part.is_empty() && part.chars().all(|char| char.is_ascii_graphic() && !"*>{}".contains(char))
    };
    match filled.split('.').all(is_plain) && !filled.starts_with('$') {
        true => Ok(()),
        false => Err(format!(
            "the subject {subject:?} cannot be published to; {{log}}, {{host_id}} and {{name}} are replaced"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_agents_do_not_change_the_shape_of_a_subject() {
        assert_eq!(token("pack/inventory/usb"), "pack/inventory/usb");
        assert_eq!(token("a.b c*>\r\nPUB x"), "a_b_c____PUB_x");
        assert_eq!((token(""), token(&"x".repeat(999)).len()), ("_".to_owned(), MAX_TOKEN));
        for good in ["harrier.{log}", "a.{host_id}.{name}", "x"] {
            check(good).unwrap();
        }
        for bad in ["", "a..b", "a.*", "a.>", "a b", "{other}", "$JS.x", "a."] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
