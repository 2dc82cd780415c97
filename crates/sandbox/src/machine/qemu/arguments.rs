//! QEMU's command line. A snapshot fits only the same devices in the same order, so there is one place for all uses.
//!
//! Paths are those inside the jail: [`IMAGE`], [`TEMPLATE`], [`OWN`].

use guest_protocol::PORT_NAME;

use crate::machine::Accelerator;

/// The image's files, read-only.
pub const IMAGE: &str = "/guest";
/// The template's files.
pub const TEMPLATE: &str = "/template";
/// The machine's own folder.
pub const OWN: &str = "/vm";

/// The last bytes of the guest's serial console that QEMU keeps.
pub const CONSOLE_BYTES: u64 = 65536;

/// What a machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Boots, with memory in a file that is kept.
    Template,
    /// Continues a template; what it writes to memory is its own.
    Restore,
    /// Boots, with memory of its own.
    Boot,
}

pub fn arguments(accelerator: Accelerator, memory_mib: u32, purpose: Use, capture: bool) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_string()));
    add(&["-nodefaults", "-no-user-config", "-display", "none"]);
    // A guest that ends stays as it is, so that it can still be looked at.
    add(&["-action", "reboot=shutdown,shutdown=pause"]);
    add(&accelerator.arguments());
    add(&["-M", "q35,smm=off,vmport=off", "-smp", "1"]);
    add(&["-m", &memory_mib.to_string()]);
    let memory = format!("id=ram0,size={memory_mib}M");
    match purpose {
        Use::Template => {
            add(&["-object", &format!("memory-backend-file,{memory},mem-path={OWN}/ram,share=on")]);
        }
        Use::Restore => {
            add(&["-object", &format!("memory-backend-file,{memory},mem-path={TEMPLATE}/ram,share=off")]);
        }
        Use::Boot => add(&["-object", &format!("memory-backend-ram,{memory}")]),
    }
    add(&["-machine", "memory-backend=ram0"]);
    add(&["-kernel", &format!("{IMAGE}/vmlinuz"), "-initrd", &format!("{IMAGE}/initramfs.gz")]);
    // Nobody in a guest is to be kept from anybody else there, and its kernel runs faster without its guards.
    add(&["-append", "console=ttyS0 quiet panic=-1 net.ifnames=0 mitigations=off console=tty0"]);
    add(&["-chardev", &format!("ringbuf,id=console,size={CONSOLE_BYTES}"), "-serial", "chardev:console"]);
    add(&["-qmp", &format!("unix:{OWN}/qmp,server=on,wait=off")]);
    let disk = format!("if=none,id=d0,file={OWN}/disk.qcow2,format=qcow2,cache=unsafe,discard=unmap");
    add(&["-drive", &disk, "-device", "virtio-blk-pci,drive=d0"]);
    add(&["-device", "virtio-serial-pci,id=vs0"]);
    add(&["-chardev", &format!("socket,id=ch0,path={OWN}/agent,server=on,wait=off")]);
    add(&["-device", &format!("virtserialport,chardev=ch0,name={PORT_NAME}")]);
    add(&["-netdev", &format!("stream,id=n0,server=on,addr.type=unix,addr.path={OWN}/net")]);
    add(&["-device", "virtio-net-pci,netdev=n0,romfile="]);
    add(&["-device", "virtio-rng-pci", "-device", "VGA"]);
    if purpose == Use::Restore {
        add(&["-incoming", "defer"]);
    }
    if capture {
        add(&["-object", &format!("filter-dump,id=f0,netdev=n0,file={OWN}/dump.pcap")]);
    }
    add(&["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_machine_has_the_devices_of_its_template() {
        let devices = |purpose, capture| -> Vec<String> {
            let all = arguments(Accelerator::Tcg, 256, purpose, capture);
            let of =
                |word: &str| ["-device", "-drive", "-netdev", "-M", "-m", "-smp", "-cpu"].contains(&word);
            all.windows(2).filter(|pair| of(&pair[0])).map(|pair| pair.join(" ")).collect()
        };
        let template = devices(Use::Template, false);
        assert_eq!(template, devices(Use::Restore, true));
        assert_eq!(template, devices(Use::Boot, true));
    }

    #[test]
    fn every_machine_is_confined_and_has_no_way_out() {
        for purpose in [Use::Template, Use::Restore, Use::Boot] {
            let text = arguments(Accelerator::Kvm, 512, purpose, true).join(" ");
            assert!(text.contains("-sandbox on,") && text.contains("spawn=deny"), "{text}");
            assert!(!text.contains("user,") && !text.contains("tap") && !text.contains("hostfwd"), "{text}");
        }
    }
}
