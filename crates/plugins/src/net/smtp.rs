//! Handing a message to a mail server (SMTP, RFC 5321).

use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::dial::{Dialler, Line};
use super::tls::Trust;

/// How long the server may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read.
const MAX_ANSWER: usize = 64 << 10;
/// The port whose connections are encrypted from the start.
const IMPLICIT_TLS: u16 = 465;

/// What a server needs to know.
pub struct Delivery {
    pub server: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub trust: Trust,
    pub from: String,
    pub to: Vec<String>,
    pub message: Vec<u8>,
}

/// Delivers a message.
pub async fn deliver(dialler: &Dialler, delivery: &Delivery) -> io::Result<()> {
    let line: Line = Box::new(dialler.tcp(&delivery.server, delivery.port).await?);
    let is_secure = delivery.port == IMPLICIT_TLS;
    let line = match is_secure {
        true => dialler.secure(line, &delivery.server, &delivery.trust).await?,
        false => line,
    };
    let mut talk = Talk { line, rest: Vec::new() };
    talk.expect(2).await?;
    let mut extensions = talk.hello().await?;
    let mut is_secure = is_secure;
    if !is_secure && offers(&extensions, "STARTTLS") {
        talk.say("STARTTLS", 2).await?;
        if !talk.rest.is_empty() {
            // Somebody on the way put words into the encrypted conversation.
            return Err(io::Error::other("the server spoke before the connection was encrypted"));
        }
        talk.line = dialler.secure(talk.line, &delivery.server, &delivery.trust).await?;
        extensions = talk.hello().await?;
        is_secure = true;
    }
    if !delivery.user.is_empty() {
        talk.log_in(delivery, &extensions, is_secure).await?;
    }
    talk.say(&format!("MAIL FROM:<{}>", delivery.from), 2).await?;
    for to in &delivery.to {
        talk.say(&format!("RCPT TO:<{to}>"), 2).await?;
    }
    talk.say("DATA", 3).await?;
    talk.line.write_all(&stuffed(&delivery.message)).await?;
    talk.expect(2).await?;
    // It was taken; how the farewell goes does not matter.
    let _ = talk.say("QUIT", 2).await;
    Ok(())
}

fn offers(extensions: &str, name: &str) -> bool {
    extensions
        .lines()
        .filter_map(|l| l.get(4..))
        .any(|l| l.split(' ').next().is_some_and(|w| w.eq_ignore_ascii_case(name)))
}

/// The message with its end; a line that is a point alone would end it too early.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    let text = message.strip_suffix(b"\r\n").unwrap_or(message);
    for line in text.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

struct Talk {
    line: Line,
    /// Read, but not looked at yet.
    rest: Vec<u8>,
}

impl Talk {
    async fn hello(&mut self) -> io::Result<String> {
        self.say("EHLO harrier.invalid", 2).await
    }

    /// Says a line and takes an answer of that class.
    async fn say(&mut self, text: &str, class: u8) -> io::Result<String> {
        self.line.write_all(format!("{text}\r\n").as_bytes()).await?;
        self.line.flush().await?;
        self.expect(class).await
    }

    async fn expect(&mut self, class: u8) -> io::Result<String> {
        let answer = timeout(PATIENCE, self.answer()).await??;
        match answer.as_bytes().first() {
            Some(digit) if *digit == b'0' + class => Ok(answer),
            _ => Err(io::Error::other(format!("the server said: {}", answer.trim()))),
        }
    }

    /// The lines of one answer: all but the last have a dash after the number.
    async fn answer(&mut self) -> io::Result<String> {
        let mut answer = String::new();
        loop {
            let line = self.read_line().await?;
            answer += &line;
            if answer.len() > MAX_ANSWER {
                return Err(io::Error::other("the server says too much"));
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(answer);
            }
        }
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=at).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.rest.len() > MAX_ANSWER {
                return Err(io::Error::other("the server says too much"));
            }
            let mut buffer = [0; 1024];
            let count = self.line.read(&mut buffer).await?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server hung up"));
            }
            self.rest.extend_from_slice(&buffer[..count]);
        }
    }

    async fn log_in(&mut self, delivery: &Delivery, extensions: &str, is_secure: bool) -> io::Result<()> {
        if !is_secure && !matches!(delivery.server.as_str(), "localhost" | "127.0.0.1" | "::1") {
            return Err(io::Error::other("the server offers no encryption: the password is not sent"));
        }
        let (user, password) = (&delivery.user, &delivery.password);
        let ways = extensions.to_ascii_uppercase();
        let ways = ways
            .lines()
            .find_map(|l| l.get(4..)?.strip_prefix("AUTH").map(str::to_owned))
            .unwrap_or_default();
        if ways.contains("PLAIN") || !ways.contains("LOGIN") {
            let both = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
            return self.say(&format!("AUTH PLAIN {both}"), 2).await.map(|_| ());
        }
        self.say("AUTH LOGIN", 3).await?;
        self.say(&BASE64_STANDARD.encode(user), 3).await?;
        self.say(&BASE64_STANDARD.encode(password), 2).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_do_not_end_a_message() {
        assert_eq!(stuffed(b"a\r\n.\r\n..b\nc\r\n"), b"a\r\n..\r\n...b\r\nc\r\n.\r\n");
        assert!(offers("250-x\r\n250-StartTLS\r\n250 AUTH PLAIN\r\n", "STARTTLS"));
        assert!(!offers("250-x\r\n250 NOSTARTTLS\r\n", "STARTTLS"));
    }
}
