//! The kernel's `xdpsock`, where somebody has built it: XDPSOCK is its path.
#![forbid(unsafe_code)]

use std::env;
use std::path::Path;

use anyhow::{Context, Result};
use peers::outside::{command, run};
use peers::{Arguments, Scenario, Stop, Wait, report};

fn main() -> Result<()> {
    let arguments = Arguments::new();
    if arguments.wait != Wait::Spin {
        // It looks whether it is to end when a packet has come.
        arguments.refuse("that way to wait");
    }
    let stop = Stop::new()?;
    let program = env::var("XDPSOCK").context("XDPSOCK must be the path of xdpsock")?;
    let Arguments { interface, batch, packet_size, .. } = &arguments;
    let mut xdpsock = command(&program);
    xdpsock.arg(match arguments.scenario {
        Scenario::Rxdrop => "-r",
        Scenario::Txonly => "-t",
        Scenario::L2fwd => "-l",
    });
    xdpsock.args(["-i", interface, "-q", "0", "-N", "-c", "-n", "1"]);
    xdpsock.args(["-b", &batch.to_string(), "-s", &packet_size.to_string()]);
    // Its XDP program's object file lies beside it.
    if let Some(directory) = Path::new(&program).parent() {
        xdpsock.current_dir(directory);
    }
    let said = run(&mut xdpsock, &stop)?;
    let packets = |direction| -> Result<u64> {
        // The name of the direction, packets a second, and packets in all.
        let lines = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let all = lines.filter_map(|words| match *words {
            [name, _, all] if name == direction => Some(all.replace(',', "")),
            _ => None,
        });
        let last = all.last().with_context(|| format!("no line of {direction}: {said}"))?;
        last.parse().with_context(|| format!("{direction}: {last}"))
    };
    report(packets("rx")?, packets("tx")?);
    Ok(())
}
