//! IRC (RFC 2812): every name is free and every channel is empty.

use super::lines::{self, command};
use super::{Next, Service, Talk};
use crate::internet::event::Event;
use crate::internet::recognise::{is_start_of, starts_with};

const SERVER: &str = "irc.example.net";
const BEGINNINGS: [&str; 4] = ["NICK ", "USER ", "PASS ", "CAP "];
const MAX_PARAMS: usize = 2048;
const MAX_NICK: usize = 30;
/// Commands of one connection that are told.
const MAX_TOLD: usize = 5000;

pub fn begins(bytes: &[u8]) -> bool {
    BEGINNINGS.iter().any(|word| starts_with(bytes, word))
}

pub fn may_begin(bytes: &[u8]) -> bool {
    BEGINNINGS.iter().any(|word| is_start_of(bytes, word))
}

#[derive(Default)]
pub struct Session {
    nick: Option<String>,
    has_user: bool,
    is_known: bool,
    told: usize,
}

impl Service for Session {
    fn take(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next {
        let Some(line) = lines::take(input) else { return Next::Wait };
        // A client may name itself in front.
        let line = line.strip_prefix(b":").map_or(&line[..], |rest| {
            rest.iter().position(|byte| *byte == b' ').map_or(&[][..], |at| &rest[at + 1..])
        });
        let (word, params) = command(line);
        if word.is_empty() {
            return Next::Again;
        }
        if self.told < MAX_TOLD {
            self.told += 1;
            let params: String = params.chars().take(MAX_PARAMS).collect();
            talk.world.tell(Event::Irc { flow: talk.peer.flow, command: word.clone(), params });
        }
        self.obey(&word, &params, talk)
    }
}

impl Session {
    fn obey(&mut self, word: &str, params: &str, talk: &mut Talk<'_>) -> Next {
        let first = params.split_whitespace().next().unwrap_or_default().trim_start_matches(':');
        let nick = self.nick.clone().unwrap_or_else(|| "*".into());
        match word {
            "NICK" => {
                let new: String = first.chars().take(MAX_NICK).collect();
                if self.is_known {
                    say(talk, &format!(":{nick}!user@host NICK :{new}"));
                }
                self.nick = Some(new);
            }
            "USER" => self.has_user = true,
            "CAP" if first.eq_ignore_ascii_case("LS") => say(talk, &format!(":{SERVER} CAP * LS :")),
            "PING" => say(talk, &format!(":{SERVER} PONG {SERVER} :{}", params.trim_start_matches(':'))),
            "JOIN" => {
                for channel in first.split(',').take(20) {
                    say(talk, &format!(":{nick}!user@host JOIN {channel}"));
                    say(talk, &format!(":{SERVER} 353 {nick} = {channel} :{nick} @operator"));
                    say(talk, &format!(":{SERVER} 366 {nick} {channel} :End of /NAMES list."));
                }
            }
            "PART" => say(talk, &format!(":{nick}!user@host PART {first}")),
            "WHO" => say(talk, &format!(":{SERVER} 315 {nick} {first} :End of /WHO list.")),
            "MODE" => say(talk, &format!(":{SERVER} 324 {nick} {first} +")),
            "QUIT" => {
                say(talk, "ERROR :Closing link");
                return Next::Close;
            }
            // Messages have no answer (RFC 2812, section 3.3).
            _ => {}
        }
        if !self.is_known && self.has_user && self.nick.is_some() {
            self.is_known = true;
            self.greet(talk);
        }
        Next::Again
    }

    fn greet(&self, talk: &mut Talk<'_>) {
        let nick = self.nick.as_deref().unwrap_or("*");
        for (number, text) in [
            ("001", ":Welcome to the network".to_owned()),
            ("002", format!(":Your host is {SERVER}")),
            ("003", ":This server was created today".to_owned()),
            ("004", format!("{SERVER} 2.0 iow biklmnopstv")),
            ("422", ":MOTD File is missing".to_owned()),
        ] {
            say(talk, &format!(":{SERVER} {number} {nick} {text}"));
        }
    }
}

fn say(talk: &mut Talk<'_>, line: &str) {
    talk.out.extend(line.as_bytes());
    talk.out.extend(b"\r\n");
}
