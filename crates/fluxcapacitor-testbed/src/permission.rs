//! Whether this process may make namespaces and links.

use std::{
    env,
    io::{self, Write},
    sync::OnceLock,
};

use crate::{error::Result, namespace::NetNs, packet_socket::PacketSocket, veth::VethPair};

/// With this variable set to 1, a test that needs the kernel fails where it cannot run.
const REQUIRE: &str = "FLUXCAP_REQUIRE_KERNEL";

/// True when this process may make namespaces, veth pairs and raw sockets: found by making them once.
///
/// Where it may not, the reason is written to stderr (past the test harness, which would hide it), once for every
/// call, and the caller should return:
///
/// ```
/// # fn a_test() {
/// if !fluxcapacitor_testbed::permitted() {
///     return;
/// }
/// # }
/// ```
///
/// # Panics
///
/// With the reason, when it would return false and the environment says `FLUXCAP_REQUIRE_KERNEL=1`: so that a
/// machine that must run these tests cannot skip them silently.
#[must_use = "false means: return now"]
pub fn permitted() -> bool {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let refused = REFUSED.get_or_init(|| attempt().err().map(|error| error.to_string()));
    let Some(reason) = refused else {
        return true;
    };
    assert!(
        env::var_os(REQUIRE).is_none_or(|value| value != "1"),
        "{REQUIRE}=1, but this process cannot make namespaces and links: {reason}"
    );
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not eprintln!: the harness would keep it to itself.
    let _ = writeln!(
        io::stderr(),
        "SKIPPED: needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW): {test}: {reason}"
    );
    false
}

fn attempt() -> Result<()> {
    let namespace = NetNs::new()?;
    let pair = VethPair::builder(&namespace, &namespace).up(false).build()?;
    PacketSocket::open(pair.a())?;
    pair.delete()
}
