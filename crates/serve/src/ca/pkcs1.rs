//! RSA keys in the older form (`RSA PRIVATE KEY`) that clients of the published API know.
//!
//! A PKCS#8 key wraps it: `SEQUENCE { version, algorithm, OCTET STRING { the PKCS#1 key } }`, RFC 5958.

use rcgen::KeyPair;

use crate::error::{Error, Result};

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The key as PEM.
pub fn pem(key: &KeyPair) -> Result<String> {
    let der = unwrap(key.serialized_der()).ok_or(Error::Pem("the new private key"))?;
    let block = pem::Pem::new("RSA PRIVATE KEY", der);
    Ok(pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF)))
}

fn unwrap(pkcs8: &[u8]) -> Option<&[u8]> {
    let (wrapper, _) = take(pkcs8, SEQUENCE)?;
    let (_version, rest) = take(wrapper, INTEGER)?;
    let (_algorithm, rest) = take(rest, SEQUENCE)?;
    take(rest, OCTET_STRING).map(|(key, _)| key)
}

/// The content of the leading element, which must have this tag, and what follows it.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Long form: so many bytes of length follow.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        0x80 | 0x85.. => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_keys_are_refused() {
        for der in
            [&[][..], &[0x30], &[0x30, 0x05, 0x02], &[0x30, 0x84, 0xff, 0xff], &[0x30, 0x80], &[2, 1, 0]]
        {
            assert_eq!(unwrap(der), None);
        }
        let good = [0x30, 0x09, 0x02, 0x01, 0x00, 0x30, 0x00, 0x04, 0x02, 7, 8];
        assert_eq!(unwrap(&good), Some(&[7, 8][..]));
    }
}
