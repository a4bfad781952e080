//! Packets for contestants, faster than any socket sends them: made and redirected in the kernel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use anyhow::Context;
use fluxcapacitor::ebpf::{AssembleError, Assembler, Helper, Register, Target};
use fluxcapacitor_core::sys::bpf::Program;
use fluxcapacitor_core::sys::cpu;

use super::wire::{NOBODY, Wire};
use crate::run::packet;

/// Packets a system call: some 15 ms of them, which is how long it takes to stop.
const CHUNK: u32 = 1 << 16;

/// A thread that sends until it is stopped.
#[derive(Debug)]
pub struct Generator {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<()>>,
}

impl Generator {
    /// Begins to send packets of this size to the contestant.
    pub fn start(wire: &Wire, size: u32, on: usize) -> anyhow::Result<Self> {
        let (namespace, _, index) = wire.other_end().context("there is no end to send from")?;
        let mut packet = packet(size, size, wire.contestant_mac())?;
        // Sent back by a forwarder, it goes to nobody.
        packet[6..12].copy_from_slice(&NOBODY);
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = namespace.spawn("generator", move || {
            cpu::pin(on).context("pinning the generator")?;
            let program = Program::load_xdp(&redirect_to(index)?, "flux_generator", 0)?;
            while !stopped.load(Relaxed) {
                match program.run_live(&packet, CHUNK) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    sent => sent.context("generating packets in the kernel takes Linux 5.18")?,
                }
            }
            Ok(())
        })?;
        Ok(Self { stop, thread })
    }

    /// Stops it; an error if it has failed.
    pub fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the generator panicked"))?
    }
}

/// `return bpf_redirect(index, 0)`.
fn redirect_to(index: u32) -> Result<Vec<[u8; 8]>, AssembleError> {
    let mut program = Assembler::new(Target::Kernel);
    program.mov(Register::R1, index.cast_signed());
    program.mov(Register::R2, 0);
    program.call(Helper::Redirect).exit();
    Ok(program.finish()?.bytes().as_chunks().0.to_vec())
}
