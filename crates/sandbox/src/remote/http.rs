//! One call to an agent: a connection of its own, a time limit for all of it, and no answer beyond a limit.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

use crate::internet::Switchboard;

/// The most bytes of an answer, and of what stands before it.
const MAX_ANSWER: usize = 1 << 20;
const MAX_HEAD: usize = 64 << 10;

/// How an agent is reached.
#[derive(Clone)]
pub enum Line {
    /// Over this host's network.
    Network(SocketAddr),
    /// Through the network of a machine that Harrier runs, where the agent is at this address.
    Machine(Arc<Switchboard>, SocketAddr),
}

impl Line {
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Network(address) | Self::Machine(_, address) => *address,
        }
    }

    async fn connect(&self) -> io::Result<Either<TcpStream, UnixStream>> {
        Ok(match self {
            Self::Network(address) => Either::Left(TcpStream::connect(address).await?),
            Self::Machine(switchboard, address) => Either::Right(switchboard.call(address.port()).await?),
        })
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({})", self.address())
    }
}

/// What is sent.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("it did not answer within {0:?}")]
    Silent(Duration),
    #[error("it closes the connection without an answer, as one does that is pinned to another host")]
    Closed,
    #[error("its answer is longer than {MAX_ANSWER} bytes")]
    Long,
    #[error("its answer is no HTTP: {0}")]
    Http(String),
    #[error("it answers {status}: {message}")]
    Refused { status: StatusCode, message: String },
    #[error("its answer is none of the protocol: {0}")]
    Answer(&'static str),
    #[error("what should be sent cannot be read: {0}")]
    Own(io::Error),
    #[error(
        "it is an agent of Cuckoo 1, which speaks XML-RPC; that is not supported, put the agent of Cuckoo 2 into the guest"
    )]
    Old,
}

/// Sends a request and takes its answer. No proxy, whatever the environment says, and no redirection.
pub(super) async fn call(
    agent: &Line,
    request: Request<Body>,
    limit: Duration,
) -> Result<(StatusCode, Bytes), Fault> {
    match tokio::time::timeout(limit, exchange(agent, request)).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::Silent(limit)),
    }
}

async fn exchange(agent: &Line, request: Request<Body>) -> Result<(StatusCode, Bytes), Fault> {
    let stream = agent.connect().await.map_err(Fault::Unreachable)?;
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // Ends with the call.
    let mut connection = std::pin::pin!(connection);
    let answer = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => Fault::Long,
            Err(error) => Fault::Http(error.to_string()),
        })?;
        Ok((status, body.to_bytes()))
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        // It closed, or broke: what came until then may be all of the answer.
        ended = &mut connection => match tokio::time::timeout(Duration::from_secs(1), &mut answer).await {
            Ok(answer) => answer,
            Err(_) => Err(ended.err().map_or(Fault::Closed, broken)),
        },
    }
}

/// What hyper says, with its cause.
fn broken(error: hyper::Error) -> Fault {
    if error.is_incomplete_message() || error.is_canceled() {
        return Fault::Closed;
    }
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Fault::Http(format!("{error}{cause}"))
}
