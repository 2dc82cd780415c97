//! Numbers, times and text out of bytes.

/// An integer in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    pub bytes: usize,
    pub signed: bool,
    pub big: bool,
}

impl Integer {
    /// The type of that name: `uint16`, `int32b`, and the names that C has.
    pub fn named(name: &str) -> Option<Integer> {
        let (name, big) = match name.strip_suffix('b') {
            Some(little) if little.ends_with(|c: char| c.is_ascii_digit()) => (little, true),
            _ => (name, false),
        };
        let (bytes, signed) = match name {
            "uint8" | "unsigned char" | "byte" => (1, false),
            "uint16" | "unsigned short" => (2, false),
            "uint32" | "unsigned int" | "unsigned long" => (4, false),
            "uint64" | "unsigned long long" => (8, false),
            "int8" | "char" => (1, true),
            "int16" | "short" => (2, true),
            "int32" | "int" | "long" => (4, true),
            "int64" | "long long" => (8, true),
            _ => return None,
        };
        Some(Integer { bytes, signed, big })
    }

    /// The number as an unsigned one, signs extended.
    pub fn read(self, bytes: &[u8]) -> u64 {
        let mut wide = [0; 8];
        for (i, byte) in bytes.iter().take(self.bytes).enumerate() {
            wide[if self.big { self.bytes - 1 - i } else { i }] = *byte;
        }
        let number = u64::from_le_bytes(wide);
        let unused = 64 - 8 * self.bytes as u32;
        if self.signed { ((number << unused) as i64 >> unused) as u64 } else { number }
    }
}

/// A LEB128 number and how many bytes it takes.
pub fn leb128(bytes: &[u8], signed: bool) -> Option<(u64, u64)> {
    let (mut number, mut shift) = (0_u64, 0_u32);
    for (i, byte) in bytes.iter().take(10).enumerate() {
        if shift < 64 {
            number |= u64::from(byte & 0x7f) << shift;
        }
        shift += 7;
        if byte & 0x80 == 0 {
            if signed && byte & 0x40 != 0 && shift < 64 {
                number |= u64::MAX << shift;
            }
            return Some((number, i as u64 + 1));
        }
    }
    None
}

/// Tenths of microseconds since 1601 as seconds and nanoseconds since 1970.
pub fn win_file_time(ticks: u64) -> Option<(i64, u32)> {
    const SECONDS_1601_TO_1970: i64 = 11_644_473_600;
    let seconds = i64::try_from(ticks / 10_000_000).ok()? - SECONDS_1601_TO_1970;
    Some((seconds, (ticks % 10_000_000) as u32 * 100))
}

/// A FAT time stamp: the date in the low half, the time in the high one.
pub fn fat_time(stamp: u32) -> Option<(i64, u32)> {
    let (date, time) = (stamp & 0xffff, stamp >> 16);
    let (year, month, day) = (1980 + i64::from(date >> 9), (date >> 5) & 15, date & 31);
    let (hour, minute, second) = (time >> 11, (time >> 5) & 63, (time & 31) * 2);
    if !(1..=12).contains(&month) || day == 0 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some((days_since_1970(year, i64::from(month), i64::from(day)) * 86_400 + seconds, 0))
}

/// Days from 1970-01-01, by counting years that start in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// UTF-16 in the order of the file as UTF-8.
pub fn utf16(bytes: &[u8]) -> Vec<u8> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (name, bytes, wanted) in [
            ("uint8", &[0xff][..], 255),
            ("int8", &[0xff], -1),
            ("uint16b", &[1, 2], 0x0102),
            ("uint16", &[1, 2], 0x0201),
            ("int32", &[0xfe, 0xff, 0xff, 0xff], -2),
            ("int32b", &[0xff, 0xff, 0xff, 0xfe], -2),
            ("uint64b", &[0, 0, 0, 0, 0, 0, 1, 0], 256),
            ("unsigned long long", &[1, 0, 0, 0, 0, 0, 0, 0], 1),
        ] {
            assert_eq!(Integer::named(name).unwrap().read(bytes) as i64, wanted, "{name}");
        }
        assert!(Integer::named("uint24").is_none() && Integer::named("byteb").is_none());
        assert_eq!(leb128(&[0xe5, 0x8e, 0x26], false), Some((624_485, 3)));
        assert_eq!(leb128(&[0xc0, 0xbb, 0x78], true).map(|(n, l)| (n as i64, l)), Some((-123_456, 3)));
        assert_eq!(leb128(&[0x80; 20], false), None);
    }

    #[test]
    fn times() {
        // 2024-05-01 10:00:00 UTC, by `date -d … +%s`.
        assert_eq!(win_file_time(133_590_312_000_000_001), Some((1_714_557_600, 100)));
        assert_eq!(fat_time(0x5000_58a1), Some((1_714_557_600, 0)));
        assert_eq!(fat_time(0), None);
        assert_eq!(days_since_1970(2000, 2, 29), 11_016);
    }
}
