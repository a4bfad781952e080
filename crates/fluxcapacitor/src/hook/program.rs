//! Which program, before it is made.

use std::fmt;
use std::sync::Arc;

use fluxcapacitor_core::{Error, Result};
use fluxcapacitor_ebpf::{AssembleError, MapRef, Program, Target, redirect_program};

/// How to make the XDP program, once it is known which map it redirects by and where it will run.
///
/// By default it is [`redirect_program`]: the packets of each queue that has a socket go there, all
/// others to the stack.
#[derive(Clone)]
pub struct XdpProgram {
    make: Arc<Make>,
    multi_buffer: bool,
}

type Make = dyn Fn(MapRef, Target) -> Result<Program, AssembleError> + Send + Sync;

impl XdpProgram {
    /// A program of your own, put together by [`ebpf::Assembler`](crate::ebpf::Assembler).
    pub fn new(
        make: impl Fn(MapRef, Target) -> Result<Program, AssembleError> + Send + Sync + 'static,
    ) -> Self {
        Self { make: Arc::new(make), multi_buffer: false }
    }

    /// Whether it is to see packets of several buffers (`BPF_F_XDP_HAS_FRAGS`); off by default. It sees the
    /// first part of such a packet. Without it, a driver refuses the program on links whose packets do not
    /// fit one buffer.
    ///
    /// [`FluxBuilder::multi_buffer`](crate::FluxBuilder::multi_buffer) sets it.
    #[doc(alias = "xdp.frags")]
    #[must_use]
    pub fn multi_buffer(mut self, on: bool) -> Self {
        self.multi_buffer = on;
        self
    }

    pub(crate) const fn is_multi_buffer(&self) -> bool {
        self.multi_buffer
    }

    pub(super) fn assemble(&self, map: MapRef, target: Target) -> Result<Program> {
        (self.make)(map, target)
            .map_err(|error| Error::invalid("XDP program", "of your own", error.to_string()))
    }
}

impl Default for XdpProgram {
    fn default() -> Self {
        Self::new(|map, target| Ok(redirect_program(map.fd(), target)))
    }
}

impl fmt::Debug for XdpProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XdpProgram")
            .field("multi_buffer", &self.multi_buffer)
            .finish_non_exhaustive()
    }
}
