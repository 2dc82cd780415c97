//! What the network of the guest told (see [`crate::internet::event`]): requests inside of TLS, bodies, mails.
//!
//! The log was written by a process that spoke with the sample, and is believed no more than the sample: lines that cannot be read
//! are left out, and lines and bodies are counted.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::IpAddr;
use std::path::Path;

use md5::Md5;
use serde_json::{Map, Value as Json, json};
use sha1::{Digest, Sha1};

use crate::internet::event::{Entry, Event, FILE, Flow, Http, Smtp, Tls};
use crate::processing::{Case, shown};
use crate::samples::hex;

const MAX_LINE: u64 = 8 << 20;
/// Entries of each list, and files of bodies.
const MAX_ENTRIES: usize = 5000;
const MAX_FILES: usize = 2000;

/// Parts of the report, by their keys.
#[derive(Default)]
pub struct Told {
    http_ex: Vec<Json>,
    https_ex: Vec<Json>,
    /// For `http`, which tells of encrypted requests as well.
    pub requests: Vec<Http>,
    /// Server, name, kind and answers of each question for a name.
    pub questions: Vec<(IpAddr, String, String, Vec<String>)>,
    tls: Vec<Json>,
    smtp: Vec<Json>,
    smtp_ex: Vec<Json>,
    irc: Vec<Json>,
    proxied: Vec<Json>,
    files: usize,
    is_cut: bool,
}

/// Reads the log, if there was a network, and writes bodies into the folder `network`.
pub fn read(case: &Case<'_>) -> io::Result<Told> {
    let mut told = Told::default();
    let Some(file) = case.folder.find(FILE)? else { return Ok(told) };
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(told);
        }
        // A line that broke off is what a process that was killed leaves.
        if let Ok(entry) = serde_json::from_slice::<Entry>(&line) {
            told.add(entry.event, case)?;
        }
    }
}

impl Told {
    fn add(&mut self, event: Event, case: &Case<'_>) -> io::Result<()> {
        match event {
            Event::Http(http) => {
                let list = if http.is_secure { &self.https_ex } else { &self.http_ex };
                if list.len() < MAX_ENTRIES {
                    let shown = self.http(&http, case)?;
                    let list = if http.is_secure { &mut self.https_ex } else { &mut self.http_ex };
                    list.push(shown);
                    if http.is_secure {
                        self.requests.push(*http);
                    }
                }
            }
            Event::Dns { flow, name, kind, answers } if self.questions.len() < MAX_ENTRIES => {
                self.questions.push((flow.dst.into(), name, kind, answers));
            }
            Event::Tls(hello) if self.tls.len() < MAX_ENTRIES => self.tls.push(tls(&hello)),
            Event::Smtp(mail) if self.smtp.len() < MAX_ENTRIES => {
                let flow =
                    mail.flow.unwrap_or(Flow { src: [0; 4].into(), sport: 0, dst: [0; 4].into(), dport: 0 });
                self.smtp.push(json!({"dst": flow.dst, "raw": shown(&mail.raw.0)}));
                self.smtp_ex.push(smtp(&mail, &flow));
            }
            Event::Irc { flow, command, params } if self.irc.len() < MAX_ENTRIES => {
                let said = json!({"type": "client", "command": command, "params": params});
                self.irc.push(with_flow(&flow, said));
            }
            Event::Proxied { flow, host, port } if self.proxied.len() < MAX_ENTRIES => {
                self.proxied.push(with_flow(&flow, json!({"host": host, "port": port, "error": null})));
            }
            Event::Unreached { flow, why } => {
                let ends = json!([flow.src, flow.sport, flow.dst, flow.dport]);
                let is_it = |entry: &&mut Json| {
                    entry["error"].is_null()
                        && json!([entry["src"], entry["sport"], entry["dst"], entry["dport"]]) == ends
                };
                if let Some(entry) = self.proxied.iter_mut().rev().find(is_it) {
                    entry["error"] = why.into();
                }
            }
            Event::Dropped { flow, name } if self.proxied.len() < MAX_ENTRIES => {
                let host = name.unwrap_or_else(|| flow.dst.to_string());
                let entry =
                    with_flow(&flow, json!({"host": host, "port": flow.dport, "error": "not allowed"}));
                // A call that nobody answers is tried again and again.
                if !self.proxied.contains(&entry) {
                    self.proxied.push(entry);
                }
            }
            Event::Cut => self.is_cut = true,
            _ => {}
        }
        Ok(())
    }

    fn http(&mut self, http: &Http, case: &Case<'_>) -> io::Result<Json> {
        let request = self.body(&http.request_body.data.0, case)?;
        let response = self.body(&http.response_body.0, case)?;
        let mut entry = json!({
            "protocol": if http.is_secure { "https" } else { "http" },
            "method": http.method, "host": http.host, "uri": http.target, "status": http.status,
            "request": shown(&http.request.0), "response": shown(&http.response.0),
            "md5": response["md5"], "sha1": response["sha1"], "path": response["path"],
            "req": request, "resp": response,
        });
        if http.request_body.length > http.request_body.data.0.len() as u64 {
            entry["req"]["cut_from"] = http.request_body.length.into();
        }
        Ok(with_flow(&http.flow, entry))
    }

    /// Keeps a body as a file that is named by its SHA-1; the same body is kept once.
    fn body(&mut self, bytes: &[u8], case: &Case<'_>) -> io::Result<Json> {
        if bytes.is_empty() {
            return Ok(json!({"path": null, "md5": null, "sha1": null}));
        }
        let (md5, sha1) = (hex(&Md5::digest(bytes)), hex(&Sha1::digest(bytes)));
        let name = format!("network/{sha1}");
        let is_there = case.folder.find(&name)?.is_some();
        if !is_there && self.files < MAX_FILES {
            self.files += 1;
            keep(&case.folder.path().join(&name), bytes)?;
        }
        let path = (is_there || self.files < MAX_FILES).then(|| case.shown_path(&name));
        Ok(json!({"path": path, "md5": md5, "sha1": sha1}))
    }

    /// Adds the keys that the log alone can fill.
    pub fn fill(self, report: &mut Json) {
        for (key, list) in [
            ("http_ex", self.http_ex),
            ("https_ex", self.https_ex),
            ("tls", self.tls),
            ("smtp", self.smtp),
            ("smtp_ex", self.smtp_ex),
            ("irc", self.irc),
        ] {
            report[key] = list.into();
        }
        if !self.proxied.is_empty() {
            report["proxied"] = self.proxied.into();
        }
        if self.is_cut {
            report["log_cut"] = true.into();
        }
    }
}

/// In one step, so that no part of a body is ever taken for it.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
    io::Write::write_all(file.as_file_mut(), bytes)?;
    let _: File = file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn with_flow(flow: &Flow, entry: Json) -> Json {
    let mut all = Map::new();
    all.insert("src".into(), json!(flow.src));
    all.insert("sport".into(), flow.sport.into());
    all.insert("dst".into(), json!(flow.dst));
    all.insert("dport".into(), flow.dport.into());
    if let Json::Object(entry) = entry {
        all.extend(entry);
    }
    all.into()
}

fn tls(tls: &Tls) -> Json {
    let entry = json!({
        "server_random": tls.server_random.as_deref().unwrap_or_default(),
        "session_id": tls.session_id,
        "client_random": tls.client_random,
        "sni": tls.sni, "alpn": tls.alpn, "offered": tls.offered, "ja3": tls.ja3, "ja3_hash": tls.ja3_hash,
        "version": tls.version, "cipher": tls.cipher, "error": tls.error,
    });
    with_flow(&tls.flow, entry)
}

fn smtp(mail: &Smtp, flow: &Flow) -> Json {
    let message = &mail.message.data.0;
    let end = message.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = end.map_or((&message[..], &[][..]), |end| (&message[..end], &message[end + 4..]));
    let entry = json!({
        "protocol": if mail.is_secure { "smtps" } else { "smtp" },
        "req": {
            "hostname": mail.hostname, "mail_from": mail.mail_from, "mail_to": mail.mail_to,
            "auth_type": mail.auth_type, "username": mail.username, "password": mail.password,
            "headers": headers(&shown(head)), "mail_body": shown(body),
        },
        "resp": {"banner": mail.banner},
    });
    with_flow(flow, entry)
}

/// Lines that begin with a space go on the one before (RFC 5322, section 2.2.3).
fn headers(head: &str) -> Json {
    let mut all: Map<String, Json> = Map::new();
    let mut last = String::new();
    for line in head.lines().take(200) {
        if line.starts_with([' ', '\t']) {
            if let Some(Json::String(value)) = all.get_mut(&last) {
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            last = name.trim().to_owned();
            all.insert(last.clone(), value.trim().into());
        }
    }
    all.into()
}

/// An encrypted request, as `http` tells of one in the clear.
pub fn request(http: &Http) -> Json {
    // A target may be no path: `*`.
    let slash = if http.target.starts_with('/') { "" } else { "/" };
    let uri = match http.flow.dport {
        _ if http.target.contains("://") => http.target.clone(),
        port if port == 443 || http.host.contains(':') => {
            format!("https://{}{slash}{}", http.host, http.target)
        }
        port => format!("https://{}:{port}{slash}{}", http.host, http.target),
    };
    let version = match http.request.0.starts_with(b"PRI * HTTP/2.0\r\n") {
        true => String::from("2.0"),
        false => format!("1.{}", http.version),
    };
    let data = [&http.request.0[..], &http.request_body.data.0].concat();
    json!({
        "count": 1, "host": http.host, "port": http.flow.dport, "method": http.method, "path": http.target, "uri": uri,
        "version": version, "user-agent": http.user_agent,
        "body": shown(&http.request_body.data.0), "data": shown(&data),
    })
}
