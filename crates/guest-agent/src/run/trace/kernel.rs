//! Byte code, maps and the ring: `bpf(2)` and memory that is shared with the kernel, which std cannot do.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap};

use super::program::{self, Maps};
use super::record::{PLANS, RECORD, plan};

const CREATE_MAP: u32 = 0;
const LOOK_UP: u32 = 1;
const UPDATE: u32 = 2;
const DELETE: u32 = 3;
const LOAD_PROGRAM: u32 = 5;
const OPEN_TRACEPOINT: u32 = 17;

const HASH: u64 = 1;
const ARRAY: u64 = 2;
const PROCESSOR_ARRAY: u64 = 6;
/// Threads that were killed leave records behind; the oldest make room.
const RECENT_HASH: u64 = 9;
const RING: u64 = 27;
const RAW_TRACEPOINT: u64 = 17;

const PAGE: usize = 4096;
/// Room for 7,000 to 35,000 calls while the agent is not running.
const RING_BYTES: usize = 8 << 20;
const MOST_RUNS: u64 = 64;
/// Calls under way.
const MOST_PENDING: u64 = 2048;
/// The functions that the program calls are for programs of such a licence.
const LICENCE: &std::ffi::CStr = c"Dual MIT/GPL";

/// Programs that run, and their maps. They end with this.
pub struct Tracer {
    runs: OwnedFd,
    lost: OwnedFd,
    counts: OwnedFd,
    kept: Vec<OwnedFd>,
}

/// The reader's end of the ring.
pub struct Ring {
    _descriptor: OwnedFd,
    /// What was read, which only we write.
    taken: *const AtomicU64,
    /// What was written, which only the kernel writes.
    given: *const AtomicU64,
    data: *const u8,
}

// SAFETY: the pointers lead to mappings that last as long as the process and belong to nobody else.
unsafe impl Send for Ring {}

pub fn start() -> io::Result<(Tracer, Ring)> {
    let (mut tracer, ring, programs) = prepare()?;
    for (point, program) in programs {
        let mut open = [0; 16];
        open[0] = point.as_ptr() as u64;
        open[1] = program.as_raw_fd() as u64;
        tracer.kept.push(descriptor(bpf(OPEN_TRACEPOINT, &mut open)?));
        tracer.kept.push(program);
    }
    Ok((tracer, Ring::map(ring)?))
}

type Programs = Vec<(&'static std::ffi::CStr, OwnedFd)>;

/// Maps and programs, which do not run yet. Ends are first: a beginning without one would wait for ever.
fn prepare() -> io::Result<(Tracer, OwnedFd, Programs)> {
    let runs = create(HASH, 8, 8, MOST_RUNS)?;
    let lost = create(ARRAY, 4, 8, 1)?;
    let ring = create(RING, 0, 0, RING_BYTES as u64)?;
    let scratch = create(PROCESSOR_ARRAY, 4, RECORD as u64, 1)?;
    let pending = create(RECENT_HASH, 8, RECORD as u64, MOST_PENDING)?;
    let plans = create(ARRAY, 4, 8, u64::from(PLANS))?;
    let counts = create(HASH, 8, 8, MOST_RUNS * u64::from(PLANS) / 4)?;
    for place in 0..PLANS {
        let (key, value) = (u64::from(place), plan(place));
        element(UPDATE, &plans, &raw const key, &raw const value)?;
    }
    let maps = Maps {
        runs: runs.as_raw_fd(),
        ring: ring.as_raw_fd(),
        lost: lost.as_raw_fd(),
        scratch: scratch.as_raw_fd(),
        pending: pending.as_raw_fd(),
        plans: plans.as_raw_fd(),
        counts: counts.as_raw_fd(),
    };
    let programs =
        vec![(c"sys_exit", load(&program::exit(&maps))?), (c"sys_enter", load(&program::enter(&maps))?)];
    Ok((Tracer { runs, lost, counts, kept: vec![scratch, pending, plans] }, ring, programs))
}

/// A refusal comes with the last words of the kernel's reasons.
fn load(code: &[u64]) -> io::Result<OwnedFd> {
    let mut reasons = vec![0_u8; 64 << 10];
    let mut load = [0; 16];
    load[0] = RAW_TRACEPOINT | (code.len() as u64) << 32;
    load[1] = code.as_ptr() as u64;
    load[2] = LICENCE.as_ptr() as u64;
    let refused = match bpf(LOAD_PROGRAM, &mut load) {
        Ok(number) => return Ok(descriptor(number)),
        Err(error) => error,
    };
    load[3] = 1 | (reasons.len() as u64) << 32;
    load[4] = reasons.as_mut_ptr() as u64;
    let _ = bpf(LOAD_PROGRAM, &mut load);
    let text =
        String::from_utf8_lossy(reasons.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    let last: Vec<&str> = text.lines().rev().take(6).collect();
    Err(io::Error::new(refused.kind(), format!("{refused}: {}", last.join(" < "))))
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
        look_up(&self.lost, 0).unwrap_or(0)
    }

    /// Takes how often a run made the calls that are only counted, by number.
    pub fn take_counts(&self, call: u32) -> Vec<(u32, u64)> {
        let count = |place: u32| {
            let key = u64::from(call) << 32 | u64::from(place);
            let times = look_up(&self.counts, key)?;
            let _ = element(DELETE, &self.counts, &raw const key, std::ptr::null());
            Some((place, times))
        };
        (0..PLANS).filter_map(count).collect()
    }
}

fn look_up(map: &OwnedFd, key: u64) -> Option<u64> {
    let value = AtomicU64::new(0);
    element(LOOK_UP, map, &raw const key, value.as_ptr().cast_const()).ok()?;
    Some(value.into_inner())
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
        Ok(Self { _descriptor: descriptor, taken: taken.cast(), given: given.cast(), data })
    }

    /// Hands over all that are there.
    pub fn read(&self, mut take: impl FnMut(&[u8])) {
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
            if header & DISCARDED == 0 && length <= RECORD {
                // SAFETY: as above; a record that was submitted is not written to until it was taken.
                take(unsafe { std::slice::from_raw_parts(self.data.add(place + 8), length) });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_takes_the_programs() {
        match prepare() {
            Ok((_, _, programs)) => assert_eq!(programs.len(), 2),
            Err(error)
                if error.kind() == io::ErrorKind::PermissionDenied && !error.to_string().contains(": ") =>
            {
                eprintln!("skipped: {error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
