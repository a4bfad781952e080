//! Queues that are opened on one interface.

use std::fs;
use std::time::Instant;

use fluxcapacitor::builder::{FluxBuilder, Queues};
use fluxcapacitor::simulator::control::{NicConfig, World};

use crate::{Result, curve};

/// Bytes of this process that are in memory.
pub fn resident() -> Result<f64> {
    let Ok(statm) = fs::read_to_string("/proc/self/statm") else { return Ok(f64::NAN) };
    let pages = statm.split_whitespace().nth(1).ok_or("statm has two columns")?;
    Ok(pages.parse::<f64>()? * 4096.0)
}

/// Opens so many queues; gives milliseconds and KiB for each of them, packet memory left out.
fn open(interface: &str, queues: u32) -> Result<Vec<f64>> {
    let builder = FluxBuilder::new(interface).queues(Queues::from(0..queues)).frames(512);
    let builder = builder.fill_size(256).rx_size(256).tx_size(256).completion_size(256);
    let (before, started) = (resident()?, Instant::now());
    let _engine = builder.build_engine()?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    // The kernel holds all of it in memory; the simulator, what was written to.
    let packets = if interface.starts_with("sim:") { 0.0 } else { f64::from(512 * 2048 * queues) };
    let more = resident()? - before - packets;
    let each = f64::from(queues);
    Ok(vec![took / each, more / 1024.0 / each])
}

const QUEUES: [u32; 4] = [1, 4, 16, 64];

pub fn opened() -> Result {
    #[cfg(target_os = "linux")]
    if fluxcapacitor_testbed::permitted() {
        use fluxcapacitor_testbed::{NetNs, VethPair};
        let here = NetNs::new()?;
        let pair = VethPair::create(&here, &here, 64)?;
        return curve(
            "queues opened on a veth: ms, and KiB of ours beside packet memory, each",
            &QUEUES,
            |queues| queues.to_string(),
            |queues| here.run(|| open(pair.a().name(), queues))?,
        );
    }
    let world = World::new(1);
    let nic = world.nic(NicConfig::new("nic").queues(64))?;
    curve(
        "queues opened on a simulated NIC: ms, and KiB of ours beside packet memory, each",
        &QUEUES,
        |queues| queues.to_string(),
        |queues| open(nic.name(), queues),
    )
}
