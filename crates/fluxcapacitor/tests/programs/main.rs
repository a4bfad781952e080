//! The programs of `examples/`, each against real clients in network namespaces, and each against itself on the
//! simulator.
//!
//! Without root, what needs namespaces says that it was skipped; with `FLUXCAP_REQUIRE_KERNEL=1` it fails instead.

mod maglev;
mod program;
#[path = "../../examples/firewall/rule.rs"]
mod rule;
mod rules;
mod simulated;
#[cfg(target_os = "linux")]
mod support;
#[path = "../../examples/balancer/maglev.rs"]
mod table;

#[cfg(target_os = "linux")]
mod balancer;
#[cfg(target_os = "linux")]
mod bridge;
#[cfg(target_os = "linux")]
mod firewall;
#[cfg(target_os = "linux")]
mod responder;
#[cfg(all(target_os = "linux", feature = "async"))]
mod udp_echo;
