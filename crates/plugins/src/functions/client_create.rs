//! `client_create(hostname=, os=, labels=, …)`: a client record.

use store::client::{Client, Uname};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::client;
use crate::server::{Server, failed, microseconds, strings};
use crate::world::Surroundings;

const FIRST_SEEN_AT: usize = 0;
const LAST_SEEN_AT: usize = 1;
const LABELS: usize = 2;
const OS: usize = 3;
const HOSTNAME: usize = 4;
const CLIENT_ID: usize = 5;
const MAC_ADDRESSES: usize = 6;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "client_create",
        doc: "Makes a record of a client, such as one whose collections were made offline.",
        category: Category::Server,
        args: &[
            Arg::optional("first_seen_at", Type::Time, "When it was first seen; now by default."),
            Arg::optional("last_seen_at", Type::Time, "When it was last seen; now by default."),
            Arg::optional("labels", Type::StrList, "Its labels."),
            Arg::optional("os", Type::Str, "Its operating system: linux, windows or darwin."),
            Arg::optional("hostname", Type::Str, "The name of the host, in full."),
            Arg::optional("client_id", Type::Str, "Its id, starting with C.; made up by default."),
            Arg::optional("mac_addresses", Type::StrList, "Its network cards."),
        ],
        permissions: &[Permission::ServerAdmin],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let hostname = args.string(HOSTNAME)?;
    let mut client_id = args.string(CLIENT_ID)?;
    if client_id.is_empty() {
        client_id = server.clients.new_id().map_err(failed)?;
    }
    let at = |slot| Ok::<_, Error>(args.time(slot)?.and_then(|t| u64::try_from(t.as_microsecond()).ok()));
    let mut client = Client {
        client_id: client_id.clone(),
        os_info: Uname {
            system: args.string(OS)?.to_lowercase(),
            // The short name is what people search for, too.
            hostname: hostname.split('.').next().unwrap_or_default().to_owned(),
            fqdn: hostname,
            mac_addresses: strings(args, MAC_ADDRESSES)?,
            ..Uname::default()
        },
        first_seen_at: at(FIRST_SEEN_AT)?.unwrap_or_else(microseconds) / 1_000_000,
        last_seen_at: at(LAST_SEEN_AT)?.unwrap_or_else(microseconds),
        ..Client::default()
    };
    for label in strings(args, LABELS)? {
        client.add_label(&label);
    }
    client::create(server, &Surroundings::of(args.scope)?.user, client)?;
    Ok(Value::dict([("client_id", Value::from(client_id))]))
}
