//! Whether KVM runs code at the speed of hardware: a loop of 100,000 steps in a machine of one page.
//!
//! Opening the device proves nothing: there are hosts where it interprets code, a thousand times slower than hardware, and
//! gives up on the first instruction that it does not know.
#![allow(unsafe_code)] // the kernel is lent memory for the machine, and only this module does that

use std::sync::mpsc;
use std::time::{Duration, Instant};

use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::{Cap, Kvm, VcpuExit};

const STEPS: u32 = 100_000;
/// Hardware takes well under 10 ms, interpreters 100 ms and more.
const FAST: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(1);
const VERSION: i32 = 12;
const PAGE: usize = 4096;
const START: u64 = 0x1000;

/// Says why not.
pub fn probe() -> Result<(), String> {
    let (answer, verdict) = mpsc::channel();
    // A machine that never comes back costs a thread, not the server.
    std::thread::spawn(move || answer.send(run()));
    let took = verdict
        .recv_timeout(PATIENCE)
        .map_err(|_| format!("a short loop took longer than {PATIENCE:?}"))??;
    if took > FAST {
        return Err(format!("a loop of {STEPS} steps took {took:?}: this KVM interprets"));
    }
    Ok(())
}

fn run() -> Result<Duration, String> {
    let say = |what: &'static str| move |error: kvm_ioctls::Error| format!("{what}: {error}");
    let kvm = Kvm::new().map_err(say("/dev/kvm"))?;
    if kvm.get_api_version() != VERSION {
        return Err(format!("version {} instead of {VERSION}", kvm.get_api_version()));
    }
    for capability in [Cap::UserMemory, Cap::Irqchip] {
        if !kvm.check_extension(capability) {
            return Err(format!("lacks {capability:?}"));
        }
    }
    // mov ecx, STEPS; again: dec ecx; jnz again; hlt — in 16-bit mode.
    let mut code = vec![0x66, 0xb9];
    code.extend(STEPS.to_le_bytes());
    code.extend([0x66, 0x49, 0x75, 0xfc, 0xf4]);
    let mut memory = vec![0_u8; 2 * PAGE];
    let at = memory.as_ptr().align_offset(PAGE);
    memory[at..at + code.len()].copy_from_slice(&code);
    let machine = kvm.create_vm().map_err(say("a machine"))?;
    let region = kvm_userspace_memory_region {
        slot: 0,
        guest_phys_addr: START,
        memory_size: PAGE as u64,
        userspace_addr: memory[at..].as_ptr() as u64,
        flags: 0,
    };
    // SAFETY: the page lies in `memory`, which nobody else touches and which outlives the machine: it is declared before.
    unsafe { machine.set_user_memory_region(region) }.map_err(say("its memory"))?;
    let mut cpu = machine.create_vcpu(0).map_err(say("its processor"))?;
    let mut segments = cpu.get_sregs().map_err(say("its registers"))?;
    (segments.cs.base, segments.cs.selector) = (0, 0);
    cpu.set_sregs(&segments).map_err(say("its registers"))?;
    let mut registers = cpu.get_regs().map_err(say("its registers"))?;
    (registers.rip, registers.rflags) = (START, 2);
    cpu.set_regs(&registers).map_err(say("its registers"))?;
    let start = Instant::now();
    match cpu.run().map_err(say("running"))? {
        VcpuExit::Hlt => Ok(start.elapsed()),
        other => Err(format!("a loop ended with {other:?}")),
    }
}
