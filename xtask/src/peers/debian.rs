//! What it takes to build and run the peers, installed by apt-get.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::workspace;

/// Commands and headers that there must be.
const COMMANDS: [&str; 7] = ["clang", "gcc", "m4", "make", "pkg-config", "setpriv", "dpdk-testpmd"];
const HEADERS: [&str; 3] = ["libelf.h", "zlib.h", "pcap/pcap.h"];

/// The packages that have them, and DPDK's AF_XDP driver.
const PACKAGES: [&str; 13] = [
    "clang",
    "gcc",
    "libc6-dev",
    "m4",
    "make",
    "pkg-config",
    "util-linux",
    "libelf-dev",
    "zlib1g-dev",
    "libpcap-dev",
    "dpdk",
    "dpdk-dev",
    "librte-net-af-xdp23",
];

/// Installs the packages, unless all is there.
pub fn install() -> Result<()> {
    let found = |command: &&str| {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).any(|directory| directory.join(command).is_file())
    };
    let header = |header: &&str| Path::new("/usr/include").join(header).is_file();
    if COMMANDS.iter().all(found) && HEADERS.iter().all(header) {
        return Ok(());
    }
    println!("installing {}", PACKAGES.join(" "));
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    workspace::run(apt().arg("update"))?;
    workspace::run(apt().args(["install", "-y", "--no-install-recommends"]).args(PACKAGES))
}

/// The version of an installed package.
pub fn version(package: &str) -> Result<String> {
    let mut query = Command::new("dpkg-query");
    workspace::read(query.args(["--show", "--showformat=${Version}", package]))
}
