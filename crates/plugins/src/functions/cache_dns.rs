//! `cache_dns(name=, ip=)`: the address of a name, for the rest of the program.

use std::net::IpAddr;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::net::names::Known;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "cache_dns",
        doc: "Tells the address of a host name, which later connections of this program then use, and gives TRUE.",
        category: Category::Network,
        args: &[
            Arg::required("name", Type::Str, "The host name."),
            Arg::required("ip", Type::Str, "Its address; of several calls all addresses count."),
        ],
        examples: &[Example::new(
            "A name for this machine",
            "cache_dns(name='me.test', ip='127.0.0.1')",
            "true",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (name, ip) = (args.string(0)?, args.string(1)?);
    let address: IpAddr = ip.trim().parse().map_err(|_| Error::new(format!("{ip} is no address")))?;
    match args.scope.kept::<Known>().add(&name, address) {
        true => Ok(Value::Bool(true)),
        false => Err("too many names".into()),
    }
}
