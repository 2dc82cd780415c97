//! What a machine that the owner brings is made of, and the part of QEMU's command line that says so. Systems start only on what
//! they were installed on, so that everything they notice can be chosen.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::arguments::OWN;
use crate::machine::Accelerator;

/// Most of what a machine may have.
const MAX_CPUS: u32 = 16;
const MEMORY_MIB: std::ops::RangeInclusive<u32> = 128..=12_288;

/// Debian's package ovmf, of which one pair is there.
const OVMF: [(&str, &str); 2] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
];

/// The hardware of one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hardware {
    /// `pc`, `q35`, or one of their versions such as `pc-q35-7.2`.
    pub machine: String,
    pub firmware: Firmware,
    /// The variables of the firmware, where an installed system wrote how it is started.
    pub uefi_vars: Option<PathBuf>,
    /// QEMU's name of a processor, with its features; by default all that the accelerator has.
    pub cpu: Option<String>,
    pub cpus: u32,
    /// MiB.
    pub memory: u32,
    pub disk: Disk,
    pub nic: Nic,
    /// Of the network card; by default QEMU's own.
    pub mac: Option<String>,
    pub vga: Vga,
    /// What the hardware clock shows; by default local time for Windows, else UTC.
    pub rtc: Option<Rtc>,
}

impl Default for Hardware {
    fn default() -> Self {
        Self {
            machine: "pc".into(),
            firmware: Firmware::default(),
            uefi_vars: None,
            cpu: None,
            cpus: 2,
            memory: 2048,
            disk: Disk::default(),
            nic: Nic::default(),
            mac: None,
            vga: Vga::default(),
            rtc: None,
        }
    }
}

/// A list of words that the configuration may use and of the devices that they mean.
macro_rules! devices {
    ($(#[$about:meta])* $name:ident { $($word:literal $variant:ident $device:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $(#[serde(rename = $word)] $variant),+,
            #[default] #[serde(skip)] Usual,
        }
        impl $name {
            fn device(self) -> &'static str {
                match self {
                    $(Self::$variant => $device),+,
                    Self::Usual => Self::USUAL.device(),
                }
            }
        }
    };
}

devices! {
    /// The network card.
    Nic {
        "e1000" E1000 "e1000", "e1000e" E1000e "e1000e", "ne2k_pci" Ne2k "ne2k_pci", "pcnet" Pcnet "pcnet",
        "rtl8139" Rtl8139 "rtl8139", "virtio" Virtio "virtio-net-pci", "vmxnet3" Vmxnet3 "vmxnet3",
    }
}

impl Nic {
    const USUAL: Self = Self::E1000;
}

devices! {
    /// The graphics card.
    Vga {
        "cirrus" Cirrus "cirrus-vga", "qxl" Qxl "qxl-vga", "std" Std "VGA", "virtio" Virtio "virtio-vga",
        "vmware" Vmware "vmware-svga",
    }
}

impl Vga {
    const USUAL: Self = Self::Std;
}

/// How the disk is connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disk {
    Ide,
    Lsi53c895a,
    Megasas,
    Nvme,
    Sata,
    Virtio,
    VirtioScsi,
    /// IDE on `pc`, SATA on `q35`.
    #[default]
    #[serde(skip)]
    Usual,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    #[default]
    Bios,
    Uefi,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rtc {
    Localtime,
    Utc,
}

impl Hardware {
    /// What does not fit together, in words.
    pub fn check(&self) -> Result<(), String> {
        let version = |rest: &str| {
            rest.is_empty()
                || rest.starts_with('-')
                    && rest[1..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        };
        let is_machine = match self.machine.as_str() {
            "q35" => true,
            name => ["pc-i440fx", "pc-q35", "pc"].iter().any(|family| {
                name.strip_prefix(family)
                    .is_some_and(|rest| version(rest) && (*family == "pc") == rest.is_empty())
            }),
        };
        if !is_machine {
            return Err(format!(
                "hardware.machine: {:?} is none; allowed are pc, q35, and their versions such as pc-i440fx-7.2 and pc-q35-7.2",
                self.machine
            ));
        }
        if self.disk == Disk::Ide && self.is_q35() {
            return Err("hardware.disk: a q35 has no ide; use sata, or the machine pc".into());
        }
        if !(1..=MAX_CPUS).contains(&self.cpus) {
            return Err(format!("hardware.cpus: allowed are 1 to {MAX_CPUS}"));
        }
        if !MEMORY_MIB.contains(&self.memory) {
            return Err(format!(
                "hardware.memory: allowed are {} to {} MiB",
                MEMORY_MIB.start(),
                MEMORY_MIB.end()
            ));
        }
        let is_word = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+.,=".contains(&byte))
        };
        if self.cpu.as_deref().is_some_and(|cpu| !is_word(cpu)) {
            return Err(
                "hardware.cpu: a name of `qemu-system-x86_64 -cpu help`, with features after commas".into()
            );
        }
        if self.mac.as_deref().is_some_and(|mac| !is_mac(mac)) {
            return Err("hardware.mac: six bytes such as 52:54:00:12:34:56, the first of them even".into());
        }
        match (self.firmware, &self.uefi_vars) {
            (Firmware::Bios, Some(_)) => Err("hardware.uefi_vars: only with firmware uefi".into()),
            (Firmware::Uefi, None) => firmware().map(drop),
            _ => Ok(()),
        }
    }

    fn is_q35(&self) -> bool {
        self.machine == "q35" || self.machine.starts_with("pc-q35")
    }

    /// The file from which the firmware's variables are copied, for one that has any.
    pub(super) fn variables(&self) -> Result<Option<PathBuf>, String> {
        match (self.firmware, &self.uefi_vars) {
            (Firmware::Bios, _) => Ok(None),
            (Firmware::Uefi, Some(own)) => Ok(Some(own.clone())),
            (Firmware::Uefi, None) => Ok(Some(firmware()?.1.into())),
        }
    }

    /// Everything that the guest can notice, in an order that a saved state depends on.
    pub(super) fn arguments(&self, accelerator: Accelerator) -> Result<Vec<String>, String> {
        let mut all: Vec<String> = accelerator.arguments().map(String::from).to_vec();
        if let (Some(cpu), Some(last)) = (&self.cpu, all.last_mut()) {
            last.clone_from(cpu);
        }
        let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_string()));
        // There is no mode for system management in some hosts' KVM, and no firmware here that needs it.
        add(&["-M", &format!("{},smm=off,vmport=off", self.machine), "-smp", &self.cpus.to_string()]);
        if self.firmware == Firmware::Uefi {
            let (code, _) = firmware()?;
            add(&["-drive", &format!("if=pflash,unit=0,format=raw,readonly=on,file={code}")]);
            add(&["-drive", &format!("if=pflash,unit=1,format=raw,file={OWN}/vars.fd")]);
        }
        let disk = format!("if=none,id=d0,file={OWN}/disk.qcow2,format=qcow2,cache=unsafe,discard=unmap");
        add(&["-drive", &disk]);
        let (controller, device) = match self.disk {
            Disk::Usual | Disk::Sata if self.is_q35() => (None, "ide-hd,bus=ide.0"),
            Disk::Usual | Disk::Ide => (None, "ide-hd,bus=ide.0"),
            Disk::Sata => (Some("ich9-ahci,id=ahci"), "ide-hd,bus=ahci.0"),
            Disk::Nvme => (None, "nvme,serial=QM00001"),
            Disk::Virtio => (None, "virtio-blk-pci"),
            Disk::VirtioScsi => (Some("virtio-scsi-pci,id=scsi"), "scsi-hd,bus=scsi.0"),
            Disk::Lsi53c895a => (Some("lsi53c895a,id=scsi"), "scsi-hd,bus=scsi.0"),
            Disk::Megasas => (Some("megasas,id=scsi"), "scsi-hd,bus=scsi.0"),
        };
        if let Some(controller) = controller {
            add(&["-device", controller]);
        }
        add(&["-device", &format!("{device},drive=d0,bootindex=1")]);
        add(&["-netdev", &format!("stream,id=n0,server=on,addr.type=unix,addr.path={OWN}/net")]);
        // Without its own program: nothing starts over this network.
        let mac = self.mac.as_ref().map(|mac| format!(",mac={mac}")).unwrap_or_default();
        add(&["-device", &format!("{},netdev=n0,romfile={mac}", self.nic.device())]);
        add(&["-device", self.vga.device()]);
        // Clones learn that they are some, and get other randomness (Windows 8, Linux 5.18 and newer).
        add(&["-device", "vmgenid,guid=auto"]);
        Ok(all)
    }
}

fn is_mac(text: &str) -> bool {
    let bytes: Vec<_> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() == 2)).collect();
    bytes.len() == 6 && bytes.iter().all(Option::is_some) && bytes[0].is_some_and(|first| first % 2 == 0)
}

fn firmware() -> Result<(&'static str, &'static str), String> {
    let is_there =
        |(code, vars): &&(&str, &str)| [code, vars].iter().all(|path| std::path::Path::new(path).is_file());
    let missing = "hardware.firmware: uefi takes OVMF, which is not installed; Debian's package is ovmf";
    OVMF.iter().find(is_there).copied().ok_or_else(|| missing.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn read(text: Json) -> Result<Hardware, String> {
        let hardware: Hardware = serde_json::from_value(text).map_err(|error| error.to_string())?;
        hardware.check().map(|()| hardware)
    }

    fn line(text: Json) -> String {
        read(text).unwrap().arguments(Accelerator::Tcg).unwrap().join(" ")
    }

    #[test]
    fn a_machine_is_what_most_systems_know_unless_it_is_told() {
        let usual = line(json!({}));
        for part in [
            "-M pc,",
            "-smp 2",
            "-device ide-hd,bus=ide.0,drive=d0",
            "-device e1000,netdev=n0",
            "-device VGA",
            "-cpu max",
        ] {
            assert!(usual.contains(part), "{part} in {usual}");
        }
        let other = line(json!({
            "machine": "pc-q35-7.2", "disk": "virtio-scsi", "nic": "rtl8139", "vga": "cirrus", "cpus": 4,
            "cpu": "qemu64,+ssse3", "mac": "08:00:27:0a:0b:0c"
        }));
        for part in [
            "-M pc-q35-7.2,",
            "-device virtio-scsi-pci,id=scsi -device scsi-hd,bus=scsi.0,",
            "rtl8139,netdev=n0,romfile=,mac=08:00:27:0a:0b:0c",
            "-device cirrus-vga",
            "-smp 4",
            "-cpu qemu64,+ssse3",
        ] {
            assert!(other.contains(part), "{part} in {other}");
        }
        assert!(
            line(json!({"disk": "sata"})).contains("-device ich9-ahci,id=ahci -device ide-hd,bus=ahci.0")
        );
        assert!(!line(json!({"machine": "q35", "disk": "sata"})).contains("ich9-ahci"));
    }

    #[test]
    fn refusals_say_what_is_allowed() {
        for (wrong, expected) in [
            (
                json!({"disk": "floppy"}),
                "expected one of `ide`, `lsi53c895a`, `megasas`, `nvme`, `sata`, `virtio`, `virtio-scsi`",
            ),
            (json!({"nic": "token-ring"}), "expected one of `e1000`"),
            (json!({"vga": "cga"}), "expected one of `cirrus`, `qxl`, `std`, `virtio`, `vmware`"),
            (json!({"firmware": "coreboot"}), "expected `bios` or `uefi`"),
            (json!({"rtc": "mars"}), "expected `localtime` or `utc`"),
            (json!({"machine": "pc,accel=kvm"}), "allowed are pc, q35"),
            (json!({"machine": "pc-7.2"}), "allowed are pc, q35"),
            (json!({"machine": "q35", "disk": "ide"}), "use sata"),
            (json!({"cpus": 0}), "1 to 16"),
            (json!({"memory": 64}), "128 to 12288"),
            (json!({"mac": "01:00:00:00:00:00"}), "the first of them even"),
            (json!({"mac": "52:54:00:12:34"}), "six bytes"),
            (json!({"cpu": "max -S"}), "-cpu help"),
            (json!({"uefi_vars": "/x"}), "only with firmware uefi"),
            (json!({"bus": "ide"}), "unknown field `bus`"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        for right in ["pc", "q35", "pc-i440fx-7.2", "pc-q35-9.0"] {
            assert!(read(json!({"machine": right})).is_ok(), "{right}");
        }
    }

    #[test]
    fn no_machine_has_another_way_out() {
        for disk in ["ide", "sata", "nvme", "virtio", "virtio-scsi", "megasas", "lsi53c895a"] {
            let text = line(json!({"disk": disk}));
            assert!(!text.contains("user,") && !text.contains("tap") && !text.contains("hostfwd"), "{text}");
        }
    }
}
