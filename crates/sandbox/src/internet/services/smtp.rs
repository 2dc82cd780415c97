//! SMTP (RFC 5321): takes every mail for delivered, and every password for right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::lines::{self, command};
use super::{Next, Service, Talk};
use crate::internet::event::{Blob, Body, Event, Smtp};
use crate::internet::recognise::{is_start_of, starts_with};

const BANNER: &str = "220 mail.example.net ESMTP Postfix";
const GREETINGS: [&str; 2] = ["EHLO ", "HELO "];

/// Bytes of a mail, and of what was said besides, that are told.
const MAX_MESSAGE: usize = 1 << 20;
const MAX_RAW: usize = 64 << 10;
const MAX_RECIPIENTS: usize = 100;
const MAX_WORD: usize = 1024;
/// Mails of one connection that are told.
const MAX_MAILS: usize = 1000;

pub fn begins(bytes: &[u8]) -> bool {
    GREETINGS.iter().any(|word| starts_with(bytes, word))
}

pub fn may_begin(bytes: &[u8]) -> bool {
    GREETINGS.iter().any(|word| is_start_of(bytes, word))
}

#[derive(Default)]
pub struct Session {
    state: State,
    mail: Smtp,
    /// Whether there is anything that was not told yet.
    is_news: bool,
    mails: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Commands,
    /// The answer to a question of AUTH.
    User,
    Password,
    Plain,
    Data,
}

impl Service for Session {
    fn open(&mut self, talk: &mut Talk<'_>) {
        BANNER.clone_into(&mut self.mail.banner);
        reply(talk, BANNER);
    }

    fn take(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next {
        let Some(line) = lines::take(input) else { return Next::Wait };
        if self.state == State::Data {
            self.data(&line, talk);
            return Next::Again;
        }
        self.is_news = true;
        let raw = &mut self.mail.raw.0;
        raw.extend(line.iter().chain(b"\r\n").take(MAX_RAW.saturating_sub(raw.len())));
        match std::mem::take(&mut self.state) {
            State::Commands | State::Data => self.command(&line, talk),
            State::User => {
                self.mail.username = decoded(&line);
                self.ask(State::Password, "334 UGFzc3dvcmQ6", talk)
            }
            State::Password => {
                self.mail.password = decoded(&line);
                self.welcome(talk)
            }
            State::Plain => {
                self.plain(&line);
                self.welcome(talk)
            }
        }
    }

    fn end(&mut self, rest: &[u8], talk: &mut Talk<'_>) {
        if self.state == State::Data {
            keep(&mut self.mail.message, rest);
        }
        // A farewell after a mail is no mail.
        let is_bye = self.mails > 0 && self.mail.raw.0.trim_ascii().eq_ignore_ascii_case(b"quit");
        if self.is_news && !is_bye {
            self.tell(talk);
        }
    }
}

impl Session {
    fn command(&mut self, line: &[u8], talk: &mut Talk<'_>) -> Next {
        let (word, rest) = command(line);
        match word.as_str() {
            "EHLO" | "HELO" => {
                self.mail.hostname = short(&rest);
                let offers = if talk.peer.is_secure { "" } else { "250-STARTTLS\r\n" };
                let all = format!(
                    "250-mail.example.net\r\n250-SIZE 52428800\r\n{offers}250-AUTH PLAIN LOGIN\r\n250 8BITMIME"
                );
                reply(talk, if word == "EHLO" { &all } else { "250 mail.example.net" });
            }
            "STARTTLS" if !talk.peer.is_secure => {
                reply(talk, "220 2.0.0 Ready to start TLS");
                return Next::StartTls;
            }
            "AUTH" => return self.authenticate(&rest, talk),
            "MAIL" => {
                self.mail.mail_from = address(&rest);
                reply(talk, "250 2.1.0 Ok");
            }
            "RCPT" => {
                if self.mail.mail_to.len() < MAX_RECIPIENTS {
                    self.mail.mail_to.push(address(&rest));
                }
                reply(talk, "250 2.1.5 Ok");
            }
            "DATA" => {
                self.state = State::Data;
                reply(talk, "354 End data with <CR><LF>.<CR><LF>");
            }
            "RSET" => {
                self.reset();
                reply(talk, "250 2.0.0 Ok");
            }
            "NOOP" => reply(talk, "250 2.0.0 Ok"),
            "VRFY" | "EXPN" => reply(talk, "252 2.0.0 Ok"),
            "QUIT" => {
                reply(talk, "221 2.0.0 Bye");
                return Next::Close;
            }
            _ => reply(talk, "502 5.5.2 Error: command not recognized"),
        }
        Next::Again
    }

    /// AUTH (RFC 4954), with the first answer in the command or without it.
    fn authenticate(&mut self, rest: &str, talk: &mut Talk<'_>) -> Next {
        let (kind, first) = rest.split_once(' ').unwrap_or((rest, ""));
        let kind = kind.to_ascii_uppercase();
        self.mail.auth_type = short(&kind);
        match (kind.as_str(), first.trim()) {
            ("PLAIN", "") => self.ask(State::Plain, "334 ", talk),
            ("PLAIN", first) => {
                self.plain(first.as_bytes());
                self.welcome(talk)
            }
            ("LOGIN", "") => self.ask(State::User, "334 VXNlcm5hbWU6", talk),
            ("LOGIN", first) => {
                self.mail.username = decoded(first.as_bytes());
                self.ask(State::Password, "334 UGFzc3dvcmQ6", talk)
            }
            _ => {
                reply(talk, "504 5.5.4 Unrecognized authentication type");
                Next::Again
            }
        }
    }

    fn ask(&mut self, state: State, text: &str, talk: &mut Talk<'_>) -> Next {
        self.state = state;
        reply(talk, text);
        Next::Again
    }

    fn welcome(&mut self, talk: &mut Talk<'_>) -> Next {
        reply(talk, "235 2.7.0 Authentication successful");
        Next::Again
    }

    /// Identity, name and password, with zeros between them (RFC 4616).
    fn plain(&mut self, line: &[u8]) {
        let text = decoded(line);
        let mut parts = text.splitn(3, '\0').skip(1);
        self.mail.username = parts.next().unwrap_or_default().to_owned();
        self.mail.password = parts.next().unwrap_or_default().to_owned();
    }

    fn data(&mut self, line: &[u8], talk: &mut Talk<'_>) {
        if line == b"." {
            self.state = State::Commands;
            reply(talk, "250 2.0.0 Ok: queued as 4XkZ1q2Qd5z9rN");
            self.tell(talk);
            self.reset();
            return;
        }
        // A dot at the beginning was put there by the client (RFC 5321, section 4.5.2).
        keep(&mut self.mail.message, line.strip_prefix(b".").unwrap_or(line));
        // A line that was cut goes on without a break.
        if line.len() < lines::MAX_LINE {
            keep(&mut self.mail.message, b"\r\n");
        }
    }

    fn tell(&mut self, talk: &mut Talk<'_>) {
        self.is_news = false;
        self.mails += 1;
        if self.mails > MAX_MAILS {
            return;
        }
        self.mail.flow = Some(talk.peer.flow);
        self.mail.is_secure = talk.peer.is_secure;
        talk.world.tell(Event::Smtp(Box::new(self.mail.clone())));
    }

    /// Forgets the mail and keeps who speaks.
    fn reset(&mut self) {
        self.mail.mail_from.clear();
        self.mail.mail_to.clear();
        self.mail.message = Body::default();
        self.mail.raw = Blob::default();
    }
}

fn keep(message: &mut Body, bytes: &[u8]) {
    let room = MAX_MESSAGE.saturating_sub(message.data.0.len());
    message.data.0.extend(bytes.iter().take(room));
    message.length += bytes.len() as u64;
}

fn reply(talk: &mut Talk<'_>, text: &str) {
    talk.out.extend(text.as_bytes());
    talk.out.extend(b"\r\n");
}

/// The address in `FROM:<a@b> SIZE=1`.
fn address(rest: &str) -> String {
    let rest = rest.split_once(':').map_or(rest, |(_, rest)| rest).trim();
    let inner = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(inner, _)| inner);
    short(inner.unwrap_or_else(|| rest.split_whitespace().next().unwrap_or_default()))
}

fn decoded(line: &[u8]) -> String {
    let bytes = STANDARD.decode(line.trim_ascii()).unwrap_or_else(|_| line.to_vec());
    short(&String::from_utf8_lossy(&bytes))
}

fn short(text: &str) -> String {
    text.chars().take(MAX_WORD).collect()
}
