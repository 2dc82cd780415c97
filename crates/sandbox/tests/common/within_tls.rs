//! A port that takes connections within TLS and hands on what is in them.

use std::path::PathBuf;

use tokio::net::{TcpListener, TcpStream};

#[path = "authority.rs"]
mod authority;

pub struct WithinTls {
    pub port: u16,
    /// The certificate of the authority that gave `localhost` its own.
    pub authority: PathBuf,
    _dir: tempfile::TempDir,
}

/// Before another port of this host.
pub async fn before(other: u16) -> WithinTls {
    let (certificate, acceptor) = authority::authority();
    let dir = tempfile::tempdir().unwrap();
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, certificate).unwrap();
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(("127.0.0.1", other)).await?;
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    WithinTls { port, authority, _dir: dir }
}
