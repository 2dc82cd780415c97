//! Everything that is no known protocol: something is said, everything is taken, and its beginning is told.

use super::{Next, Service, Talk};
use crate::internet::event::{Blob, Event};

/// What a client hears that waits for the server.
pub const GENERIC: &str = "220 Service ready\r\n";
/// What a client hears after each of its lines.
const ANSWER: &[u8] = b"200 OK\r\n";

/// Bytes that are told, and answers to one connection.
const MAX_TOLD: usize = 64 << 10;
const MAX_ANSWERS: usize = 100;

/// What a server says first on a port, for protocols that are not spoken further.
pub fn greeting(port: u16) -> Option<&'static str> {
    match port {
        22 => Some("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"),
        23 => Some("login: "),
        110 => Some("+OK POP3 ready\r\n"),
        143 => Some("* OK IMAP4rev1 ready\r\n"),
        _ => None,
    }
}

/// Whether the client speaks first on a port, by the protocol that is usual there: HTTP and its proxies, DNS, and TLS around others.
pub fn is_clients_turn(port: u16, is_secure: bool) -> bool {
    match port {
        53 | 80 | 443 | 853 | 3128 | 8000 | 8008 | 8080 | 8443 | 8888 => true,
        465 | 990 | 993 | 995 => !is_secure,
        _ => false,
    }
}

#[derive(Default)]
pub struct Anything {
    greeting: &'static str,
    data: Vec<u8>,
    length: u64,
    answers: usize,
}

impl Anything {
    pub fn greets(greeting: &'static str) -> Self {
        Self { greeting, ..Self::default() }
    }
}

impl Service for Anything {
    fn open(&mut self, talk: &mut Talk<'_>) {
        talk.out.extend(self.greeting.as_bytes());
    }

    fn take(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next {
        if input.is_empty() {
            return Next::Wait;
        }
        self.length += input.len() as u64;
        let room = MAX_TOLD.saturating_sub(self.data.len());
        self.data.extend(input.iter().take(room));
        // Binary protocols have no line to answer.
        let is_text = input.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        if is_text && input.ends_with(b"\n") && self.answers < MAX_ANSWERS {
            self.answers += 1;
            talk.out.extend(ANSWER);
        }
        input.clear();
        Next::Wait
    }

    fn end(&mut self, rest: &[u8], talk: &mut Talk<'_>) {
        let length = self.length + rest.len() as u64;
        if length == 0 {
            return;
        }
        let room = MAX_TOLD.saturating_sub(self.data.len());
        self.data.extend(rest.iter().take(room));
        let data = Blob(std::mem::take(&mut self.data));
        let (flow, is_secure) = (talk.peer.flow, talk.peer.is_secure);
        talk.world.tell(Event::Said { flow, is_secure, length, data });
    }
}
