//! `ip()`: parses an IP address, or makes one of a number (builtins page, section 1.9).

use core::net::{IpAddr, Ipv4Addr};
use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::schema::Name;
use crate::value::{Object, Value};

const PARSE: usize = 0;
const NETADDR4_LE: usize = 1;
const NETADDR4_BE: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "ip",
        doc: "Parses an IP address, or makes one of a number.",
        category: Category::Parsers,
        args: &[
            Arg::optional("parse", Type::Str, "The text of the address."),
            Arg::optional("netaddr4_le", Type::Int, "An IPv4 address as a number, low byte first."),
            Arg::optional("netaddr4_be", Type::Int, "An IPv4 address as a number, high byte first."),
        ],
        version: 2,
        examples: &[
            Example::new("Parse", "ip(parse='192.168.1.2')", r#""192.168.1.2""#),
            Example::new("Questions", "ip(parse='192.168.1.2').IsPrivate", "true"),
            Example::new("IPv6 in its short form", "ip(parse='2001:DB8:0::1').String", r#""2001:db8::1""#),
            Example::new("A number", "ip(netaddr4_be=3232235778)", r#""192.168.1.2""#),
            Example::new("Not an address", "ip(parse='300.1.1.1')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let number = |slot: usize| args.int(slot, 0).map(|n| n as u32);
    let address = if let Some(text) = args.optional_text(PARSE)? {
        match parse(&text.to_str_lossy()) {
            Some(address) => address,
            None => return Ok(Value::Null),
        }
    } else if args.has(NETADDR4_LE) {
        Ipv4Addr::from(number(NETADDR4_LE)?.swap_bytes()).into()
    } else if args.has(NETADDR4_BE) {
        Ipv4Addr::from(number(NETADDR4_BE)?).into()
    } else {
        return Err("one of parse, netaddr4_le or netaddr4_be is required".into());
    };
    Ok(Value::Object(Arc::new(Address(address))))
}

/// Reads an address; an IPv4 address in IPv6 form becomes a plain one.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[derive(Debug)]
struct Address(IpAddr);

impl Object for Address {
    fn type_name(&self) -> &'static str {
        "net.IP"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let address = self.0;
        let is = match (name, address) {
            ("String", _) => return Some(address.to_string().into()),
            ("IsLoopback", _) => address.is_loopback(),
            ("IsUnspecified", _) => address.is_unspecified(),
            ("IsMulticast", _) => address.is_multicast(),
            ("IsPrivate", IpAddr::V4(v4)) => v4.is_private(),
            ("IsPrivate", IpAddr::V6(v6)) => v6.is_unique_local(),
            ("IsLinkLocalUnicast", _) => is_link_local(address),
            ("IsLinkLocalMulticast", IpAddr::V4(v4)) => v4.octets()[..3] == [224, 0, 0],
            ("IsLinkLocalMulticast", IpAddr::V6(v6)) => v6.segments()[0] & 0xff0f == 0xff02,
            ("IsInterfaceLocalMulticast", IpAddr::V4(_)) => false,
            ("IsInterfaceLocalMulticast", IpAddr::V6(v6)) => v6.segments()[0] & 0xff0f == 0xff01,
            ("IsGlobalUnicast", _) => {
                let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
                let is_special = address.is_unspecified() || address.is_loopback() || address.is_multicast();
                !(is_special || is_broadcast || is_link_local(address))
            }
            _ => return None,
        };
        Some(is.into())
    }

    fn members(&self) -> Vec<Name> {
        Vec::new()
    }

    fn to_json(&self) -> Value {
        self.0.to_string().into()
    }

    fn to_text(&self) -> Option<String> {
        Some(self.0.to_string())
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        match other {
            Value::Object(o) => Some(self.0.cmp(&o.as_any().downcast_ref::<Address>()?.0)),
            _ => None,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}
