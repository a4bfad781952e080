//! Engines and halves on the ports.

use fluxcapacitor::{FluxBuilder, FluxEngine, FluxRx, FluxSystem, FluxTx, Result};

use super::Bench;
use crate::fixture::Side;
use crate::verdict::{Outcome, Stop};

impl Bench<'_> {
    /// An engine on queue 0 of a port, unless `configure` says otherwise.
    ///
    /// # Errors
    /// As [`Bench::open`].
    #[track_caller]
    pub fn engine(
        &self,
        side: Side,
        configure: impl FnOnce(FluxBuilder) -> FluxBuilder,
    ) -> Outcome<FluxEngine> {
        self.engine_over(&[side], configure)
    }

    /// An engine on several ports, over one memory: the first is its port 0.
    ///
    /// # Errors
    /// As [`Bench::open`].
    #[track_caller]
    pub fn engine_over(
        &self,
        sides: &[Side],
        configure: impl FnOnce(FluxBuilder) -> FluxBuilder,
    ) -> Outcome<FluxEngine> {
        let mut builder = self.builder(sides[0]);
        for side in &sides[1..] {
            builder = builder.interface(self.port(*side).name());
        }
        let builder = configure(builder);
        let engine = self.build_there(sides[0], || builder.clone().build_engine())?;
        for (granted, side) in engine.granted().zip(sides.iter().cycle()) {
            self.promised(*side, granted)?;
        }
        engine.umems().for_each(|umem| self.watch(umem));
        Ok(engine)
    }

    /// The halves of queue 0 of a port, unless `configure` says otherwise.
    ///
    /// # Errors
    /// As [`Bench::open`].
    #[track_caller]
    pub fn halves(
        &self,
        side: Side,
        configure: impl FnOnce(FluxBuilder) -> FluxBuilder,
    ) -> Outcome<(FluxRx, FluxTx)> {
        let builder = configure(self.builder(side));
        let (rx, tx) =
            self.build_there(side, || builder.clone().build_system().and_then(FluxSystem::split))?;
        self.promised(side, rx.granted())?;
        self.watch(rx.umem());
        Ok((rx, tx))
    }

    /// Builds where a port is to be found.
    #[track_caller]
    fn build_there<T: Send>(
        &self,
        side: Side,
        build: impl Fn() -> Result<T> + Send + Sync,
    ) -> Outcome<T> {
        let mut built = None;
        self.port(side).within(&mut || built = Some(build()))?;
        match built {
            Some(Ok(built)) => Ok(built),
            Some(Err(error)) => Err(Stop::failed(error)),
            None => Err(Stop::failed("it was not built")),
        }
    }
}
