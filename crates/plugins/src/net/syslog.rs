//! Messages for syslog servers (RFC 5424), and the connections they go through.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::UdpSocket;
use tokio::sync::Mutex;

use super::dial::{Dialler, Line};
use super::tls::Trust;

/// Connections kept for one program.
const MAX_KEPT: usize = 64;

/// What a message says.
#[derive(Debug, Default)]
pub struct Message {
    pub facility: u8,
    pub severity: u8,
    pub timestamp: String,
    pub hostname: String,
    pub app_name: String,
    pub proc_id: String,
    /// The name of the structured data and its pairs; none without a name.
    pub sd_id: String,
    pub pairs: Vec<(String, String)>,
    pub text: String,
}

impl Message {
    pub fn encode(&self) -> String {
        let mut out = format!(
            "<{}>1 {} ",
            u32::from(self.facility) * 8 + u32::from(self.severity),
            or_nil(&self.timestamp)
        );
        for (field, limit) in [(&self.hostname, 255), (&self.app_name, 48), (&self.proc_id, 128)] {
            let _ = write!(out, "{} ", or_nil(&name(field, limit)));
        }
        out += "- ";
        match self.sd_id.is_empty() {
            true => out += "-",
            false => self.structured(&mut out),
        }
        if !self.text.is_empty() {
            let _ = write!(out, " {}", self.text);
        }
        out
    }

    fn structured(&self, out: &mut String) {
        let _ = write!(out, "[{}", name(&self.sd_id, 32));
        for (key, value) in &self.pairs {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
            let _ = write!(out, " {}=\"{value}\"", name(key, 32));
        }
        out.push(']');
    }
}

fn or_nil(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// Printable characters that end nothing, so many at most.
fn name(text: &str, limit: usize) -> String {
    let fits = |c: &char| c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"');
    text.chars().map(|c| if fits(&c) { c } else { '_' }).take(limit).collect()
}

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub protocol: Protocol,
    pub host: String,
    pub port: u16,
    pub trust: Trust,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Udp,
    Tcp,
    Tls,
}

/// The connections of one program.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<HashMap<Place, Open>>>);

enum Open {
    Datagrams(UdpSocket),
    Stream(Line),
}

impl Lines {
    /// Sends a message; a connection that was lost meanwhile is made anew, once.
    pub async fn send(&self, dialler: &Dialler, place: &Place, message: &str) -> io::Result<()> {
        let mut lines = self.0.lock().await;
        if let Some(line) = lines.get_mut(place)
            && line.send(message).await.is_ok()
        {
            return Ok(());
        }
        lines.remove(place);
        if lines.len() >= MAX_KEPT {
            lines.clear();
        }
        let mut line = open(dialler, place).await?;
        line.send(message).await?;
        lines.insert(place.clone(), line);
        Ok(())
    }
}

async fn open(dialler: &Dialler, place: &Place) -> io::Result<Open> {
    if place.protocol == Protocol::Udp {
        return dialler.udp(&place.host, place.port).await.map(Open::Datagrams);
    }
    let line: Line = Box::new(dialler.tcp(&place.host, place.port).await?);
    Ok(Open::Stream(match place.protocol {
        Protocol::Tls => dialler.secure(line, &place.host, &place.trust).await?,
        _ => line,
    }))
}

impl Open {
    async fn send(&mut self, message: &str) -> io::Result<()> {
        match self {
            Open::Datagrams(socket) => socket.send(message.as_bytes()).await.map(|_| ()),
            // RFC 5425: the length before the message, so that it may hold anything.
            Open::Stream(line) => {
                line.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
                line.flush().await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_as_the_standard_has_it() {
        // Example 3 of RFC 5424, section 6.5, without its MSGID and byte order mark.
        let message = Message {
            facility: 20,
            severity: 5,
            timestamp: "2003-10-11T22:14:15.003Z".into(),
            hostname: "mymachine.example.com".into(),
            app_name: "evntslog".into(),
            sd_id: "exampleSDID@32473".into(),
            pairs: vec![("iut".into(), "3".into()), ("eventSource".into(), "App\"\\]".into())],
            text: "An application event".into(),
            ..Message::default()
        };
        let wanted = "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - - \
            [exampleSDID@32473 iut=\"3\" eventSource=\"App\\\"\\\\\\]\"] An application event";
        assert_eq!(message.encode(), wanted);
        assert_eq!(Message::default().encode(), "<0>1 - - - - - -");
        let evil = Message { hostname: "a b\n<".into(), sd_id: "x]=\"".into(), ..Message::default() };
        assert_eq!(evil.encode(), "<0>1 - a_b_< - - - [x___]");
    }
}
