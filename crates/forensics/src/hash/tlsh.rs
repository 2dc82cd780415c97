//! TLSH: a hash whose distance tells how alike two contents are.

use tlsh2::{TlshDefault, TlshDefaultBuilder};

/// The hash of bytes handed over in pieces.
pub struct Tlsh(TlshDefaultBuilder);

impl Default for Tlsh {
    fn default() -> Self {
        Tlsh(TlshDefaultBuilder::new())
    }
}

impl Tlsh {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// 70 lower-case digits, without the mark of the version; `None` for content that is too short or too uniform.
    pub fn finish(self) -> Option<String> {
        let hash: TlshDefault = self.0.build()?;
        let text = hash.hash();
        let digits = text.strip_prefix(b"T1").unwrap_or(&text);
        Some(digits.iter().map(|b| char::from(b.to_ascii_lowercase())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::ssdeep::tests::sample;

    fn hash(bytes: &[u8]) -> Option<String> {
        let mut hash = Tlsh::default();
        bytes.chunks(1000).for_each(|piece| hash.update(piece));
        hash.finish()
    }

    #[test]
    fn hashes_are_those_of_the_reference_program() {
        for (len, wanted) in TLSH {
            assert_eq!(hash(&sample(*len)).as_deref(), Some(*wanted), "{len} bytes");
        }
    }

    #[test]
    fn short_and_uniform_content_has_none() {
        assert_eq!(hash(b"too short"), None);
        assert_eq!(hash(&[0; 10_000]), None);
    }

    /// Of `sample(len)`, as Debian's `tlsh` prints them.
    const TLSH: &[(usize, &str)] = &[
        (256, "5ed0eb6ca0144520b60bef2a086e0540d0d0dce12c3da61424e9487b826a2be20e3400"),
        (1000, "ce11a838318585223514ee6758172981416065b23c37e67350d9d5eb9282ca929b1401"),
        (100_000, "b8a3e1919aeb2bd97e28594c4c5e3bc445995c333c12d8f5e35f284783328bb9bb2413"),
    ];
}
