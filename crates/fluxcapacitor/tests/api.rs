//! The names and paths that users know, each imported by its path.
#![allow(unused_imports, reason = "that they can be imported is the test")]

use fluxcapacitor::builder::FluxBuilder;
use fluxcapacitor::engine::{FluxEngine, PacketBatch};
use fluxcapacitor::hook::XskMap;
use fluxcapacitor::packet::{Packet, PacketRef};
use fluxcapacitor::poller::Poller::{Adaptive, Busy, Wait};
use fluxcapacitor::proto;
use fluxcapacitor::raw::FluxRaw;
#[cfg(feature = "async")]
use fluxcapacitor::system::{AsyncFluxRx, AsyncFluxTx};
use fluxcapacitor::system::{FluxRx, FluxSystem, FluxTx, split};
use fluxcapacitor_core::ring::{ConsumerRing, ProducerRing};
#[cfg(target_os = "linux")]
use fluxcapacitor_core::sys;
use fluxcapacitor_core::umem::{SharedFrameState, UmemRegion};
use fluxcapacitor_proto::{EthHeader, IcmpHeader, Ipv4Header, TcpHeader, UdpHeader};

#[cfg(feature = "simulator")]
mod simulated {
    use fluxcapacitor::simulator::control;
    use fluxcapacitor_core::windows_stubs::SOCKETS;
}

/// The same types at the root.
mod at_the_root {
    #[cfg(feature = "async")]
    use fluxcapacitor::{AsyncFluxRx, AsyncFluxTx};
    use fluxcapacitor::{FluxBuilder, FluxEngine, FluxRaw, FluxRx, FluxSystem, FluxTx, XskMap};
    use fluxcapacitor::{Packet, PacketBatch, PacketRef, Poller};
}

/// What may be sent to another thread.
#[test]
fn all_of_it_is_send() {
    fn send<T: Send>() {}
    send::<FluxBuilder>();
    send::<FluxRaw>();
    send::<fluxcapacitor::raw::RawParts>();
    send::<fluxcapacitor::umem::Segment>();
    send::<UmemRegion>();
    send::<FluxEngine>();
    send::<FluxRx>();
    send::<FluxTx>();
    send::<Packet>();
    #[cfg(feature = "async")]
    {
        send::<AsyncFluxRx>();
        send::<AsyncFluxTx>();
    }
    send::<fluxcapacitor::tap::Snapshots>();
}

/// What several threads may refer to.
#[test]
fn halves_and_taps_are_sync() {
    fn sync<T: Send + Sync>() {}
    sync::<FluxRx>();
    sync::<FluxTx>();
    sync::<fluxcapacitor::tap::Tap>();
}

/// The socket is a descriptor.
#[cfg(unix)]
#[test]
fn a_socket_is_a_descriptor() {
    use std::os::fd::{AsFd, AsRawFd};

    fn descriptor<T: AsFd + AsRawFd>() {}
    descriptor::<FluxRaw>();
    descriptor::<fluxcapacitor::raw::Device>();
}

/// `into_parts` gives the rings as values.
#[test]
fn the_relations_hold() {
    use fluxcapacitor::ring::{CompletionRing, FillRing, RxRing, TxRing};

    fn parts(raw: FluxRaw) -> (UmemRegion, RxRing, FillRing, TxRing, CompletionRing) {
        let parts = raw.into_parts();
        (parts.umem, parts.rx, parts.fill, parts.tx, parts.completion)
    }
    let _: fn(FluxRaw) -> FluxEngine = FluxEngine::new;
    let _: fn(FluxRaw) -> (FluxRx, FluxTx) = split;
    let _: fn(FluxRaw) -> (UmemRegion, RxRing, FillRing, TxRing, CompletionRing) = parts;
    let _ = FluxBuilder::new("eth0").queue(0);
}

/// Where there is no AF_XDP, that is said, and what there is instead.
#[cfg(not(target_os = "linux"))]
#[test]
fn real_interfaces_are_linux_s() {
    use fluxcapacitor::Error;

    let error = FluxBuilder::new("eth0").build_raw().unwrap_err();
    assert!(matches!(error, Error::NotOnThisSystem { .. }), "{error}");
    assert!(error.to_string().contains("use the simulator"), "{error}");
}
