//! Close and open, again and again: no frame is lost, and what is in hand stays as it is.

use fluxcapacitor::FluxBuilder;
use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::umem::UmemRegion;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::traffic::SOON;
use crate::verdict::Outcome;

pub(super) const FRAMES: u32 = 64;

/// Whole sockets, with a packet in hand over each close.
pub(super) fn sockets(bench: &Bench<'_>) -> Outcome {
    let mut held = None;
    // A kernel takes its time to attach a program and to take it off, and some cards take longer.
    let cycles = match bench.backend() {
        backend if backend.is_veth() => 100,
        backend if backend.is_kernel() => 25,
        _ => 1000,
    };
    for cycle in 0..cycles {
        let small = |builder: FluxBuilder| {
            builder.frames(FRAMES).fill_size(32).rx_size(32).tx_size(32).completion_size(32)
        };
        // Not by way of the bench, which would keep the memory of them all.
        let mut raw = bench.port(B).build(small(bench.port(B).builder()))?;
        bench.port(B).settle()?;
        let sent = bench.packet(A, cycle);
        bench.port(B).inject(&sent)?;
        assert_eq!(raw.wait(Interest::Rx, SOON)?, Waited::Ready, "cycle {cycle}");
        let Some(packet) = raw.rx.pop()? else { panic!("it was there a moment ago") };
        bench.send(&mut raw, &[bench.packet(B, cycle)])?;
        let umem = raw.umem.clone();
        drop(raw);
        closed(&umem)?;
        if let Some((umem, packet, sent)) = held.replace((umem, packet, sent)) {
            let umem: UmemRegion = umem;
            assert!(umem.packet(&packet)? == sent, "cycle {cycle}: written over after the close");
        }
    }
    assert!(!bench.port(B).has_program()?);
    Ok(())
}

/// No lane is open: frames are with the user or retired, and the kernel had some.
pub(super) fn closed(umem: &UmemRegion) -> Outcome {
    let census = umem.census();
    assert_eq!((census.total(), census.rx + census.tx), (FRAMES, 0), "{census}");
    assert!(census.retired > 0, "{census}: what the kernel had is not ours before it says so");
    Ok(())
}
