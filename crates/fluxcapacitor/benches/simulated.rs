//! What a packet costs in our own code: an echo between two simulated NICs, and the ways through it.
//!
//! `cargo bench -p fluxcapacitor --features simulator`

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fluxcapacitor::simulator::control::{LinkConfig, NicConfig, Profile, World};
use fluxcapacitor::{FluxBuilder, FluxRaw};

const BATCH: u32 = 64;

/// One end sends, the other sends back, the first receives: a batch all the way.
fn echo(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulated echo");
    group.throughput(Throughput::Elements(BATCH.into())).measurement_time(Duration::from_secs(3));
    for (name, profile) in [("copy", Profile::Copy), ("zero-copy", Profile::ZeroCopy)] {
        let world = World::new(1);
        let nic = |name| world.nic(NicConfig::new(name).profile(profile)).unwrap();
        let (near, far) = (nic("near"), nic("far"));
        world.link(&near, &far, LinkConfig::default()).unwrap();
        let open = |name: &str| FluxBuilder::new(name).build_raw().unwrap();
        let (mut near, mut far) = (open(near.name()), open(far.name()));
        group.bench_function(name, |bencher| bencher.iter(|| turn(&world, &mut near, &mut far)));
    }
    group.finish();
}

fn turn(world: &World, near: &mut FluxRaw, far: &mut FluxRaw) {
    let (umem, start) = (&near.umem, near.umem.layout().headroom());
    let frames = near.pool.drain().take(BATCH as usize);
    let packets = frames.filter_map(|frame| umem.segment(frame, start, 60).ok());
    near.tx.extend(packets).unwrap();
    let (mut forwarded, mut received) = (0, 0);
    while received < BATCH {
        near.flush().unwrap();
        forwarded +=
            far.rx.forward(&mut far.tx, BATCH - forwarded, |packet| packet.rotate_left(6)).unwrap();
        far.flush().unwrap();
        received += near.rx.recycle(&mut near.fill, BATCH, |_| ()).unwrap();
        near.publish_fill().unwrap();
        // A driver that is awake needs time, and nobody here waits.
        world.step();
    }
    near.reclaim().unwrap();
    far.completion.recycle(&mut far.fill, BATCH).unwrap();
    far.publish_fill().unwrap();
}

criterion_group!(benches, echo);
criterion_main!(benches);
