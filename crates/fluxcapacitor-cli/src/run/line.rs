//! A socket on the interface that a tool is to drive, and, if that is simulated, its other end.

use std::sync::Arc;

use anyhow::Context;
use fluxcapacitor::simulator::control::Profile;
use fluxcapacitor::{FluxBuilder, FluxRaw};

use super::peer::{Peer, Progress, Watched};
use super::{Tool, drive};
use crate::cli::{PortOptions, RunOptions, SimulatedProfile};
use crate::report;
use crate::simulated::{self, Pair};
use crate::stop::Stop;

/// What a tool drives.
#[derive(Debug)]
pub struct Line {
    raw: FluxRaw,
    pair: Option<Pair>,
}

/// What the peer of a simulated interface does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partner {
    /// Sends as fast as the tool gets through with it, and drops what comes back.
    Sends,
    /// Drops what the tool sends.
    Drops,
}

impl Line {
    /// Opens the interface that was asked for, or makes a simulated one, and says what was granted.
    pub fn open(
        options: &PortOptions,
        configure: impl FnOnce(FluxBuilder) -> FluxBuilder,
    ) -> anyhow::Result<Self> {
        let profile = options.simulator.map(|profile| match profile {
            SimulatedProfile::Copy => Profile::Copy,
            SimulatedProfile::ZeroCopy => Profile::ZeroCopy,
        });
        let pair = profile.map(Pair::new).transpose()?;
        // The command line has one or the other.
        let named = options.interface.as_deref().unwrap_or_default();
        let interface = pair.as_ref().map_or(named, |pair| pair.near.name());
        let built = configure(options.builder(interface)).build_raw();
        let raw = built.with_context(|| format!("opening {interface}"))?;
        report::say(raw.granted());
        raw.granted().shortfalls().for_each(|shortfall| report::say(format!("  {shortfall}")));
        if pair.is_some() {
            report::say(simulated::WORTH);
        }
        Ok(Self { raw, pair })
    }

    /// Bytes of the longest packet, without the Ethernet header.
    pub fn mtu(&self) -> u32 {
        self.raw.granted().mtu
    }

    /// Has the tool drive it until it is time to stop, and the partner the other end if that is ours.
    pub fn drive<T: Tool>(
        self,
        options: &RunOptions,
        stop: Stop,
        tool: T,
        partner: Partner,
    ) -> anyhow::Result<()> {
        if self.pair.is_none() {
            return drive(options, stop, self.raw, tool);
        }
        self.work(&options.port, partner, |raw, progress| {
            drive(options, stop, raw, Watched::new(tool, Arc::clone(progress)))
        })
    }

    /// Has `work` done on it, and the partner drive the other end if that is ours; the partner counts on being
    /// told the progress.
    pub fn work(
        self,
        options: &PortOptions,
        partner: Partner,
        work: impl FnOnce(FluxRaw, &Arc<Progress>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let progress = Arc::<Progress>::default();
        let Some(pair) = self.pair else { return work(self.raw, &progress) };
        let peer = Peer::start(&pair, partner, options, &progress)?;
        let worked = work(self.raw, &progress);
        worked.and(peer.stop().context("at the other end of the simulated wire"))
    }
}
