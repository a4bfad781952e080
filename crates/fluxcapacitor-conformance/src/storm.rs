//! A faulty network by seed: what goes wrong, how the programs on it are made and what they do is all
//! drawn from one number, and whatever it is, no frame is lost, nothing hangs and nothing panics.
//!
//! `cargo xtask seeds --count 10000`

mod program;
mod weather;

use fastrand::Rng;
use fluxcapacitor::simulator::control::World;

use program::{Echo, Source};
use weather::Weather;

/// How often each program gets its turn.
const ROUNDS: u32 = 500;

/// How many turns everything has to come home after the storm.
const CALM_ROUNDS: u32 = 5_000;

/// What came of one seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Packets sent.
    pub sent: u64,
    /// Packets that came back.
    pub returned: u64,
    /// Descriptors of the forged peer that were seen through.
    pub rejected: u64,
}

/// Runs the network of one seed.
///
/// # Errors
/// What was lost, or did not come to its end. It panics where the library does.
pub fn run(seed: u64) -> Result<Tally, String> {
    let mut random = Rng::with_seed(seed);
    let world = World::new(seed);
    let weather = Weather::brew(&world, &mut random)?;
    let (near, far) = weather.ports();
    let mut source = Source::open(near.clone(), &mut random)?;
    let mut echo = Echo::open(far.clone(), &mut random)?;

    for _ in 0..ROUNDS {
        weather.change(&mut random);
        source.turn(&mut random)?;
        echo.turn(&mut random)?;
        if random.u8(..) < 3 {
            // The program ends and is started again; what it had in hand it keeps.
            echo = echo.reopen(&mut random)?;
        }
        weather.pass(&mut random);
    }

    world.clear_faults();
    weather.clear();
    for _ in 0..CALM_ROUNDS {
        source.calm()?;
        echo.calm()?;
        weather.pass(&mut random);
        if source.is_home() && echo.is_home() {
            let rejected = source.rejected() + echo.rejected();
            let Tally { sent, returned, .. } = source.tally(weather.corrupts())?;
            return Ok(Tally { sent, returned, rejected });
        }
    }
    Err(format!("frames did not come home: near {}, far {}", source.census(), echo.census()))
}
