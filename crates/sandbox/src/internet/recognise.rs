//! Which service a connection wants: by port where the server speaks first, else by the first bytes.

use super::services::{Service, banner, dns, ftp, http, irc, smtp};

/// What the first bytes say.
pub enum Found {
    /// Too few to tell.
    Unclear,
    Service(Box<dyn Service>),
}

const MAIL: [u16; 4] = [25, 465, 587, 2525];
const CHAT: [u16; 2] = [6667, 6697];
const FTP: u16 = 21;

/// Enough to tell any of them.
const ENOUGH: usize = 16;

/// Ports on which the server speaks first, or whose protocol no first bytes show.
pub fn by_port(port: u16) -> Option<Box<dyn Service>> {
    match port {
        FTP => Some(Box::new(ftp::Session::default())),
        dns::PORT => Some(Box::new(dns::OverTcp)),
        port if MAIL.contains(&port) => Some(Box::new(smtp::Session::default())),
        port => {
            banner::greeting(port).map(|text| Box::new(banner::Anything::greets(text)) as Box<dyn Service>)
        }
    }
}

/// What a client begins with that speaks first.
pub fn by_bytes(bytes: &[u8], port: u16) -> Found {
    if bytes.is_empty() {
        return Found::Unclear;
    }
    if http::begins(bytes) {
        return Found::Service(Box::new(http::Session::default()));
    }
    if irc::begins(bytes) || CHAT.contains(&port) {
        return Found::Service(Box::new(irc::Session::default()));
    }
    if smtp::begins(bytes) {
        return Found::Service(Box::new(smtp::Session::default()));
    }
    if bytes.len() < ENOUGH && (http::may_begin(bytes) || irc::may_begin(bytes) || smtp::may_begin(bytes)) {
        return Found::Unclear;
    }
    Found::Service(Box::new(banner::Anything::default()))
}

/// Whether bytes are the beginning of a word, or go on after it.
pub fn is_start_of(bytes: &[u8], word: &str) -> bool {
    bytes.iter().zip(word.as_bytes()).all(|(one, other)| one.eq_ignore_ascii_case(other))
}

/// Whether bytes begin with a word and all of it is there.
pub fn starts_with(bytes: &[u8], word: &str) -> bool {
    bytes.len() >= word.len() && is_start_of(bytes, word)
}
