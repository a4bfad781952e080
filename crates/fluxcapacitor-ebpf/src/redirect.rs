//! The program that fills `AF_XDP` sockets.

use alloc::vec::Vec;

use crate::{ContextField, Helper, Insn, MapRef, Program, Register, Target, XdpAction};

/// The program that redirects the packets of each queue to the queue's socket.
///
/// Packets of a queue that has no socket pass to the stack.
///
/// `map_fd` is the descriptor of an XskMap (`BPF_MAP_TYPE_XSKMAP`), which holds under each rx queue
/// index the socket of that queue. In C:
///
/// ```c
/// return bpf_redirect_map(&xsks_map, ctx->rx_queue_index, XDP_PASS);
/// ```
///
/// A queue without a socket needs no check of its own: the low two bits of the flags are what the
/// helper returns when the map holds nothing under the key (`__bpf_xdp_redirect_map` in
/// `include/linux/filter.h`, called by `xsk_map_redirect` in `net/xdp/xskmap.c` for
/// `bpf_xdp_redirect_map` in `net/core/filter.c`). Kernels older than 5.3 do not look at the map in
/// the helper, refuse every flag there, and abort the packet.
///
/// A socket that is bound to another queue than the one whose slot it sits in does not receive:
/// `xsk_rcv_check` in `net/xdp/xsk.c` refuses the packet, and it is lost.
///
/// ```
/// use fluxcapacitor_ebpf::{redirect_program, Target};
///
/// let program = redirect_program(3, Target::Kernel);
/// assert_eq!(
///     program.to_string(),
///     "   0: (61) r2 = *(u32 *)(r1 +16)
///    1: (18) r1 = map[fd:3]
///    3: (b7) r3 = 2
///    4: (85) call bpf_redirect_map#51
///    5: (95) exit
/// "
/// );
/// ```
#[must_use]
pub fn redirect_program(map_fd: i32, target: Target) -> Program {
    use Register::{R1, R2, R3};

    let [map, map_high] = target.load_map(R1, MapRef::from_fd(map_fd));
    // Straight on to the exit, without a label: nothing here that an assembler could refuse.
    let instructions = [
        target.load_context(R2, R1, ContextField::RxQueueIndex),
        map,
        map_high,
        Insn::mov(R3, XdpAction::Pass),
        Insn::Call { helper: Helper::RedirectMap },
        Insn::Exit,
    ];
    Program::new(target, Vec::from(instructions))
}
