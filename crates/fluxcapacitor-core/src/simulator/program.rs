//! XDP programs: the very instructions, run by the `rbpf` interpreter.
//!
//! What `rbpf` would do unsoundly or for ever is refused when the program is attached: stores to
//! anything but the stack (it has the packet as `&[u8]`), and jumps backwards.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use rbpf::EbpfVmMbuff;

use super::map::Maps;
use crate::error::{Error, Result};

/// `bpf_redirect_map` and `bpf_xdp_adjust_tail` (`include/uapi/linux/bpf.h`).
const REDIRECT_MAP: u32 = 51;
const ADJUST_TAIL: u32 = 65;

/// `ETH_HLEN`: no packet gets shorter.
const LEN_MIN: i64 = 14;

/// How much of a packet lies in its first buffer, if the program takes more than one: a page less the kernel's
/// headroom and `struct skb_shared_info` (`skb_pp_cow_data`, net/core/skbuff.c).
const LINEAR_MAX: usize = 4096 - 256 - 320;

/// How long a packet can grow: a page less the kernel's headroom and `struct skb_shared_info`.
const LEN_MAX: i64 = 4096 - 256 - 320;

/// `BPF_MAXINSNS` (`include/uapi/linux/bpf_common.h`); and far less than what `rbpf` can count jumps over.
const INSTRUCTIONS_MAX: usize = 4096;

/// `BPF_JMP | BPF_EXIT`.
const EXIT: u8 = 0x95;

/// `MAX_BPF_STACK` (`include/linux/filter.h`).
const STACK: i16 = 512;

/// A program that can run.
#[derive(Clone, Debug)]
pub(super) struct Program {
    code: &'static [u8],
    /// Whether it sees packets of several buffers (`BPF_F_XDP_HAS_FRAGS`); others see them in one.
    has_frags: bool,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Aborted,
    Drop,
    Pass,
    Tx,
    /// To the socket in this slot of this map.
    Redirect {
        map: u64,
        slot: u64,
    },
}

/// What a program is told of its packet beside the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ingress {
    pub(super) ifindex: u32,
    pub(super) queue: u32,
}

/// What the helpers of one run see and leave behind. In a thread local, since helpers of `rbpf` are bare
/// functions.
#[derive(Debug, Default)]
struct Run {
    maps: Arc<Maps>,
    redirect: Option<(u64, u64)>,
    len: i64,
    /// Whether the packet has several buffers.
    has_frags: bool,
}

thread_local! {
    static RUN: RefCell<Run> = RefCell::default();
    /// Machines that this thread has made, the last used one last.
    static MACHINES: RefCell<Vec<Machine>> = const { RefCell::new(Vec::new()) };
}

struct Machine {
    program: &'static [u8],
    vm: EbpfVmMbuff<'static>,
}

/// How many machines a thread keeps.
const MACHINES_MAX: usize = 16;

impl Program {
    /// Takes a program, as `Target::Interpreter` of `fluxcapacitor-ebpf` encodes it.
    pub(super) fn load(code: &[u8], has_frags: bool) -> Result<Self> {
        let refuse = |why: String| Error::ProgramRefused {
            source: io::Error::new(io::ErrorKind::Unsupported, "the simulator cannot run it"),
            log: why,
        };
        check(code).map_err(refuse)?;
        // What `rbpf` itself refuses is not kept.
        EbpfVmMbuff::new(Some(code)).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { code: intern(code), has_frags })
    }

    /// Runs on a packet, which it may shorten or lengthen. Of a packet of several buffers it sees the first.
    pub(super) fn run(&self, packet: &mut Vec<u8>, ingress: Ingress, maps: &Arc<Maps>) -> Verdict {
        let linear = if self.has_frags { packet.len().min(LINEAR_MAX) } else { packet.len() };
        RUN.with_borrow_mut(|run| {
            run.maps = Arc::clone(maps);
            run.redirect = None;
            run.len = packet.len() as i64;
            run.has_frags = linear < packet.len();
        });
        let code = MACHINES.with_borrow_mut(|machines| {
            if machines.last().is_none_or(|machine| !std::ptr::eq(machine.program, self.code)) {
                let at = machines.iter().position(|kept| std::ptr::eq(kept.program, self.code));
                let found = match at {
                    Some(at) => machines.remove(at),
                    None => machine(self.code).ok()?,
                };
                if machines.len() == MACHINES_MAX {
                    machines.remove(0);
                }
                machines.push(found);
            }
            let vm = &machines.last()?.vm;
            // Some arithmetic panics in it where Rust checks for overflow: the packet is aborted.
            let (seen, vm) = (&packet[..linear], &vm);
            let run = || vm.execute_program(seen, &context(seen, ingress)).ok();
            catch_unwind(AssertUnwindSafe(run)).ok().flatten()
        });
        let (redirect, len) = RUN.with_borrow_mut(|run| (run.redirect, run.len));
        packet.resize(len as usize, 0);
        // `enum xdp_action`
        match (code, redirect) {
            (Some(1), _) => Verdict::Drop,
            (Some(2), _) => Verdict::Pass,
            (Some(3), _) => Verdict::Tx,
            (Some(4), Some((map, slot))) => Verdict::Redirect { map, slot },
            _ => Verdict::Aborted,
        }
    }
}

/// `struct xdp_md`, each field 64 bits wide, so that it holds addresses.
fn context(packet: &[u8], Ingress { ifindex, queue }: Ingress) -> [u8; 48] {
    let data = packet.as_ptr_range();
    let (begin, end) = (data.start.addr() as u64, data.end.addr() as u64);
    let mut context = [0; 48];
    let fields = [begin, end, begin, ifindex.into(), queue.into(), 0];
    for (bytes, field) in context.chunks_exact_mut(8).zip(fields) {
        bytes.copy_from_slice(&field.to_ne_bytes());
    }
    context
}

/// The one copy of a program that this process keeps, for good: `rbpf` borrows programs, and there are
/// few different ones.
fn intern(code: &[u8]) -> &'static [u8] {
    static PROGRAMS: Mutex<BTreeSet<&'static [u8]>> = Mutex::new(BTreeSet::new());
    let mut programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = programs.get(code) {
        return known;
    }
    let kept: &'static [u8] = Box::leak(code.into());
    programs.insert(kept);
    kept
}

fn machine(program: &'static [u8]) -> Result<Machine, String> {
    let words = |error: io::Error| error.to_string();
    let mut vm = EbpfVmMbuff::new(Some(program)).map_err(words)?;
    vm.register_helper(REDIRECT_MAP, redirect_map).map_err(words)?;
    vm.register_helper(ADJUST_TAIL, adjust_tail).map_err(words)?;
    Ok(Machine { program, vm })
}

/// `__bpf_xdp_redirect_map` (`include/linux/filter.h`): the low two bits of `flags` are what it answers
/// if there is no socket in the slot.
fn redirect_map(map: u64, slot: u64, flags: u64, _: u64, _: u64) -> u64 {
    const ABORTED: u64 = 0;
    const REDIRECT: u64 = 4;
    if flags & !0b11 != 0 {
        return ABORTED;
    }
    // Its type in the kernel.
    let slot = slot & u64::from(u32::MAX);
    RUN.with_borrow_mut(|run| {
        run.redirect = None;
        if run.maps.socket(map, slot).is_none() {
            return flags;
        }
        run.redirect = Some((map, slot));
        REDIRECT
    })
}

/// `bpf_xdp_adjust_tail` (`net/core/filter.c`). A packet of several buffers only gets shorter: drivers say how
/// much room there is behind the last one, and veth does not.
fn adjust_tail(_context: u64, delta: u64, _: u64, _: u64, _: u64) -> u64 {
    const EINVAL: i64 = 22;
    const EOPNOTSUPP: i64 = 95;
    RUN.with_borrow_mut(|run| {
        let len = run.len + i64::from(delta as i32);
        if len > run.len && run.has_frags {
            return (-EOPNOTSUPP).cast_unsigned();
        }
        if len < LEN_MIN || (len > run.len && len > LEN_MAX) {
            return (-EINVAL).cast_unsigned();
        }
        run.len = len;
        0
    })
}

/// Whether a store at this offset from R10, of the size that the opcode says, is within the stack.
fn is_in_stack(opcode: u8, offset: i16) -> bool {
    let size = match opcode & 0x18 {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => 8,
    };
    (-STACK..=-size).contains(&offset)
}

/// Refuses what is not modelled; the rest is `rbpf`'s own to check.
fn check(code: &[u8]) -> Result<(), String> {
    let (instructions, rest) = code.as_chunks::<8>();
    if !rest.is_empty() {
        return Err("an instruction has 8 bytes".to_owned());
    }
    if instructions.len() > INSTRUCTIONS_MAX {
        return Err(format!("{INSTRUCTIONS_MAX} instructions are the most"));
    }
    if instructions.last().is_none_or(|last| last[0] != EXIT) {
        return Err("the last instruction has to be exit".to_owned());
    }
    let mut wide = false;
    for (at, insn) in instructions.iter().enumerate() {
        if std::mem::take(&mut wide) {
            continue;
        }
        let [opcode, registers, offset_low, offset_high, immediate @ ..] = *insn;
        let offset = i16::from_le_bytes([offset_low, offset_high]);
        let refuse = |what: &str| Err(format!("instruction {at}: {what}"));
        match opcode & 7 {
            // BPF_LD: the wide constant only; BPF_LDX: plain loads only.
            0 if opcode != 0x18 => return refuse("loads by BPF_LD are not modelled"),
            // `rbpf` lets it through, and R10 would be the stack no more.
            0 if registers & 15 == 10 => return refuse("R10 cannot be written"),
            0 => wide = true,
            1 if opcode & 0xe0 != 0x60 => return refuse("this kind of load is not modelled"),
            // BPF_ST, BPF_STX: plain stores to the stack.
            2 | 3 if opcode & 0xe0 != 0x60 => return refuse("atomics are not modelled"),
            2 | 3 if registers & 15 != 10 || !is_in_stack(opcode, offset) => {
                return refuse("only the stack can be written, by R10");
            }
            5 | 6 => match opcode >> 4 {
                8 if opcode != 0x85 || registers >> 4 != 0 => {
                    return refuse("calls of functions are not modelled");
                }
                8 if ![REDIRECT_MAP, ADJUST_TAIL].contains(&u32::from_le_bytes(immediate)) => {
                    return refuse(
                        "of the helpers, bpf_redirect_map and bpf_xdp_adjust_tail are modelled",
                    );
                }
                8 | 9 => {}
                _ if offset < 0 => return refuse("jumps backwards are not modelled"),
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}
