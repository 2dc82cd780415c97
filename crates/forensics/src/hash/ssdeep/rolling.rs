//! The rolling hash: what cuts a content into pieces.

pub const WINDOW: usize = 7;

/// The rolling hash of a window. It depends on nothing else, so that windows can be hashed in any order, or not at all.
pub fn rolled(window: &[u8; WINDOW]) -> u32 {
    let (mut sum, mut weighted) = (0, 0);
    for &byte in window.iter().rev() {
        sum += u32::from(byte);
        weighted += sum;
    }
    let shifted = window.iter().fold(0_u32, |shifted, &byte| shifted << 5 ^ u32::from(byte));
    shifted.wrapping_add(sum + weighted)
}

/// Whether a piece of the size `MIN_BLOCK << size` ends where the rolling hash has this value: whether that and one is a multiple of
/// the size.
pub fn is_cut(rolled: u32, size: usize) -> bool {
    // What a third is multiplied with modulo 2^32; products of no multiples of three are larger than any third.
    const THIRD: u32 = 0xAAAA_AAAB;
    let next = rolled.wrapping_add(1);
    let (whole, part) = (next >> size, next & ((1 << size) - 1));
    part == 0 && next != 0 && whole.wrapping_mul(THIRD) <= u32::MAX / 3
}

/// What of the rolling hash tells most windows from cuts: its lowest eight bits, as processors take many bytes at once.
///
/// `into` has one place for each window; each window begins one byte behind the one before.
pub fn lowest_bits(windows: &[u8], into: &mut [u8]) {
    // The newest bytes of all windows, then those before them, and so on.
    let bytes: [&[u8]; WINDOW] = std::array::from_fn(|age| &windows[WINDOW - 1 - age..][..into.len()]);
    for (at, lowest) in into.iter_mut().enumerate() {
        let (mut sum, mut weighted) = (0_u8, 0_u8);
        for byte in bytes {
            sum = sum.wrapping_add(byte[at]);
            weighted = weighted.wrapping_add(sum);
        }
        let shifted = bytes[0][at] ^ bytes[1][at] << 5;
        *lowest = sum.wrapping_add(weighted).wrapping_add(shifted);
    }
}

/// The lowest bits that all cuts of a size have.
pub fn bits_of_cuts(size: usize) -> u8 {
    ((1_u16 << size.min(8)) - 1) as u8
}

/// The rolling hash of all these windows if they are of one repeated byte.
pub fn of_run(windows: &[u8]) -> Option<u32> {
    let window = windows.first_chunk()?;
    windows.iter().fold(true, |same, byte| same & (*byte == window[0])).then(|| rolled(window))
}
