//! Real guests: what a sample may do in one, and that the next one does not notice.

mod common;

use common::{GUEST, Outcome, collect, qemu, root_sh, sh};
use sandbox::machine::{Guest, Qemu, Spec};
use sandbox::protocol::{Exit, Limits, Network, Owner, Run};
use sandbox::{Error, error::End};

async fn restore(qemu: &Qemu) -> Guest {
    qemu.restore(&Spec::new(GUEST)).await.unwrap()
}

async fn run(guest: &Guest, run: Run) -> Outcome {
    collect(&mut guest.agent().run(run).await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_put_run_and_what_it_dropped_comes_back() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    eprintln!("timings: {:?}", guest.timings());
    guest.agent().ping().await.unwrap();
    let script = b"#!/bin/sh\necho \"hello from $(id -un)\"; echo oops >&2; head -c 300000 /dev/zero > $HOME/dropped; exit 7\n";
    guest.agent().put("/home/guest/a/sample.sh", 0o755, Owner::Guest, script.len() as u64, &script[..]).await.unwrap();
    let mut order = sh("");
    order.command = vec!["/home/guest/a/sample.sh".into()];
    order.watch = vec!["/home".into(), "/home/guest".into()];
    let outcome = run(&guest, order).await;
    assert!(outcome.output.contains("hello from guest\n") && outcome.output.contains("oops"), "{outcome:?}");
    assert_eq!(outcome.exit, Some(Exit::Code(7)));
    let [(path, content)] = &outcome.files[..] else { panic!("{:?}", outcome.files.len()) };
    assert_eq!((path.as_str(), content.len()), ("/home/guest/dropped", 300_000));
    let mut content = guest.agent().get("/home/guest/a/sample.sh", 1 << 20).await.unwrap();
    let mut back = Vec::new();
    content.write_to(&mut back).await.unwrap();
    assert_eq!(back, script);
}
