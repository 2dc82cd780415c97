//! FTP (RFC 959): the control connection alone. Whoever logs in is welcome; no data connection is made, and the guest is told so.

use super::lines::{self, command};
use super::{Next, Service, Talk};
use crate::internet::event::Event;

const MAX_TOLD: usize = 2000;
const MAX_ARGUMENT: usize = 2048;

#[derive(Default)]
pub struct Session {
    told: usize,
}

impl Service for Session {
    fn open(&mut self, talk: &mut Talk<'_>) {
        say(talk, "220 FTP server ready");
    }

    fn take(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next {
        let Some(line) = lines::take(input) else { return Next::Wait };
        let (word, argument) = command(&line);
        if self.told < MAX_TOLD && !word.is_empty() {
            self.told += 1;
            let argument = argument.chars().take(MAX_ARGUMENT).collect();
            talk.world.tell(Event::Ftp { flow: talk.peer.flow, command: word.clone(), argument });
        }
        let reply = match word.as_str() {
            "USER" => "331 Please specify the password.",
            "PASS" | "ACCT" => "230 Login successful.",
            "SYST" => "215 UNIX Type: L8",
            "FEAT" => "211 No features.",
            "PWD" | "XPWD" => "257 \"/\" is the current directory",
            "CWD" | "CDUP" | "XCWD" => "250 Directory successfully changed.",
            "MKD" | "XMKD" => "257 Created.",
            "TYPE" | "MODE" | "STRU" | "NOOP" | "OPTS" | "ALLO" | "PORT" | "EPRT" => "200 Ok.",
            "DELE" | "RMD" | "RNTO" => "250 Ok.",
            "RNFR" => "350 Ready for RNTO.",
            "PASV" | "EPSV" | "LIST" | "NLST" | "MLSD" | "RETR" | "STOR" | "APPE" | "STOU" => {
                "425 Can't open data connection."
            }
            "AUTH" => "534 Not available.",
            "QUIT" => {
                say(talk, "221 Goodbye.");
                return Next::Close;
            }
            _ => "502 Command not implemented.",
        };
        say(talk, reply);
        Next::Again
    }
}

fn say(talk: &mut Talk<'_>, line: &str) {
    talk.out.extend(line.as_bytes());
    talk.out.extend(b"\r\n");
}
