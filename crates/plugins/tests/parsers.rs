//! Functions that parse files made by other programs.

mod common;

use std::path::Path;

use common::{Outcome, run_with};
use vql::permission::Permissions;

/// Runs with the variable `D`, the folder of test data.
fn with_data(source: &str) -> Outcome {
    let folder = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("tests/data");
    run_with(source, &[("D", folder.to_str().unwrap())], Permissions::all())
}

#[test]
fn certificates() {
    let source = "LET C = parse_x509(data=read_file(filename=D + '/certificates/ec.pem'))[0] \
        SELECT C.SerialNumber AS S, C.Subject AS Subject, C.SignatureAlgorithm AS Alg, C.NotAfter AS T, C.IsCA AS Ca, \
            C.PublicKey AS K, C.SHA256 AS H, C.Extensions.subjectAltName AS N, C.Extensions.extendedKeyUsage AS U FROM scope()";
    let outcome = with_data(source);
    let wanted = r#"[{"S":"1311768467294899695","Subject":"CN=example.org,O=Example\\, Inc.,C=DE","Alg":"ecdsa-with-SHA256","T":"2036-11-19T08:51:21Z","Ca":true,"K":{"Algorithm":"id-ecPublicKey","Bits":256},"H":"b291ff0093d6684ae8f3af350a1651af6bf079cded4d5218a99e2ad852360525","N":["example.org","192.0.2.1"],"U":["Server Auth"]}]"#;
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), (wanted, 0), "{:?}", outcome.log);
    for data in ["", "x", "-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n"] {
        let outcome = with_data(&format!("SELECT parse_x509(data=\"{data}\") AS X FROM scope()"));
        let wanted = if data.is_empty() { r#"[{"X":[]}]"# } else { r#"[{"X":null}]"# };
        assert_eq!(outcome.rows, wanted, "{data}: {:?}", outcome.log);
    }
}

#[test]
fn addresses_are_looked_up() {
    let source = "LET Db = D + '/geoip/test.mmdb' \
        SELECT geoip(ip='192.0.2.77', db=Db) AS A, geoip(ip='198.51.100.1', db=Db) AS B, \
            geoip(ip='nonsense', db=Db) AS C, geoip(ip='192.0.2.1', db=D + '/none') AS D2, \
            geoip(ip='192.0.2.1', db=D + '/geoip/README.md') AS E FROM scope()";
    let outcome = with_data(source);
    let wanted = r#"[{"A":{"country":{"iso_code":"DE","names":{"en":"Germany"}},"location":{"latitude":51.5},"n":5},"B":null,"C":null,"D2":null,"E":null}]"#;
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), (wanted, 3), "{:?}", outcome.log);
}

#[test]
fn audit_logs() {
    let long = "x".repeat(5000);
    let log = format!(
        "type=A msg=audit(1.000:1): x={long}\ntype=B msg=audit(2.000:2): y=1\nnonsense\ntype=B msg=audit(2.000:2): y=2"
    );
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("log"), log).unwrap();
    let path = dir.path().join("log");
    let source = "SELECT Sequence, B.y AS Y FROM parse_auditd(filename=F, buffer_size=1000)";
    let outcome = run_with(source, &[("F", path.to_str().unwrap())], Permissions::all());
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), (r#"[{"Sequence":2,"Y":["1","2"]}]"#, 0));
}

#[test]
fn signed_data() {
    let source = "LET P(F) = parse_pkcs7(data=read_file(filename=D + '/certificates/' + F)) \
        LET A <= P(F='authenticode.p7') LET S <= A.Signers[0] \
        SELECT A.ContentType AS T, A.Version AS V, A.DigestAlgorithms AS D1, A.Content.DigestAlgorithm AS CA, A.Content.Type AS CT, \
            S.Issuer AS I, S.SerialNumber AS N, S.DigestAlgorithm AS DA, S.SignatureAlgorithm AS SA, S.Signature =~ '^a2ba6c96.{496}d3d1ad81$' AS Sig, \
            S.SignedAttributes.signingTime AS At, S.SignedAttributes.messageDigest AS H, S.SignedAttributes.contentType AS C, \
            S.SignedAttributes.spcSpOpusInfo AS O, A.Certificates.Subject AS Certificates FROM scope()";
    let outcome = with_data(source);
    let wanted = concat!(
        r#"[{"T":"signedData","V":1,"D1":["sha256"],"CA":"sha256","CT":"spcIndirectData","I":"CN=Signer,O=Example,C=DE","#,
        r#""N":"1234605616436508552","DA":"sha256","SA":"rsaEncryption","Sig":true,"At":"2026-11-22T11:35:20Z","#,
        r#""H":"a732fb213acf547c2e9791b2cff3060f2564a38b16a7859e78d7896f73fbb00c","C":"spcIndirectData","#,
        r#""O":{"ProgramName":"Sample Program","MoreInfo":"https://example.org/x"},"Certificates":["CN=Signer,O=Example,C=DE"]}]"#
    );
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), (wanted, 0), "{:?}", outcome.log);
    // The digest is that of `hello`.
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    for (file, detached) in [("signed.p7s", true), ("signed-ber.p7s", false)] {
        let source = format!(
            "LET P <= parse_pkcs7(data=read_file(filename=D + '/certificates/{file}')) \
             SELECT P.Content AS C, P.Signers[0].SignedAttributes.messageDigest AS H, P.Certificates.SerialNumber AS N FROM scope()"
        );
        let outcome = with_data(&source);
        let wanted = format!(
            r#"[{{"C":{{"Type":"data","Detached":{detached}}},"H":"{hash}","N":["1234605616436508552"]}}]"#
        );
        assert_eq!(
            (outcome.rows.as_str(), outcome.log.len()),
            (wanted.as_str(), 0),
            "{file} {:?}",
            outcome.log
        );
    }
    for data in ["''", "'x'", "read_file(filename=D + '/certificates/ec.pem')"] {
        let outcome = with_data(&format!("SELECT parse_pkcs7(data={data}) AS X FROM scope()"));
        assert_eq!(
            (outcome.rows.as_str(), outcome.log.len()),
            (r#"[{"X":null}]"#, 1),
            "{data} {:?}",
            outcome.log
        );
    }
    // Cut or changed at any place, it is described or refused.
    let path = format!("{}/tests/data/certificates/authenticode.p7", env!("CARGO_MANIFEST_DIR"));
    let whole = std::fs::read(path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut places = (0..whole.len()).step_by(9);
    for name in 0..160 {
        let Some(at) = places.next() else { break };
        let mut bytes = whole.clone();
        bytes[at] ^= 0x81;
        std::fs::write(dir.path().join(format!("{name}a")), &bytes).unwrap();
        std::fs::write(dir.path().join(format!("{name}b")), &whole[..at]).unwrap();
    }
    let source = "SELECT parse_pkcs7(data=read_file(filename=OSPath)) AS X FROM glob(globs=D + '/*')";
    let env = [("D", dir.path().to_str().unwrap())];
    let outcome = common::run_with(source, &env, vql::permission::Permissions::all());
    assert!(outcome.rows.matches("\"X\"").count() > 300, "{}", outcome.rows.len());
}
