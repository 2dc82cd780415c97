//! Numbers as text and in exact comparison (reference, sections 7.10 and 15).

use std::cmp::Ordering;

/// The shortest decimal digits that read back as a float: `0.d₁d₂d₃… × 10^point`.
#[derive(Debug, Clone, Copy)]
pub struct Digits {
    digits: [u8; 20],
    len: usize,
    /// Where the decimal point is, counted from the first digit.
    pub point: i32,
}

impl Digits {
    /// The digits of the magnitude of a finite number.
    pub fn of(number: f64) -> Self {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(number.abs()).as_bytes();
        let (mantissa, exponent) = match memchr::memchr(b'e', text) {
            Some(at) => (&text[..at], parse_exponent(&text[at + 1..])),
            None => (text, 0),
        };
        let whole = memchr::memchr(b'.', mantissa).unwrap_or(mantissa.len());
        let mut all = Digits { digits: [0; 20], len: 0, point: whole as i32 + exponent };
        for &c in mantissa.iter().filter(|c| **c != b'.') {
            if all.len == 0 && c == b'0' {
                all.point -= 1;
            } else if all.len < all.digits.len() {
                all.digits[all.len] = c;
                all.len += 1;
            }
        }
        while all.len > 0 && all.digits[all.len - 1] == b'0' {
            all.len -= 1;
        }
        if all.len == 0 {
            all.point = 1;
        }
        all
    }

    /// The first digits of the magnitude of a finite number, rounded; trailing zeros are dropped.
    pub fn rounded(number: f64, count: usize) -> Self {
        let text = format!("{:.*e}", count.clamp(1, 20) - 1, number.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let mut all = Digits { digits: [0; 20], len: 0, point: exponent.parse().unwrap_or(0) + 1 };
        for c in mantissa.bytes().filter(|c| *c != b'.') {
            all.digits[all.len] = c;
            all.len += 1;
        }
        while all.len > 0 && all.digits[all.len - 1] == b'0' {
            all.len -= 1;
        }
        if all.len == 0 {
            all.point = 1;
        }
        all
    }

    pub fn as_bytes(&self) -> &[u8] {
        if self.len == 0 { b"0" } else { &self.digits[..self.len] }
    }

    /// Positional notation without an exponent: `1500`, `0.25`.
    pub fn write_plain(&self, out: &mut Vec<u8>) {
        let digits = self.as_bytes();
        let point = self.point;
        if point <= 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-point) as usize, b'0');
            out.extend_from_slice(digits);
        } else if point as usize >= digits.len() {
            out.extend_from_slice(digits);
            out.resize(out.len() + point as usize - digits.len(), b'0');
        } else {
            let (whole, fraction) = digits.split_at(point as usize);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    }

    /// Scientific notation with at least `width` digits in the exponent: `1.5e+21`, `1e-07`.
    pub fn write_scientific(&self, letter: u8, width: usize, out: &mut Vec<u8>) {
        let digits = self.as_bytes();
        out.push(digits[0]);
        if digits.len() > 1 {
            out.push(b'.');
            out.extend_from_slice(&digits[1..]);
        }
        write_exponent(letter, self.point - 1, width, out);
    }
}

/// `e+07`
pub fn write_exponent(letter: u8, exponent: i32, width: usize, out: &mut Vec<u8>) {
    out.push(letter);
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(exponent.unsigned_abs()).as_bytes();
    out.resize(out.len() + width.saturating_sub(text.len()), b'0');
    out.extend_from_slice(text);
}

fn parse_exponent(text: &[u8]) -> i32 {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let value = digits.iter().fold(0i32, |n, d| n * 10 + i32::from(d - b'0'));
    if negative { -value } else { value }
}

/// A float as `%v` shows it: shortest form, an exponent below 1e-4 and from 1e21 on.
pub fn write_text(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        out.extend_from_slice(not_finite(number));
        return;
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let digits = Digits::of(number);
    if number != 0.0 && (digits.point < -3 || digits.point > 21) {
        digits.write_scientific(b'e', 2, out);
    } else {
        digits.write_plain(out);
    }
}

/// `NaN`, `+Inf` or `-Inf`.
pub fn not_finite(number: f64) -> &'static [u8] {
    if number.is_nan() {
        b"NaN"
    } else if number > 0.0 {
        b"+Inf"
    } else {
        b"-Inf"
    }
}

/// A float as JSON shows it: as JavaScript does, NaN and infinities as `null`.
pub fn write_json(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        out.extend_from_slice(b"null");
        return;
    }
    let magnitude = number.abs();
    if (1e-5..1e15).contains(&magnitude) {
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(number).as_bytes();
        out.extend_from_slice(text.strip_suffix(b".0").unwrap_or(text));
        return;
    }
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let digits = Digits::of(number);
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        digits.write_scientific(b'e', 1, out);
    } else {
        digits.write_plain(out);
    }
}

/// Exact comparison, also beyond 2⁵³. NaN is greater than every number.
pub fn compare_int_float(int: i64, float: f64) -> Ordering {
    if float.is_nan() || float >= 9_223_372_036_854_775_808.0 {
        return Ordering::Less;
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i64)).then_with(|| compare_floats(0.0, float - whole))
}

/// Comparison of floats in which NaN equals itself and is the greatest.
pub fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_as_text() {
        for (number, text, json) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (2.0, "2", "2"),
            (0.5, "0.5", "0.5"),
            (-1.25, "-1.25", "-1.25"),
            (1e-4, "0.0001", "0.0001"),
            (1e-5, "1e-05", "0.00001"),
            (1e-6, "1e-06", "0.000001"),
            (1e-7, "1e-07", "1e-7"),
            (1.5e-10, "1.5e-10", "1.5e-10"),
            (1e20, "100000000000000000000", "100000000000000000000"),
            (123456789012345680.0, "123456789012345680", "123456789012345680"),
            (1e21, "1e+21", "1e+21"),
            (1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308"),
            (5e-324, "5e-324", "5e-324"),
            (f64::NAN, "NaN", "null"),
            (f64::INFINITY, "+Inf", "null"),
            (f64::NEG_INFINITY, "-Inf", "null"),
        ] {
            let mut out = Vec::new();
            write_text(number, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
            out.clear();
            write_json(number, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), json);
        }
    }

    #[test]
    fn ints_and_floats_compare_exactly() {
        use Ordering::*;
        for (int, float, wanted) in [
            (1, 1.0, Equal),
            (1, 1.5, Less),
            (2, 1.5, Greater),
            (-1, -1.5, Greater),
            (-2, -1.5, Less),
            (0, -0.0, Equal),
            (0, 0.5, Less),
            (0, -0.5, Greater),
            (9_007_199_254_740_993, 9_007_199_254_740_992.0, Greater),
            (i64::MAX, 9_223_372_036_854_775_808.0, Less),
            (i64::MIN, -9_223_372_036_854_775_808.0, Equal),
            (i64::MIN, f64::NEG_INFINITY, Greater),
            (i64::MAX, f64::NAN, Less),
        ] {
            assert_eq!(compare_int_float(int, float), wanted, "{int} {float}");
        }
    }
}
