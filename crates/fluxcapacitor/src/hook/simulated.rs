//! Attaching to a simulated NIC.

use fluxcapacitor_core::Result;
use fluxcapacitor_core::simulator::Nic;
use fluxcapacitor_ebpf::Target;

use super::{Attach, AttachMode, Holder, Hook, XdpProgram, XskMap};

impl Hook {
    /// Assembles the program for the interpreter and attaches it, with a map for all queues of the NIC.
    pub(crate) fn attach_simulated(
        nic: &Nic,
        attach: Attach,
        program: &XdpProgram,
    ) -> Result<Self> {
        let map = XskMap::simulated(nic.socket_map(nic.facts().queues));
        let code = program.assemble(map.reference(), Target::Interpreter)?;
        let holder = Holder::Simulated(nic.attach(&code.bytes())?);
        let mode = match attach {
            Attach::Auto | Attach::Native => AttachMode::Native,
            Attach::Generic => AttachMode::Generic,
        };
        Ok(Self { _holder: holder, map, mode, why_not_native: None })
    }
}
