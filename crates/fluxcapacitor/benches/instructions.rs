//! How many instructions a packet takes in each mode, counted by valgrind on the simulator.
//!
//!     cargo bench -p fluxcapacitor --features simulator --bench instructions
//!
//! The bench runs itself once under `valgrind --tool=callgrind`, which must be installed. The same packets cross the
//! same simulated NICs in each mode, and what the simulator, the generator and the allocator take is counted in
//! none: only instructions inside the functions that are named `measured_…`, less those that they spend in the
//! simulated kernel. Counts do not vary from run to run, but they are not time. It fails if the engine or owned packets
//! take more over raw mode than they may.

use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs, io};

use fluxcapacitor::raw::FluxRaw;
use fluxcapacitor::simulator::control::{Nic, NicConfig, World};
use fluxcapacitor::system::Batch;
use fluxcapacitor::{FluxBuilder, FluxEngine, FluxRx, FluxTx, system};

/// Packets a batch.
const BATCH: u32 = 64;
/// Batches a row.
const TURNS: u32 = 200;
/// Tells a process that valgrind watches it.
const WATCHED: &str = "--watched";

/// A loop to measure: one batch, already in the rx ring.
struct Row {
    name: &'static str,
    run: fn(&mut Lab),
    /// How many instructions a packet it may take more than the raw row before it.
    over_raw: f64,
}

const ENGINE: f64 = 5.0;
const OWNED: f64 = 60.0;
/// Where each owned packet is sent by itself.
const SINGLY: f64 = 80.0;

const ROWS: [Row; 7] = [
    Row { name: "drop, raw", run: raw_drop, over_raw: 0.0 },
    Row { name: "drop, engine", run: engine_drop, over_raw: ENGINE },
    Row { name: "drop, owned", run: owned_drop, over_raw: OWNED },
    Row { name: "echo, raw", run: raw_echo, over_raw: 0.0 },
    Row { name: "echo, engine", run: engine_echo, over_raw: ENGINE },
    Row { name: "echo, owned", run: owned_echo, over_raw: OWNED },
    Row { name: "echo, owned, singly", run: single_echo, over_raw: SINGLY },
];

/// The functions that are measured, without what they are all named with.
const MEASURED: [&str; 7] = [
    "raw_drop",
    "engine_drop",
    "owned_drop",
    "raw_echo",
    "engine_echo",
    "owned_echo",
    "single_echo",
];

/// A NIC with packets for whoever opens it. It is not linked: what it sends is lost.
struct Lab {
    _world: World,
    nic: Nic,
}

impl Lab {
    fn new() -> Self {
        let world = World::new(1);
        let nic = world.nic(NicConfig::new("nic")).unwrap();
        Self { _world: world, nic }
    }

    fn open(&self) -> FluxRaw {
        FluxBuilder::new(self.nic.name()).build_raw().unwrap()
    }

    /// A batch of packets comes.
    fn send(&mut self) {
        for _ in 0..BATCH {
            self.nic.inject(&[0; 60]);
        }
    }

    fn turns(&mut self, mut measured: impl FnMut()) {
        for turn in 0..TURNS {
            self.send();
            // Once before, so that caches, lazy binding and thread-locals are not counted.
            if turn == 1 {
                mark();
            }
            measured();
        }
        mark();
    }
}

/// Ends one part of the count and begins the next.
#[inline(never)]
fn mark() {
    black_box(());
}

#[inline(never)]
fn measured_raw_drop(raw: &mut FluxRaw) {
    let mut left = BATCH;
    while left > 0 {
        left -= raw.rx.recycle(&mut raw.fill, left, |packet| look(packet)).unwrap();
    }
    raw.publish_fill().unwrap();
}

#[inline(never)]
fn measured_engine_drop(engine: &mut FluxEngine) {
    let mut left = BATCH as usize;
    while left > 0 {
        left -= engine
            .poll_once(|batch| {
                for packet in batch {
                    look(packet.data());
                }
            })
            .unwrap();
    }
}

#[inline(never)]
fn measured_owned_drop(rx: &mut FluxRx, batch: &mut Batch) {
    let mut left = BATCH as usize;
    while left > 0 {
        left -= rx.recv(batch).unwrap();
        for packet in batch.drain() {
            look(packet.data());
        }
    }
}

#[inline(never)]
fn measured_raw_echo(raw: &mut FluxRaw) {
    let mut left = BATCH;
    while left > 0 {
        left -= raw.rx.forward(&mut raw.tx, left, look_mut).unwrap();
    }
    raw.flush().unwrap();
    let mut left = BATCH;
    while left > 0 {
        left -= raw.completion.recycle(&mut raw.fill, left).unwrap();
    }
    raw.publish_fill().unwrap();
}

#[inline(never)]
fn measured_engine_echo(engine: &mut FluxEngine) {
    let mut left = BATCH as usize;
    while left > 0 {
        left -= engine
            .poll_once(|batch| {
                for mut packet in batch {
                    look_mut(packet.data_mut());
                    packet.transmit();
                }
            })
            .unwrap();
    }
}

#[inline(never)]
fn measured_owned_echo(rx: &mut FluxRx, tx: &mut FluxTx, batch: &mut Batch) {
    let mut left = BATCH as usize;
    while left > 0 {
        left -= rx.recv(batch).unwrap();
        for packet in &mut *batch {
            look_mut(packet.data_mut());
        }
        tx.send_batch(batch).unwrap();
    }
    tx.flush().unwrap();
}

#[inline(never)]
fn measured_single_echo(rx: &mut FluxRx, tx: &mut FluxTx, batch: &mut Batch) {
    let mut left = BATCH as usize;
    while left > 0 {
        left -= rx.recv(batch).unwrap();
        for mut packet in batch.drain() {
            look_mut(packet.data_mut());
            tx.send(packet).unwrap();
        }
    }
    tx.flush().unwrap();
}

/// As little as can be done with a packet.
fn look(packet: &[u8]) {
    black_box(packet.as_ptr());
}

fn look_mut(packet: &mut [u8]) {
    black_box(packet.as_mut_ptr());
}

fn raw_drop(lab: &mut Lab) {
    let mut raw = lab.open();
    lab.turns(|| measured_raw_drop(&mut raw));
}

fn engine_drop(lab: &mut Lab) {
    let mut engine = FluxEngine::new(lab.open());
    lab.turns(|| measured_engine_drop(&mut engine));
}

fn owned_drop(lab: &mut Lab) {
    let ((mut rx, _tx), mut batch) = (system::split(lab.open()), Batch::new(BATCH as usize));
    lab.turns(|| measured_owned_drop(&mut rx, &mut batch));
}

fn raw_echo(lab: &mut Lab) {
    let mut raw = lab.open();
    lab.turns(|| measured_raw_echo(&mut raw));
}

fn engine_echo(lab: &mut Lab) {
    let mut engine = FluxEngine::new(lab.open());
    lab.turns(|| measured_engine_echo(&mut engine));
}

fn owned_echo(lab: &mut Lab) {
    let ((mut rx, mut tx), mut batch) = (system::split(lab.open()), Batch::new(BATCH as usize));
    lab.turns(|| measured_owned_echo(&mut rx, &mut tx, &mut batch));
}

fn single_echo(lab: &mut Lab) {
    let ((mut rx, mut tx), mut batch) = (system::split(lab.open()), Batch::new(BATCH as usize));
    lab.turns(|| measured_single_echo(&mut rx, &mut tx, &mut batch));
}

fn main() -> ExitCode {
    let is_watched = env::args().any(|arg| arg == WATCHED);
    if is_watched || !env::args().any(|arg| arg == "--bench") {
        ROWS.iter().for_each(|row| (row.run)(&mut Lab::new()));
        return ExitCode::SUCCESS;
    }
    match count() {
        Ok(rows) => {
            let (mut raw, mut is_within) = (0.0, true);
            for (Row { name, over_raw, .. }, instructions) in rows {
                if *over_raw == 0.0 {
                    raw = instructions;
                }
                let over = instructions - raw;
                println!(
                    "{name:20}{instructions:>8.1} instructions a packet, {over:>5.1} over raw"
                );
                if over > *over_raw {
                    eprintln!("{name}: {over:.2} more than raw mode, of {over_raw} at most");
                    is_within = false;
                }
            }
            if !is_within {
                return ExitCode::FAILURE;
            }
        }
        // No failure: that would keep `cargo bench` from its other benches.
        Err(why) => eprintln!("SKIPPED, no instruction was counted: {why}"),
    }
    ExitCode::SUCCESS
}

/// Runs this program under valgrind.
fn count() -> Result<Vec<(&'static Row, f64)>, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).map_err(|error| format!("{}: {error}", place.display()))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let watched = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--dump-before=*mark", "--collect-atstart=no"])
        // Not what stands in them: a closure that was not inlined would switch the count off.
        .args(MEASURED.map(|name| format!("--toggle-collect=*measured_{name}")))
        .arg("--toggle-collect=*SimSocket as*kick_tx")
        .arg("--toggle-collect=*SimSocket as*kick_rx")
        .arg(format!("--callgrind-out-file={}", place.join("part").display()))
        .arg(program)
        .arg(WATCHED)
        .stderr(Stdio::inherit())
        .status();
    match watched {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the program under valgrind failed: {status}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err("there is no valgrind; install it (apt install valgrind)".into());
        }
        Err(error) => return Err(format!("valgrind: {error}")),
    }
    let packets = f64::from((TURNS - 1) * BATCH);
    let rows = ROWS.iter().enumerate();
    // Odd parts are what comes before a row, even ones its turns.
    rows.map(|(index, row)| {
        let part = place.join(format!("part.{}", 2 * index + 2));
        Ok((row, total(&part)? / packets))
    })
    .collect()
}

/// The instructions of one part.
fn total(part: &Path) -> Result<f64, String> {
    let text = fs::read_to_string(part).map_err(|error| {
        format!("valgrind left no {}: {error}; is the program stripped?", part.display())
    })?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    totals
        .and_then(|totals| totals.trim().parse().ok())
        .ok_or_else(|| format!("{} has no totals", part.display()))
}
