//! Programs that move the end of a packet.

use fluxcapacitor::ebpf::Register::{R1, R2, R3, R6};
use fluxcapacitor::ebpf::{Assembler, ContextField, Helper, XdpAction};
use fluxcapacitor::hook::XdpProgram;

use super::fragments;
use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::traffic::WINDOW;
use crate::verdict::{Outcome, Reason, Stop};

/// Moves the end by `bytes`, and redirects; also what cannot be moved, as it is. The packet is not looked
/// at: the call makes all pointers into it invalid.
fn adjust_tail(bytes: i32) -> XdpProgram {
    XdpProgram::new(move |map, target| {
        let mut asm = Assembler::new(target);
        asm.mov(R6, R1)
            .mov(R2, bytes)
            .call(Helper::XdpAdjustTail)
            .load_context(R2, R6, ContextField::RxQueueIndex)
            .load_map(R1, map)
            .mov(R3, XdpAction::Pass)
            .call(Helper::RedirectMap)
            .exit();
        asm.finish()
    })
}

/// Every packet is cut.
pub(super) fn shrink(bench: &Bench<'_>) -> Outcome {
    every_packet_is_cut(bench, len, &[1, 4, 40])
}

/// As [`shrink`], with packets of several segments: also by more than the last of them has.
pub(super) fn shrink_fragments(bench: &Bench<'_>) -> Outcome {
    fragments::set_mtu(bench)?;
    every_packet_is_cut(bench, long, &[1, 4, 1792, 4096])
}

fn every_packet_is_cut(bench: &Bench<'_>, len: Len, by: &[usize]) -> Outcome {
    for bytes in by {
        let cut = |packet: &[u8]| packet[..packet.len() - bytes].to_vec();
        assert_eq!(adjusted(bench, len, -(*bytes as i32), cut)?, PACKETS, "by {bytes} bytes");
    }
    Ok(())
}

/// Packets grow where there is room behind them, and what they grow by is zero. Where there is none
/// they are as they were.
pub(super) fn grow(bench: &Bench<'_>) -> Outcome {
    some_grow(bench, len)
}

/// As [`grow`], over the end of a frame, into one more segment. What has several buffers before it comes to the
/// program grows where the driver says how much room there is behind the last of them, which few do.
pub(super) fn grow_fragments(bench: &Bench<'_>) -> Outcome {
    fragments::set_mtu(bench)?;
    some_grow(bench, to_the_end)?;
    let grown = adjusted(bench, long, 4, |packet| [packet, &[0; 4]].concat())?;
    bench.note(format!("{grown} of {PACKETS} packets of several buffers grew"));
    Ok(())
}

fn some_grow(bench: &Bench<'_>, len: Len) -> Outcome {
    for bytes in [1, 4, 40] {
        let grown = |packet: &[u8]| [packet, &vec![0; bytes]].concat();
        match adjusted(bench, len, bytes as i32, grown)? {
            PACKETS => {}
            0 => return Err(Stop::NotRun(Reason::Driver)),
            some => bench.note(format!("{some} of {PACKETS} had room for {bytes} bytes")),
        }
    }
    Ok(())
}

const PACKETS: usize = 8 * WINDOW;

/// The length of each packet, by its number.
type Len = fn(u32) -> usize;

/// Says how many came adjusted; all others come as they were sent.
fn adjusted(
    bench: &Bench<'_>,
    len: Len,
    bytes: i32,
    adjust: impl Fn(&[u8]) -> Vec<u8>,
) -> Outcome<usize> {
    let program = adjust_tail(bytes);
    // The first packet is about as long as any other.
    let multi_buffer = len(0) > 1500;
    let mut receiver = bench.open(B, |b| b.program(program).multi_buffer(multi_buffer))?;
    let mut sender = bench.open(A, |b| b.multi_buffer(multi_buffer))?;
    let before = bench.both(A)?;
    let mut count = 0;
    let all: Vec<_> =
        (0..PACKETS as u32).map(|number| bench.packet_of(A, number, len(number))).collect();
    for window in all.chunks(WINDOW) {
        bench.send(&mut sender, window)?;
        for (received, sent) in bench.receive(&mut receiver, window.len())?.iter().zip(window) {
            if *received == adjust(sent) {
                count += 1;
            } else {
                assert!(received == sent, "by {bytes} bytes:\n {sent:02x?}\n {received:02x?}");
            }
        }
    }
    bench.counted(A, before, PACKETS as u64)?;
    Ok(count)
}

/// So short that it may grow without being longer than the link takes, which veth does not ask.
const fn len(number: u32) -> usize {
    100 + number as usize
}

/// Up to 20 bytes less or more than a frame of 2048 bytes has room for.
const fn to_the_end(number: u32) -> usize {
    1772 + number as usize % 40
}

/// For several segments, and longer than any page.
const fn long(number: u32) -> usize {
    6144 + number as usize
}
