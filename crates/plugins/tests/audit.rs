//! `audit()` on the audit system of this machine. Where the kernel lets nobody read it, only the refusal is tested.

mod common;

use common::live::Live;
use common::run;
use rustix::net::netlink::{AUDIT, SocketAddrNetlink};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, bind, sendto, socket_with};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// What a program says through the audit system, with the kernel's `AUDIT_USER_AVC`: the one kind of message that is passed on
/// although nothing is audited.
const USER_AVC: u16 = 1107;

fn say(text: &str) {
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(AUDIT)).unwrap();
    let mut message = Vec::new();
    message.extend((16 + text.len() as u32 + 1).to_ne_bytes());
    message.extend(USER_AVC.to_ne_bytes());
    // A request.
    message.extend(1_u16.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(text.as_bytes());
    message.push(0);
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).unwrap();
}

/// Whether this process may listen and speak.
fn may() -> bool {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(AUDIT));
    let can_read = socket.is_ok_and(|s| bind(&s, &SocketAddrNetlink::new(0, 1)).is_ok());
    can_read && capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::AUDIT_WRITE))
}

#[test]
fn events_come_as_they_happen() {
    if !may() {
        eprintln!("skipped: this process may not read audit events");
        return;
    }
    let source = "SELECT Types, USER_AVC.op AS Op, USER_AVC.acct AS Account, USER_AVC.pid AS Pid, Timestamp.Unix > 1700000000 AS T \
                  FROM audit() WHERE USER_AVC.test = 'harrier'";
    let watch = Live::watch(source, &[]);
    say("test=harrier op=first acct=\"root\"");
    say("test=harrier op=second acct=\"root\"");
    watch.rows(2);
    let outcome = watch.stop();
    let row = |op: &str| {
        let pid = std::process::id();
        format!(r#"{{"Types":["USER_AVC"],"Op":"{op}","Account":"root","Pid":"{pid}","T":true}}"#)
    };
    assert_eq!((outcome.rows, outcome.log), (format!("[{},{}]", row("first"), row("second")), vec![]));
}

#[test]
fn who_may_not_read_is_told_why() {
    // Rights belong to a thread; that of this test loses them.
    let Ok(mut own) = capabilities(None) else { return };
    own.effective.remove(CapabilitySet::AUDIT_READ);
    set_capabilities(None, own).unwrap();
    let outcome = run("SELECT * FROM audit()");
    assert_eq!(outcome.rows, "[]");
    assert_eq!(outcome.log.len(), 1, "{:?}", outcome.log);
    assert!(
        outcome.log[0].starts_with("audit: the kernel lets nobody read audit events who lacks"),
        "{:?}",
        outcome.log
    );
}
