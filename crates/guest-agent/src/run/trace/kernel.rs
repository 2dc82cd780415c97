//! Byte code, maps and the ring: `bpf(2)` and memory that is shared with the kernel, which std cannot do.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::mm::{MapFlags, ProtFlags, mmap};

use super::program::{Maps, RECORD, assemble};

const CREATE_MAP: u32 = 0;
const LOOK_UP: u32 = 1;
const UPDATE: u32 = 2;
const DELETE: u32 = 3;
const LOAD_PROGRAM: u32 = 5;
const OPEN_TRACEPOINT: u32 = 17;

const HASH: u64 = 1;
const ARRAY: u64 = 2;
const RING: u64 = 27;
const RAW_TRACEPOINT: u64 = 17;

const PAGE: usize = 4096;
/// Room for about 8,700 calls while the agent is not running.
const RING_BYTES: usize = 4 << 20;
const MOST_RUNS: u64 = 64;
/// The functions that the program calls are for programs of such a licence.
const LICENCE: &std::ffi::CStr = c"Dual MIT/GPL";

/// A program that runs, and its maps. It ends with this.
pub struct Tracer {
    runs: OwnedFd,
    lost: OwnedFd,
    _program: OwnedFd,
    _link: OwnedFd,
}

/// The reader's end of the ring.
pub struct Ring {
    descriptor: OwnedFd,
    /// What was read, which only we write.
    taken: *const AtomicU64,
    /// What was written, which only the kernel writes.
    given: *const AtomicU64,
    data: *const u8,
}

// SAFETY: the pointers lead to mappings that last as long as the process and belong to nobody else.
unsafe impl Send for Ring {}

pub fn start() -> io::Result<(Tracer, Ring)> {
    let runs = create(HASH, 8, 8, MOST_RUNS)?;
    let lost = create(ARRAY, 4, 8, 1)?;
    let ring = create(RING, 0, 0, RING_BYTES as u64)?;
    let maps = Maps { runs: runs.as_raw_fd(), ring: ring.as_raw_fd(), lost: lost.as_raw_fd() };
    let code = assemble(&maps);
    let mut load = [0; 16];
    load[0] = RAW_TRACEPOINT | (code.len() as u64) << 32;
    load[1] = code.as_ptr() as u64;
    load[2] = LICENCE.as_ptr() as u64;
    let program = descriptor(bpf(LOAD_PROGRAM, &mut load)?);
    let mut open = [0; 16];
    open[0] = c"sys_exit".as_ptr() as u64;
    open[1] = program.as_raw_fd() as u64;
    let link = descriptor(bpf(OPEN_TRACEPOINT, &mut open)?);
    Ok((Tracer { runs, lost, _program: program, _link: link }, Ring::map(ring)?))
}

impl Tracer {
    pub fn add(&self, cgroup: u64, call: u32) -> io::Result<()> {
        let (key, value) = (cgroup, u64::from(call));
        element(UPDATE, &self.runs, &raw const key, &raw const value).map(drop)
    }

    pub fn remove(&self, cgroup: u64) {
        let key = cgroup;
        let _ = element(DELETE, &self.runs, &raw const key, std::ptr::null());
    }

    /// Records for which there was no room, since the start.
    pub fn lost(&self) -> u64 {
        let (key, value) = (0_u32, AtomicU64::new(0));
        let _ = element(LOOK_UP, &self.lost, (&raw const key).cast(), value.as_ptr().cast_const());
        value.into_inner()
    }
}

impl Ring {
    fn map(descriptor: OwnedFd) -> io::Result<Self> {
        // SAFETY: new mappings, placed by the kernel; nothing else is in them.
        let taken = unsafe {
            mmap(null_mut(), PAGE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, &descriptor, 0)?
        };
        // The data appear twice in a row, so that a record never wraps round.
        let length = PAGE + 2 * RING_BYTES;
        // SAFETY: as above.
        let given =
            unsafe { mmap(null_mut(), length, ProtFlags::READ, MapFlags::SHARED, &descriptor, PAGE as u64)? };
        // SAFETY: the mapping is longer than a page.
        let data = unsafe { given.cast::<u8>().add(PAGE) };
        Ok(Self { descriptor, taken: taken.cast(), given: given.cast(), data })
    }

    /// Waits for records.
    pub fn wait(&self) {
        let _ = poll(&mut [PollFd::new(&self.descriptor, PollFlags::IN)], None);
    }

    /// Hands over all that are there.
    pub fn read(&self, mut take: impl FnMut(&[u8; RECORD])) {
        const BUSY: u32 = 1 << 31;
        const DISCARDED: u32 = 1 << 30;
        // SAFETY: both point into live mappings, at whole, aligned numbers.
        let (taken, given) = unsafe { (&*self.taken, &*self.given) };
        let mut at = taken.load(Ordering::Relaxed);
        while at < given.load(Ordering::Acquire) {
            let place = at as usize & (RING_BYTES - 1);
            // SAFETY: within the data, which are twice as long as the ring; records begin at multiples of eight.
            let header = unsafe { &*self.data.add(place).cast::<AtomicU32>() }.load(Ordering::Acquire);
            if header & BUSY != 0 {
                break;
            }
            let length = (header & !(BUSY | DISCARDED)) as usize;
            if header & DISCARDED == 0 && length == RECORD {
                // SAFETY: as above; a record that was submitted is not written to until it was taken.
                take(unsafe { &*self.data.add(place + 8).cast::<[u8; RECORD]>() });
            }
            at += (length + 8).next_multiple_of(8) as u64;
            taken.store(at, Ordering::Release);
        }
    }
}

fn create(kind: u64, key: u64, value: u64, entries: u64) -> io::Result<OwnedFd> {
    let mut words = [0; 16];
    words[0] = kind | key << 32;
    words[1] = value | entries << 32;
    bpf(CREATE_MAP, &mut words).map(descriptor)
}

fn element(command: u32, map: &OwnedFd, key: *const u64, value: *const u64) -> io::Result<i64> {
    let mut words = [0; 16];
    words[0] = map.as_raw_fd() as u64;
    words[1] = key as u64;
    words[2] = value as u64;
    bpf(command, &mut words)
}

fn descriptor(number: i64) -> OwnedFd {
    // SAFETY: the kernel has just made it, for us alone.
    unsafe { OwnedFd::from_raw_fd(number as i32) }
}

/// The words are `union bpf_attr`.
fn bpf(command: u32, words: &mut [u64; 16]) -> io::Result<i64> {
    // SAFETY: the words outlive the call, and so does all that they point to in the callers above.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, words.as_mut_ptr(), size_of::<[u64; 16]>()) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
