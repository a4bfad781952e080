//! DPDK's `dpdk-testpmd` over its AF_XDP driver.
#![forbid(unsafe_code)]

use std::{env, fs, process};

use anyhow::Result;
use peers::outside::{command, number_after, run};
use peers::{Arguments, RING, Scenario, Stop, Wait, report};

fn main() -> Result<()> {
    let arguments = Arguments::new();
    if arguments.wait != Wait::Spin {
        arguments.refuse("that way to wait");
    }
    let stop = Stop::new()?;
    let Arguments { interface, batch, packet_size, cpu, .. } = &arguments;
    let mode = match arguments.scenario {
        Scenario::Rxdrop => "rxonly",
        Scenario::Txonly => "txonly",
        Scenario::L2fwd => "macswap",
    };
    let mut testpmd = command("dpdk-testpmd");
    // Two threads on one processor, of which the first sleeps. Memory without huge pages, of which there may be none.
    testpmd.arg(format!("--lcores=0@{cpu},1@{cpu}"));
    testpmd.args(["--no-pci", "--no-shconf", "--no-telemetry", "--no-huge", "-m", "256"]);
    let device = format!("net_af_xdp0,iface={interface},start_queue=0,queue_count=1");
    testpmd.args(["--vdev", &format!("{device},force_copy=1,busy_budget=0"), "--"]);
    testpmd.args([format!("--forward-mode={mode}"), format!("--burst={batch}")]);
    testpmd.args([
        format!("--rxd={RING}"),
        format!("--txd={RING}"),
        format!("--txpkts={packet_size}"),
    ]);
    testpmd.args(["--port-topology=loop", "--total-num-mbufs=16384", "--no-mlockall"]);
    testpmd.args(["--auto-start", "--stats-period=60"]);
    // It leaves files where it runs.
    let directory = env::temp_dir().join(format!("peers-testpmd-{}", process::id()));
    fs::create_dir_all(&directory)?;
    let said = run(testpmd.env("RUNTIME_DIRECTORY", &directory), &stop);
    fs::remove_dir_all(&directory)?;
    let said = said?;
    let total = said.split("Accumulated").last().unwrap_or_default();
    report(number_after(total, "RX-packets:")?, number_after(total, "TX-packets:")?);
    Ok(())
}
