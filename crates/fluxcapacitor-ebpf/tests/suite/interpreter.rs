//! Runs programs in user space, without privileges, by `rbpf`.

use std::cell::RefCell;
use std::collections::BTreeSet;

use fluxcapacitor_ebpf::{ContextField, Helper, Program, Target, XdpAction};
use rbpf::EbpfVmMbuff;

/// The descriptor by which programs under test name the XskMap.
pub const XSK_MAP: i32 = 7;

thread_local! {
    /// Queues that have a socket in the XskMap. Here, because helpers of `rbpf` are bare functions.
    static SOCKETS: RefCell<BTreeSet<u64>> = const { RefCell::new(BTreeSet::new()) };
}

/// A network interface with nothing but one program and one XskMap.
pub struct Interpreter<'a> {
    program: &'a Program,
    bytes: Vec<u8>,
}

impl<'a> Interpreter<'a> {
    pub fn new(program: &'a Program) -> Self {
        assert_eq!(program.target(), Target::Interpreter);
        let bytes = program.bytes();
        Self { program, bytes }
    }

    /// What becomes of `packet` on `queue`.
    ///
    /// `sockets` are the queues that have a socket in the XskMap.
    pub fn run(&self, packet: &[u8], queue: u64, sockets: &[u64]) -> XdpAction {
        SOCKETS.replace(sockets.iter().copied().collect());
        let context = context(packet, queue);

        let mut machine = EbpfVmMbuff::new(Some(&self.bytes)).expect("rbpf accepts the program");
        machine
            .register_helper(Helper::RedirectMap.number(), redirect_map)
            .expect("rbpf accepts the helper");
        let code = machine
            .execute_program(packet, &context)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.program));
        u32::try_from(code)
            .ok()
            .and_then(XdpAction::from_code)
            .unwrap_or_else(|| panic!("returned {code:#x}\n{}", self.program))
    }
}

/// `struct xdp_md` with words of 64 bits, so that they hold addresses.
fn context(packet: &[u8], queue: u64) -> [u8; 48] {
    let range = packet.as_ptr_range();
    let (data, data_end) = (range.start as u64, range.end as u64);

    let mut bytes = [0; 48];
    for (field, word) in ContextField::ALL.iter().zip(bytes.chunks_exact_mut(8)) {
        let value = match field {
            ContextField::Data | ContextField::DataMeta => data,
            ContextField::DataEnd => data_end,
            ContextField::IngressIfindex => 1,
            ContextField::RxQueueIndex => queue,
            ContextField::EgressIfindex => 0,
        };
        word.copy_from_slice(&value.to_ne_bytes());
    }
    bytes
}

/// `bpf_redirect_map` on an XskMap, as `__bpf_xdp_redirect_map` in `include/linux/filter.h` has it.
fn redirect_map(map: u64, key: u64, flags: u64, _: u64, _: u64) -> u64 {
    const ACTION_MASK: u64 = 0b11;
    assert_eq!(map, XSK_MAP as u64, "the program names another map");
    if flags & !ACTION_MASK != 0 {
        return XdpAction::Aborted.code().into();
    }
    if SOCKETS.with_borrow(|sockets| sockets.contains(&key)) {
        return XdpAction::Redirect.code().into();
    }
    flags & ACTION_MASK
}
