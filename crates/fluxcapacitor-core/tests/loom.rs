//! Models of the real ring and ledger code: every interleaving that matters, every allowed reordering.
//!
//! `RUSTFLAGS="--cfg loom" cargo test --release -p fluxcapacitor-core --test loom`
#![cfg(loom)]

use std::sync::{Arc, Mutex};

use fluxcapacitor_core::ring::{
    Descriptor, LaneRings, Outgoing, PeerRings, RingSizes, RxRing, on_heap,
};
use fluxcapacitor_core::umem::{
    Frame, FramePool, Home, Layout, Origin, PageSize, Parcel, Segment, SharedFrameState, UmemRegion,
};
use loom::cell::UnsafeCell;
use loom::thread;

const SIZES: RingSizes = RingSizes { fill: 1, rx: 2, tx: 1, completion: 2 };

/// The bytes of the frames, in a form that loom watches: two touches that are not ordered, one of
/// them a write, fail the model.
#[derive(Clone)]
struct Bytes(Arc<Vec<UnsafeCell<u32>>>);

impl Bytes {
    fn new(frames: usize) -> Self {
        Self(Arc::new((0..frames).map(|_| UnsafeCell::new(0)).collect()))
    }

    /// Whoever holds the token may.
    fn write(&self, frame: &Frame) {
        self.touch(frame.index() as usize);
    }

    #[allow(unsafe_code)]
    fn touch(&self, index: usize) {
        // SAFETY: that this is no race is what the model proves.
        self.0[index].with_mut(|bytes| unsafe { *bytes += 1 });
    }
}

fn umem(frames: u32) -> (UmemRegion, FramePool) {
    UmemRegion::new(Layout::new(2048, frames, 0).unwrap(), PageSize::Base).unwrap()
}

/// A peer that has announced both frames twice over before anybody posted one.
fn forge(peer: &mut PeerRings, frame: u64) {
    for _ in 0..2 {
        peer.rx.push(Descriptor { addr: frame * 2048, len: 60, options: 0 }).unwrap().unwrap();
        peer.completion.push(frame * 2048).unwrap().unwrap();
    }
    peer.rx.publish();
    peer.completion.publish();
}

fn receive_all(rx: &mut RxRing, bytes: &Bytes) -> Vec<Segment> {
    let packets: Vec<Segment> = rx.receive(2).unwrap().collect();
    packets.iter().for_each(|packet| bytes.write(packet.frame()));
    packets
}

/// Values cross a ring in order and whole, round its end.
#[test]
fn values_cross_a_ring() {
    loom::model(|| {
        let (mut producer, mut consumer) = on_heap::<Descriptor>(1, u32::MAX).unwrap();
        let sender = thread::spawn(move || {
            for len in 1..=2 {
                let value = Descriptor { addr: u64::from(len), len, options: len };
                while producer.push(value).unwrap().is_err() {
                    thread::yield_now();
                }
                producer.publish();
            }
        });
        for len in 1..=2 {
            let value = loop {
                match consumer.pop().unwrap() {
                    Some(value) => break value,
                    None => thread::yield_now(),
                }
            };
            assert_eq!(value, Descriptor { addr: u64::from(len), len, options: len });
        }
        sender.join().unwrap();
    });
}

/// A slot is written after its last reader is done with it, and read after its writer is: bytes that are
/// touched by whoever has the slot are never touched by both.
#[test]
fn a_slot_is_the_producers_or_the_consumers() {
    loom::model(|| {
        let (mut producer, mut consumer) = on_heap::<u64>(1, u32::MAX).unwrap();
        let slot = Bytes::new(1);
        let writer = {
            let slot = slot.clone();
            thread::spawn(move || {
                for value in 1..=2 {
                    while producer.room(1).unwrap() == 0 {
                        thread::yield_now();
                    }
                    slot.touch(0);
                    producer.push(value).unwrap().unwrap();
                    producer.publish();
                }
            })
        };
        for value in 1..=2 {
            while consumer.ready().unwrap() == 0 {
                thread::yield_now();
            }
            let mut batch = consumer.take(1).unwrap();
            slot.touch(0);
            assert_eq!(batch.next(), Some(value));
        }
        writer.join().unwrap();
    });
}

/// Fill on one thread, rx of the same lane on another, and a peer that has forged the rx entry
/// without ever looking at the fill ring: one token at most, and no race on the bytes.
#[test]
fn a_split_lane_and_a_forged_descriptor() {
    loom::model(|| {
        let (umem, mut pool) = umem(1);
        let bytes = Bytes::new(1);
        let (lane, mut peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        forge(&mut peer, 0);
        let (mut fill, mut rx) = (lane.fill, lane.rx);
        let frame = pool.take().unwrap();
        let poster = {
            let bytes = bytes.clone();
            thread::spawn(move || {
                bytes.write(&frame);
                fill.push(frame).unwrap();
                fill.publish();
            })
        };
        let tokens = receive_all(&mut rx, &bytes);
        assert!(tokens.len() <= 1);
        poster.join().unwrap();
    });
}

/// As above for tx and completion.
#[test]
fn a_split_lane_and_a_forged_completion() {
    loom::model(|| {
        let (umem, mut pool) = umem(1);
        let bytes = Bytes::new(1);
        let (lane, mut peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        forge(&mut peer, 0);
        let (mut tx, mut completion) = (lane.tx, lane.completion);
        let packet = umem.segment(pool.take().unwrap(), 0, 60).unwrap();
        let sender = {
            let bytes = bytes.clone();
            thread::spawn(move || {
                bytes.write(packet.frame());
                tx.push(packet).unwrap();
                tx.publish();
            })
        };
        let frames: Vec<Frame> = completion.complete(2).unwrap().collect();
        frames.iter().for_each(|frame| bytes.write(frame));
        assert!(frames.len() <= 1);
        sender.join().unwrap();
    });
}

/// A frame wanders from lane 0, on one thread, to lane 1, on another, while both peers announce it
/// all the time.
#[test]
fn two_lanes_and_a_frame_between_them() {
    loom::model(|| {
        let (umem, mut pool) = umem(1);
        let bytes = Bytes::new(1);
        let (mut lane0, mut peer0) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        let (mut lane1, mut peer1) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        forge(&mut peer0, 0);
        forge(&mut peer1, 0);
        lane0.fill.push(pool.take().unwrap()).unwrap();
        let handed = Arc::new(Mutex::new(Vec::new()));

        let first = {
            let (bytes, handed) = (bytes.clone(), handed.clone());
            thread::spawn(move || {
                let tokens = receive_all(&mut lane0.rx, &bytes);
                assert_eq!(tokens.len(), 1, "it was posted before, and only once");
                for token in tokens {
                    // Handed over by one store: what the thread on the other side sees of the bytes
                    // it sees through lane 1's ledger entry.
                    lane1.fill.push(token.into_frame()).unwrap();
                }
                handed.lock().unwrap().push(lane1.fill);
            })
        };
        let tokens = receive_all(&mut lane1.rx, &bytes);
        assert!(tokens.len() <= 1);
        first.join().unwrap();
    });
}

/// A simulated lane, whose kernel's side moves frames through the ledger on a thread of its own: a frame
/// that is posted, delivered, and told of by a forged descriptor before and after.
#[test]
fn a_simulated_kernel_delivers_what_was_posted() {
    loom::model(|| {
        let (umem, mut pool) = umem(1);
        let bytes = Bytes::new(1);
        let (mut lane, mut kernel) = LaneRings::simulated(&umem, SIZES, 0).unwrap();
        bytes.touch(0);
        lane.fill.push(pool.take().unwrap()).unwrap();
        lane.fill.publish();
        kernel.forge_packet(Descriptor { addr: 0, len: 60, options: 0 });
        let peer = {
            let bytes = bytes.clone();
            thread::spawn(move || {
                if let Some(addr) = kernel.take_frame() {
                    bytes.touch(0);
                    kernel.deliver(addr, &[0; 60]);
                }
            })
        };
        let tokens = receive_all(&mut lane.rx, &bytes);
        assert!(tokens.len() <= 1);
        peer.join().unwrap();
    });
}

/// The other direction: a packet is sent and completed by the kernel's side, while a completion was
/// forged before.
#[test]
fn a_simulated_kernel_completes_what_was_queued() {
    loom::model(|| {
        let (umem, mut pool) = umem(1);
        let bytes = Bytes::new(1);
        let (mut lane, mut kernel) = LaneRings::simulated(&umem, SIZES, 0).unwrap();
        bytes.touch(0);
        lane.tx.push(umem.segment(pool.take().unwrap(), 0, 60).unwrap()).unwrap();
        lane.tx.publish();
        kernel.forge_completion(0);
        let peer = {
            let bytes = bytes.clone();
            thread::spawn(move || {
                if let Outgoing::Packet(addrs) = kernel.take_packet(&mut Vec::new()) {
                    bytes.touch(0);
                    addrs.into_iter().for_each(|addr| kernel.complete(addr));
                }
            })
        };
        let frames: Vec<Frame> = lane.completion.complete(2).unwrap().collect();
        frames.iter().for_each(|frame| bytes.write(frame));
        assert!(frames.len() <= 1);
        peer.join().unwrap();
    });
}

/// The kernel says that it sleeps and looks once more; we publish and ask: not both miss the other.
#[test]
fn no_wakeup_is_lost() {
    loom::model(|| {
        let (mut producer, mut consumer) = on_heap::<u64>(1, 0).unwrap();
        let peer = thread::spawn(move || {
            consumer.set_need_wakeup(true);
            consumer.pop().unwrap().is_some()
        });
        producer.push(1).unwrap().unwrap();
        producer.publish();
        let kicked = producer.needs_wakeup();
        assert!(peer.join().unwrap() || kicked, "a packet that waits for ever");
    });
}

/// A task finds the ring empty, says that it is to be woken, and looks once more; the other end publishes and
/// wakes whoever has said so: the task comes to its packet.
#[test]
fn no_task_sleeps_through_a_packet() {
    use loom::future::{AtomicWaker, block_on};
    use std::future::poll_fn;
    use std::task::Poll;

    loom::model(|| {
        let (mut producer, mut consumer) = on_heap::<u64>(1, 0).unwrap();
        let task = Arc::new(AtomicWaker::new());
        let waker = Arc::clone(&task);
        let peer = thread::spawn(move || {
            producer.push(1).unwrap().unwrap();
            producer.publish();
            waker.wake();
        });
        let received = block_on(poll_fn(|context| {
            if let Some(value) = consumer.pop().unwrap() {
                return Poll::Ready(value);
            }
            task.register_by_ref(context.waker());
            match consumer.pop().unwrap() {
                Some(value) => Poll::Ready(value),
                None => Poll::Pending,
            }
        }));
        assert_eq!(received, 1);
        peer.join().unwrap();
    });
}

/// Two threads send frames home, one alone and one two at once, while the half that is at home there takes: each
/// frame comes home once, with all that was done to it.
#[test]
fn frames_come_home_once_from_anywhere() {
    loom::model(|| {
        let (umem, mut pool) = umem(3);
        let (shared, bytes) = (SharedFrameState::new(&umem), Bytes::new(3));
        let frames = [pool.take().unwrap(), pool.take().unwrap()];
        let (ours, theirs) = (Arc::clone(&shared), bytes.clone());
        let many = thread::spawn(move || {
            frames.iter().for_each(|frame| theirs.write(frame));
            ours.give_all(Home::Rx, frames).unwrap();
        });
        let (ours, theirs, frame) = (Arc::clone(&shared), bytes.clone(), pool.take().unwrap());
        let one = thread::spawn(move || {
            theirs.write(&frame);
            ours.give(Home::Rx, frame).unwrap();
        });
        let mut taken = 0;
        while taken < 3 {
            match shared.take(Home::Rx, &mut pool).unwrap() {
                0 => thread::yield_now(),
                more => taken += more,
            }
            pool.drain().for_each(|frame| bytes.write(&frame));
        }
        many.join().unwrap();
        one.join().unwrap();
        assert_eq!((taken, shared.take(Home::Rx, &mut pool).unwrap()), (3, 0));
    });
}

/// Packets end on two threads, one is made and ends after them: however that comes about, what they hold together is
/// there for as long as there is one of them, and let go once.
#[test]
fn the_way_home_ends_with_the_last_packet() {
    loom::model(|| {
        let (umem, mut pool) = umem(3);
        let bytes = Bytes::new(3);
        let shared = SharedFrameState::new(&umem);
        let gone = Arc::downgrade(&shared);
        let mut parcel = |shared: &Arc<SharedFrameState>| {
            let segment = umem.segment(pool.take().unwrap(), 0, 60).unwrap();
            bytes.write(segment.frame());
            Parcel::new(shared, Home::Rx, segment.into(), Origin::default()).unwrap()
        };
        let (one, two) = (parcel(&shared), parcel(&shared));
        let other = thread::spawn(move || drop(one));
        drop(two);
        let three = parcel(&shared);
        let (mut home, mut came) = (FramePool::new(&umem), 0);
        while came < 2 {
            match shared.take(Home::Rx, &mut home).unwrap() {
                0 => thread::yield_now(),
                more => came += more,
            }
            home.drain().for_each(|frame| bytes.write(&frame));
        }
        drop(shared);
        other.join().unwrap();
        assert_eq!(gone.strong_count(), 1);
        drop(three);
        assert_eq!(gone.strong_count(), 0);
    });
}

/// The half that posts takes frames home, while the one that receives is told of one of them by a lie, and sends it
/// home again: what is below it on its way home is not what was below it before.
#[test]
fn frames_are_taken_home_and_a_forged_descriptor() {
    loom::model(|| {
        let (umem, mut pool) = umem(2);
        let (lane, mut peer) = LaneRings::on_heap(&umem, SIZES, 0).unwrap();
        let (mut fill, mut rx) = (lane.fill, lane.rx);
        let shared = SharedFrameState::new(&umem);
        let (one, two) = (pool.take().unwrap(), pool.take().unwrap());
        forge(&mut peer, one.index().into());
        shared.give(Home::Rx, one).unwrap();
        let theirs = Arc::clone(&shared);
        let receiver = thread::spawn(move || {
            let forged = rx.pop().unwrap();
            theirs.give(Home::Rx, two).unwrap();
            if let Some(packet) = forged {
                theirs.give(Home::Rx, packet.into_frame()).unwrap();
            }
        });
        // A pool has places for two frames, in which a third would be lost.
        let mut late = FramePool::new(&umem);
        fill.take_home(&shared, Home::Rx, &mut pool, 1).unwrap();
        receiver.join().unwrap();
        shared.take(Home::Rx, &mut late).unwrap();
        let frames: Vec<u32> =
            pool.drain().chain(late.drain()).map(|frame| frame.index()).collect();
        assert!(!matches!(frames[..], [_, _, _, ..] | [0, 0] | [1, 1]), "twice: {frames:?}");
    });
}
