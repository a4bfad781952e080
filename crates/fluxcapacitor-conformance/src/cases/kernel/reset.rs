//! A driver that resets itself.

use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use fluxcapacitor::Error;
use fluxcapacitor::umem::{Layout, PageSize, UmemRegion};
use fluxcapacitor_core::backend::Backend as Socket;
use fluxcapacitor_core::lane::OpenLane;

use crate::bench::Bench;
use crate::fixture::Side::{A, B};
use crate::run::joined;
use crate::verdict::{Outcome, Stop};

/// A driver that takes its queues down for a program to come or go is down meanwhile, and never gone; with the
/// program there, packets flow.
pub(in crate::cases) fn reset(bench: &Bench<'_>) -> Outcome {
    bench.kernel(A)?;
    let mut receiver = bench.open(B, |builder| builder)?;
    let layout = Layout::new(bench.port(A).frame_size(), 64, 0)?;
    let (umem, mut pool) = UmemRegion::new(layout, PageSize::Base)?;
    bench.watch(&umem);
    let OpenLane { mut rings, socket } = bench.port(A).open_lane(0, &umem, &mut pool, None)?;
    let socket = &*socket;
    let (down, refused) = thread::scope(|scope| {
        let (end, ended) = channel();
        let kicking = scope.spawn(move || kick_until(socket, &ended));
        for round in 0..3 {
            let hook = bench.port(A).hook()?;
            let packet = bench.packet(A, round);
            let Some(frame) = pool.take() else { panic!("the pool is empty") };
            rings.tx.push(umem.write(frame, &packet)?)?;
            rings.tx.publish();
            assert!(bench.receive(&mut receiver, 1)? == [packet], "round {round}");
            drop(hook);
        }
        drop(end);
        joined(kicking)
    })?;
    bench.note(format!("{down} kicks found it down, {refused} no program"));
    Ok(())
}

/// Kicks without a pause until the other end of `ended` goes; says how often the link was down, and how often the
/// driver refused.
fn kick_until(socket: &dyn Socket, ended: &Receiver<()>) -> Outcome<(u32, u32)> {
    let (mut down, mut refused) = (0, 0);
    while ended.try_recv() == Err(TryRecvError::Empty) {
        match socket.kick_tx() {
            Ok(_) => {}
            Err(Error::LinkDown) => down += 1,
            // There are drivers that send for a socket only where there is a program.
            Err(Error::Sys { .. }) => refused += 1,
            Err(error) => return Err(Stop::failed(error)),
        }
    }
    Ok((down, refused))
}
