//! Randomness of the host for the guest's kernel.
//!
//! The kernel takes bytes that are credited, and makes new keys at once, only by `ioctl`, which std cannot call.
#![allow(unsafe_code)]

use std::fs::OpenOptions;
use std::io;

use guest_protocol::Entropy;
use rustix::ioctl::{NoArg, Setter, ioctl, opcode};

/// `struct rand_pool_info` with its bytes.
#[repr(C)]
struct Pool {
    bits: i32,
    size: i32,
    bytes: [u8; 32],
}

/// `RNDADDENTROPY`, which the kernel defines by the size of the two numbers alone.
const ADD: rustix::ioctl::Opcode = opcode::write::<[i32; 2]>(b'R', 0x03);
/// `RNDRESEEDCRNG`.
const RESEED: rustix::ioctl::Opcode = opcode::none(b'R', 0x07);

pub fn reseed(entropy: &Entropy) -> io::Result<()> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/urandom")?;
    let pool = Pool { bits: 256, size: 32, bytes: entropy.0 };
    // SAFETY: the opcode takes a pointer to two numbers, followed by as many bytes as the second says.
    unsafe { ioctl(&device, Setter::<ADD, Pool>::new(pool))? };
    // SAFETY: the opcode takes no argument.
    unsafe { ioctl(&device, NoArg::<RESEED>::new())? };
    Ok(())
}
