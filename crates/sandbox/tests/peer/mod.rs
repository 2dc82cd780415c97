//! A guest of Cuckoo's kind, scripted: an agent that serves the endpoints of version 2, and an analyzer that sends results. It
//! has a loopback address of its own, so that several guests can be told apart.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

type Script = Arc<dyn Fn(Analyzer) -> BoxFuture<'static, ()> + Send + Sync>;

/// A guest that runs until its test ends.
pub struct Guest {
    pub agent: SocketAddr,
    state: Arc<Inside>,
}

struct Inside {
    ip: IpAddr,
    platform: &'static str,
    script: Script,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    calls: Vec<String>,
    status: Option<String>,
    description: Option<String>,
    is_pinned: bool,
}

/// What runs in the guest after `/execpy`.
pub struct Analyzer {
    pub conf: BTreeMap<String, String>,
    inside: Arc<Inside>,
}

impl Guest {
    /// Starts one; `script` is what its analyzer does.
    pub async fn start<F, R>(ip: &str, platform: &'static str, script: F) -> Self
    where
        F: Fn(Analyzer) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let ip: IpAddr = ip.parse().unwrap();
        let listener = Listener::bind((ip, 0).into(), Limits::default()).await.unwrap();
        let agent = listener.local_addr().unwrap();
        let script: Script = Arc::new(move |analyzer| Box::pin(script(analyzer)));
        let state = Arc::new(Inside { ip, platform, script, memory: Mutex::default() });
        let routes = Router::new().fallback(answer).with_state(state.clone());
        tokio::spawn(async move {
            serve::http::serve(listener.incoming(None), routes, std::future::pending()).await
        });
        Self { agent, state }
    }

    /// Something that answers the same bytes to everybody, whatever is asked. With the bytes `hangs up` it does so.
    pub async fn raw(ip: &str, answer: &'static [u8], repeat: usize) -> SocketAddr {
        let listener = TcpListener::bind((ip.parse::<IpAddr>().unwrap(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = vec![0; 4096];
                    let _ = stream.read(&mut asked).await;
                    for _ in 0..repeat {
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                    if answer == b"hangs up" {
                        return;
                    }
                    // Neither more nor an end.
                    let _ = stream.read_to_end(&mut asked).await;
                });
            }
        });
        address
    }

    pub fn calls(&self) -> Vec<String> {
        self.state.memory.lock().calls.clone()
    }

    pub fn file(&self, path: &str) -> Option<Vec<u8>> {
        self.state.memory.lock().files.get(path).cloned()
    }
}

impl Analyzer {
    /// A connection to the result server that the configuration names.
    pub async fn open(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(self.inside.ip, 0)).unwrap();
        socket.connect(format!("{}:{}", self.conf["ip"], self.conf["port"]).parse().unwrap()).await.unwrap()
    }

    /// Sends all of it, and waits until the server has it, or hung up.
    pub async fn send(&self, bytes: &[u8]) {
        let mut stream = self.open().await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }

    /// What an analyzer posts to its own agent at its end.
    pub fn ends(&self, status: &str, description: &str) {
        let mut memory = self.inside.memory.lock();
        memory.status = Some(status.into());
        memory.description = Some(description.into());
    }

    pub fn sample(&self) -> Option<Vec<u8>> {
        let name = &self.conf["file_name"];
        let memory = self.inside.memory.lock();
        memory.files.iter().find(|(path, _)| path.ends_with(name)).map(|(_, content)| content.clone())
    }
}

async fn answer(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    inside.memory.lock().calls.push(what.clone());
    let fields = fields(request).await;
    let text = |name: &str| String::from_utf8(fields.get(name).cloned().unwrap_or_default()).unwrap();
    let mut memory = inside.memory.lock();
    let answer: Json = match what.as_str() {
        "GET /" => {
            json!({"message": "Cuckoo Agent!", "version": "0.10", "features": ["execpy", "pinning", "logs"]})
        }
        "GET /status" => {
            json!({"message": "Analysis status", "status": memory.status, "description": memory.description})
        }
        "POST /status" => {
            memory.status = Some(text("status"));
            json!({"message": "Analysis status updated"})
        }
        "GET /system" => json!({"message": "System", "system": inside.platform}),
        "GET /environ" => {
            json!({"message": "Environment", "environ": {"SYSTEMDRIVE": "C:", "TEMP": "C:\\Temp", "NUMBER": "1"}})
        }
        "GET /pinning" if memory.is_pinned => {
            let refused = json!({"message": "Agent has already been pinned to an IP!", "error_code": 500});
            return (StatusCode::INTERNAL_SERVER_ERROR, refused.to_string()).into_response();
        }
        "GET /pinning" => {
            memory.is_pinned = true;
            json!({"message": "Successfully pinned Agent", "client_ip": "127.0.0.1"})
        }
        "POST /mkdtemp" => {
            json!({"message": "Successfully created", "dirpath": format!("{}tmp7", text("dirpath"))})
        }
        "POST /mkdir" => json!({"message": "Successfully created directory"}),
        "POST /extract" => {
            let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&fields["zipfile"])).unwrap();
            for at in 0..zip.len() {
                let mut member = zip.by_index(at).unwrap();
                let path = format!("{}/{}", text("dirpath"), String::from_utf8_lossy(member.name_raw()));
                let mut content = Vec::new();
                std::io::Read::read_to_end(&mut member, &mut content).unwrap();
                memory.files.insert(path, content);
            }
            json!({"message": "Successfully extracted zip file"})
        }
        "POST /store" => {
            memory.files.insert(text("filepath"), fields["file"].clone());
            json!({"message": "Successfully stored file"})
        }
        "POST /execpy" => {
            assert!(memory.files.contains_key(&text("filepath")) && fields.contains_key("async"));
            let conf = memory.files[&format!("{}/analysis.conf", text("cwd"))].clone();
            let conf = String::from_utf8(conf).unwrap();
            let conf = conf.lines().filter_map(|line| line.split_once(" = "));
            let conf = conf.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            tokio::spawn((inside.script)(Analyzer { conf, inside: inside.clone() }));
            json!({"message": "Successfully spawned command"})
        }
        _ => {
            let missing = json!({"message": "Page not found", "error_code": 404});
            return (StatusCode::NOT_FOUND, missing.to_string()).into_response();
        }
    };
    answer.to_string().into_response()
}

async fn fields(request: Request) -> BTreeMap<String, Vec<u8>> {
    let kind = request
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = axum::body::to_bytes(request.into_body(), 64 << 20).await.unwrap();
    let Ok(boundary) = multer::parse_boundary(&kind) else {
        let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        return pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect();
    };
    let body = futures_util::stream::once(async { Ok::<_, std::io::Error>(body) });
    let (mut form, mut fields) = (multer::Multipart::new(body, boundary), BTreeMap::new());
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        fields.insert(name, field.bytes().await.unwrap().to_vec());
    }
    fields
}
