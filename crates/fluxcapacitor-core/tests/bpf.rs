//! bpf(2) against the kernel: maps, programs, test runs and links.
//!
//! These need `CAP_BPF` and `CAP_NET_ADMIN`. Without them each says that it
//! was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fluxcapacitor_core::sys::bpf::{
    Link, Map, Program, ProgramLoadError, XDP_HAS_FRAGS, XdpContext, XdpMode,
};
use fluxcapacitor_core::sys::netdev::{AttachedMode, AttachedXdp, Interface};
use fluxcapacitor_testbed::{NetNs, VethPair};

const EXIT: [u8; 8] = [0x95, 0, 0, 0, 0, 0, 0, 0];
/// `BPF_PROG_TYPE_XDP`.
const KIND_XDP: u32 = 6;

/// `r0 = action; exit`.
fn returning(action: u8) -> [[u8; 8]; 2] {
    [[0xb7, 0, 0, 0, action, 0, 0, 0], EXIT]
}

/// `r0 = field; exit`, for the field of `struct xdp_md` at this offset.
fn returning_field(offset: u8) -> [[u8; 8]; 2] {
    let registers = if cfg!(target_endian = "little") { 0x10 } else { 0x01 };
    let [low, high] = u16::from(offset).to_ne_bytes();
    [[0x61, registers, low, high, 0, 0, 0, 0], EXIT]
}

/// The value, or `None` after saying so if the kernel does not let us.
fn permitted<T>(result: io::Result<T>) -> Option<T> {
    permitted_to("CAP_BPF and CAP_NET_ADMIN", result)
}

/// The same, for what takes other capabilities.
fn permitted_to<T>(capabilities: &str, result: io::Result<T>) -> Option<T> {
    match result {
        Err(refused) if refused.raw_os_error() == Some(libc::EPERM) => {
            let required = std::env::var("FLUXCAP_REQUIRE_KERNEL");
            assert_ne!(required.as_deref(), Ok("1"), "needs {capabilities}: {refused}");
            eprintln!("SKIPPED: needs {capabilities}");
            None
        }
        result => Some(result.unwrap()),
    }
}

/// The program, or `None` after saying so if the kernel does not let us.
fn loaded(instructions: &[[u8; 8]], name: &str) -> Option<Program> {
    let program = Program::load_xdp(instructions, name, 0);
    permitted(program.map_err(|error| error.source))
}

fn errno<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
fn a_program_has_the_name_and_id_that_the_kernel_knows() {
    let Some(program) = loaded(&returning(2), "flux_pass") else {
        return;
    };
    assert_eq!(program.name(), "flux_pass");
    let Some(info) = permitted_to("CAP_SYS_ADMIN", Program::info_by_id(program.id())) else {
        return;
    };
    assert_eq!((info.id, info.kind), (program.id(), KIND_XDP));
    assert_eq!(info.name, "flux_pass");
    let unknown = Program::info_by_id(u32::MAX).unwrap_err();
    assert_eq!(unknown.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_program_may_take_fragments() {
    let program = Program::load_xdp(&returning(2), "flux_frags", XDP_HAS_FRAGS);
    let Some(program) = permitted(program.map_err(|error| error.source)) else {
        return;
    };
    // Longer than a page: the kernel spreads it over several buffers.
    assert_eq!(program.test_run(&[0; 9000], None, 1).unwrap().data_out.len(), 9000);
}

#[test]
fn a_refused_program_comes_with_the_words_of_the_verifier() {
    // `r0` is never written.
    let ProgramLoadError { source, log } = Program::load_xdp(&[EXIT], "flux_bad", 0).unwrap_err();
    if source.raw_os_error() == Some(libc::EPERM) {
        permitted(Err::<(), _>(source));
        return;
    }
    assert_eq!(source.raw_os_error(), Some(libc::EACCES), "{source}");
    assert!(log.contains("R0 !read_ok"), "{log}");
    let text = ProgramLoadError { source, log }.to_string();
    assert!(text.contains("R0 !read_ok"), "{text}");
}

#[test]
fn a_long_log_comes_whole() {
    // The verifier writes a line for each: more than the first log has room for.
    let mut instructions = vec![[0xb7, 1, 0, 0, 0, 0, 0, 0]; 4000];
    instructions.push(EXIT);
    let error = Program::load_xdp(&instructions, "flux_long", 0).unwrap_err();
    if error.source.raw_os_error() == Some(libc::EPERM) {
        permitted(Err::<(), _>(error.source));
        return;
    }
    assert!(error.log.len() > 64 << 10, "{} bytes", error.log.len());
    assert!(error.log.contains("0: (b7) r1 = 0"), "its beginning");
    assert!(error.log.contains("R0 !read_ok"), "its end");
}

#[test]
fn a_test_run_gives_what_the_program_returns() {
    let Some(program) = loaded(&returning(2), "flux_pass") else {
        return;
    };
    let packet: Vec<u8> = (0..60).collect();
    for repeat in [0, 1, 1000] {
        let run = program.test_run(&packet, None, repeat).unwrap();
        assert_eq!(run.return_value, 2);
        assert_eq!(run.data_out, packet);
    }
    let short = program.test_run(&packet[..13], None, 1);
    assert_eq!(errno(short), Some(libc::EINVAL));
}

#[test]
fn a_test_run_sees_its_context() {
    let (interface_offset, queue_offset) = (12, 16);
    let Some(program) = loaded(&returning_field(interface_offset), "flux_ifindex") else {
        return;
    };
    let lo = Interface::by_name("lo").unwrap().index;
    let on_queue =
        |ingress_ifindex, rx_queue_index| Some(XdpContext { ingress_ifindex, rx_queue_index });
    let run = program.test_run(&[0; 60], on_queue(lo, 0), 1).unwrap();
    assert_eq!(run.return_value, lo);

    let program = loaded(&returning_field(queue_offset), "flux_queue").unwrap();
    let run = program.test_run(&[0; 60], on_queue(lo, 0), 1).unwrap();
    assert_eq!(run.return_value, 0);
    let beyond = program.test_run(&[0; 60], on_queue(lo, 1), 1);
    assert_eq!(errno(beyond), Some(libc::EINVAL));
    let queue_of_none = program.test_run(&[0; 60], on_queue(0, 1), 1);
    assert_eq!(errno(queue_of_none), Some(libc::EINVAL));
    let nowhere = program.test_run(&[0; 60], on_queue(i32::MAX.unsigned_abs(), 0), 1);
    assert_eq!(errno(nowhere), Some(libc::ENODEV));
}

/// `return bpf_redirect(index, 0)`.
fn redirecting_to(index: u32) -> [[u8; 8]; 4] {
    let [first, second] = if cfg!(target_endian = "little") { [1, 2] } else { [0x10, 0x20] };
    let [a, b, c, d] = index.to_ne_bytes();
    let call = 23_u32.to_ne_bytes();
    [
        [0xb7, first, 0, 0, a, b, c, d],
        [0xb7, second, 0, 0, 0, 0, 0, 0],
        [0x85, 0, 0, 0, call[0], call[1], call[2], call[3]],
        EXIT,
    ]
}

#[test]
fn live_packets_go_where_the_program_says() {
    if !fluxcapacitor_testbed::permitted() {
        return;
    }
    let namespace = NetNs::new().unwrap();
    let pair = VethPair::create(&namespace, &namespace, 1).unwrap();
    let (near, far) = (pair.a().index(), pair.b());
    namespace
        .run(|| {
            // It takes what is redirected to its peer only while it has a program.
            let sink = loaded(&returning(1), "flux_drop").unwrap();
            let _sink = Link::attach_xdp(&sink, far.index(), XdpMode::Native).unwrap();
            let program = loaded(&redirecting_to(near), "flux_live").unwrap();
            program.run_live(&[2; 60], 10_000).unwrap();
            assert_eq!(errno(program.run_live(&[2; 13], 1)), Some(libc::EINVAL));

            let dropping = loaded(&returning(1), "flux_live").unwrap();
            dropping.run_live(&[2; 60], 1000).unwrap();
        })
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while far.counters().unwrap().rx_packets < 10_000 && Instant::now() < deadline {
        sleep(Duration::from_millis(1));
    }
    assert_eq!(far.counters().unwrap().rx_packets, 10_000);
}

#[test]
fn an_xskmap_takes_af_xdp_sockets_only() {
    let Some(map) = permitted(Map::xskmap(4, "flux_xskmap")) else {
        return;
    };
    assert_eq!(map.max_entries(), 4);
    let file = File::open("/dev/null").unwrap();
    assert_eq!(errno(map.update(0, file.as_fd())), Some(libc::ENOTSOCK));
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(errno(map.update(0, udp.as_fd())), Some(libc::EOPNOTSUPP));
    assert_eq!(errno(map.update(4, udp.as_fd())), Some(libc::E2BIG));

    map.delete(3).unwrap();
    assert_eq!(errno(map.delete(4)), Some(libc::EINVAL));
    assert_eq!(errno(Map::xskmap(0, "flux_empty")), Some(libc::EINVAL));
}

#[test]
fn a_map_of_somebody_else_is_checked() {
    let Some(map) = permitted(Map::xskmap(7, "flux_theirs")) else {
        return;
    };
    let same = Map::from_fd(map.as_fd().try_clone_to_owned().unwrap()).unwrap();
    assert_eq!(same.max_entries(), 7);

    let program = loaded(&returning(2), "flux_pass").unwrap();
    let no_map: OwnedFd = program.as_fd().try_clone_to_owned().unwrap();
    let refused = Map::from_fd(no_map).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{refused}");
    let file = File::open("/dev/null").unwrap();
    Map::from_fd(file.into()).unwrap_err();

    let missing = Map::from_pinned("/sys/fs/bpf/flux-no-such-map".as_ref()).unwrap_err();
    assert_eq!(missing.kind(), io::ErrorKind::NotFound, "{missing}");
}

/// Attaches to an interface that another test program may be using right now.
fn attach_generic(program: &Program, ifindex: u32) -> Option<Link> {
    for _ in 0..200 {
        match Link::attach_xdp(program, ifindex, XdpMode::Generic) {
            Err(busy) if busy.kind() == io::ErrorKind::ResourceBusy => {
                sleep(Duration::from_millis(10));
            }
            attached => return permitted(attached),
        }
    }
    panic!("lo has had an XDP program of somebody else for 2 s");
}

#[test]
fn a_link_attaches_updates_and_detaches() {
    let Some(first) = loaded(&returning(2), "flux_first") else {
        return;
    };
    let second = loaded(&returning(2), "flux_second").unwrap();
    let attached = || Interface::by_name("lo").unwrap().xdp;
    let generic =
        |program: &Program| AttachedXdp { mode: AttachedMode::Generic, program_id: program.id() };
    let lo = Interface::by_name("lo").unwrap().index;

    let Some(link) = attach_generic(&first, lo) else {
        return;
    };
    assert_eq!(attached(), Some(generic(&first)));
    if let Some(info) = permitted_to("CAP_SYS_ADMIN", Program::info_by_id(first.id())) {
        assert_eq!(info.name, "flux_first");
    }
    let taken = Link::attach_xdp(&second, lo, XdpMode::Generic);
    assert_eq!(errno(taken), Some(libc::EBUSY));
    let other_mode = Link::attach_xdp(&second, lo, XdpMode::Native);
    assert_eq!(errno(other_mode), Some(libc::EEXIST));

    link.update(&second).unwrap();
    assert_eq!(attached(), Some(generic(&second)));
    drop(link);
    assert_eq!(attached(), None);
}
