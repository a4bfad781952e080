//! One run of one contestant.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::case::{Case, Scenario};
use super::contestant::{Contestant, Running};
use super::generator::Generator;
use super::noise::{self, WAITED_MAX};
use super::ours::Granted;
use super::pinger::{Percentiles, Pinger};
use super::wire::{Counted, Wire};
use crate::stop::Stop;

/// How long packets flow before they are counted, and how long they may take to begin, or to come back.
const WARM_UP: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks at whether to stop.
const NAP: Duration = Duration::from_millis(50);

/// How many packets a program of others may have left uncounted as it ends: a ring each way.
const UNCOUNTED_MAX: u64 = 4096;

/// What a contestant tells by its end.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Packets received, and sent.
    pub rx: u64,
    pub tx: u64,
    /// Packets that its socket lost, if it tells.
    pub lost: Option<u64>,
    /// System calls that told the kernel to send or receive, if it tells.
    pub kicks: Option<u64>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Trial {
    pub found: Found,
    /// Packets that it has counted from beginning to end.
    pub packets: u64,
    /// Share of the packets offered that were not received.
    pub lost: f64,
    pub kicks_per_packet: Option<f64>,
    /// How its counts and the interface's differ.
    pub difference: Option<String>,
    /// Nanoseconds of a processor that each packet took the contestant, its system calls included; none if no packet
    /// moved, or the kernel does not say.
    pub cpu_ns: Option<f64>,
    /// Share of its time for which it waited for a processor.
    pub waited: f64,
    pub round_trip: Option<Duration>,
    pub granted: Option<Granted>,
}

impl Trial {
    /// Whether the machine did something else meanwhile. Round trips are held against what they take as a rule.
    pub fn is_disturbed(&self, usual: Option<Duration>) -> bool {
        self.waited > WAITED_MAX || noise::is_far(self.round_trip, usual)
    }
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// Packets a second, in millions.
    Mpps(f64),
    Latency(Percentiles),
}

/// Where and how runs go.
#[derive(Clone, Copy, Debug)]
pub struct Conditions<'s> {
    /// The interface that there is; else a veth pair is made.
    pub interface: Option<&'s str>,
    pub queue: u32,
    /// Processors of the generator and of the contestant.
    pub cpus: (usize, usize),
    pub time: Duration,
    pub stop: &'s Stop,
}

/// What drives the other end.
enum Partner {
    Nobody,
    Generator(Generator),
    Pinger(Pinger),
}

/// Runs a contestant once; none for a case that it does not do, or if it is to stop.
pub fn run(
    conditions: &Conditions<'_>,
    contestant: &Contestant,
    case: Case,
) -> Result<Option<Trial>> {
    let &Conditions { interface, queue, cpus, time, stop } = conditions;
    let (here, there) = cpus;
    let before_run = noise::round_trip(cpus);
    let mut wire = interface.map_or_else(Wire::veth, Wire::given)?;
    let before = wire.counted()?;
    let Some(running) = contestant.start(&mut wire, case, queue, there)? else { return Ok(None) };
    let granted = running.granted().cloned();
    let partner = match case.scenario {
        _ if interface.is_some() => Partner::Nobody,
        Scenario::Txonly => Partner::Nobody,
        Scenario::Rxdrop | Scenario::L2fwd => {
            Partner::Generator(Generator::start(&wire, case.packet_size, here)?)
        }
        Scenario::PingPong => Partner::Pinger(Pinger::start(&wire, case.packet_size, here)?),
    };

    warm_up(&mut wire, interface.is_some(), stop, &running)?;
    if let Partner::Pinger(pinger) = &partner {
        pinger.measure();
    }
    let (first, began, started) = (wire.counted()?, running.schedule(), Instant::now());
    pass(time, stop, &running);
    // On a machine that is busy, packets take their time.
    while matches!(&partner, Partner::Pinger(pinger) if pinger.returned() == 0)
        && started.elapsed() < PATIENCE
    {
        pass(WARM_UP, stop, &running);
    }
    let (flowed, elapsed) = (wire.counted()?.since(&first), started.elapsed());
    let schedule = running.schedule().since(&began);
    if running.is_ended() {
        running.stop()?;
        bail!("the contestant ended before it was told to");
    }
    let times = match partner {
        Partner::Nobody => None,
        Partner::Generator(generator) => generator.stop().map(|()| None)?,
        Partner::Pinger(pinger) => Some(pinger.stop()?),
    };
    if matches!(case.scenario, Scenario::Rxdrop | Scenario::L2fwd | Scenario::PingPong) {
        wire.settled()?;
    }
    let ended = running.stop()?;
    if stop.is_signalled() {
        return Ok(None);
    }
    let counted = wire.settled()?.since(&before);

    let moved = packets(&flowed, case.scenario);
    let found = match &times {
        None => Found::Mpps(moved as f64 / elapsed.as_secs_f64() / 1e6),
        Some(times) => {
            let lost = times.lost;
            let none = || format!("no packet came back, {lost} are lost");
            Found::Latency(times.percentiles().with_context(none)?)
        }
    };
    let after_run = noise::round_trip(cpus);
    Ok(Some(Trial {
        found,
        packets: ended.rx.max(ended.tx),
        lost: share(flowed.rx_dropped, flowed.rx),
        kicks_per_packet: ended.kicks.map(|kicks| share(kicks, ended.rx.max(ended.tx))),
        difference: difference(&ended, &counted, case.scenario, interface.is_some()),
        cpu_ns: each(schedule.ran(), moved),
        waited: schedule.waited(),
        round_trip: before_run.max(after_run),
        granted,
    }))
}

/// Waits until packets have flowed for a while, if that depends on us.
fn warm_up(wire: &mut Wire, is_shared: bool, stop: &Stop, running: &Running) -> Result<()> {
    let (before, started) = (wire.counted()?, Instant::now());
    loop {
        pass(WARM_UP, stop, running);
        let now = wire.counted()?.since(&before);
        // On a machine that is busy, a thread may not have had a processor yet.
        let flows = now.rx + now.tx > 0 || is_shared || stop.is_signalled() || running.is_ended();
        if flows || started.elapsed() > PATIENCE {
            return Ok(());
        }
    }
}

/// Sleeps, but not on when it is to stop.
fn pass(time: Duration, stop: &Stop, running: &Running) {
    let until = Instant::now() + time;
    while !stop.is_signalled() && !running.is_ended() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        thread::sleep(left.min(NAP));
    }
}

fn packets(counted: &Counted, scenario: Scenario) -> u64 {
    match scenario {
        Scenario::Rxdrop => counted.rx.saturating_sub(counted.rx_dropped),
        Scenario::Txonly | Scenario::L2fwd | Scenario::PingPong => counted.tx,
    }
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

/// Nanoseconds for each of the packets; none where one of both was not seen.
fn each(time: Duration, packets: u64) -> Option<f64> {
    (packets > 0 && !time.is_zero()).then(|| time.as_nanos() as f64 / packets as f64)
}

/// How a contestant's counts and the interface's differ, if they do.
///
/// Ours are exact: each packet that came as far as the XDP program was received or lost by the socket, and each that was
/// sent left. Programs of others do not say what their sockets lost, and may end with packets in their rings. An
/// interface that is not ours has packets of other queues, too.
fn difference(
    ended: &Ended,
    counted: &Counted,
    scenario: Scenario,
    is_shared: bool,
) -> Option<String> {
    let Ended { rx, tx, lost, .. } = *ended;
    let uncounted = if lost.is_some() { 0 } else { UNCOUNTED_MAX };
    let unseen = if is_shared { u64::MAX } else { uncounted };
    let receives = scenario != Scenario::Txonly;
    let sends = scenario != Scenario::Rxdrop;
    let came = rx + lost.unwrap_or(0);
    let surely_lost = if lost.is_some() { 0 } else { counted.rx_dropped };
    // More than the interface has seen is never right; less, where something else takes the rest.
    let rx_agrees = came <= counted.rx && counted.rx - came <= unseen.saturating_add(surely_lost);
    let tx_agrees = tx <= counted.tx && counted.tx - tx <= unseen;
    match (!receives || rx_agrees, !sends || tx_agrees) {
        (true, true) => None,
        (false, _) => Some(format!(
            "it counts {rx} received and {} lost, the interface {} received",
            lost.map_or_else(|| "none".to_owned(), |lost| lost.to_string()),
            counted.rx
        )),
        (_, false) => Some(format!("it counts {tx} sent, the interface {}", counted.tx)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(rx: u64, tx: u64, lost: Option<u64>) -> Ended {
        Ended { rx, tx, lost, kicks: None }
    }

    #[test]
    fn time_is_told_for_packets_that_moved_and_for_no_others() {
        assert_eq!(each(Duration::from_micros(3), 12), Some(250.0));
        assert_eq!((each(Duration::from_micros(3), 0), each(Duration::ZERO, 12)), (None, None));
    }

    #[test]
    fn our_counts_are_the_interfaces_to_the_packet() {
        let counted = Counted { rx: 100, rx_dropped: 7, tx: 93 };
        let differ = |rx, tx, lost| {
            difference(&ended(rx, tx, Some(lost)), &counted, Scenario::L2fwd, false).is_some()
        };
        assert!(!differ(93, 93, 7));
        assert!(differ(92, 93, 7) && differ(94, 93, 7) && differ(93, 92, 7) && differ(93, 94, 7));
    }

    #[test]
    fn programs_of_others_may_leave_a_ring_uncounted_and_no_more() {
        let counted = Counted { rx: 1_000_000, rx_dropped: 0, tx: 0 };
        let differ =
            |rx| difference(&ended(rx, 0, None), &counted, Scenario::Rxdrop, false).is_some();
        assert!(!differ(1_000_000) && !differ(1_000_000 - UNCOUNTED_MAX));
        assert!(differ(1_000_001) && differ(1_000_000 - UNCOUNTED_MAX - 1));
    }

    #[test]
    fn an_interface_may_have_seen_more_than_a_queue_and_never_less() {
        let counted = Counted { rx: 1_000_000, rx_dropped: 0, tx: 10 };
        let differ =
            |rx| difference(&ended(rx, 10, Some(0)), &counted, Scenario::L2fwd, true).is_some();
        assert!(!differ(5) && differ(1_000_001));
    }
}
