use super::*;
#[test]
fn smoke() {
    parse("LET Threshold = 10 LET Big(n) = n > Threshold SELECT *, a.b, f(x=[1,2], q={SELECT * FROM info()}) AS X FROM range(start=8) WHERE a AND b, c GROUP BY 1 ORDER BY x DESC LIMIT 5").unwrap();
}
#[test]
fn probe() {
    for n in [1000, 2000, 4000, 4990, 8000, 16000, 32000, 64000] {
        let src = format!("a{}", " + a".repeat(n));
        std::thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(move || {
                let e = parse_expr(&src);
                eprintln!("{n} {}", e.is_ok());
                if let Ok(e) = &e {
                    let c = e.clone();
                    assert!(c == *e);
                    format!("{e:?}").len();
                }
                drop(e);
            })
            .unwrap()
            .join()
            .unwrap();
    }
}
