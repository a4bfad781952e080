//! On a real kernel.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use fluxcapacitor::proto::error::Protocol;
use fluxcapacitor::proto::layers::Layers;
use fluxcapacitor::system::{AsyncFluxRx, AsyncFluxTx, Batch};
use fluxcapacitor::{Error, FluxBuilder, FluxEngine, Poller};
use fluxcapacitor_testbed::{End, NetNs, VethPair, permitted};
use rustix::time::{ClockId, clock_gettime};

use super::{SECOND, on_each, packet, soon};

fn pair() -> VethPair {
    VethPair::create(&NetNs::new().unwrap(), &NetNs::new().unwrap(), 1).unwrap()
}

fn open(end: &End) -> (AsyncFluxRx, AsyncFluxTx) {
    // Opened in the namespace, and handed to the runtime that this thread is in.
    let system = end.namespace().run(|| FluxBuilder::new(end.name()).build_system().unwrap());
    system.unwrap().split_async().unwrap()
}

/// Processor time of this thread.
fn cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// Packets go there and come back, in order and whole.
#[test]
fn an_echo_comes_back() {
    const PACKETS: u32 = 20_000;
    if !permitted() {
        return;
    }
    on_each(|| async {
        let pair = pair();
        let (mut rx, mut tx) = open(pair.b());
        let server = tokio::spawn(async move {
            let mut batch = Batch::new(64);
            loop {
                rx.recv(&mut batch).await.unwrap();
                tx.send_batch(&mut batch).await.unwrap();
                tx.flush().await.unwrap();
            }
        });
        let ((mut rx, mut tx), mut batch) = (open(pair.a()), Batch::new(64));
        let (mut sent, mut back) = (0, 0);
        while back < PACKETS {
            while sent < PACKETS && sent - back < 128 {
                let mut fresh = tx.allocate().await.unwrap();
                fresh.write(&packet(sent)).unwrap();
                tx.send(fresh).await.unwrap();
                sent += 1;
            }
            tx.flush().await.unwrap();
            rx.recv(&mut batch).await.unwrap();
            for came in batch.drain() {
                assert_eq!(came.data(), packet(back));
                back += 1;
            }
        }
        tx.drained().await.unwrap();
        server.abort();
    });
}

/// Nobody sends: next to no processor time is used.
#[test]
fn it_sleeps_while_there_is_nothing() {
    if !permitted() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pair = pair();
    runtime.block_on(async {
        let ((mut rx, _tx), mut batch) = (open(pair.b()), Batch::new(64));
        // What the kernel has to say when a link comes up.
        let _quiet = tokio::time::timeout(SECOND / 2, rx.recv(&mut batch)).await;
        batch.drain();
        let before = cpu();
        let nothing = tokio::time::timeout(2 * SECOND, rx.recv(&mut batch)).await;
        let used = cpu() - before;
        assert!(nothing.is_err(), "{batch:?}");
        assert!(used <= Duration::from_millis(20), "{used:?} in two seconds");
    });
}

/// The same for an engine that spins first and sleeps then: two per cent at most.
#[test]
fn an_adaptive_engine_sleeps_while_there_is_nothing() {
    if !permitted() {
        return;
    }
    let pair = pair();
    let raw = pair.b().namespace().run(|| FluxBuilder::new(pair.b().name()).build_raw().unwrap());
    let mut engine = FluxEngine::new(raw.unwrap()).poller(Poller::Adaptive);
    let stop = engine.stop_handle();
    let sleeper = std::thread::spawn(move || {
        std::thread::sleep(2 * SECOND);
        stop.stop();
    });
    let before = cpu();
    engine.run(|_| {}).unwrap();
    let used = cpu() - before;
    sleeper.join().unwrap();
    assert!(used <= Duration::from_millis(40), "{used:?} in two seconds");
}

/// The interface is deleted: every wait ends within 200 ms.
#[test]
fn a_lost_link_is_told() {
    if !permitted() {
        return;
    }
    on_each(|| async {
        soon(SECOND / 5, async || {
            let pair = pair();
            let ((mut rx, mut tx), mut batch) = (open(pair.b()), Batch::new(64));
            let mut fresh = tx.allocate().await.unwrap();
            fresh.write(&packet(0)).unwrap();
            tx.send(fresh).await.unwrap();
            let waiting = tokio::spawn(async move { (rx.recv(&mut batch).await, Instant::now()) });
            tokio::time::sleep(SECOND / 10).await;
            pair.delete().unwrap();
            let gone = Instant::now();
            let (ended, at) = waiting.await.unwrap();
            assert!(matches!(ended, Err(Error::LinkGone)), "{ended:?}");
            let ended = tx.flush().await;
            assert!(matches!(ended, Err(Error::LinkGone)), "{ended:?}");
            at.saturating_duration_since(gone)
        })
        .await;
    });
}

/// The kernel's own sockets talk to it: whatever is asked is answered, with a datagram between all others.
#[test]
fn the_kernel_is_answered() {
    if !permitted() {
        return;
    }
    on_each(|| async {
        let (near, pair) = (NetNs::new().unwrap(), NetNs::new().unwrap());
        let pair = VethPair::create(&near, &pair, 1).unwrap();
        let address = |last| IpAddr::from(Ipv4Addr::new(10, 9, 0, last));
        pair.a().add_address(address(1), 24).unwrap();
        pair.a().add_neighbour(address(2), pair.b().mac()).unwrap();
        let (mut rx, _tx) = open(pair.b());
        let client = near.run(|| UdpSocket::bind("10.9.0.1:0").unwrap()).unwrap();
        client.send_to(b"88 mph", "10.9.0.2:88").unwrap();
        let mut batch = Batch::new(64);
        loop {
            rx.recv(&mut batch).await.unwrap();
            let mut seen = batch.drain().map(|packet| {
                let is_udp = Layers::of(packet.data()).find(Protocol::Udp).is_some();
                is_udp && packet.data().windows(6).any(|bytes| bytes == b"88 mph")
            });
            if seen.any(|is_it| is_it) {
                return;
            }
        }
    });
}
