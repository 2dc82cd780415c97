//! `parse_pkcs7(data=)`: who signed something, and with which certificates (RFC 5652).
//!
//! Signatures are described, not checked. BER is read besides DER, since some programs write lengths that are not definite.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::schema::Name;
use vql::value::{Row, Value};
use x509_parser::asn1_rs::{Any, Class, FromBer, FromDer, Oid, Tag};
use x509_parser::prelude::{ASN1Time, X509Name};

use super::parse_x509::{algorithm, certificates, name, time};
use crate::accessor::hex;

type Found<T> = Result<T, Error>;

/// How many signers, and attributes of one, are looked at.
const MOST: usize = 1000;

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const COUNTERSIGNATURE: &str = "1.2.840.113549.1.9.6";
/// Authenticode: what was signed, and what the signer calls it.
const INDIRECT_DATA: &str = "1.3.6.1.4.1.311.2.1.4";
const OPUS_INFO: &str = "1.3.6.1.4.1.311.2.1.12";

/// Names of what the registry of certificates does not know.
const NAMES: &[(&str, &str)] = &[
    ("1.2.840.113549.1.7.1", "data"),
    (SIGNED_DATA, "signedData"),
    ("1.2.840.113549.1.9.3", "contentType"),
    (MESSAGE_DIGEST, "messageDigest"),
    (SIGNING_TIME, "signingTime"),
    (COUNTERSIGNATURE, "countersignature"),
    ("1.2.840.113549.1.9.15", "smimeCapabilities"),
    ("1.2.840.113549.1.9.16.1.4", "tstInfo"),
    ("1.2.840.113549.1.9.16.2.14", "timeStampToken"),
    (INDIRECT_DATA, "spcIndirectData"),
    ("1.3.6.1.4.1.311.2.1.11", "spcStatementType"),
    (OPUS_INFO, "spcSpOpusInfo"),
    ("1.3.6.1.4.1.311.2.4.1", "msNestedSignature"),
    ("1.3.6.1.4.1.311.3.3.1", "msTimeStampToken"),
];

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_pkcs7",
        doc: "Describes signed data of PKCS #7 (CMS), DER or PEM: its signers, and the certificates within. Signatures are not \
              checked.",
        category: Category::Parsers,
        args: &[Arg::required("data", Type::Str, "The signed data.")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Found<Value> {
    let data = args.text(0)?;
    if data.trim_ascii_start().starts_with(b"-----BEGIN") {
        let pem = x509_parser::pem::Pem::iter_from_buffer(&data).next();
        let pem = pem.ok_or("the data holds no PEM")?.map_err(|e| Error::new(e.to_string()))?;
        return signed_data(&pem.contents);
    }
    signed_data(&data)
}

/// The elements of one, read one after another.
struct Elements<'a>(&'a [u8]);

fn broken() -> Error {
    "the data is not PKCS #7".into()
}

impl<'a> Elements<'a> {
    fn of(element: &Any<'a>) -> Elements<'a> {
        Elements(element.data)
    }

    fn next(&mut self) -> Found<Any<'a>> {
        let (rest, element) = Any::from_ber(self.0).map_err(|_| broken())?;
        self.0 = rest;
        Ok(element)
    }

    fn tagged(&mut self, tag: Tag) -> Found<Any<'a>> {
        let element = self.next()?;
        match element.class() == Class::Universal && element.tag() == tag {
            true => Ok(element),
            false => Err(broken()),
        }
    }

    /// The next one, if it has that tag of its place.
    fn optional(&mut self, tag: u32) -> Option<Any<'a>> {
        let before = self.0;
        match self.next() {
            Ok(element) if element.class() == Class::ContextSpecific && element.tag().0 == tag => {
                Some(element)
            }
            _ => {
                self.0 = before;
                None
            }
        }
    }

    fn oid(&mut self) -> Found<Oid<'a>> {
        self.tagged(Tag::Oid).map(|any| Oid::new(any.data.into()))
    }

    /// The name of an algorithm; its parameters are passed over.
    fn algorithm(&mut self) -> Found<String> {
        Elements::of(&self.tagged(Tag::Sequence)?).oid().map(|oid| named(&oid))
    }

    fn integer(&mut self) -> Found<&'a [u8]> {
        self.tagged(Tag::Integer).map(|any| any.data)
    }
}

fn named(oid: &Oid<'_>) -> String {
    let text = oid.to_id_string();
    let known = NAMES.iter().find(|(number, _)| *number == text);
    known.map_or_else(|| algorithm(oid), |(_, name)| (*name).to_owned())
}

fn signed_data(data: &[u8]) -> Found<Value> {
    let mut outer = Elements::of(&Elements(data).tagged(Tag::Sequence)?);
    let kind = outer.oid()?;
    if kind.to_id_string() != SIGNED_DATA {
        return Err(Error::new(format!("the data is not signed data but {}", named(&kind))));
    }
    let inner = outer.optional(0).ok_or_else(broken)?;
    let mut signed = Elements::of(&Elements::of(&inner).tagged(Tag::Sequence)?);
    let version = signed.integer()?;
    let mut digests = Elements::of(&signed.tagged(Tag::Set)?);
    let mut algorithms = Vec::new();
    while let Ok(name) = digests.algorithm() {
        algorithms.push(Value::from(name));
    }
    let content = content(&signed.tagged(Tag::Sequence)?)?;
    let mut within = Vec::new();
    if let Some(set) = signed.optional(0) {
        let mut set = Elements(set.data);
        // There are other things than certificates, which have a tag of their own.
        while let before = set.0
            && let Ok(element) = set.next()
            && within.len() < MOST
        {
            if element.tag() == Tag::Sequence {
                certificates(&before[..before.len() - set.0.len()], &mut within)?;
            }
        }
    }
    // Revoked certificates are passed over.
    let _ = signed.optional(1);
    let mut set = Elements::of(&signed.tagged(Tag::Set)?);
    let mut signers = Vec::new();
    while let Ok(element) = set.tagged(Tag::Sequence)
        && signers.len() < MOST
    {
        signers.push(signer(&element, true)?);
    }
    Ok(Value::dict([
        ("ContentType", Value::from(named(&kind))),
        ("Version", integer(version)),
        ("DigestAlgorithms", Value::list(algorithms)),
        ("Content", content),
        ("Signers", Value::list(signers)),
        ("Certificates", Value::list(within)),
    ]))
}

/// What was signed: its kind, how long it is if it is there, and the digest that it consists of in Authenticode.
fn content(element: &Any<'_>) -> Found<Value> {
    let mut parts = Elements::of(element);
    let kind = parts.oid()?;
    let mut row = Row::default();
    row.set(&Name::new("Type"), Value::from(named(&kind)));
    let Some(inner) = parts.optional(0) else {
        row.set(&Name::new("Detached"), Value::Bool(true));
        return Ok(row.into());
    };
    row.set(&Name::new("Detached"), Value::Bool(false));
    if kind.to_id_string() == INDIRECT_DATA
        && let Ok((algorithm, digest)) = indirect(&inner)
    {
        row.set(&Name::new("DigestAlgorithm"), Value::from(algorithm));
        row.set(&Name::new("Digest"), Value::from(hex(digest)));
    }
    Ok(row.into())
}

fn indirect<'a>(element: &Any<'a>) -> Found<(String, &'a [u8])> {
    let mut parts = Elements::of(&Elements::of(element).tagged(Tag::Sequence)?);
    parts.next()?;
    let mut info = Elements::of(&parts.tagged(Tag::Sequence)?);
    Ok((info.algorithm()?, info.tagged(Tag::OctetString)?.data))
}

/// A signer; `with_others` tells whether those who signed the signature are described as well.
fn signer(element: &Any<'_>, with_others: bool) -> Found<Value> {
    let mut parts = Elements::of(element);
    let mut row = Row::default();
    let mut set = |name: &str, value: Value| row.set(&Name::new(name), value);
    set("Version", integer(parts.integer()?));
    match parts.optional(0) {
        Some(identifier) => set("SubjectKeyIdentifier", Value::from(hex(identifier.data))),
        None => {
            let certificate = parts.tagged(Tag::Sequence)?;
            let (rest, issuer) = X509Name::from_der(certificate.data).map_err(|_| broken())?;
            set("Issuer", Value::from(name(&issuer)));
            set("SerialNumber", serial(Elements(rest).integer()?));
        }
    }
    set("DigestAlgorithm", Value::from(parts.algorithm()?));
    if let Some(signed) = parts.optional(0) {
        set("SignedAttributes", attributes(&signed, with_others));
    }
    set("SignatureAlgorithm", Value::from(parts.algorithm()?));
    set("Signature", Value::from(hex(parts.tagged(Tag::OctetString)?.data)));
    if let Some(others) = parts.optional(1) {
        set("UnsignedAttributes", attributes(&others, with_others));
    }
    Ok(row.into())
}

/// A number that is small, or all its digits.
fn integer(bytes: &[u8]) -> Value {
    let number = |n: i64, b: &u8| n << 8 | i64::from(*b);
    if bytes.len() < 8 { Value::Int(bytes.iter().fold(0, number)) } else { Value::from(hex(bytes)) }
}

/// As parse_x509() shows it: all its decimal digits.
fn serial(bytes: &[u8]) -> Value {
    let mut digits = vec![0_u8];
    // The standard knows no more than 20 bytes.
    for byte in bytes.iter().take(64) {
        let mut carry = u16::from(*byte);
        for digit in &mut digits {
            carry += u16::from(*digit) << 8;
            (*digit, carry) = ((carry % 10) as u8, carry / 10);
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    Value::from(digits.iter().rev().map(|d| char::from(b'0' + d)).collect::<String>())
}

/// Attributes by name. What cannot be read is shown as its bytes.
fn attributes(element: &Any<'_>, with_others: bool) -> Value {
    let mut row = Row::default();
    let mut set = Elements(element.data);
    for _ in 0..MOST {
        let Ok(element) = set.tagged(Tag::Sequence) else { break };
        let mut parts = Elements::of(&element);
        let (Ok(kind), Ok(values)) = (parts.oid(), parts.tagged(Tag::Set)) else { continue };
        let value = attribute(&kind.to_id_string(), values.data, with_others);
        row.set(&Name::new(&named(&kind)), value.unwrap_or_else(|_| Value::from(hex(values.data))));
    }
    row.into()
}

fn attribute(kind: &str, value: &[u8], with_others: bool) -> Found<Value> {
    let mut parts = Elements(value);
    match kind {
        MESSAGE_DIGEST => Ok(Value::from(hex(parts.tagged(Tag::OctetString)?.data))),
        SIGNING_TIME => ASN1Time::from_der(value).map(|(_, t)| time(&t)).map_err(|_| broken()),
        COUNTERSIGNATURE if with_others => signer(&parts.tagged(Tag::Sequence)?, false),
        OPUS_INFO => opus(&parts.tagged(Tag::Sequence)?),
        // Most of the others hold the name of something.
        _ => parts.oid().map(|oid| Value::from(named(&oid))),
    }
}

/// What the signer calls the program, and where more is told about it.
fn opus(element: &Any<'_>) -> Found<Value> {
    let mut parts = Elements::of(element);
    let program = parts.optional(0).map(|outer| Elements(outer.data).next()).transpose()?;
    let link = parts.optional(1).map(|outer| Elements(outer.data).next()).transpose()?;
    let program = program.map(|text| match text.tag().0 {
        0 => {
            let units = text.data.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]]));
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => String::from_utf8_lossy(text.data).into_owned(),
    });
    Ok(Value::dict([
        ("ProgramName", Value::from(program)),
        ("MoreInfo", Value::from(link.map(|url| String::from_utf8_lossy(url.data).into_owned()))),
    ]))
}
