//! Numbers and names that the kernel fixes.

use fluxcapacitor_ebpf::{ContextField, Helper, Register, Size, XdpAction};

#[test]
fn actions_have_the_numbers_of_xdp_action() {
    let actions = [
        (0, XdpAction::Aborted),
        (1, XdpAction::Drop),
        (2, XdpAction::Pass),
        (3, XdpAction::Tx),
        (4, XdpAction::Redirect),
    ];
    for (code, action) in actions {
        assert_eq!(XdpAction::from_code(code), Some(action));
        assert_eq!(action.code(), code);
    }
    assert_eq!(XdpAction::from_code(5), None);
    assert_eq!(XdpAction::from_code(u32::MAX), None);
}

#[test]
fn helpers_have_the_numbers_of_bpf_func_mapper() {
    let helpers = [
        (1, "bpf_map_lookup_elem"),
        (2, "bpf_map_update_elem"),
        (3, "bpf_map_delete_elem"),
        (5, "bpf_ktime_get_ns"),
        (7, "bpf_get_prandom_u32"),
        (8, "bpf_get_smp_processor_id"),
        (12, "bpf_tail_call"),
        (23, "bpf_redirect"),
        (28, "bpf_csum_diff"),
        (44, "bpf_xdp_adjust_head"),
        (51, "bpf_redirect_map"),
        (54, "bpf_xdp_adjust_meta"),
        (65, "bpf_xdp_adjust_tail"),
        (69, "bpf_fib_lookup"),
        (188, "bpf_xdp_get_buff_len"),
        (189, "bpf_xdp_load_bytes"),
        (190, "bpf_xdp_store_bytes"),
    ];
    let listed: Vec<_> =
        Helper::ALL.iter().map(|helper| (helper.number(), helper.name())).collect();
    assert_eq!(listed, helpers);
    for helper in Helper::ALL {
        assert_eq!(Helper::from_number(helper.number()), Some(*helper));
    }
    assert_eq!(Helper::from_number(0), None);
}

#[test]
fn registers_sizes_and_fields_count_as_documented() {
    for (number, register) in (0..).zip(Register::ALL) {
        assert_eq!(register.number(), number);
        assert_eq!(Register::from_number(number), Some(register));
    }
    assert_eq!(Register::from_number(11), None);

    assert_eq!(Size::ALL.map(Size::bytes), [4, 2, 1, 8]);
    assert_eq!(ContextField::ALL.map(ContextField::index), [0, 1, 2, 3, 4, 5]);
}
