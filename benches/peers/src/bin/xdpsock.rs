//! The kernel's `xdpsock`, where somebody has built it: XDPSOCK is its path.
#![forbid(unsafe_code)]

use std::env;
use std::path::Path;

use anyhow::{Context, Result};
use peers::outside::{command, number_after, run};
use peers::{Arguments, Scenario, Stop, Wait, report};

fn main() -> Result<()> {
    let arguments = Arguments::new();
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
    if arguments.wait == Wait::Poll {
        xdpsock.arg("-p");
    }
    // Its XDP program's object file lies beside it.
    if let Some(directory) = Path::new(&program).parent() {
        xdpsock.current_dir(directory);
    }
    let said = run(&mut xdpsock, &stop)?;
    let packets = |direction| {
        let lines = said.lines().filter_map(|line| line.trim().strip_prefix(direction));
        // Packets a second, and packets in all.
        let last = lines.filter_map(|line| line.split_whitespace().nth(1)).next_back();
        number_after(last.unwrap_or("0"), "")
    };
    report(packets("rx")?, packets("tx")?);
    Ok(())
}
