//! Connections that lead on: to the result server, from the server to the guest, through a proxy.

use super::super::pipe::{OPEN, Pipe, Way};
use super::*;

const MS: Duration = Duration::from_millis(1);

fn with_results(route: Route) -> Lab {
    Lab::new(Settings { results: Some(2042), ..Settings::new(route) })
}

impl Lab {
    fn pipe(&mut self, number: u32) -> &mut Pipe {
        self.stack.pipe_mut(number).unwrap()
    }

    /// What the guest sent and nobody took yet.
    fn taken(&mut self, number: u32) -> Vec<u8> {
        std::mem::take(&mut self.pipe(number).from_guest)
    }
}

#[test]
fn results_leave_where_nothing_else_does() {
    for route in [Route::None, Route::Drop, Route::Fake] {
        let mut lab = with_results(route);
        let results = lab.open(GATEWAY, 2042);
        lab.run(100 * MS);
        let asks = lab.stack.take_asks();
        assert_eq!((asks.len(), &asks[0].way), (1, &Way::Results), "{route:?}");
        let number = asks[0].number;
        lab.socket(results).send_slice(b"LOG\nhello").unwrap();
        lab.run(100 * MS);
        assert_eq!(lab.taken(number), b"LOG\nhello");
        // Long after any other connection that says nothing would be given up.
        lab.run(Duration::from_secs(150));
        lab.pipe(number).to_guest.extend(b"answer");
        lab.run(100 * MS);
        assert_eq!(lab.read(results), b"answer");
        lab.socket(results).close();
        lab.run(100 * MS);
        assert!(lab.pipe(number).guest_ended);
        lab.pipe(number).other_ended = true;
        lab.run(Duration::from_secs(30));
        assert!(lab.stack.pipe(number).is_none());
        if route != Route::Fake {
            let other = lab.open(GATEWAY, 2043);
            lab.run(Duration::from_secs(2));
            assert!(!lab.socket(other).may_send());
        }
        // It is no doing of the sample's.
        assert!(!lab.events().iter().any(|event| matches!(event, Event::Closed { .. } | Event::Http(_))));
    }
    let mut nobody = Lab::new(Settings::new(Route::Drop));
    let socket = nobody.open(GATEWAY, 2042);
    nobody.run(Duration::from_secs(2));
    assert!(!nobody.socket(socket).may_send() && nobody.stack.take_asks().is_empty());
}

#[test]
fn nothing_is_lost_of_what_is_taken_slowly_and_no_more_is_held_than_allowed() {
    let mut lab = with_results(Route::Drop);
    let socket = lab.open(GATEWAY, 2042);
    lab.run(100 * MS);
    let number = lab.stack.take_asks()[0].number;
    let all: Vec<u8> = (0..400_000_u32).map(|at| (at / 7) as u8).collect();
    let (mut sent, mut came) = (0, Vec::new());
    while came.len() < all.len() {
        if sent < all.len() && lab.socket(socket).can_send() {
            sent += lab.socket(socket).send_slice(&all[sent..]).unwrap();
            if sent == all.len() {
                lab.socket(socket).close();
            }
        }
        lab.run(20 * MS);
        assert!(lab.pipe(number).from_guest.len() < 80 << 10);
        let pipe = lab.pipe(number);
        let length = pipe.from_guest.len().min(30_000);
        came.extend(pipe.from_guest.drain(..length));
    }
    assert!(came == all);
}

#[test]
fn the_server_reaches_ports_of_the_guest() {
    let mut lab = with_results(Route::None);
    let buffer = || SocketBuffer::new(vec![0; 4096]);
    let mut agent = Socket::new(buffer(), buffer());
    agent.listen(8000).unwrap();
    let agent = lab.sockets.add(agent);
    let number = lab.stack.call(8000, lab.now).unwrap();
    lab.pipe(number).to_guest.extend(b"GET / HTTP/1.1\r\n\r\n");
    lab.run(200 * MS);
    assert_eq!(lab.taken(number), [OPEN]);
    assert_eq!(lab.read(agent), b"GET / HTTP/1.1\r\n\r\n");
    lab.socket(agent).send_slice(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    lab.socket(agent).close();
    lab.run(200 * MS);
    assert_eq!(lab.taken(number), b"HTTP/1.1 200 OK\r\n\r\n");
    assert!(lab.pipe(number).guest_ended);
    // Nobody listens there: that is the end of it, without a word.
    let closed = lab.stack.call(8001, lab.now).unwrap();
    lab.run(200 * MS);
    assert!(lab.stack.pipe(closed).is_none());
    assert!(lab.stack.call(0, lab.now).is_none());
    // A guest cannot call from there by itself.
    let back = lab.open(GATEWAY, datagram::FIRST_CALL + 7);
    lab.run(200 * MS);
    assert!(!lab.socket(back).may_send());
}

#[test]
fn a_proxy_is_asked_for_by_name_for_what_is_allowed_and_no_more() {
    let mut settings = Settings::new(Route::Proxy);
    settings.allow = vec!["*.example.org:443".parse().unwrap(), "203.0.113.9:80".parse().unwrap()];
    let mut lab = Lab::new(settings);
    let name = |name: &str| names::Names::default().address(name);
    let mut asked = simple_dns::Packet::new_query(7);
    let question = |name| {
        let class = simple_dns::QCLASS::CLASS(simple_dns::CLASS::IN);
        let kind = simple_dns::QTYPE::TYPE(simple_dns::TYPE::A);
        simple_dns::Question::new(simple_dns::Name::new_unchecked(name), kind, class, false)
    };
    asked.questions.push(question("www.example.org"));
    assert_eq!(lab.frame(&udp(GATEWAY, 53, &asked.build_bytes_vec().unwrap())).len(), 1);
    assert!(lab.frame(&udp(SITE, 123, &[0x23; 48])).is_empty(), "no other service");
    let allowed = [lab.open(name("www.example.org"), 443), lab.open(SITE, 80)];
    let dropped = [
        lab.open(name("www.example.org"), 80),
        lab.open(SITE, 443),
        lab.open(name("never.asked.example"), 443),
    ];
    lab.run(Duration::from_secs(1));
    let mut ways: Vec<_> = lab.stack.take_asks().into_iter().map(|ask| (ask.number, ask.way)).collect();
    ways.sort_by_key(|(_, way)| format!("{way:?}"));
    let proxied = |host: &str, port| Way::Proxy { host: host.into(), port };
    assert_eq!(ways[0].1, proxied("203.0.113.9", 80));
    assert_eq!((ways.len(), &ways[1].1), (2, &proxied("www.example.org", 443)));
    assert!(dropped.into_iter().all(|socket| !lab.socket(socket).may_send()));
    lab.stack.refuse(ways[1].0, "the proxy answers 403");
    lab.run(100 * MS);
    assert!(!lab.socket(allowed[0]).is_active() && lab.socket(allowed[1]).may_send());
    let events = lab.ends();
    assert!(events.iter().any(|event| matches!(event, Event::Unreached { why, .. } if why.contains("403"))));
    assert!(events.iter().any(|event| matches!(event, Event::Dropped { flow, .. } if flow.dport == 443)));
}
