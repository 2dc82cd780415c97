//! `cidr_contains()`: tRUE if an address lies in any of some networks (builtins page, section 4.1).

use core::net::IpAddr;

use super::ip;
use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "cidr_contains",
        doc: "TRUE if an address lies in any of some networks.",
        category: Category::Data,
        args: &[
            Arg::required("ip", Type::Str, "The address."),
            Arg::required("ranges", Type::StrList, "Networks as in 10.0.0.0/8."),
        ],
        examples: &[
            Example::new(
                "Inside",
                "cidr_contains(ip='10.1.2.3', ranges=['192.168.0.0/16', '10.0.0.0/8'])",
                "true",
            ),
            Example::new("Outside", "cidr_contains(ip='11.1.2.3', ranges='10.0.0.0/8')", "false"),
            Example::new("IPv6", "cidr_contains(ip='2001:db8::5', ranges='2001:db8::/32')", "true"),
            Example::new("Bad networks", "cidr_contains(ip='1.2.3.4', ranges='nonsense')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.string(0)?;
    let address = ip::parse(&text).ok_or_else(|| Error::new(format!("invalid IP address {text}")))?;
    for range in args.text_list(1)? {
        let range = range.to_str_lossy();
        let (network, bits) =
            parse_range(&range).ok_or_else(|| Error::new(format!("invalid CIDR address {range}")))?;
        if contains(network, bits, address) {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn parse_range(text: &str) -> Option<(IpAddr, u32)> {
    let (network, bits) = text.split_once('/')?;
    let network: IpAddr = network.parse().ok()?;
    let bits = bits.parse().ok().filter(|_| bits.bytes().all(|c| c.is_ascii_digit()))?;
    (bits <= if network.is_ipv4() { 32 } else { 128 }).then_some((network, bits))
}

fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(n), IpAddr::V4(a)) => {
            (n.to_bits() ^ a.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(n), IpAddr::V6(a)) => {
            (n.to_bits() ^ a.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}
