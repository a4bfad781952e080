//! The XDP program on a real kernel: what it decides, where it attaches, and that it goes.
//!
//! Without root each test says that it was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.
#![cfg(target_os = "linux")]

use std::env;
use std::error::Error as _;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Deref;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{self, Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::hook::{Attach, AttachMode, Hook};
use fluxcapacitor::proto::{EthHeader, EtherType};
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::ring::RingSizes;
use fluxcapacitor::umem::{Layout, PageSize, UmemRegion};
use fluxcapacitor::{Error, FluxBuilder, FluxRaw, Result, XskMap};
use fluxcapacitor_core::backend::BindMode;
use fluxcapacitor_core::lane::{self, LaneOptions, OpenLane, Port};
use fluxcapacitor_core::sys::bpf::{Link, Program, ProgramLoadError, XdpContext, XdpMode};
use fluxcapacitor_core::sys::netdev::{AttachedMode, AttachedXdp, Interface};
use fluxcapacitor_ebpf::{Assembler, Register, Target, XdpAction, redirect_program};
use fluxcapacitor_testbed::{End, NetNs, PacketSocket, VethPair, permitted};

const SECOND: Duration = Duration::from_secs(1);

/// Long enough for what would arrive to have arrived.
const QUIET: Duration = Duration::from_millis(100);

const LEFT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 88, 0, 1));
const RIGHT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 88, 0, 2));

/// Set for the process that is to be killed: the path of a namespace, and an interface there.
const TO_BE_KILLED: &str = "FLUXCAP_HOOK_TO_BE_KILLED";

/// A pair between two namespaces, and the turn to use it: the kernel takes namespaces and links down
/// under one lock, and tests that wait for that lock in parallel take ten times as long.
struct Turn {
    pair: VethPair,
    _turn: MutexGuard<'static, ()>,
}

impl Deref for Turn {
    type Target = VethPair;

    fn deref(&self) -> &VethPair {
        &self.pair
    }
}

/// `None`, after saying so, where it is not permitted.
fn pair(queues: u32) -> Option<Turn> {
    static TURN: Mutex<()> = Mutex::new(());
    permitted().then(|| {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, right) = (NetNs::new().unwrap(), NetNs::new().unwrap());
        Turn { pair: VethPair::create(&left, &right, queues).unwrap(), _turn: turn }
    })
}

/// A pair over which UDP flows without a question on the wire.
fn udp_pair(queues: u32) -> Option<Turn> {
    let pair = pair(queues)?;
    for (end, own, other, peer) in
        [(pair.a(), LEFT, RIGHT, pair.b()), (pair.b(), RIGHT, LEFT, pair.a())]
    {
        end.add_address(own, 24).unwrap();
        end.add_neighbour(other, peer.mac()).unwrap();
    }
    Some(pair)
}

fn udp(end: &End, address: IpAddr) -> UdpSocket {
    let socket = end.namespace().run(|| UdpSocket::bind((address, 0))).unwrap().unwrap();
    socket.set_read_timeout(Some(QUIET)).unwrap();
    socket
}

/// What arrives by way of the stack, until nothing does.
fn datagrams(receiver: &UdpSocket) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut buffer = [0; 2048];
    let next = || match receiver.recv_from(&mut buffer) {
        Ok((len, from)) => Some((from, buffer[..len].to_vec())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    };
    std::iter::from_fn(next).collect()
}

/// What arrives at the socket, until nothing does.
fn packets(raw: &mut FluxRaw) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while raw.wait(Interest::Rx, QUIET).unwrap() == Waited::Ready {
        for segment in raw.rx.receive(64).unwrap() {
            packets.push(raw.umem.packet(&segment).unwrap().to_vec());
            raw.pool.give(segment.into_frame()).unwrap();
        }
        raw.refill().unwrap();
    }
    packets
}

fn interface(end: &End) -> Interface {
    end.namespace().run(|| Interface::by_name(end.name())).unwrap().unwrap()
}

fn attach(end: &End, attach: Attach) -> Result<Hook> {
    let interface = interface(end);
    end.namespace().run(|| Hook::attach(&interface, attach)).unwrap()
}

fn open(end: &End, queue: u32) -> Result<FluxRaw> {
    end.namespace().run(|| FluxBuilder::new(end.name()).queue(queue).build_raw()).unwrap()
}

fn load(program: &fluxcapacitor_ebpf::Program, name: &str) -> Result<Program, ProgramLoadError> {
    let code: Vec<[u8; 8]> = program.instructions().iter().map(|insn| insn.encode()).collect();
    Program::load_xdp(&code, name, 0)
}

/// A program of somebody else's, which passes everything.
fn pass(name: &str) -> Program {
    let mut asm = Assembler::new(Target::Kernel);
    asm.return_action(XdpAction::Pass);
    load(&asm.finish().unwrap(), name).unwrap()
}

/// The cases of the interpreter's test, as far as an interface has such queues.
#[test]
fn the_kernel_decides_as_the_interpreter_does() {
    const SOCKETS: [u32; 3] = [0, 3, 63];
    const QUEUES: [u32; 7] = [0, 1, 2, 3, 4, 62, 63];
    let Some(pair) = pair(64) else { return };
    let (end, ingress_ifindex) = (pair.b(), pair.b().index());
    let (umem, mut pool) =
        UmemRegion::new(Layout::new(2048, 64, 0).unwrap(), PageSize::Base).unwrap();
    let mut open_lane = |queue| {
        let sizes = RingSizes { fill: 8, rx: 8, tx: 8, completion: 8 };
        let mode = BindMode { zero_copy: false, need_wakeup: true, segments_max: 1 };
        let (interface, driver) = (end.name(), "veth");
        let (port, tx_reserve) = (Port::Kernel { ifindex: ingress_ifindex }, 64);
        let options =
            LaneOptions { port, interface, driver, queue, sizes, mode, share: None, tx_reserve };
        end.namespace().run(|| lane::open(&umem, &mut pool, &options)).unwrap().unwrap()
    };
    let mut lanes: Vec<(u32, OpenLane)> =
        SOCKETS.iter().map(|queue| (*queue, open_lane(*queue))).collect();

    let programs: Vec<_> = [64, 4]
        .map(|queues| {
            let map = XskMap::new(queues).unwrap();
            let program = redirect_program(map.fd().unwrap().as_raw_fd(), Target::Kernel);
            (load(&program, "flux_redirect").unwrap(), map)
        })
        .into();
    let action = |program: &Program, rx_queue_index| {
        let context = Some(XdpContext { ingress_ifindex, rx_queue_index });
        let run = end.namespace().run(|| program.test_run(&[0; 60], context, 1)).unwrap().unwrap();
        assert_eq!(run.data_out, [0; 60]);
        XdpAction::from_code(run.return_value).unwrap()
    };
    let check = |sockets: &[u32]| {
        for (program, map) in &programs {
            for queue in QUEUES {
                let has_socket = sockets.contains(&queue) && queue < map.queues();
                let expected = if has_socket { XdpAction::Redirect } else { XdpAction::Pass };
                let queues = map.queues();
                assert_eq!(action(program, queue), expected, "queue {queue} of {queues}");
            }
        }
    };

    check(&[]);
    for (_, map) in &programs {
        for (queue, lane) in lanes.iter().filter(|(queue, _)| *queue < map.queues()) {
            map.insert(*queue, &lane.socket).unwrap();
        }
        let (queue, lane) = (map.queues(), &lanes[0].1);
        assert!(matches!(map.insert(queue, &lane.socket), Err(Error::Sys { .. })));
    }
    check(&SOCKETS);
    programs.iter().for_each(|(_, map)| map.remove(3).unwrap());
    check(&[0, 63]);
    // A socket that closes goes out of every map.
    lanes.remove(0);
    check(&[63]);
}

#[test]
fn the_words_of_the_verifier_reach_the_user() {
    if !permitted() {
        return;
    }
    // Well formed, but the register that says what becomes of the packet is never written.
    let mut asm = Assembler::new(Target::Kernel);
    asm.mov(Register::R1, 0).exit();
    let refused = load(&asm.finish().unwrap(), "flux_bad").unwrap_err();
    assert!(refused.to_string().contains("R0 !read_ok"), "{refused}");

    let ProgramLoadError { source, log } = refused;
    let error = Error::ProgramRefused { log, source };
    let text = error.to_string();
    assert!(text.starts_with("the kernel's verifier refused the XDP program: "), "{text}");
    assert!(text.contains("0: (b7) r1 = 0") && text.contains("R0 !read_ok"), "{text}");
    assert!(error.source().unwrap().to_string().contains("os error 13"), "{text}");
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert!(error.to_string().contains("R0 !read_ok"), "{error}");

    // A map that is none: the kernel says so in its log, before it looks at the program.
    let no_map = std::fs::File::open("/dev/null").unwrap();
    let refused =
        load(&redirect_program(no_map.as_raw_fd(), Target::Kernel), "flux_no_map").unwrap_err();
    assert!(refused.log.contains("is not pointing to valid bpf_map"), "{refused}");
}

#[test]
fn veth_takes_the_program_in_the_driver_and_in_the_stack() {
    let Some(pair) = pair(2) else { return };
    for (asked, mode, attached) in [
        (Attach::Native, AttachMode::Native, AttachedMode::Native),
        (Attach::Auto, AttachMode::Native, AttachedMode::Native),
        (Attach::Generic, AttachMode::Generic, AttachedMode::Generic),
    ] {
        let hook = attach(pair.b(), asked).unwrap();
        assert_eq!((hook.mode(), hook.why_not_native()), (mode, None), "{asked:?}");
        assert_eq!(hook.map().queues(), 2);
        let AttachedXdp { mode, program_id } = interface(pair.b()).xdp.unwrap();
        assert_eq!((mode, Some(program_id)), (attached, pair.b().xdp_attached().unwrap()));
        assert_eq!(Program::info_by_id(program_id).unwrap().name, "flux_redirect");
        drop(hook);
        assert_eq!(pair.b().xdp_attached().unwrap(), None, "{asked:?}");
    }
}

#[test]
fn packets_too_long_for_the_driver_are_a_reason_for_generic() {
    let Some(pair) = pair(1) else { return };
    pair.a().set_mtu(9000).unwrap();
    pair.b().set_mtu(9000).unwrap();
    let refused = attach(pair.b(), Attach::Native).unwrap_err();
    assert!(matches!(refused, Error::NoNativeMode { .. }), "{refused}");
    let hook = attach(pair.b(), Attach::Auto).unwrap();
    assert_eq!(hook.mode(), AttachMode::Generic);
    let why = hook.why_not_native().unwrap();
    assert!(
        why.contains(
            "veth refuses: packets of this link do not fit one buffer (the MTU is 9000 here"
        ),
        "{why}"
    );
}

#[test]
fn an_interface_without_a_driver_takes_it_in_the_stack() {
    let Some(pair) = pair(1) else { return };
    pair.b()
        .namespace()
        .run(|| {
            let lo = Interface::by_name("lo").unwrap();
            let refused = Hook::attach(&lo, Attach::Native).unwrap_err();
            let text = refused.to_string();
            assert!(matches!(refused, Error::NoNativeMode { .. }), "{text}");
            assert!(text.starts_with("no XDP in the driver of lo"), "{text}");
            assert!(text.contains("attach in generic mode"), "{text}");
            assert_eq!(Interface::by_name("lo").unwrap().xdp, None);

            let hook = Hook::attach(&lo, Attach::Auto).unwrap();
            assert_eq!(hook.mode(), AttachMode::Generic);
            let why = hook.why_not_native().unwrap();
            assert!(why.contains("refuses"), "{why}");
            let attached = Interface::by_name("lo").unwrap().xdp.unwrap();
            assert_eq!(attached.mode, AttachedMode::Generic);
            drop(hook);
            assert_eq!(Interface::by_name("lo").unwrap().xdp, None);

            let hook = Hook::attach(&lo, Attach::Generic).unwrap();
            assert_eq!(hook.why_not_native(), None, "it is what was asked for");
        })
        .unwrap();
}

#[test]
fn somebody_elses_program_is_named() {
    let Some(pair) = pair(1) else { return };
    let theirs = pass("their_firewall");
    let attach_theirs = |mode| Link::attach_xdp(&theirs, pair.b().index(), mode).unwrap();
    for (mode, shown) in [(XdpMode::Native, "native"), (XdpMode::Generic, "generic")] {
        let link = pair.b().namespace().run(|| attach_theirs(mode)).unwrap();
        for asked in [Attach::Native, Attach::Generic, Attach::Auto] {
            let busy = attach(pair.b(), asked).unwrap_err();
            assert!(matches!(busy, Error::ProgramBusy { .. }), "{asked:?}: {busy}");
            let expected = format!("their_firewall (id {}, {shown};", theirs.id());
            assert!(busy.to_string().contains(&expected), "{asked:?}: {busy}");
        }
        let busy = open(pair.b(), 0).unwrap_err();
        assert!(busy.to_string().contains("their_firewall"), "{busy}");
        assert_eq!(io::Error::from(busy).kind(), io::ErrorKind::ResourceBusy);
        // It was not touched.
        assert_eq!(pair.b().xdp_attached().unwrap(), Some(theirs.id()));
        drop(link);
    }
    open(pair.b(), 0).unwrap();
}

/// A process that does not outlive the test.
struct Victim(Child);

impl Victim {
    /// Runs one test of this program again, and waits until it says that it is ready.
    fn start(test: &str, variable: &str, value: String) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(variable, value)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let victim = Self(child);
        let mut lines = BufReader::new(stdout).lines().map_while(io::Result::ok);
        assert!(lines.any(|line| line.ends_with("READY")), "it ended before it was ready");
        victim
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn a_killed_process_leaves_nothing_attached_and_the_queue_free() {
    if let Ok(place) = env::var(TO_BE_KILLED) {
        return be_killed(&place);
    }
    let Some(pair) = pair(1) else { return };
    let peer = PacketSocket::open(pair.a()).unwrap();
    let fd = pair.b().namespace().as_fd().as_raw_fd();
    let place = format!("/proc/{}/fd/{fd} {}", process::id(), pair.b().name());
    let this = "a_killed_process_leaves_nothing_attached_and_the_queue_free";
    for _ in 0..3 {
        let mut victim = Victim::start(this, TO_BE_KILLED, place.clone());
        assert_ne!(pair.b().xdp_attached().unwrap(), None);
        let busy = open(pair.b(), 0).unwrap_err();
        assert!(matches!(busy, Error::ProgramBusy { .. }), "{busy}");

        victim.kill();
        let killed = Instant::now();
        while pair.b().xdp_attached().unwrap().is_some() {
            assert!(killed.elapsed() < 30 * SECOND, "a program without a process");
            thread::sleep(Duration::from_millis(1));
        }
        let mut raw = open(pair.b(), 0).unwrap();
        peer.send(&[0x88; 60]).unwrap();
        assert_eq!(packets(&mut raw), [[0x88; 60]]);
    }
}

/// Opens the queue, says so, and waits for the end.
fn be_killed(place: &str) {
    let (namespace, interface) = place.split_once(' ').unwrap();
    let namespace = NetNs::open(namespace).unwrap();
    let raw = namespace.run(|| FluxBuilder::new(interface).build_raw()).unwrap();
    let _raw = raw.unwrap();
    println!("READY");
    io::stdout().flush().unwrap();
    thread::sleep(60 * SECOND);
}

/// Whether it carries this datagram.
fn is_udp_of(packet: &[u8], text: &[u8]) -> bool {
    let (ethernet, _) = EthHeader::ref_from_prefix(packet).unwrap();
    ethernet.ether_type() == EtherType::IPV4 && packet.ends_with(text)
}

#[test]
fn the_stack_has_a_queue_exactly_while_the_map_has_no_socket_for_it() {
    let Some(pair) = udp_pair(1) else { return };
    let (sender, receiver) = (udp(pair.a(), LEFT), udp(pair.b(), RIGHT));
    let to = receiver.local_addr().unwrap();
    let mut raw = open(pair.b(), 0).unwrap();
    for round in 0..3 {
        let (ours, theirs) = (format!("to the socket {round}"), format!("to the stack {round}"));

        sender.send_to(ours.as_bytes(), to).unwrap();
        let redirected = packets(&mut raw);
        assert_eq!(redirected.len(), 1, "round {round}");
        assert!(is_udp_of(&redirected[0], ours.as_bytes()), "{:02x?}", redirected[0]);
        assert_eq!(datagrams(&receiver), []);

        raw.device().hook().unwrap().map().remove(0).unwrap();
        sender.send_to(theirs.as_bytes(), to).unwrap();
        let expected = (sender.local_addr().unwrap(), theirs.into_bytes());
        assert_eq!(datagrams(&receiver), [expected]);
        assert!(packets(&mut raw).is_empty());

        raw.device().hook().unwrap().map().insert(0, &raw).unwrap();
    }
    assert_ne!(pair.b().xdp_attached().unwrap(), None, "all the while");
}

/// Flows go to queues by a hash that nobody controls: of 64, all on one queue is less than likely.
#[test]
fn each_datagram_goes_to_the_socket_of_its_queue_or_to_the_stack() {
    let Some(pair) = udp_pair(2) else { return };
    let receiver = udp(pair.b(), RIGHT);
    let to = receiver.local_addr().unwrap();
    let mut raw = open(pair.b(), 1).unwrap();
    let senders: Vec<_> = (0..64).map(|_| udp(pair.a(), LEFT)).collect();
    for sender in &senders {
        sender.send_to(sender.local_addr().unwrap().to_string().as_bytes(), to).unwrap();
    }
    let (stacked, redirected) = (datagrams(&receiver), packets(&mut raw));
    for sender in &senders {
        let from = sender.local_addr().unwrap();
        let text = from.to_string();
        let by_stack = stacked.contains(&(from, text.clone().into_bytes()));
        let by_socket = redirected.iter().any(|packet| is_udp_of(packet, text.as_bytes()));
        assert!(by_stack != by_socket, "{from}: by stack {by_stack}, by socket {by_socket}");
    }
    assert_eq!(stacked.len() + redirected.len(), senders.len());
    assert!(!stacked.is_empty() && !redirected.is_empty(), "{} by stack", stacked.len());
}
