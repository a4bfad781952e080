//! Raw mode on a real kernel: veth pairs in namespaces of their own.
//!
//! Without root each test says that it was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.
#![cfg(target_os = "linux")]

mod jumbo;

use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fluxcapacitor::builder::{BusyPoll, NapiDeferral};
use fluxcapacitor::ebpf::Register::{R1, R2, R3, R4, R5};
use fluxcapacitor::ebpf::{Assembler, Condition, ContextField, Helper, Size, XdpAction};
use fluxcapacitor::granted::{BusyPollGrant, NapiDeferralGrant};
use fluxcapacitor::hook::{Attach, AttachMode, XdpProgram};
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::umem::{FramePool, PageSize, Segment};
use fluxcapacitor::{Error, FluxBuilder, FluxRaw, Result};
use fluxcapacitor_core::sys::netdev::{NapiInstance, NapiSettings, napi_instances};
use fluxcapacitor_testbed::{End, NetNs, PacketSocket, VethPair, permitted};

const SECOND: Duration = Duration::from_secs(1);

/// How long something that must happen may take: a machine with other work is slow.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Builds in the namespace of `end`, for its interface.
fn open(end: &End, configure: impl FnOnce(FluxBuilder) -> FluxBuilder + Send) -> Result<FluxRaw> {
    end.namespace().run(|| configure(FluxBuilder::new(end.name())).build_raw()).unwrap()
}

fn packet(from: &End, to: &End, number: u32) -> Vec<u8> {
    let mut packet = [&to.mac()[..], &from.mac()[..], &[0x88, 0xb5]].concat();
    packet.extend(number.to_be_bytes());
    packet.resize(60 + number as usize % 1400, number as u8);
    packet
}

/// Receives until there are `count` packets.
fn receive(raw: &mut FluxRaw, count: usize) -> Vec<Vec<u8>> {
    receive_within(raw, count, PATIENCE)
}

/// The same, or until `patience` has passed without one.
fn receive_within(raw: &mut FluxRaw, count: usize, patience: Duration) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while packets.len() < count && raw.wait(Interest::Rx, patience).unwrap() == Waited::Ready {
        for segment in raw.rx.receive(64).unwrap() {
            packets.push(raw.umem.packet(&segment).unwrap().to_vec());
            raw.pool.give(segment.into_frame()).unwrap();
        }
        raw.refill().unwrap();
    }
    packets
}

/// Sends, and waits for all completions.
fn send(raw: &mut FluxRaw, packets: &[Vec<u8>]) {
    let deadline = Instant::now() + PATIENCE;
    let (mut sent, mut completed) = (0, 0);
    while completed < packets.len() {
        while sent < packets.len() && raw.tx.room().unwrap() > 0 {
            let Some(frame) = raw.pool.take() else { break };
            raw.tx.push(raw.umem.write(frame, &packets[sent]).unwrap()).unwrap();
            sent += 1;
        }
        raw.flush().unwrap();
        completed += raw.reclaim().unwrap() as usize;
        assert!(Instant::now() < deadline, "{completed} of {} completed", packets.len());
    }
}

fn conserved(raw: &FluxRaw) {
    let census = raw.census();
    assert_eq!(census.total(), raw.granted().frames, "{census}");
    assert_eq!(census.retired, 0, "{census}");
    assert_eq!(
        census.user as usize,
        raw.pool.len(),
        "{census}: the user holds the pool and no more"
    );
}

#[test]
fn packets_are_received_as_they_were_sent_native_and_generic() {
    for (attach, mode) in
        [(Attach::Native, AttachMode::Native), (Attach::Generic, AttachMode::Generic)]
    {
        let Some(pair) = pair(1) else { return };
        let peer = PacketSocket::open(pair.a()).unwrap();
        let mut raw = open(pair.b(), |builder| builder.attach(attach)).unwrap();
        assert_eq!(raw.granted().attach, Some(mode));

        let sent: Vec<_> = (0..2000).map(|number| packet(pair.a(), pair.b(), number)).collect();
        let mut received = Vec::new();
        for burst in sent.chunks(100) {
            burst.iter().for_each(|packet| peer.send(packet).unwrap());
            received.extend(receive(&mut raw, burst.len()));
        }
        assert!(
            received == sent,
            "{mode}: {} of {} received, or not as sent",
            received.len(),
            sent.len()
        );
        conserved(&raw);
    }
}

#[test]
fn packets_are_sent_and_completed() {
    let Some(pair) = pair(1) else { return };
    let peer = PacketSocket::open(pair.a()).unwrap();
    let mut raw = open(pair.b(), |builder| builder).unwrap();
    let before = pair.b().counters().unwrap();
    let sent: Vec<_> = (0..500).map(|number| packet(pair.b(), pair.a(), number)).collect();
    let mut buffer = [0; 2048];
    for burst in sent.chunks(50) {
        send(&mut raw, burst);
        for packet in burst {
            let len = peer.recv(&mut buffer, PATIENCE).unwrap().expect("a packet");
            assert_eq!(&buffer[..len], packet);
        }
    }
    assert_eq!(pair.b().counters().unwrap().since(&before).tx_packets, 500);
    conserved(&raw);
}

#[test]
fn a_packet_goes_back_out_of_the_frame_that_it_came_in() {
    let Some(pair) = pair(1) else { return };
    let peer = PacketSocket::open(pair.a()).unwrap();
    let mut raw = open(pair.b(), |builder| builder.headroom(64)).unwrap();
    let mut buffer = [0; 2048];
    for number in 0..200 {
        let sent = packet(pair.a(), pair.b(), number);
        peer.send(&sent).unwrap();
        assert_eq!(raw.wait(Interest::Rx, PATIENCE).unwrap(), Waited::Ready);
        let packets: Vec<Segment> = raw.rx.receive(64).unwrap().collect();
        for mut packet in packets {
            assert_eq!(packet.start(), 256 + 64);
            raw.umem.packet_mut(&mut packet).unwrap()[..12].rotate_left(6);
            raw.tx.push(packet).unwrap();
        }
        raw.flush().unwrap();
        let len = peer.recv(&mut buffer, PATIENCE).unwrap().expect("the echo");
        assert_eq!(buffer[..6], pair.a().mac());
        assert_eq!(buffer[12..len], sent[12..]);
        raw.reclaim().unwrap();
        raw.refill().unwrap();
    }
    conserved(&raw);
}

#[test]
fn a_socket_takes_its_queue_and_leaves_the_others_to_the_stack() {
    let Some(pair) = pair(2) else { return };
    pair.a().add_address([10, 0, 0, 1].into(), 24).unwrap();
    pair.b().add_address([10, 0, 0, 2].into(), 24).unwrap();
    let mut raw = open(pair.b(), |builder| builder.queue(1)).unwrap();
    assert_eq!((raw.granted().queue, raw.granted().queues), (1, 2));

    // The rx queue follows the sender's tx queue: one AF_XDP sender per queue.
    for (queue, reaches_us) in [(0, false), (1, true)] {
        let mut sender = open(pair.a(), |builder| builder.queue(queue)).unwrap();
        send(&mut sender, &[packet(pair.a(), pair.b(), 7)]);
        let patience = if reaches_us { PATIENCE } else { SECOND };
        let received = receive_within(&mut raw, 1, patience);
        assert_eq!(received.len(), usize::from(reaches_us), "queue {queue}");
    }
    assert_eq!(pair.b().counters().unwrap().rx_packets, 2, "both arrived");
}

#[test]
fn a_program_of_ones_own_says_which_packets_come() {
    let Some(pair) = pair(1) else { return };
    let peer = PacketSocket::open(pair.a()).unwrap();
    // Drops packets whose last octet of the number, the 18th of the packet, is odd.
    let drop_odd = XdpProgram::new(|map, target| {
        let mut asm = Assembler::new(target);
        let (short, odd) = (asm.label(), asm.label());
        asm.load_context(R2, R1, ContextField::Data)
            .load_context(R3, R1, ContextField::DataEnd)
            .mov(R4, R2)
            .add(R4, 18)
            .jump_if(Condition::Gt, R4, R3, short)
            .load(Size::Byte, R5, R2, 17)
            .jump_if(Condition::Set, R5, 1, odd)
            .load_context(R2, R1, ContextField::RxQueueIndex)
            .load_map(R1, map)
            .mov(R3, XdpAction::Pass)
            .call(Helper::RedirectMap)
            .exit()
            .bind(short)
            .return_action(XdpAction::Pass)
            .bind(odd)
            .return_action(XdpAction::Drop);
        asm.finish()
    });
    let mut raw = open(pair.b(), |builder| builder.program(drop_odd)).unwrap();
    (0..10).for_each(|number| peer.send(&packet(pair.a(), pair.b(), number)).unwrap());
    let received: Vec<_> = receive(&mut raw, 5).iter().map(|packet| packet[17]).collect();
    assert_eq!(received, [0, 2, 4, 6, 8]);

    drop(raw);
    let unfinished = XdpProgram::new(|_, target| Assembler::new(target).finish());
    let refused = open(pair.b(), |builder| builder.program(unfinished)).unwrap_err();
    assert!(matches!(refused, Error::Invalid { what: "XDP program", .. }), "{refused}");
}

#[test]
fn both_ends_speak_af_xdp() {
    let Some(pair) = pair(1) else { return };
    let mut left = open(pair.a(), |builder| builder.frame_size(4096)).unwrap();
    let mut right = open(pair.b(), |builder| builder).unwrap();
    for round in 0..20 {
        let packets: Vec<_> =
            (0..100).map(|n| packet(pair.a(), pair.b(), round * 100 + n)).collect();
        send(&mut left, &packets);
        assert!(receive(&mut right, 100) == packets);
        send(&mut right, &packets);
        assert!(receive(&mut left, 100) == packets);
    }
    conserved(&left);
    conserved(&right);
}

#[test]
fn a_queue_opens_again_at_once_and_packets_in_hand_survive_the_close() {
    let Some(pair) = pair(1) else { return };
    let peer = PacketSocket::open(pair.a()).unwrap();
    let mut held = Vec::new();
    for number in 0..50 {
        let mut raw =
            open(pair.b(), |builder| builder.frames(512).fill_size(256).tx_size(256)).unwrap();
        peer.send(&packet(pair.a(), pair.b(), number)).unwrap();
        assert_eq!(raw.wait(Interest::Rx, PATIENCE).unwrap(), Waited::Ready);
        held.push((raw.umem.clone(), raw.rx.pop().unwrap().unwrap()));
    }
    for (number, (umem, segment)) in (0..).zip(&held) {
        assert_eq!(umem.packet(segment).unwrap(), packet(pair.a(), pair.b(), number));
        let census = umem.census();
        assert_eq!(census.rx + census.tx, 0, "{census}");
        assert!(census.retired > 0, "{census}: what the kernel had is not ours before it says so");
    }
    assert_eq!(pair.b().xdp_attached().unwrap(), None);
}

#[test]
fn packets_that_wait_find_room_to_go_back_to() {
    let Some(pair) = pair(1) else { return };
    let peer = PacketSocket::open(pair.a()).unwrap();
    // More frames than the fill ring and the tx reserve can hold.
    let small = |b: FluxBuilder| b.frames(256).fill_size(64).rx_size(64).tx_size(64);
    let mut raw = open(pair.b(), small).unwrap();
    (0..10).for_each(|number| peer.send(&packet(pair.a(), pair.b(), number)).unwrap());
    while raw.rx.occupancy() < 10 {
        assert_eq!(raw.wait(Interest::Rx, PATIENCE).unwrap(), Waited::Ready);
    }
    raw.refill().unwrap();
    let mut seen = 0;
    raw.rx.recycle(&mut raw.fill, 64, |_| seen += 1).unwrap();
    assert_eq!(seen, 10);
    conserved(&raw);
}

#[test]
fn a_pool_of_another_socket_is_refused_and_keeps_its_frames() {
    let Some(pair) = pair(1) else { return };
    let mut left = open(pair.a(), |b| b).unwrap();
    let mut right = open(pair.b(), |b| b).unwrap();
    std::mem::swap(&mut left.pool, &mut right.pool);
    send_one_from(&mut right.pool, &mut left, &packet(pair.a(), pair.b(), 1));
    let before = left.pool.len();
    assert!(matches!(left.refill(), Err(Error::Foreign)));
    assert!(matches!(left.reclaim(), Err(Error::Foreign)));
    assert_eq!(left.pool.len(), before);
    std::mem::swap(&mut left.pool, &mut right.pool);
    while left.completion.occupancy() == 0 {}
    assert_eq!(left.reclaim().unwrap(), 1);
    conserved(&left);
}

/// Sends one packet out of a frame of `pool`.
fn send_one_from(pool: &mut FramePool, raw: &mut FluxRaw, packet: &[u8]) {
    let segment = raw.umem.write(pool.take().unwrap(), packet).unwrap();
    raw.tx.push(segment).unwrap();
    raw.flush().unwrap();
}

#[test]
fn parts_go_to_two_threads() {
    let Some(pair) = pair(1) else { return };
    let peer = PacketSocket::open(pair.a()).unwrap();
    let parts = open(pair.b(), |builder| builder).unwrap().into_parts();
    let (device, umem) = (&parts.device, &parts.umem);
    let (mut rx, mut tx, mut completion) = (parts.rx, parts.tx, parts.completion);
    let (to_tx, packets) = std::sync::mpsc::sync_channel::<Segment>(64);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut received = 0;
            while received < 100 {
                device.wait(Interest::Rx, SECOND).unwrap();
                for packet in rx.receive(64).unwrap() {
                    to_tx.send(packet).unwrap();
                    received += 1;
                }
            }
        });
        scope.spawn(move || {
            for packet in packets {
                assert!(umem.packet(&packet).unwrap().len() >= 60);
                tx.push(packet).unwrap();
                tx.publish();
                device.kick_tx().unwrap();
                while completion.pop().unwrap().is_none() {}
            }
        });
        let mut buffer = [0; 2048];
        for number in 0..100 {
            let sent = packet(pair.a(), pair.b(), number);
            peer.send(&sent).unwrap();
            let len = peer.recv(&mut buffer, PATIENCE).unwrap().expect("the echo");
            assert_eq!(buffer[..len], sent);
        }
    });
}

#[test]
fn what_was_granted_is_said_and_why_not_more() {
    let Some(pair) = pair(3) else { return };
    let deferral = Some(NapiDeferral::default());
    let busy_poll = BusyPoll { deferral, ..BusyPoll::default() };
    let raw = open(pair.b(), |b| b.queue(2).busy_poll(busy_poll).pages(PageSize::Huge1G)).unwrap();
    let granted = raw.granted();
    assert_eq!((granted.driver.as_str(), granted.queue, granted.queues), ("veth", 2, 3));
    assert_eq!(granted.mac.unwrap().octets(), pair.b().mac());
    assert!(!granted.zero_copy);
    assert!(granted.why_copied.as_deref().unwrap().contains("does not offer"), "{granted:?}");
    assert_eq!(granted.attach, Some(AttachMode::Native));
    assert_eq!(granted.busy_poll, BusyPollGrant::NoNapi, "veth names no NAPI instance");
    // It has some, and without anybody who polls, packets would lie there.
    assert_eq!(granted.napi_deferral, NapiDeferralGrant::Void);
    let instances = pair.b().namespace().run(|| napi_instances(pair.b().index())).unwrap().unwrap();
    let deferring = |napi: &&NapiInstance| napi.settings != Some(NapiSettings::default());
    assert!(!instances.is_empty());
    assert_eq!(instances.iter().find(deferring), None, "they were touched");
    assert_eq!(granted.pages.size == PageSize::Huge1G, granted.pages.why_not.is_none());
    let lines: Vec<_> = granted.shortfalls().collect();
    assert!(lines.iter().any(|line| line.contains("busy polling")), "{lines:?}");
    let line = granted.to_string();
    assert!(
        line.contains("(veth) queue 2 of 3: copy, native XDP, 4096 frames of 2048 bytes"),
        "{line}"
    );
}
