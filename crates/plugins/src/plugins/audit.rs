//! `audit()`: the events of the kernel's audit system, for ever, beside the daemon that keeps its log.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use forensics::auditd::{Events, Record};
use rustix::io::Errno;
use rustix::net::netlink::{AUDIT, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SocketAddrAny, SocketFlags, SocketType, bind, recvfrom, socket_with, sockopt,
};
use vql::args::Args;
use vql::call::{Category, Error, Flow, Platforms, Plugin, Signature, Sink, Stop};
use vql::host::Level;
use vql::permission::Permission;

use super::parse_auditd::row;
use crate::accessor::reason;

/// How long is waited when there is nothing to read; after that, no event waits for more of its records.
const PERIOD: Duration = Duration::from_millis(250);

/// The group of readers (`AUDIT_NLGRP_READLOG`), as a bit. There may be any number of them, other than of daemons.
const READERS: u32 = 1;

/// The longest message: the kernel makes none of more than 8970 bytes.
const LONGEST: usize = 64 << 10;

/// What the kernel may hold while the query is busy.
const BACKLOG: usize = 4 << 20;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "audit",
        doc: "The events of the Linux audit system as they happen, for ever, a row for each: what there is depends on the audit \
              rules of the host. It takes the capability CAP_AUDIT_READ, and works beside the audit daemon.",
        category: Category::Events,
        permissions: &[Permission::MachineState],
        platforms: Platforms::Linux,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let socket = open()?;
    args.scope.log(Level::Debug, "audit: watching");
    let mut events = Events::default();
    let mut message = vec![0; LONGEST];
    // Whether the socket was empty at the last look.
    let mut was_idle = false;
    loop {
        args.scope.tick()?;
        match recvfrom(&socket, message.as_mut_slice(), RecvFlags::DONTWAIT) {
            Ok((_, _, sender)) if !is_kernel(sender.as_ref()) => {}
            Ok((count, _, _)) => {
                was_idle = false;
                if let Some(event) = Record::from_netlink(&message[..count]).and_then(|r| events.push(r)) {
                    sink.row(&mut row(event)?)?;
                }
            }
            Err(Errno::AGAIN) => {
                if std::mem::replace(&mut was_idle, true) && !events.is_empty() {
                    std::mem::take(&mut events).finish().try_for_each(|event| sink.row(&mut row(event)?))?;
                }
                if args.scope.cancel().wait(PERIOD) {
                    return Err(Stop::Done);
                }
            }
            Err(Errno::NOBUFS) => {
                args.scope.log(Level::Warn, "audit: events were lost: they came faster than they were read");
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(Error::new(format!("cannot read audit events: {}", text(e))).into()),
        }
    }
}

fn open() -> Result<OwnedFd, Error> {
    let failed = |e: Errno| match e {
        Errno::PERM => Error::new(
            "the kernel lets nobody read audit events who lacks the capability CAP_AUDIT_READ, or who is in another user namespace",
        ),
        Errno::PROTONOSUPPORT => Error::new("this kernel has no audit system"),
        // Since Linux 3.16; in network namespaces of its own a container finds nobody there.
        Errno::CONNREFUSED => Error::new("the audit system cannot be reached from this network namespace"),
        e => Error::new(format!("cannot read audit events: {}", text(e))),
    };
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(AUDIT))
        .map_err(failed)?;
    // More needs a right of its own; the kernel's own size does as well.
    let _ = sockopt::set_socket_recv_buffer_size(&socket, BACKLOG);
    bind(&socket, &SocketAddrNetlink::new(0, READERS)).map_err(failed)?;
    Ok(socket)
}

/// Programs can send to such sockets as well.
fn is_kernel(sender: Option<&SocketAddrAny>) -> bool {
    sender.and_then(|s| SocketAddrNetlink::try_from(s.clone()).ok()).is_some_and(|s| s.pid() == 0)
}

fn text(error: Errno) -> String {
    reason(&io::Error::from(error))
}
