//! Signing requests for S3 (AWS signature version 4).

use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use reqwest::Url;
use vql::value::Time;

/// Who signs, and where.
pub struct Signer<'a> {
    pub key: &'a str,
    pub secret: &'a str,
    pub region: &'a str,
}

/// The body is not part of the signature: it is streamed, and TLS protects it.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// `20130524T000000Z`
pub fn stamp(time: Time) -> String {
    jiff::Timestamp::strftime(&time, "%Y%m%dT%H%M%SZ").to_string()
}

impl Signer<'_> {
    /// The `Authorization` header for a request with these headers (small letters, sorted); among them
    /// `host`, `x-amz-content-sha256` and `x-amz-date`, which is `stamp`.
    pub fn authorization(
        &self,
        method: &str,
        url: &Url,
        headers: &[(String, String)],
        stamp: &str,
    ) -> String {
        let payload = headers.iter().find(|(name, _)| name == "x-amz-content-sha256");
        let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let mut canonical = format!("{method}\n{}\n{}\n", url.path(), query(url));
        for (name, value) in headers {
            let _ = writeln!(canonical, "{name}:{}", value.trim());
        }
        let _ = write!(canonical, "\n{names}\n{}", payload.map_or(UNSIGNED, |(_, hash)| hash));
        let date = stamp.get(..8).unwrap_or(stamp);
        let scope = format!("{date}/{}/s3/aws4_request", self.region);
        let hashed = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [date, self.region, "s3", "aws4_request"] {
            key = sign(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
        }
        let signature = hex(sign(&Key::new(HMAC_SHA256, &key), text.as_bytes()).as_ref());
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope},SignedHeaders={names},Signature={signature}",
            self.key
        )
    }
}

/// The query with its pairs in order.
fn query(url: &Url) -> String {
    let mut pairs: Vec<String> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| if p.contains('=') { p.to_owned() } else { format!("{p}=") })
        .collect();
    pairs.sort();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNER: Signer<'_> = Signer {
        key: "AKIAIOSFODNN7EXAMPLE",
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        region: "us-east-1",
    };

    /// The examples of Amazon's documentation ("Signature Calculations for the Authorization Header").
    fn signature(method: &str, url: &str, headers: &[(&str, &str)]) -> String {
        let headers: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let line = SIGNER.authorization(method, &url.parse().unwrap(), &headers, "20130524T000000Z");
        line.rsplit('=').next().unwrap().to_owned()
    }

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn published_examples_are_signed_alike() {
        let host = ("host", "examplebucket.s3.amazonaws.com");
        let (hash, date) = (("x-amz-content-sha256", EMPTY), ("x-amz-date", "20130524T000000Z"));
        let get = signature(
            "GET",
            "https://examplebucket.s3.amazonaws.com/test.txt",
            &[host, ("range", "bytes=0-9"), hash, date],
        );
        assert_eq!(get, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
        let put = signature(
            "PUT",
            "https://examplebucket.s3.amazonaws.com/test%24file.text",
            &[
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                host,
                ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
                date,
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ],
        );
        assert_eq!(put, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
        let list = signature("GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", &[host, hash, date]);
        assert_eq!(list, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
        let query = signature(
            "GET",
            "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
            &[host, hash, date],
        );
        assert_eq!(query, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
    }
}
