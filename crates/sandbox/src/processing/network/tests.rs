//! What is told of a capture, whatever is in it.

use std::io::Write as _;

use etherparse::PacketBuilder;

use super::*;

const GUEST: [u8; 4] = [10, 0, 2, 15];
const ROUTER: [u8; 4] = [10, 0, 2, 2];
const SITE: [u8; 4] = [198, 18, 0, 7];

/// A capture of packets, one each tenth of a second.
fn capture(packets: &[Vec<u8>]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]).unwrap();
    file.write_all(&[[0; 4], [0; 4], [0, 0, 4, 0], [1, 0, 0, 0]].concat()).unwrap();
    for (packet, at) in packets.iter().zip(0_u32..) {
        let length = u32::try_from(packet.len()).unwrap();
        for number in [1_800_000_000 + at / 10, at % 10 * 100_000, length, length] {
            file.write_all(&number.to_le_bytes()).unwrap();
        }
        file.write_all(packet).unwrap();
    }
    file
}

fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from.0, to.0, 64).udp(from.1, to.1);
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

fn tcp(from: ([u8; 4], u16), to: ([u8; 4], u16), sequence: u32, flags: &str, payload: &[u8]) -> Vec<u8> {
    let mut builder =
        PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4(from.0, to.0, 64).tcp(from.1, to.1, sequence, 1024);
    if flags.contains('S') {
        builder = builder.syn();
    }
    if flags.contains('A') {
        builder = builder.ack(1);
    }
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

/// A question for an address, and its answer.
fn question(name: &str, answer: Option<[u8; 4]>) -> Vec<u8> {
    let labels: Vec<u8> = name
        .split('.')
        .flat_map(|label| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat())
        .collect();
    let flags = if answer.is_some() { 0x80 } else { 0 };
    let mut message = vec![0, 7, flags | 1, 0, 0, 1, 0, u8::from(answer.is_some()), 0, 0, 0, 0];
    message.extend(labels);
    message.extend([0, 0, 1, 0, 1]);
    if let Some(address) = answer {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(address);
    }
    message
}

#[test]
fn a_visit_to_a_web_site_is_told_whole() {
    let (client, site, resolver) = ((GUEST, 40_000), (SITE, 80), (ROUTER, 53));
    let request =
        b"POST /p?a=1 HTTP/1.1\r\nHost: c2.example\r\nUser-Agent: evil/1.0\r\nContent-Length: 4\r\n\r\nbody";
    let packets = [
        udp((GUEST, 5353), resolver, &question("c2.example", None)),
        udp(resolver, (GUEST, 5353), &question("c2.example", Some(SITE))),
        tcp(client, site, 100, "S", b""),
        tcp(site, client, 500, "SA", b""),
        tcp(client, site, 101 + 30, "A", &request[30..]),
        tcp(client, site, 101, "A", &request[..30]),
        tcp((GUEST, 40_001), ([203, 0, 113, 5], 443), 1, "S", b""),
    ];
    let report = summarise(capture(&packets)).unwrap().report(Some("ab".into()));
    assert_eq!(report["hosts"], json!(["198.18.0.7", "203.0.113.5"]));
    assert_eq!(report["domains"], json!([{"domain": "c2.example", "ip": "198.18.0.7"}]));
    let answers = json!([{"type": "A", "data": "198.18.0.7"}]);
    assert_eq!(report["dns"], json!([{"request": "c2.example", "type": "A", "answers": answers}]));
    assert_eq!(report["dns_servers"], json!(["10.0.2.2"]));
    let first = &report["tcp"][0];
    assert_eq!(
        (&first["dst"], &first["dport"], &first["sport"]),
        (&json!("198.18.0.7"), &json!(80), &json!(40_000))
    );
    assert!((first["time"].as_f64().unwrap() - 0.2).abs() < 1e-6 && first["offset"].as_u64().unwrap() > 24);
    assert_eq!(report["tcp"].as_array().unwrap().len(), 2);
    assert_eq!(report["udp"].as_array().unwrap().len(), 1);
    let data = std::str::from_utf8(request).unwrap();
    assert_eq!(
        report["http"],
        json!([{
            "count": 1, "host": "c2.example", "port": 80, "method": "POST", "path": "/p?a=1",
            "uri": "http://c2.example/p?a=1", "version": "1.1", "user-agent": "evil/1.0", "body": "body", "data": data
        }])
    );
    assert_eq!(report["dead_hosts"], json!([["203.0.113.5", 443]]));
    assert_eq!(report["pcap_sha256"], "ab");
}

#[test]
fn questions_that_no_datagram_showed_are_told_once() {
    let packets = [udp((ROUTER, 53), (GUEST, 5353), &question("c2.example", Some(SITE)))];
    let mut summary = summarise(capture(&packets)).unwrap();
    let server = [8, 8, 8, 8].into();
    summary.names.tell(server, "c2.example", "A", &["198.18.0.7".into()]);
    summary.names.tell(server, "tcp.example", "A", &["198.18.0.9".into()]);
    summary.names.tell(server, "tcp.example", "MX", &["mail.tcp.example".into()]);
    let report = summary.report(None);
    let asked: Vec<_> =
        report["dns"].as_array().unwrap().iter().map(|one| (&one["request"], &one["type"])).collect();
    let (first, second) = (json!("c2.example"), json!("tcp.example"));
    assert_eq!(asked, [(&first, &json!("A")), (&second, &json!("A")), (&second, &json!("MX"))]);
    assert_eq!(report["dns"][2]["answers"], json!([{"type": "MX", "data": "mail.tcp.example"}]));
    assert_eq!(report["domains"][1], json!({"domain": "tcp.example", "ip": "198.18.0.9"}));
}

#[test]
fn nonsense_and_broken_captures_do_no_harm() {
    let mut packets = vec![vec![0xff; 60], Vec::new(), udp((GUEST, 1), (ROUTER, 53), b"\xff\xff")];
    packets.push(tcp((GUEST, 1), (SITE, 80), 5, "A", b"GET / HT"));
    let report = summarise(capture(&packets)).unwrap().report(None);
    assert_eq!((&report["http"], &report["dns"]), (&json!([]), &json!([])));
    // Cut in the middle of a packet, as by a machine that was killed.
    let mut file = capture(&packets);
    let length = file.metadata().unwrap().len();
    file.set_len(length - 3).unwrap();
    assert!(summarise(file.try_clone().unwrap()).is_ok());
    // A length that is a lie.
    io::Seek::seek(&mut file, io::SeekFrom::Start(24 + 8)).unwrap();
    file.write_all(&[0xff; 4]).unwrap();
    assert!(summarise(file).is_err());
    assert!(summarise(tempfile::tempfile().unwrap()).is_err());
}
