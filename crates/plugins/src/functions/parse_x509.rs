//! `parse_x509(data=)`: the certificates in DER text, as dicts.

use sha1::Sha1;
use sha2::{Digest, Sha256};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::{Row, Time, Value};
use x509_parser::prelude::{
    ASN1Time, FromDer, GeneralName, ParsedExtension, X509Certificate, X509Extension, X509Name,
};
use x509_parser::public_key::PublicKey;

use crate::accessor::hex;

const DATA: usize = 0;

/// How many certificates may follow one another.
const MAX_CERTIFICATES: usize = 1000;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_x509",
        doc: "Parses certificates, DER one after another or PEM, to a list of dicts.",
        category: Category::Parsers,
        args: &[Arg::required("data", Type::Str, "The certificates.")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let data = args.text(DATA)?;
    let mut found = Vec::new();
    if data.trim_ascii_start().starts_with(b"-----BEGIN") {
        for pem in x509_parser::pem::Pem::iter_from_buffer(&data).take(MAX_CERTIFICATES) {
            let pem = pem.map_err(|e| Error::new(e.to_string()))?;
            if pem.label == "CERTIFICATE" {
                certificates(&pem.contents, &mut found)?;
            }
        }
    } else {
        certificates(&data, &mut found)?;
    }
    Ok(Value::list(found))
}

pub fn certificates(mut data: &[u8], found: &mut Vec<Value>) -> Result<(), Error> {
    while !data.is_empty() && found.len() < MAX_CERTIFICATES {
        let (rest, certificate) = X509Certificate::from_der(data)
            .map_err(|e| Error::new(format!("the data is no certificate: {e}")))?;
        found.push(describe(&certificate, &data[..data.len() - rest.len()]));
        data = rest;
    }
    Ok(())
}

/// A certificate as a dict.
pub fn describe(certificate: &X509Certificate<'_>, raw: &[u8]) -> Value {
    let text = |s: String| Value::from(s);
    let validity = certificate.validity();
    let mut extensions = Row::default();
    for extension in certificate.extensions() {
        extensions.set(&name_of(extension).as_str().into(), details(extension));
    }
    Value::dict([
        ("Version", Value::Int(i64::from(certificate.version().0) + 1)),
        ("SerialNumber", text(certificate.tbs_certificate.serial.to_string())),
        ("SignatureAlgorithm", text(algorithm(&certificate.signature_algorithm.algorithm))),
        ("Subject", text(name(certificate.subject()))),
        ("Issuer", text(name(certificate.issuer()))),
        ("NotBefore", time(&validity.not_before)),
        ("NotAfter", time(&validity.not_after)),
        ("IsCA", Value::Bool(certificate.is_ca())),
        ("PublicKey", public_key(certificate)),
        ("Extensions", Value::Dict(extensions.into())),
        ("SHA1", text(hex(&Sha1::digest(raw)))),
        ("SHA256", text(hex(&Sha256::digest(raw)))),
    ])
}

/// `CN=a,O=b`: the most specific part first, as RFC 2253 has it.
pub fn name(name: &X509Name<'_>) -> String {
    let part = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let short =
            x509_parser::objects::oid2abbrev(attribute.attr_type(), x509_parser::objects::oid_registry());
        let value = attribute.as_str().map_or_else(|_| format!("#{}", hex(attribute.as_slice())), escape);
        format!("{}={value}", short.map_or_else(|_| attribute.attr_type().to_id_string(), str::to_owned))
    };
    let mut parts: Vec<String> =
        name.iter_rdn().map(|rdn| rdn.iter().map(part).collect::<Vec<_>>().join("+")).collect();
    parts.reverse();
    parts.join(",")
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

pub fn time(time: &ASN1Time) -> Value {
    Time::from_second(time.timestamp()).map_or(Value::Null, Value::Time)
}

pub fn algorithm(oid: &x509_parser::der_parser::oid::Oid<'_>) -> String {
    let known = x509_parser::objects::oid2sn(oid, x509_parser::objects::oid_registry());
    known.map_or_else(|_| oid.to_id_string(), str::to_owned)
}

fn public_key(certificate: &X509Certificate<'_>) -> Value {
    let info = certificate.public_key();
    let kind = algorithm(&info.algorithm.algorithm);
    let bits = match info.parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size(),
        Ok(PublicKey::EC(point)) => point.key_size(),
        _ => info.subject_public_key.data.len() * 8,
    };
    Value::dict([("Algorithm", Value::from(kind)), ("Bits", Value::Int(bits as i64))])
}

fn name_of(extension: &X509Extension<'_>) -> String {
    let known = x509_parser::objects::oid2sn(&extension.oid, x509_parser::objects::oid_registry());
    known.map_or_else(|_| extension.oid.to_id_string(), str::to_owned)
}

fn general(name: &GeneralName<'_>) -> Value {
    Value::from(match name {
        GeneralName::DNSName(s) | GeneralName::RFC822Name(s) | GeneralName::URI(s) => (*s).to_owned(),
        GeneralName::IPAddress([a, b, c, d]) => std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string(),
        GeneralName::IPAddress(bytes) => match <[u8; 16]>::try_from(*bytes) {
            Ok(bytes) => std::net::Ipv6Addr::from(bytes).to_string(),
            Err(_) => hex(bytes),
        },
        GeneralName::DirectoryName(directory) => self::name(directory),
        GeneralName::RegisteredID(oid) => oid.to_id_string(),
        other => format!("{other:?}"),
    })
}

/// What an extension says, for those that people ask about; the bytes of others.
fn details(extension: &X509Extension<'_>) -> Value {
    match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => {
            Value::list(names.general_names.iter().map(general).collect())
        }
        ParsedExtension::BasicConstraints(constraints) => Value::dict([
            ("IsCA", Value::Bool(constraints.ca)),
            ("MaxPathLen", Value::from(constraints.path_len_constraint.map(i64::from))),
        ]),
        ParsedExtension::KeyUsage(usage) => {
            Value::list(usage.to_string().split(", ").map(Value::from).collect())
        }
        ParsedExtension::ExtendedKeyUsage(usage) => {
            let known = [
                (usage.any, "Any"),
                (usage.server_auth, "Server Auth"),
                (usage.client_auth, "Client Auth"),
                (usage.code_signing, "Code Signing"),
                (usage.email_protection, "Email Protection"),
                (usage.time_stamping, "Time Stamping"),
                (usage.ocsp_signing, "OCSP Signing"),
            ];
            let known = known.iter().filter(|(is, _)| *is).map(|(_, name)| Value::from(*name));
            Value::list(known.chain(usage.other.iter().map(|o| Value::from(o.to_id_string()))).collect())
        }
        ParsedExtension::SubjectKeyIdentifier(id) => Value::from(hex(id.0)),
        ParsedExtension::AuthorityKeyIdentifier(id) => {
            Value::from(id.key_identifier.as_ref().map(|id| Value::from(hex(id.0))))
        }
        _ => Value::from(hex(extension.value)),
    }
}
