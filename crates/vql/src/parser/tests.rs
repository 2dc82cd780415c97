use super::*;
#[test]
fn smoke() {
    parse("LET Threshold = 10 LET Big(n) = n > Threshold SELECT *, a.b, f(x=[1,2], q={SELECT * FROM info()}) AS X FROM range(start=8) WHERE a AND b, c GROUP BY 1 ORDER BY x DESC LIMIT 5").unwrap();
}
