//! Links that are down, and links that go.

use std::io;
use std::mem;
use std::thread;
use std::time::{Duration, Instant};

use fluxcapacitor::raw::{Interest, Waited};
use fluxcapacitor::{Error, FluxBuilder, FluxRaw};
use fluxcapacitor_testbed::{NetNs, PacketSocket, VethPair};

use crate::other::{Other, find, place, ready};
use crate::soon::soon;
use crate::wire::{SECOND, Wire, open, pair, says, small, turn, wire};

/// How soon it is told that a link is gone.
const SOON: Duration = Duration::from_millis(200);

/// Queues a packet of zeros, if there is a frame and room for it.
fn queue(raw: &mut FluxRaw) {
    if raw.tx.room().unwrap() > 0
        && let Some(frame) = raw.pool.take()
    {
        raw.tx.push(raw.umem.write(frame, &[0; 60]).unwrap()).unwrap();
    }
}

#[track_caller]
fn is_down(error: Error) {
    assert!(matches!(error, Error::LinkDown), "{error}");
    says(&error, &["the link is down", "recovers when the interface is up again"]);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NetworkDown);
}

#[track_caller]
fn is_gone(error: Error) {
    assert!(matches!(error, Error::LinkGone), "{error}");
    says(&error, &["the interface is gone", "close the socket, and open another"]);
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
}

/// The link comes up, and what was queued meanwhile is sent.
fn recovers(wire: &Wire, raw: &mut FluxRaw) {
    let peer = PacketSocket::open(wire.a()).unwrap();
    wire.b().set_up().unwrap();
    wire.b().wait_up(20 * SECOND).unwrap();
    assert_eq!(raw.wait(Interest::Rx, Duration::from_millis(300)).unwrap(), Waited::TimedOut);
    raw.flush().unwrap();
    let (started, mut sent) = (Instant::now(), raw.reclaim().unwrap());
    while sent == 0 && started.elapsed() < 20 * SECOND {
        sent = raw.reclaim().unwrap();
    }
    assert_eq!(sent, 1, "what could not be sent then is sent now");
    assert_eq!(peer.recv(&mut [0; 128], 20 * SECOND).unwrap(), Some(60));
}

#[test]
fn a_link_that_goes_down_comes_back() {
    let Some(wire) = wire(1) else { return };
    let mut raw = open(wire.b(), small).unwrap();
    wire.b().set_down().unwrap();
    assert_eq!(raw.wait(Interest::Rx, SECOND).unwrap(), Waited::LinkDown);
    raw.flush().unwrap();
    queue(&mut raw);
    is_down(raw.flush().unwrap_err());
    is_down(raw.device().kick_tx().unwrap_err());
    is_down(raw.device().kick_rx().unwrap_err());
    recovers(&wire, &mut raw);
}

#[test]
fn a_link_that_is_down_at_first_is_opened_and_said_to_be_down() {
    let Some(wire) = wire(1) else { return };
    wire.b().set_down().unwrap();
    let mut raw = open(wire.b(), small).unwrap();
    assert!(!raw.granted().is_up);
    let lines: Vec<_> = raw.granted().shortfalls().collect();
    let name = wire.b().name();
    let line = format!("no packets yet: {name} is down (`ip link set {name} up`)");
    assert!(lines.contains(&line), "{lines:?}");
    queue(&mut raw);
    is_down(raw.flush().unwrap_err());
    assert_eq!(raw.wait(Interest::Rx, SECOND).unwrap(), Waited::LinkDown);
    recovers(&wire, &mut raw);
}

/// A program's way to find out: one round of its loop.
type Round = fn(&mut FluxRaw) -> fluxcapacitor::Result<()>;

const ROUNDS: [(&str, Round); 6] = [
    ("a long wait", |raw| raw.wait(Interest::Rx, 60 * SECOND).map(drop)),
    ("short waits", |raw| raw.wait(Interest::Rx, Duration::from_millis(1)).map(drop)),
    ("waits of no length", |raw| raw.wait(Interest::Rx, Duration::ZERO).map(drop)),
    ("spinning on flush", |raw| {
        raw.reclaim()?;
        queue(raw);
        raw.flush()
    }),
    ("spinning on kick_rx", |raw| raw.device().kick_rx().map(drop)),
    ("waits for room", |raw| {
        // No completion is taken, so that both rings are full in the end.
        queue(raw);
        raw.tx.publish();
        raw.wait(Interest::Tx, 60 * SECOND).map(drop)
    }),
];

/// Goes round until the link is gone, over what says that it is down; when and how it found out.
fn until_gone(raw: &mut FluxRaw, round: Round) -> (Instant, Error) {
    let started = Instant::now();
    loop {
        match round(raw) {
            Ok(()) | Err(Error::LinkDown) if started.elapsed() < 30 * SECOND => {}
            Err(error) => return (Instant::now(), error),
            Ok(()) => panic!("not told in thirty seconds"),
        }
    }
}

#[test]
fn a_link_that_is_deleted_is_told_soon_in_each_way() {
    for (way, round) in ROUNDS {
        let Some(_turn) = turn() else { return };
        soon(way, SOON, || deleted_and_told(way, round));
    }
}

/// How long after the deletion it is told.
fn deleted_and_told(way: &str, round: Round) -> Duration {
    let pair = pair(1);
    // More frames than the completion and the tx ring have slots together.
    let mut raw = open(pair.b(), |builder| small(builder).frames(128)).unwrap();
    let (told, error, deleted) = thread::scope(|scope| {
        let told = scope.spawn(|| until_gone(&mut raw, round));
        thread::sleep(Duration::from_millis(50));
        assert!(!told.is_finished(), "{way}");
        pair.delete().unwrap();
        let deleted = Instant::now();
        let (told, error) = told.join().unwrap();
        (told, error, deleted)
    });
    is_gone(error);
    // It stays gone, in every other way too.
    is_gone(raw.device().kick_tx().unwrap_err());
    is_gone(raw.device().kick_rx().unwrap_err());
    is_gone(raw.wait(Interest::Rx, SECOND).unwrap_err());
    queue(&mut raw);
    is_gone(raw.flush().unwrap_err());
    // It may be told before the deletion has returned.
    told.saturating_duration_since(deleted)
}

/// Two pairs whose namespaces go with this process: one between two, and one that is all in one.
pub fn hold_pairs() {
    let [left, right, both] = [(); 3].map(|()| NetNs::new().unwrap());
    let apart = VethPair::create(&left, &right, 1).unwrap();
    let together = VethPair::create(&both, &both, 1).unwrap();
    ready(&format!("{}, {}", place(apart.b()), place(together.b())));
}

#[test]
fn a_namespace_that_goes_takes_the_link_along_but_not_while_the_socket_is_in_it() {
    let Some(_turn) = turn() else { return };
    soon("the other end", SOON, namespace_gone_and_told);
}

/// How long after the namespace has gone it is told.
fn namespace_gone_and_told() -> Duration {
    let mut other = Other::start("pairs", "");
    let said = mem::take(&mut other.said);
    let (apart, together) = said.split_once(", ").unwrap();
    let open = |place| {
        let (namespace, interface) = find(place);
        let raw = namespace.run(|| small(FluxBuilder::new(interface)).build_raw());
        (namespace, interface, raw.unwrap().unwrap())
    };
    let (namespace, interface, mut raw) = open(apart);
    let (_, _, inside) = open(together);

    let (told, gone) = thread::scope(|scope| {
        let told = scope.spawn(|| until_gone(&mut raw, ROUNDS[0].1));
        other.kill();
        // The peer's namespace, which nobody holds any more, and the peer; with it our end.
        let killed = Instant::now();
        while namespace.links().unwrap().iter().any(|name| name == interface) {
            assert!(killed.elapsed() < 60 * SECOND, "the peer's namespace stays");
        }
        let gone = Instant::now();
        (told.join().unwrap(), gone)
    });
    is_gone(told.1);
    assert_eq!(inside.wait(Interest::Rx, SECOND).unwrap(), Waited::TimedOut);
    told.0.saturating_duration_since(gone)
}
