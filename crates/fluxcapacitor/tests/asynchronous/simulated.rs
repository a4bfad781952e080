//! On simulated interfaces, in virtual time and live.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use fluxcapacitor::simulator::control::{LinkConfig, Nic, NicConfig, Profile, World};
use fluxcapacitor::system::{AsyncFluxRx, AsyncFluxTx, Batch};
use fluxcapacitor::{Error, FluxBuilder, Packet};
use futures_util::{SinkExt, StreamExt};
use tokio::time::timeout;

use super::{SECOND, on_each, packet, soon};

const PROFILES: [Profile; 2] = [Profile::Copy, Profile::ZeroCopy];

struct Pair {
    world: World,
    a: Nic,
    b: Nic,
}

fn pair(profile: Profile) -> Pair {
    let world = World::from_env(88).unwrap();
    let nic = |name| world.nic(NicConfig::new(name).profile(profile)).unwrap();
    let (a, b) = (nic("a"), nic("b"));
    world.link(&a, &b, LinkConfig::default()).unwrap();
    Pair { world, a, b }
}

fn open(nic: &Nic) -> (AsyncFluxRx, AsyncFluxTx) {
    FluxBuilder::new(nic.name()).build_system().unwrap().split_async().unwrap()
}

/// Sends back whatever comes.
async fn echo(mut rx: AsyncFluxRx, mut tx: AsyncFluxTx) {
    let mut batch = Batch::new(64);
    loop {
        rx.recv(&mut batch).await.unwrap();
        tx.send_batch(&mut batch).await.unwrap();
        tx.flush().await.unwrap();
    }
}

/// All packets come back, in order and whole; live and in virtual time, with copies and without.
#[test]
fn an_echo_comes_back() {
    const PACKETS: u32 = 2000;
    for profile in PROFILES {
        for live in [false, true] {
            on_each(|| async move {
                let pair = pair(profile);
                let _live = live.then(|| pair.world.run_live());
                let (rx, tx) = open(&pair.b);
                let server = tokio::spawn(echo(rx, tx));
                let (mut rx, mut tx) = open(&pair.a);
                let (mut sent, mut back) = (0, 0);
                while back < PACKETS {
                    while sent < PACKETS && sent - back < 256 {
                        let mut fresh = tx.allocate().await.unwrap();
                        fresh.write(&packet(sent)).unwrap();
                        tx.send(fresh).await.unwrap();
                        sent += 1;
                    }
                    tx.flush().await.unwrap();
                    let came = rx.next().await.unwrap().unwrap();
                    assert_eq!(came.data(), packet(back));
                    back += 1;
                }
                tx.drained().await.unwrap();
                assert_eq!(tx.stats().unwrap().total().tx_packets, u64::from(PACKETS));
                server.abort();
            });
        }
    }
}

/// A stream into a sink is an echo, too.
#[test]
fn a_stream_flows_into_a_sink() {
    on_each(|| async {
        let pair = pair(Profile::Copy);
        let (rx, mut tx) = open(&pair.b);
        for number in 0..100 {
            pair.b.inject(&packet(number));
        }
        let mut first = rx.take(100);
        let sent = async {
            while let Some(packet) = first.next().await {
                tx.feed(packet.unwrap()).await.unwrap();
            }
            SinkExt::<Packet>::flush(&mut tx).await.unwrap();
            SinkExt::<Packet>::close(&mut tx).await.unwrap();
        };
        timeout(10 * SECOND, sent).await.unwrap();
        assert_eq!(tx.stats().unwrap().total().tx_packets, 100);
    });
}

/// Receiving that is given up again and again, at any point, loses no packet.
#[test]
fn what_is_cancelled_loses_nothing() {
    on_each(|| async {
        let pair = pair(Profile::Copy);
        let (mut rx, _tx) = open(&pair.b);
        let (mut batch, mut expected) = (Batch::new(16), 0u32);
        for number in 0..500 {
            if number % 3 == 0 {
                pair.b.inject(&packet(number / 3));
            }
            // Both arms are ready now and then: which one is taken is left to chance.
            tokio::select! {
                received = rx.recv(&mut batch) => { received.unwrap(); }
                () = tokio::task::yield_now() => {}
            }
            for packet_in in batch.drain() {
                assert_eq!(packet_in.data(), packet(expected));
                expected += 1;
            }
        }
        while expected < 167 {
            rx.recv(&mut batch).await.unwrap();
            for packet_in in batch.drain() {
                assert_eq!(packet_in.data(), packet(expected));
                expected += 1;
            }
        }
    });
}

/// Whether a task was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

/// A task that sleeps is woken by the packet, not by a timer.
#[test]
fn a_packet_wakes_the_task() {
    on_each(|| async {
        let pair = pair(Profile::Copy);
        let _live = pair.world.run_live();
        let ((mut rx, _tx), mut batch) = (open(&pair.b), Batch::new(16));
        for number in 0..20 {
            let woken = Arc::<Woken>::default();
            let waker = Waker::from(Arc::clone(&woken));
            {
                let mut received = pin!(rx.recv(&mut batch));
                let polled = received.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                // The timers of a runtime of one thread stand still meanwhile.
                pair.b.inject(&packet(number));
                assert!(woken.0.load(Relaxed), "packet {number}");
                assert_eq!(received.await.unwrap(), 1);
            }
            batch.drain();
        }
    });
}

/// While packets never end, others have their turn.
#[test]
fn a_flood_leaves_the_others_their_turn() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pair = pair(Profile::Copy);
        let (mut rx, _tx) = open(&pair.b);
        let (nic, turns) = (pair.b.clone(), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&turns);
        tokio::spawn(async move {
            loop {
                counted.fetch_add(1, Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let mut batch = Batch::new(8);
        for number in 0..2000 {
            nic.inject(&packet(number));
            rx.recv(&mut batch).await.unwrap();
            batch.drain();
        }
        assert!(turns.load(Relaxed) >= 10, "{} turns", turns.load(Relaxed));
    });
}

/// A link that is down is waited for, one that is gone is told.
#[test]
fn a_lost_link_is_told() {
    on_each(|| async {
        soon(SECOND / 5, async || {
            let pair = pair(Profile::Copy);
            let _live = pair.world.run_live();
            let ((mut rx, mut tx), mut batch) = (open(&pair.b), Batch::new(8));
            pair.b.set_down();
            assert!(timeout(SECOND / 4, rx.recv(&mut batch)).await.is_err(), "it may come back");
            pair.b.set_up();
            pair.b.inject(&packet(0));
            assert_eq!(rx.recv(&mut batch).await.unwrap(), 1);

            pair.b.remove();
            let started = Instant::now();
            let gone = rx.recv(&mut Batch::new(8)).await;
            let took = started.elapsed();
            assert!(matches!(gone, Err(Error::LinkGone)), "{gone:?}");
            tx.send_batch(&mut batch).await.unwrap();
            let gone = tx.flush().await;
            assert!(matches!(gone, Err(Error::LinkGone)), "{gone:?}");
            took
        })
        .await;
    });
}

/// What cannot be sent is said, and does not stop the rest.
#[test]
fn what_cannot_be_sent_is_refused() {
    on_each(|| async {
        let pair = pair(Profile::Copy);
        let ((_ra, mut a), (_rb, mut b)) = (open(&pair.a), open(&pair.b));
        let foreign = b.allocate().await.unwrap();
        let empty = a.allocate().await.unwrap();
        let refused = a.send(foreign).await;
        assert!(matches!(refused, Err(Error::Foreign)), "{refused:?}");
        let refused = a.send(empty).await.unwrap_err();
        assert!(refused.to_string().contains("length 0"), "{refused}");
        let mut good = a.allocate().await.unwrap();
        good.write(&packet(0)).unwrap();
        a.send(good).await.unwrap();
        a.flush().await.unwrap();
        a.drained().await.unwrap();
    });
}

/// Fresh packets come by the batch, once there are frames.
#[test]
fn fresh_packets_come_by_the_batch() {
    on_each(|| async {
        let pair = pair(Profile::Copy);
        let (_rx, mut tx) = open(&pair.a);
        let (mut held, mut batch) = (Batch::new(1 << 16), Batch::new(8));
        let all = tx.allocate_batch(&mut held, 60).await.unwrap();
        assert!(all > 8 && all == held.len());
        let wait = timeout(Duration::from_millis(20), tx.allocate_batch(&mut batch, 60));
        assert!(wait.await.is_err(), "there is none");
        drop(held);
        assert_eq!(tx.allocate_batch(&mut batch, 60).await.unwrap(), 8);
        assert_eq!(tx.allocate_batch(&mut batch, 60).await.unwrap(), 0, "it is full");
        drop(batch.drain());
        let refused = tx.allocate_batch(&mut batch, 4096).await.unwrap_err();
        assert!(refused.to_string().contains("1792"), "{refused}");
    });
}

/// Where there is no runtime, that is said.
#[test]
fn it_wants_a_runtime() {
    let pair = pair(Profile::Copy);
    let halves = FluxBuilder::new(pair.a.name()).build_system().unwrap().split_async();
    let error = halves.unwrap_err();
    assert!(error.to_string().contains("runtime of tokio"), "{error}");
}
