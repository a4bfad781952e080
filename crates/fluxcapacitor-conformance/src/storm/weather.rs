//! The network, and what goes wrong in it.

use std::time::Duration;

use fastrand::Rng;
use fluxcapacitor::simulator::control::{Fault, LinkConfig, Nic, NicConfig, Profile, Rule, World};

/// Two linked NICs in bad weather.
#[derive(Debug)]
pub(super) struct Weather<'w> {
    world: &'w World,
    near: Nic,
    far: Nic,
    corrupts: bool,
}

impl<'w> Weather<'w> {
    /// Makes the network, and up to six rules by which it fails.
    pub(super) fn brew(world: &'w World, random: &mut Rng) -> Result<Self, String> {
        let mut nic = |name| {
            let profile = if random.bool() { Profile::Copy } else { Profile::ZeroCopy };
            world.nic(NicConfig::new(name).profile(profile)).map_err(|error| error.to_string())
        };
        let (near, far) = (nic("near")?, nic("far")?);
        let delay = if random.bool() { Duration::ZERO } else { micros(random, 100) };
        let link = LinkConfig::default().delay(delay);
        world.link(&near, &far, link).map_err(|error| error.to_string())?;

        let mut corrupts = false;
        for _ in 0..random.u32(0..=6) {
            let fault = fault(random);
            corrupts |= fault == Fault::Corrupt;
            let mut rule = Rule::new(fault).one_in(random.u64(2..=40));
            match random.u8(0..4) {
                0 => rule = rule.nic(near.name()),
                1 => rule = rule.nic(far.name()),
                _ => {}
            }
            world.fault(rule);
        }
        Ok(Self { world, near, far, corrupts })
    }

    pub(super) fn ports(&self) -> (&Nic, &Nic) {
        (&self.near, &self.far)
    }

    /// Whether packets may come with other bytes.
    pub(super) fn corrupts(&self) -> bool {
        self.corrupts
    }

    /// Now and then a link goes down, or comes up.
    pub(super) fn change(&self, random: &mut Rng) {
        for nic in [&self.near, &self.far] {
            match random.u8(..) {
                0..4 => nic.set_down(),
                4..40 => nic.set_up(),
                _ => {}
            }
        }
    }

    /// Time passes.
    pub(super) fn pass(&self, random: &mut Rng) {
        self.world.run_for(micros(random, 50));
    }

    /// The links are up, for good.
    pub(super) fn clear(&self) {
        self.near.set_up();
        self.far.set_up();
    }
}

fn micros(random: &mut Rng, most: u64) -> Duration {
    Duration::from_micros(random.u64(0..=most))
}

fn fault(random: &mut Rng) -> Fault {
    match random.u8(0..13) {
        0 => Fault::Lose,
        1 => Fault::Duplicate,
        2 => Fault::Reorder(micros(random, 300)),
        3 => Fault::Corrupt,
        4 => Fault::Delay { by: micros(random, 50), jitter: micros(random, 50) },
        5 => Fault::Rate { bits_per_second: random.u64(1_000_000..1_000_000_000) },
        6 => Fault::KickAgain,
        7 => Fault::KickNoBuffers,
        8 => Fault::KickBusy,
        9 => Fault::LateCompletion(micros(random, 500)),
        10 => Fault::ShortKick,
        11 => Fault::Stop(micros(random, 500)),
        _ => Fault::Forge,
    }
}
