//! Ring cursors against an oracle, a plain queue, over all of 2³².
#![cfg(not(loom))]

use std::collections::VecDeque;

use fluxcapacitor_core::ring::{Descriptor, Slot, on_heap};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    /// Write this many values.
    Write(u32),
    /// Write one value.
    Push,
    Publish,
    /// Take a batch of this many, and this many out of it.
    Take(u32, u32),
    Pop,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0..40u32).prop_map(Op::Write),
        Just(Op::Push),
        Just(Op::Publish),
        (0..40u32, 0..40u32).prop_map(|(batch, of_it)| Op::Take(batch, of_it)),
        Just(Op::Pop),
    ];
    prop::collection::vec(op, 1..200)
}

/// Runs `ops` on a ring and on the oracle, and compares all that can be seen.
fn run<T: Slot + PartialEq + std::fmt::Debug>(
    order: u32,
    start: u32,
    ops: &[Op],
    make: impl Fn(u64) -> T,
) -> Result<(), TestCaseError> {
    let size = 1 << order;
    let (mut producer, mut consumer) = on_heap::<T>(size, start).unwrap();
    let (mut hidden, mut visible) = (VecDeque::new(), VecDeque::new());
    let mut next = 0;

    for op in ops {
        let room = size as usize - hidden.len() - visible.len();
        match *op {
            Op::Write(count) => {
                let write = || {
                    hidden.push_back(next);
                    next += 1;
                    Some(make(next - 1))
                };
                let written = producer.write_with(count, write).unwrap();
                prop_assert_eq!(written as usize, room.min(count as usize));
            }
            Op::Push => match producer.push(make(next)).unwrap() {
                Ok(()) => {
                    prop_assert!(room > 0);
                    hidden.push_back(next);
                    next += 1;
                }
                Err(back) => {
                    prop_assert_eq!(room, 0);
                    prop_assert_eq!(back, make(next));
                }
            },
            Op::Publish => {
                producer.publish();
                visible.append(&mut hidden);
            }
            Op::Take(batch, of_it) => {
                let ready = visible.len();
                let taken = consumer.take(batch).unwrap();
                // What was seen before may be less than what is there, but never nothing.
                prop_assert!(taken.len() <= ready.min(batch as usize));
                prop_assert_eq!(taken.len() == 0, ready == 0 || batch == 0);
                for value in taken.take(of_it as usize) {
                    prop_assert_eq!(Some(value), visible.pop_front().map(&make));
                }
            }
            Op::Pop => prop_assert_eq!(consumer.pop().unwrap(), visible.pop_front().map(&make)),
        }
    }

    producer.publish();
    visible.append(&mut hidden);
    while let Some(value) = consumer.pop().unwrap() {
        prop_assert_eq!(Some(value), visible.pop_front().map(&make));
    }
    prop_assert!(visible.is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 10 } else { 2000 }, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_ring_is_a_queue(order in 0..6u32, before_wrap in 0..300u32, ops in ops()) {
        let start = 0u32.wrapping_sub(before_wrap);
        run(order, start, &ops, |n| n)?;
        run(order, start, &ops, |n| Descriptor { addr: n, len: n as u32 ^ 0xffff, options: 1 })?;
    }

    #[test]
    fn an_index_out_of_its_window_stops_the_ring(order in 0..6u32, start: u32, lie: u32) {
        let size = 1u32 << order;
        // One ring, one end of which counts from elsewhere: the peer's index is `lie` off.
        let (mut producer, mut consumer) = on_heap::<u64>(size, start).unwrap();
        let honest = lie <= size;
        producer.forge_index(lie);
        prop_assert_eq!(consumer.take(1).is_ok(), honest);
        // It does not start again when the peer mends its ways.
        producer.forge_index(0u32.wrapping_sub(lie));
        prop_assert_eq!(consumer.take(1).is_ok(), honest);
    }

    #[test]
    fn an_index_out_of_its_window_stops_the_producer(order in 0..6u32, start: u32, lie: u32) {
        let size = 1u32 << order;
        let (mut producer, mut consumer) = on_heap::<u64>(size, start).unwrap();
        producer.write_with(size, || Some(0)).unwrap();
        // The peer gives back more than there is.
        let honest = lie <= size;
        consumer.forge_index(lie);
        prop_assert_eq!(producer.room(u32::MAX).ok(), honest.then_some(lie));
        // It does not start again when the peer mends its ways.
        consumer.forge_index(0u32.wrapping_sub(lie));
        prop_assert_eq!(producer.room(u32::MAX).is_ok(), honest);
    }
}

#[test]
fn a_peer_is_woken_when_it_sleeps_and_only_then() {
    let (producer, consumer) = on_heap::<u64>(1, 0).unwrap();
    for asleep in [false, true, false] {
        consumer.set_need_wakeup(asleep);
        assert_eq!(producer.needs_wakeup(), asleep);
    }
}

#[test]
fn a_forgotten_batch_takes_its_values_along() {
    let (mut producer, mut consumer) = on_heap::<u64>(8, 0).unwrap();
    for value in 0..8 {
        producer.push(value).unwrap().unwrap();
    }
    producer.publish();
    let mut batch = consumer.take(4).unwrap();
    assert_eq!(batch.next(), Some(0));
    std::mem::forget(batch);
    assert_eq!(consumer.pop().unwrap(), Some(4), "0 to 3 are not given twice");
}

#[test]
fn a_panic_while_writing_keeps_what_was_written() {
    let (mut producer, mut consumer) = on_heap::<u64>(8, 0).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut next = 0;
        let _written = producer.write_with(8, || {
            assert!(next < 3, "on purpose");
            next += 1;
            Some(next)
        });
    }));
    assert!(panicked.is_err());
    producer.publish();
    assert_eq!(consumer.take(8).unwrap().collect::<Vec<_>>(), [1, 2, 3]);
}
