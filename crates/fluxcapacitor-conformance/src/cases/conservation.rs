//! Where the frames are, in numbers, with some of them in every place that there is.

use fluxcapacitor::FluxRaw;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::verdict::Outcome;

pub(super) fn everywhere(bench: &Bench<'_>) -> Outcome {
    const FRAMES: u32 = 256;
    let small = |builder: fluxcapacitor::FluxBuilder| {
        builder.frames(FRAMES).fill_size(128).rx_size(128).tx_size(64).completion_size(64)
    };
    let mut receiver = bench.open(B, small)?;
    let mut sender = bench.open(A, small)?;
    let posted = receiver.census().rx;
    assert_eq!(posted, 128, "as many as the fill ring holds");
    let is = |raw: &FluxRaw, user: u32, rx: u32, tx: u32| {
        let census = raw.census();
        assert_eq!(
            (census.user, census.rx, census.tx, census.retired),
            (user, rx, tx, 0),
            "{census}"
        );
        assert_eq!(census.total(), FRAMES);
        bench.conserved(raw)
    };
    is(&receiver, FRAMES - posted, posted, 0)?;

    for round in 0..4 {
        // Out to be sent: pushed, published, completed, and taken back.
        let packets = bench.packets(A, round * 20..(round + 1) * 20);
        for packet in &packets {
            let Some(frame) = sender.pool.take() else { panic!("the pool is empty") };
            sender.tx.push(sender.umem.write(frame, packet)?)?;
        }
        assert_eq!(sender.tx.occupancy(), 0, "not published");
        is(&sender, FRAMES - 128 - 20, 128, 20)?;
        bench.until("completed", || {
            sender.flush()?;
            Ok(sender.completion.occupancy() == 20)
        })?;
        assert_eq!(sender.tx.occupancy(), 0, "taken");
        is(&sender, FRAMES - 128 - 20, 128, 20)?;
        let some = sender.completion.pop()?;
        is(&sender, FRAMES - 128 - 19, 128, 19)?;
        let Some(frame) = some else { panic!("20 completions, and none to take") };
        sender.pool.give(frame)?;
        // A batch ends where the ring's memory does.
        assert_eq!(sender.reclaim()? + sender.reclaim()?, 19);
        is(&sender, FRAMES - 128, 128, 0)?;

        // Out to be received into: posted, received, in hand, and posted again.
        bench.until("received", || Ok(receiver.rx.occupancy() == 20))?;
        is(&receiver, FRAMES - 128, 128, 0)?;
        assert!(receiver.fill.occupancy() <= 108, "20 of them are filled");
        let mut held = Vec::new();
        while let Some(packet) = receiver.rx.pop()? {
            held.push(packet);
        }
        is(&receiver, FRAMES - 108, 108, 0)?;
        assert_eq!(receiver.pool.len() + held.len(), (FRAMES - 108) as usize);
        // A kernel shows a packet before it frees the slot that its frame was taken out of.
        bench.until("free slots", || Ok(receiver.fill.room()? >= 20))?;
        for (packet, sent) in held.into_iter().zip(&packets) {
            assert_eq!(receiver.umem.packet(&packet)?, sent);
            receiver.fill.push(packet.into_frame())?;
        }
        is(&receiver, FRAMES - 128, 128, 0)?;
        receiver.publish_fill()?;
        is(&receiver, FRAMES - 128, 128, 0)?;
    }

    // What a lane had out when it closed is nobody's.
    let umem = receiver.umem.clone();
    let in_hand = receiver.pool.len() as u32;
    drop(receiver);
    let census = umem.census();
    assert_eq!((census.user, census.retired), (in_hand, FRAMES - in_hand), "{census}");
    assert_eq!((census.rx, census.tx), (0, 0), "{census}");
    Ok(())
}
