//! Measures how fast programs are read: `cargo run --release -p vql --example parse_speed`.
//!
//! Prints MB/s over about one megabyte of ordinary VQL, each stage on its own, with the allocator of the product.
//! The budget for parsing is 50 MB/s on one core.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use std::time::{Duration, Instant};
use vql::{canonical, format, parser};

const BLOCK: &str = r#"
-- processes with a suspicious parent
LET Threshold@ = 10
LET Suspicious@(name, most=5) = name =~ "(cmd|powershell)\\.exe$" AND NOT name IN ("a.exe", "b.exe")
LET procs@ <= SELECT Pid, Ppid, Name, CommandLine AS Cmd, upcase(string=Exe) AS Exe
FROM pslist() WHERE Suspicious@(name=Name) AND CreateTime > timestamp(epoch=now() - 3600)
SELECT *, { SELECT Name FROM pslist(pid=Ppid) LIMIT 1 } AS Parent,
       if(condition=Pid > Threshold@, then=dict(a=1, b=[1, 2, 3]), else=procs@[0].Name) AS Extra,
       format(format="%v: %v", args=[Name, len(list=split(string=Cmd, sep=" "))]) AS Line
FROM foreach(row=procs@, query={
    SELECT Pid, FullPath, Size * 2 + 1 AS Big, hash(path=FullPath, accessor='file').SHA256 AS Hash
    FROM glob(globs='''C:\Users\*\AppData\**''') -- raw, no escapes
    WHERE NOT IsDir && (Size < 1000000 || Name = "important")
})
WHERE Parent.Name != "explorer.exe" OR Extra.a = 1
GROUP BY Pid, Hash
ORDER BY Big DESC
LIMIT 50
"#;

fn main() {
    let mut source = String::new();
    for n in 0.. {
        source.push_str(&BLOCK.replace('@', &n.to_string()));
        if source.len() > 1_000_000 {
            break;
        }
    }
    report("parse", &source, |text| drop(parser::parse(text).expect("the sample is valid")));
    let program = parser::parse(&source).expect("the sample is valid");
    report("canonical", &source, |_| {
        program.statements.iter().for_each(|s| drop(std::hint::black_box(canonical::statement(s))));
    });
    report("format", &source, |text| drop(std::hint::black_box(format::format(text))));
}

/// The best of many runs, which other work on the machine disturbs least.
fn report(what: &str, source: &str, run: impl Fn(&str)) {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_secs(2) {
        let start = Instant::now();
        run(std::hint::black_box(source));
        best = best.min(start.elapsed());
    }
    let speed = source.len() as f64 / 1e6 / best.as_secs_f64();
    match what {
        "parse" => println!("BENCH parse {speed:.0} MB/s budget 50"),
        _ => println!("{what:>10}: {speed:.0} MB/s"),
    }
}
