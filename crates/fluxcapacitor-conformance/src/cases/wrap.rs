//! Indices pass 2³²: they begin just before it.

use std::collections::VecDeque;

use fluxcapacitor::ring::{Descriptor, LaneRings, PeerRings, RingSizes};
use fluxcapacitor::umem::{FramePool, Layout, PageSize, UmemRegion};

use crate::verdict::Outcome;

const FRAMES: u32 = 64;
const SLOTS: u32 = 16;

/// From so far before the wrap that each ring stands elsewhere when it passes.
pub(super) fn indices() -> Outcome {
    for before in [1, 2, SLOTS - 1, SLOTS, SLOTS + 1, 1000] {
        passes(0u32.wrapping_sub(before), before + 500)?;
    }
    Ok(())
}

fn passes(start: u32, packets: u32) -> Outcome {
    let layout = Layout::new(2048, FRAMES, 0)?;
    let (umem, mut pool) = UmemRegion::new(layout, PageSize::Base)?;
    let sizes = RingSizes { fill: SLOTS, rx: SLOTS, tx: SLOTS, completion: SLOTS };
    let (mut lane, mut peer) = LaneRings::on_heap(&umem, sizes, start)?;
    let (mut received, mut sent) = (0, 0);
    let mut in_flight = VecDeque::new();
    while sent < packets {
        // Rings are filled to the brim and emptied to the ground by turns.
        lane.fill.refill(&mut pool, SLOTS)?;
        lane.fill.publish();
        assert!(lane.fill.room()? <= SLOTS - lane.fill.occupancy());
        receive(&mut peer, received)?;
        while let Some(packet) = lane.rx.pop()? {
            assert_eq!((packet.start(), packet.len()), (256, 60 + received % 1000));
            in_flight.push_back(packet.len());
            lane.tx.push(packet)?;
            received += 1;
        }
        lane.tx.publish();
        send(&mut peer, &mut in_flight)?;
        while lane.completion.occupancy() > 0 {
            sent += lane.completion.reclaim(&mut pool, SLOTS)?;
        }
        conserved(&umem, &pool, &lane);
    }
    assert_eq!(lane.rx.rejected() + lane.completion.rejected(), 0);
    assert_eq!(received, sent);
    Ok(())
}

/// Plays the kernel that receives as many packets as there are frames for.
fn receive(peer: &mut PeerRings, mut number: u32) -> Outcome {
    while let Some(addr) = peer.fill.pop()? {
        let packet = Descriptor { addr: addr + 256, len: 60 + number % 1000, options: 0 };
        assert_eq!(peer.rx.push(packet)?, Ok(()), "there are as many slots as frames");
        number += 1;
    }
    peer.rx.publish();
    Ok(())
}

/// Plays the kernel that sends all there are.
fn send(peer: &mut PeerRings, expected: &mut VecDeque<u32>) -> Outcome {
    while let Some(packet) = peer.tx.pop()? {
        assert_eq!(Some(packet.len), expected.pop_front(), "out of order");
        assert_eq!(peer.completion.push(packet.addr)?, Ok(()), "there are as many slots");
    }
    peer.completion.publish();
    Ok(())
}

fn conserved(umem: &UmemRegion, pool: &FramePool, lane: &LaneRings) {
    let census = umem.census();
    assert_eq!(census.total(), FRAMES, "{census}");
    assert_eq!(census.user as usize, pool.len(), "{census}");
    assert!(census.rx >= lane.rx.occupancy() + lane.fill.occupancy(), "{census}");
    assert!(census.tx >= lane.completion.occupancy() + lane.tx.occupancy(), "{census}");
}
