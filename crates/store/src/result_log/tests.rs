//! Whatever was logged is found by host and query, as a plain look at every row finds it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::event::Event;
use crate::random::Random;

const NAMES: [&str; 5] = ["pack/a/x", "pack/b/x", "pack/b/y", "x", "pack/Global/a/b"];
const EVERYTHING: Most = Most { rows: usize::MAX, bytes: usize::MAX, looked: usize::MAX };

fn open(dir: &Path) -> ResultLog {
    // The day that the rows are of, in seconds since 1970.
    let limits = Limits { segment: 4000, block: 700, now: || Timestamp::UNIX_EPOCH, ..Limits::default() };
    ResultLog::open_with(dir.to_owned(), Retention::default(), limits).unwrap()
}

fn append(log: &ResultLog, rows: Vec<crate::event::Row>) {
    let (done, wait) = mpsc::channel();
    log.append(Log::Result, rows, move |result| done.send(result).unwrap()).unwrap();
    wait.recv().unwrap().unwrap();
}

/// Row `number`, received in that second.
fn row(number: u64, random: &mut Random) -> (u32, Option<&'static str>, crate::event::Row) {
    let host = random.below(9) as u32;
    let name = NAMES.get(random.below(6) as usize).copied();
    let name_text = name.map_or(String::new(), |name| format!("\"name\":\"{name}\","));
    let line = format!("{{{name_text}\"n\":{number},\"pad\":\"{}\"}}", "p".repeat(random.below(40) as usize));
    (host, name, encode(host, number as i64 * 1_000_000, &line).unwrap())
}

/// All pages, one after another.
fn pages(log: &ResultLog, choice: &Choice, most: Most) -> Vec<u64> {
    let (mut before, mut all) = (None, Vec::new());
    loop {
        let found = log.page(Log::Result, choice, before, most).unwrap();
        assert!(found.rows.len() <= most.rows);
        all.extend(found.rows.iter().map(|(number, _)| *number));
        before = found.next;
        if before.is_none() {
            return all;
        }
    }
}

fn sealed(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir.join("result")).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".zst")).count()
}

#[test]
fn pages_hold_what_a_plain_look_finds_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(7);
    let mut told = BTreeMap::new();
    let mut log = open(dir.path());
    for batch in 0..60 {
        let rows: Vec<_> = (1..=20).map(|n| (batch * 20 + n, row(batch * 20 + n, &mut random))).collect();
        append(&log, rows.iter().map(|(_, (.., row))| row.clone()).collect());
        told.extend(rows.into_iter().map(|(n, (host, name, _))| (n, (host, name))));
        if batch % 20 == 19 {
            drop(log);
            log = open(dir.path());
        }
    }
    for _ in 0..500 {
        if sealed(dir.path()) > 15 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(sealed(dir.path()) > 15, "segments are sealed");
    for round in 0..400 {
        let choice = Choice {
            host: Some(random.below(11) as u32).filter(|_| round % 3 > 0),
            names: (0..random.below(3))
                .map(|_| ["pack/b/x", "x", "y", "a/b", "none"][random.below(5) as usize].to_owned())
                .collect(),
            among: (round % 4 == 0).then(|| [1, 2, 3].into()),
            since: (round % 5 == 0).then(|| random.below(1200) as i64 * 1_000_000),
            until: (round % 7 == 0).then(|| random.below(1300) as i64 * 1_000_000),
        };
        let is_meant = |n: u64, host: u32, name: Option<&str>| {
            let time = n as i64 * 1_000_000;
            choice.host.is_none_or(|wanted| wanted == host)
                && choice.among.as_ref().is_none_or(|hosts| hosts.contains(&host))
                && choice.since.is_none_or(|since| since <= time)
                && choice.until.is_none_or(|until| time < until)
                && (choice.names.is_empty()
                    || name.is_some_and(|name| {
                        choice.names.iter().any(|w| name == w || name.ends_with(&format!("/{w}")))
                    }))
        };
        let plain =
            told.iter().rev().filter(|(n, (host, name))| is_meant(**n, *host, *name)).map(|(n, _)| *n);
        let most = Most {
            rows: 1 + random.below(50) as usize,
            bytes: 200 + random.below(5000) as usize,
            looked: 3000,
        };
        assert_eq!(pages(&log, &choice, most), plain.collect::<Vec<_>>(), "{choice:?}");
    }
}

#[test]
fn only_blocks_that_hold_a_host_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for number in 0..800u64 {
        let host = if number == 5 { 77 } else { number as u32 % 7 };
        append(&log, vec![encode(host, 0, &format!("{{\"name\":\"q\",\"n\":{number}}}")).unwrap()]);
    }
    drop(log);
    let log = open(dir.path());
    for _ in 0..500 {
        let all = log.page(Log::Result, &Choice::default(), None, EVERYTHING).unwrap();
        let one =
            log.page(Log::Result, &Choice { host: Some(77), ..Choice::default() }, None, EVERYTHING).unwrap();
        assert_eq!((all.rows.len(), one.rows.len()), (800, 1));
        // One block of a sealed segment, and the segment that is still plain.
        if one.looked < 700 + 4200 && all.looked > 40_000 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("more was read than the blocks that hold the host");
}

#[test]
fn a_server_killed_while_it_seals_or_appends_finds_every_row_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(3);
    let log = open(dir.path());
    for batch in 0..20 {
        append(&log, (1..=10).map(|n| row(batch * 10 + n, &mut random).2).collect());
    }
    let all = log.page(Log::Result, &Choice::default(), None, EVERYTHING).unwrap().rows;
    let of_host = Choice { host: Some(3), ..Choice::default() };
    let wanted = log.page(Log::Result, &of_host, None, EVERYTHING).unwrap().rows;
    assert!(all.len() == 200 && wanted.len() > 5);
    for _ in 0..500 {
        if sealed(dir.path()) > 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(log);
    let queue = dir.path().join("result");
    let mut names: Vec<String> = std::fs::read_dir(&queue)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    let first = |name: &str| name[..16].parse::<u64>().unwrap();
    let (victim, end) = (queue.join(&names[0]), first(&names[1]));
    assert!(names[0].ends_with(".zst") && first(&names[0]) == 1);
    let whole = std::fs::read(&victim).unwrap();
    let lines = all.iter().rev().filter(|(number, _)| *number < end);
    let plain: Vec<u8> = lines.flat_map(|(_, row)| [row, &b"\n"[..]].concat()).collect();
    let torn = queue.join(names.last().unwrap());
    for cut in (0..whole.len()).step_by(61).chain([whole.len() - 1, whole.len()]) {
        std::fs::write(&victim, &whole[..cut]).unwrap();
        std::fs::write(victim.with_extension(""), &plain).unwrap();
        let mut file = std::fs::File::options().append(true).open(&torn).unwrap();
        std::io::Write::write_all(&mut file, b"{\"_ts\":179000").unwrap();
        let log = open(dir.path());
        assert_eq!(log.page(Log::Result, &Choice::default(), None, EVERYTHING).unwrap().rows, all, "{cut}");
        assert_eq!(log.page(Log::Result, &of_host, None, EVERYTHING).unwrap().rows, wanted, "{cut}");
    }
}

#[test]
fn what_is_needed_does_not_go_for_its_age_but_for_too_many_bytes() {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NOW: AtomicI64 = AtomicI64::new(1_790_000_000);
    let now = || Timestamp::from_second(NOW.load(Ordering::Relaxed)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let open = |max_age, max_bytes| {
        let limits = Limits { now, ..Limits::default() };
        ResultLog::open_with(dir.path().to_owned(), Retention { max_age, max_bytes }, limits).unwrap()
    };
    let count =
        |log: &ResultLog| log.page(Log::Result, &Choice::default(), None, EVERYTHING).unwrap().rows.len();
    let soon = |is_so: &dyn Fn() -> bool| {
        (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            is_so()
        })
    };
    let log = open(None, None);
    for _ in 0..5 {
        append(&log, vec![encode(1, 0, "{}").unwrap(), encode(2, 0, "{}").unwrap()]);
        NOW.fetch_add(86_400, Ordering::Relaxed);
    }
    assert!(soon(&|| sealed(dir.path()) == 4));
    drop(log);
    let day = Some(Duration::from_secs(86_400));
    let log = open(day, None);
    // A day that ends has the keeper look; held from the start, nothing goes.
    append(&log, vec![encode(1, 0, "{}").unwrap()]);
    assert!(soon(&|| sealed(dir.path()) == 5) && count(&log) == 11);
    log.hold(Log::Result, 5).unwrap();
    NOW.fetch_add(86_400, Ordering::Relaxed);
    append(&log, vec![encode(1, 0, "{}").unwrap()]);
    assert!(soon(&|| count(&log) == 8), "{}", count(&log));
    drop(log);
    let log = open(None, Some(1));
    append(&log, vec![encode(1, 0, "{}").unwrap()]);
    assert!(soon(&|| count(&log) < 4));
    let mut follow = log.follow(Log::Result, &Position::Row(3)).unwrap();
    let Event::LeftOut(Error::RowsGone { count, .. }) = follow.recv_timeout(Duration::ZERO) else {
        panic!("what is gone is told");
    };
    assert!(count > 5, "{count}");
}
