//! Show what is received, or write it into a capture file.

mod sink;

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use fluxcapacitor::engine::Pin;
use fluxcapacitor::tap::{Direction, Snapshots, TapBuilder};
use fluxcapacitor::{FluxEngine, FluxRaw, PacketBatch, PacketRef};

use super::line::{Line, Partner};
use super::peer::Progress;
use crate::cli::DumpOptions;
use crate::report;
use crate::stop::Stop;
use sink::Sink;

/// Packets that may wait to be written; more than a simulated peer has under way.
const CAPACITY: u32 = 4096;

/// Packets that are written between two looks at the clock and the signals.
const BURST: u64 = 256;

/// How long to sleep at most before they are looked at.
const NAP: Duration = Duration::from_millis(100);

/// Receives, and shows what a tap sees of it: a slow terminal holds up no packet.
pub fn dump(options: &DumpOptions) -> anyhow::Result<()> {
    let line = Line::open(&options.port, |builder| builder)?;
    line.work(&options.port, Partner::Sends, |raw, progress| capture(options, raw, progress))
}

fn capture(options: &DumpOptions, raw: FluxRaw, progress: &Progress) -> anyhow::Result<()> {
    let mut sink = Sink::open(options)?;
    let stop = Stop::new(options.port.seconds)?;
    // A packet has no more bytes than a frame.
    let snaplen = options.snaplen.unwrap_or(u32::MAX).min(raw.granted().frame_size);
    let tap = TapBuilder::new().direction(Direction::Rx).snaplen(snaplen).capacity(CAPACITY);
    let (tap, mut snapshots) = tap.build()?;
    let engine = FluxEngine::new(raw).pin(Pin::Nowhere).tap(&tap);
    let engine = engine
        .spawn(|_| |batch: PacketBatch<'_>| batch.into_iter().for_each(PacketRef::discard))?;

    let most = options.count.unwrap_or(u64::MAX);
    let mut captured = 0;
    while captured < most && engine.is_running() && !stop.is_due(stop.elapsed()) {
        snapshots.wait(NAP);
        captured += show(&mut sink, &mut snapshots, BURST.min(most - captured))?;
        progress.store(captured + snapshots.dropped(), Relaxed);
    }

    // A socket that is closed does not tell what it has lost.
    let (reader, before) = (engine.stats_reader(), engine.stats());
    engine.stop();
    let ended = engine.join();
    // What has arrived by now.
    while captured < most && snapshots.wait(Duration::ZERO) {
        captured += show(&mut sink, &mut snapshots, BURST.min(most - captured))?;
    }
    sink.flush()?;

    let received = reader.read()?.total().rx_packets;
    let socket = before.ok().and_then(|stats| stats.total().socket).unwrap_or_default();
    let (missed, lost) = (snapshots.dropped(), socket.rx_dropped + socket.rx_ring_full);
    report::say(format!(
        "{captured} captured of {received} packets received; {missed} missed because they came faster than \
         they were written, {lost} lost in the kernel"
    ));
    Ok(ended?)
}

/// Shows packets that are there, up to so many, and says how many.
fn show(sink: &mut Sink, snapshots: &mut Snapshots, most: u64) -> anyhow::Result<u64> {
    let mut shown = 0;
    while shown < most {
        let Some(snapshot) = snapshots.pop() else {
            // Whoever reads along is to see it before the next one comes.
            sink.flush()?;
            break;
        };
        sink.put(&snapshot)?;
        shown += 1;
    }
    Ok(shown)
}
