//! A mail server that takes everything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

pub struct MailServer {
    pub address: SocketAddr,
    mails: Mutex<mpsc::UnboundedReceiver<String>>,
}

impl MailServer {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mails) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(talk(stream, sender.clone()));
            }
        });
        Arc::new(Self { address, mails: Mutex::new(mails) })
    }

    /// The settings that lead here.
    pub fn settings(&self) -> Json {
        json!({"smtp_settings": {
            "enable_smtp": true, "sender_address": "fleet@example.org", "server": "127.0.0.1",
            "port": self.address.port(), "authentication_type": "authtype_none",
            "enable_ssl_tls": false, "enable_start_tls": false,
        }})
    }

    /// The next mail, with its headers.
    pub async fn next(&self) -> String {
        let mut mails = self.mails.lock().await;
        tokio::time::timeout(Duration::from_secs(10), mails.recv()).await.expect("a mail").unwrap()
    }
}

/// The token in a mail: the one long word of its characters.
pub fn token(mail: &str) -> String {
    let is_token =
        |word: &&str| word.len() == 32 && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let mut words = mail.split(|c: char| c.is_whitespace() || c == '/');
    words.find(is_token).unwrap_or_else(|| panic!("no token in {mail}")).to_owned()
}

async fn talk(stream: TcpStream, mails: mpsc::UnboundedSender<String>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 here\r\n").await.ok()?;
    loop {
        let line = lines.next_line().await.ok()??;
        let answer: &[u8] = match line.get(..4)? {
            "EHLO" => b"250-here\r\n250 8BITMIME\r\n",
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.ok()?;
                let mut mail = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if line == "." {
                        break;
                    }
                    mail += &line;
                    mail += "\n";
                }
                mails.send(mail).ok()?;
                b"250 taken\r\n"
            }
            "QUIT" => b"221 bye\r\n",
            _ => b"250 yes\r\n",
        };
        write.write_all(answer).await.ok()?;
    }
}
