//! `netcat()`, `host()`, `rsyslog()` and `mail()` against small servers of their own.

mod common;

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::sync::Arc;

use common::live::{Live, until};
use common::server::{raw, read_line};
use common::tls::Authority;
use common::{run, run_in, run_with};
use parking_lot::Mutex;
use plugins::net::Network;
use plugins::net::policy::Policy;
use plugins::world::World;
use simple_dns::rdata::{A, AAAA, CNAME, MX, NS, PTR, RData, TXT};
use simple_dns::{CLASS, Name, Packet, ResourceRecord};
use vql::cancel::Cancel;
use vql::permission::Permissions;

#[test]
fn netcat_cuts_what_a_server_says() {
    let server = raw(|stream| {
        let line = read_line(stream).unwrap();
        let _ = stream.write_all(format!("you said {line}second\nlast").as_bytes());
    });
    let outcome = run(&format!("SELECT * FROM netcat(address='{}', send='hello\n')", server.address));
    assert_eq!(outcome.rows, r#"[{"Data":"you said hello"},{"Data":"second"},{"Data":"last"}]"#);
    let outcome = run(&format!(
        "SELECT * FROM netcat(address='{}', send='a\n', sep='s', chunk_size=4)",
        server.address
    ));
    let wanted =
        r#"[{"Data":"you "},{"Data":"aid "},{"Data":"a\n"},{"Data":"econ"},{"Data":"d\nla"},{"Data":"t"}]"#;
    assert_eq!(outcome.rows, wanted);
    let outcome = run("SELECT * FROM netcat(address='127.0.0.1:1')");
    assert_eq!(
        (outcome.rows.as_str(), &outcome.log[..]),
        ("[]", &["netcat: 127.0.0.1:1: Connection refused".to_owned()][..])
    );
    assert_eq!(
        run("SELECT * FROM netcat(address='nonsense')").log,
        ["netcat: address nonsense: give host:port"]
    );
}

#[test]
fn netcat_speaks_to_other_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let _ = listener.accept().unwrap().0.write_all(b"one\ntwo\n");
    });
    let outcome = run(&format!("SELECT * FROM netcat(address='{}', type='unix')", path.display()));
    assert_eq!(outcome.rows, r#"[{"Data":"one"},{"Data":"two"}]"#);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 100];
        let (count, from) = socket.recv_from(&mut buffer).unwrap();
        let _ = socket.send_to(&[&buffer[..count], b"\n"].concat(), from);
    });
    let outcome = run(&format!("SELECT * FROM netcat(address='{address}', type='udp', send='ping') LIMIT 1"));
    assert_eq!(outcome.rows, r#"[{"Data":"ping"}]"#);
}

#[test]
fn netcat_tries_again_until_cancelled_and_obeys_the_rules() {
    let server = raw(|stream| {
        let _ = stream.write_all(b"x\n");
    });
    let live = Live::start(&format!("SELECT * FROM netcat(address='{}', retry=1)", server.address), &[]);
    live.rows(2);
    let outcome = live.stop();
    assert!(outcome.rows.starts_with(r#"[{"Data":"x"},{"Data":"x"}"#), "{}", outcome.rows);
    let outcome = run("SELECT * FROM netcat(address='169.254.169.254:80')");
    assert_eq!(outcome.log, ["netcat: 169.254.169.254:80: destination 169.254.169.254 is not allowed"]);
}

/// A name server for `a.test` and a few more; answers by UDP are cut when the name begins with `long`.
fn name_server() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let listener = std::net::TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1000];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let mut answer = reply(&buffer[..count]);
            if String::from_utf8_lossy(&buffer[..count]).contains("long") {
                answer.truncate(count);
                answer[2] |= 2;
                answer[7] = 0;
            }
            // Somebody else's answer comes first.
            let mut other = answer.clone();
            other[0] ^= 0xff;
            let _ = socket.send_to(&other, from);
            let _ = socket.send_to(&answer, from);
        }
    });
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut query).unwrap();
            let answer = reply(&query);
            stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    address.to_string()
}

fn reply(query: &[u8]) -> Vec<u8> {
    let query = Packet::parse(query).unwrap();
    let asked = query.questions[0].clone();
    let mut answer = query.into_reply();
    let name = |text: &'static str| Name::new(text).unwrap();
    let all = [
        RData::A(A { address: 0xc000_0201 }),
        RData::A(A { address: 0xc000_0202 }),
        RData::AAAA(AAAA { address: 1 }),
        RData::CNAME(CNAME(name("b.test"))),
        RData::MX(MX { preference: 10, exchange: name("mx.test") }),
        RData::NS(NS(name("ns.test"))),
        RData::TXT(TXT::new().with_string("v=spf1 -all").unwrap()),
        RData::PTR(PTR(name("back.test"))),
    ];
    if !asked.qname.to_string().contains("nothing") {
        for data in all {
            if simple_dns::QTYPE::TYPE(data.type_code()) == asked.qtype {
                answer.answers.push(ResourceRecord::new(asked.qname.clone(), CLASS::IN, 60, data));
            }
        }
    }
    answer.questions.push(asked);
    answer.build_bytes_vec().unwrap()
}

#[test]
fn host_asks_for_every_type() {
    let server = name_server();
    let ask = |name: &str, kind: &str| {
        let query = format!("SELECT host(name='{name}', type='{kind}', server='{server}') AS X FROM scope()");
        let outcome = run(&query);
        assert!(outcome.log.is_empty(), "{:?}", outcome.log);
        outcome.rows
    };
    assert_eq!(ask("a.test", "A"), r#"[{"X":["192.0.2.1","192.0.2.2"]}]"#);
    assert_eq!(ask("a.test", "AAAA"), r#"[{"X":["::1"]}]"#);
    assert_eq!(ask("a.test", "cname"), r#"[{"X":"b.test."}]"#);
    assert_eq!(ask("a.test", "MX"), r#"[{"X":[{"Host":"mx.test.","Pref":10}]}]"#);
    assert_eq!(ask("a.test", "NS"), r#"[{"X":[{"Host":"ns.test."}]}]"#);
    assert_eq!(ask("a.test", "TXT"), r#"[{"X":["v=spf1 -all"]}]"#);
    assert_eq!(ask("192.0.2.1", "PTR"), r#"[{"X":["back.test."]}]"#);
    assert_eq!(ask("long.test", "A"), r#"[{"X":["192.0.2.1","192.0.2.2"]}]"#);
    assert_eq!(ask("nothing.test", "A"), r#"[{"X":null}]"#);
}

#[test]
fn host_tells_what_is_wrong() {
    let line = |arguments: &str| run(&format!("SELECT host({arguments}) AS X FROM scope()")).log.join("\n");
    assert_eq!(
        line("name='x', type='SOAP'"),
        "host: type should be A, AAAA, CNAME, MX, NS, TXT or PTR, not SOAP"
    );
    assert_eq!(
        line("name='x', server='169.254.169.253'"),
        "host: x: destination 169.254.169.253 is not allowed"
    );
    assert!(line("name='no-such-host.invalid'").starts_with("host: no-such-host.invalid: "));
}

#[test]
fn syslog_messages_arrive_by_datagram() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let outcome = run(&format!(
        "SELECT rsyslog(hostname='127.0.0.1', port={port}, message='hello', facility=4, severity=2, \
         timestamp=1700000000, source_hostname='h', app_name='app', proc_id='7', sd_id='id@1', args=dict(k='v')) AS X FROM scope()"
    ));
    assert_eq!(outcome.rows, r#"[{"X":true}]"#, "{:?}", outcome.log);
    let mut buffer = [0; 500];
    let count = socket.recv(&mut buffer).unwrap();
    let wanted = "<34>1 2023-11-14T22:13:20.000000Z h app 7 - [id@1 k=\"v\"] hello";
    assert_eq!(String::from_utf8_lossy(&buffer[..count]), wanted);
    let bad = run("SELECT rsyslog(hostname='127.0.0.1', message='x', facility=99) AS X FROM scope()");
    assert_eq!(bad.log, ["rsyslog: facility should be 0 to 23, not 99"]);
}

#[test]
fn syslog_messages_share_a_connection() {
    let got = Arc::new(Mutex::new(Vec::new()));
    let seen = got.clone();
    let server = raw(move |stream| {
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        seen.lock().extend(text);
    });
    let query = format!(
        "SELECT rsyslog(hostname='127.0.0.1', port={}, protocol='tcp', message='m' + str(str=_value), timestamp=1) AS X FROM range(end=3)",
        server.port()
    );
    assert_eq!(run(&query).rows, r#"[{"X":true},{"X":true},{"X":true}]"#);
    let one = |n: u8| format!("46 <14>1 1970-01-01T00:00:01.000000Z - - - - - m{n}");
    until("the connection ends", || !got.lock().is_empty());
    assert_eq!(String::from_utf8_lossy(&got.lock()), [one(0), one(1), one(2)].concat());
    assert_eq!(server.connections(), 1);
}

#[test]
fn syslog_over_tls_checks_the_certificate() {
    let authority = Authority::new();
    let config = Arc::new(authority.server_config("127.0.0.1"));
    let got = Arc::new(Mutex::new(String::new()));
    let seen = got.clone();
    let server = raw(move |stream| {
        let mut session = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut tls = rustls::Stream::new(&mut session, stream);
        let mut buffer = [0; 200];
        if let Ok(count) = tls.read(&mut buffer) {
            *seen.lock() = String::from_utf8_lossy(&buffer[..count]).into_owned();
        }
    });
    let query = |more: &str| {
        format!(
            "SELECT rsyslog(hostname='127.0.0.1', port={}, protocol='tls', message='hello' {more}) AS X FROM scope()",
            server.port()
        )
    };
    let refused = run(&query(""));
    assert!(refused.log[0].contains("UnknownIssuer"), "{:?}", refused.log);
    let outcome = run_with(&query(", root_ca=CA"), &[("CA", &authority.pem)], Permissions::all());
    assert_eq!(outcome.rows, r#"[{"X":true}]"#, "{:?}", outcome.log);
    until("the message comes", || !got.lock().is_empty());
    assert!(got.lock().ends_with(" hello"), "{}", got.lock());
}

/// A mail server that remembers the conversation.
fn mail_server(
    extensions: &'static str,
    refuse: &'static str,
) -> (common::server::Server, Arc<Mutex<String>>) {
    let heard = Arc::new(Mutex::new(String::new()));
    let seen = heard.clone();
    let server = raw(move |stream| {
        let _ = stream.write_all(b"220 mail.test ready\r\n");
        let mut in_data = false;
        while let Some(line) = read_line(stream) {
            seen.lock().push_str(&line);
            let word = line.trim().split([' ', ':']).next().unwrap().to_owned();
            let answer = match word.as_str() {
                "." if in_data => {
                    in_data = false;
                    "250 taken\r\n".to_owned()
                }
                _ if in_data => continue,
                word if !refuse.is_empty() && word == refuse => "550 no\r\n".to_owned(),
                "EHLO" => format!("250-mail.test\r\n{extensions}250 SIZE 1000\r\n"),
                "DATA" => {
                    in_data = true;
                    "354 go on\r\n".to_owned()
                }
                "AUTH" if line.contains("LOGIN") => "334 VXNlcm5hbWU6\r\n".to_owned(),
                "ZnJlZA==" => "334 UGFzc3dvcmQ6\r\n".to_owned(),
                "QUIT" => "221 bye\r\n".to_owned(),
                _ => "250 ok\r\n".to_owned(),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (server, heard)
}

#[test]
fn mail_is_handed_to_a_server() {
    let (server, heard) = mail_server("250-AUTH LOGIN\r\n", "");
    let outcome = run(&format!(
        "SELECT mail(server='127.0.0.1', server_port={}, `from`='Harrier <h@a.test>', to=['b@a.test', 'c@a.test'], cc='d@a.test', \
         subject='Ünusual', body='line\n.\nend', auth_username='fred', auth_password='pw', headers=dict(`X-One`='1')) AS M FROM scope()",
        server.port()
    ));
    let wanted = r#"[{"M":{"To":["b@a.test","c@a.test"],"CC":["d@a.test"],"Subject":"Ünusual","Body":"line\n.\nend","ErrorStatus":"OK"}}]"#;
    assert_eq!(outcome.rows, wanted, "{:?}", outcome.log);
    let heard = heard.lock().clone();
    for part in [
        "AUTH LOGIN\r\nZnJlZA==\r\ncHc=\r\n",
        "MAIL FROM:<h@a.test>\r\nRCPT TO:<b@a.test>\r\nRCPT TO:<c@a.test>\r\nRCPT TO:<d@a.test>\r\nDATA\r\n",
        "From: Harrier <h@a.test>\r\n",
        "To: b@a.test, c@a.test\r\n",
        "Cc: d@a.test\r\n",
        "Subject: =?utf-8?b?",
        "X-One: 1\r\n",
        "\r\n\r\nline\r\n..\r\nend\r\n.\r\n",
    ] {
        assert!(heard.contains(part), "{part:?} is not in {heard}");
    }
}

#[test]
fn mail_refuses_and_reports() {
    let (server, heard) = mail_server("", "RCPT");
    let send = |more: &str| {
        let query = format!(
            "SELECT * FROM mail(server='127.0.0.1', server_port={}, body='x', {more})",
            server.port()
        );
        run(&query)
    };
    let refused = send("`from`='a@a.test', to='b@a.test'");
    assert_eq!(
        (refused.rows.as_str(), &refused.log[..]),
        ("[]", &["mail: the server said: 550 no".to_owned()][..])
    );
    assert!(
        send("`from`='a@a.test', to='b@a.test>\r\nRCPT TO:<evil@a.test'").log[0]
            .contains("is no mail address")
    );
    assert!(
        send("`from`='a@a.test', to='b@a.test', headers=dict(X='a\r\nEvil: b')").log[0]
            .contains("invalid header X")
    );
    assert!(!heard.lock().contains("evil"));
    let policy = Policy::parse(&[], &["127.0.0.0/8".to_owned()]).unwrap();
    let world = World { network: Arc::new(Network { policy, ..Network::default() }), ..World::of_process() };
    let query =
        "SELECT mail(server='127.0.0.1', `from`='a@a.test', to='b@a.test', body='x') AS X FROM scope()";
    let outcome = run_in(world, query, &[], Permissions::all(), Cancel::new());
    assert_eq!(outcome.log, ["mail: destination 127.0.0.1 is not allowed"]);
}

#[test]
fn mails_are_held_to_their_period() {
    let (server, _) = mail_server("", "");
    let outcome = run(&format!(
        "SELECT mail(server='127.0.0.1', server_port={}, `from`='a@a.test', to='b@a.test', body='x', period=100).ErrorStatus AS S FROM range(end=2)",
        server.port()
    ));
    assert_eq!(outcome.rows, r#"[{"S":"OK"},{"S":null}]"#);
    assert_eq!(outcome.log, ["mail: such a mail was sent less than 100 s ago"]);
}
