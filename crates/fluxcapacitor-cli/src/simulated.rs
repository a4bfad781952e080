//! Two simulated interfaces, linked, in a world of their own that goes with this machine's clock.

use fluxcapacitor::Result;
use fluxcapacitor::simulator::control::{LinkConfig, Live, Nic, NicConfig, Profile, World};

/// Nothing goes wrong by chance in this world, so any seed will do; FLUXCAP_SEED gives another.
const SEED: u64 = 1;

/// What rates of simulated interfaces are worth.
pub const WORTH: &str =
    "simulated: its rates are those of this machine's memory and processor, not of a network";

/// Two ends of a wire.
#[derive(Debug)]
pub struct Pair {
    // Its clock stops first: fields drop in this order.
    _live: Live,
    _world: World,
    pub near: Nic,
    pub far: Nic,
}

impl Pair {
    /// Makes both, of one queue each.
    pub fn new(profile: Profile) -> Result<Self> {
        let world = World::from_env(SEED)?;
        let near = world.nic(NicConfig::new("near").profile(profile))?;
        let far = world.nic(NicConfig::new("far").profile(profile))?;
        world.link(&near, &far, LinkConfig::default())?;
        Ok(Self { _live: world.run_live(), _world: world, near, far })
    }
}
