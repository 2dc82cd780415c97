//! `{a,b}`: alternatives, expanded before a pattern is split.

use vql::call::Error;

/// How many patterns one may stand for.
const MAX_PATTERNS: usize = 100_000;

/// Every pattern that `pattern` stands for. Braces without a comma, or without their other half, are plain text.
pub fn expand(pattern: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    let mut done = Vec::new();
    let mut open = vec![(pattern.to_vec(), 0)];
    while let Some((pattern, from)) = open.pop() {
        let Some((start, end, cuts)) = set(&pattern, from) else {
            done.push(pattern);
            continue;
        };
        if done.len() + open.len() + cuts.len() > MAX_PATTERNS {
            return Err(Error::new(format!("a glob stands for more than {MAX_PATTERNS} patterns")));
        }
        // Last alternative first: the stack hands them out in order.
        for (i, to) in cuts.iter().copied().enumerate().rev() {
            let alternative = if i == 0 { start + 1 } else { cuts[i - 1] + 1 };
            let expanded = [&pattern[..start], &pattern[alternative..to], &pattern[end + 1..]].concat();
            // What was before the set holds no further set.
            open.push((expanded, start));
        }
    }
    Ok(done)
}

/// The first set at or after `from`: where it starts and ends, and where each of its alternatives ends.
fn set(pattern: &[u8], from: usize) -> Option<(usize, usize, Vec<usize>)> {
    // Each open brace with the commas directly inside; a set is known when its brace closes.
    let mut open: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut found: Option<(usize, usize, Vec<usize>)> = None;
    for (at, c) in pattern.iter().enumerate().skip(from) {
        match c {
            b'{' => open.push((at, Vec::new())),
            b',' => {
                if let Some((_, cuts)) = open.last_mut() {
                    cuts.push(at);
                }
            }
            b'}' => {
                let Some((start, mut cuts)) = open.pop() else { continue };
                if cuts.is_empty() {
                    continue;
                }
                cuts.push(at);
                if found.as_ref().is_none_or(|(other, ..)| start < *other) {
                    found = Some((start, at, cuts));
                }
                if open.is_empty() {
                    return found;
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_expand() {
        for (pattern, wanted) in [
            ("/a", &["/a"][..]),
            ("/{a,b}/c", &["/a/c", "/b/c"]),
            ("{a,b}{1,2}", &["a1", "a2", "b1", "b2"]),
            ("{a,b{1,2}}x", &["ax", "b1x", "b2x"]),
            ("{a/b,c}/d", &["a/b/d", "c/d"]),
            ("{,x}y", &["y", "xy"]),
            ("{a}", &["{a}"]),
            ("{a,b", &["{a,b"]),
            ("a,b}", &["a,b}"]),
            ("{x{a,b}", &["{xa", "{xb"]),
            ("{{a,b}}", &["{a}", "{b}"]),
        ] {
            let got = expand(pattern.as_bytes()).unwrap();
            let got: Vec<String> = got.into_iter().map(|p| String::from_utf8(p).unwrap()).collect();
            assert_eq!(got, wanted, "{pattern}");
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        assert!(expand("{a,b}".repeat(40).as_bytes()).is_err());
    }
}
