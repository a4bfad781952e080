//! Attaching to a simulated NIC.

use fluxcapacitor_core::simulator::Nic;
use fluxcapacitor_core::{Error, Result};
use fluxcapacitor_ebpf::Target;

use super::{Attach, AttachMode, Holder, Hook, XdpProgram, XskMap};

impl Hook {
    /// Assembles the program for the interpreter and attaches it, with a map for all queues of the NIC.
    pub(crate) fn attach_simulated(
        nic: &Nic,
        attach: Attach,
        program: &XdpProgram,
    ) -> Result<Self> {
        let facts = nic.facts();
        let refusal = (!facts.native_xdp && !program.is_multi_buffer()).then(|| {
            "packets of this link do not fit one buffer (the other end's MTU counts): ask for \
             multi_buffer, or set a smaller MTU"
                .to_owned()
        });
        let (mode, why_not_native) = match (attach, refusal) {
            (Attach::Generic, _) => (AttachMode::Generic, None),
            (_, None) => (AttachMode::Native, None),
            (Attach::Native, Some(why)) => {
                let (interface, driver) = (nic.name().to_owned(), "simulator".to_owned());
                return Err(Error::NoNativeMode { interface, driver, why });
            }
            (Attach::Auto, Some(why)) => {
                (AttachMode::Generic, Some(format!("driver simulator refuses: {why}")))
            }
        };
        let map = XskMap::simulated(nic.socket_map(facts.queues));
        let code = program.assemble(map.reference(), Target::Interpreter)?;
        let attached = if program.is_multi_buffer() {
            nic.attach_multi_buffer(&code.bytes())?
        } else {
            nic.attach(&code.bytes())?
        };
        let holder = Holder::Simulated(attached);
        Ok(Self { _holder: holder, map, mode, why_not_native })
    }
}
