//! The link header of a frame: Ethernet, and any number of VLAN tags.

use crate::error::ParseError;
use crate::ethernet::{EthHeader, EtherType};
use crate::vlan::VlanHeader;

/// How long the link header is, and what is behind.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// Bytes of the Ethernet header and all tags.
    pub len: usize,
    /// What follows them.
    pub ether_type: EtherType,
}

impl Link {
    /// Reads the Ethernet header and all tags; the rest comes second.
    #[inline]
    pub fn parse(frame: &[u8]) -> Result<(Self, &[u8]), ParseError> {
        let (ethernet, mut rest) = EthHeader::ref_from_prefix(frame)?;
        let mut ether_type = ethernet.ether_type();
        while ether_type.is_vlan() {
            let (vlan, behind) = VlanHeader::ref_from_prefix(rest)?;
            ether_type = vlan.ether_type();
            rest = behind;
        }
        Ok((Self { len: frame.len() - rest.len(), ether_type }, rest))
    }

    /// Exchanges the Ethernet addresses of a frame that was parsed.
    #[inline]
    pub fn turn(frame: &mut [u8]) -> Result<(), ParseError> {
        EthHeader::mut_from_prefix(frame)?.0.swap_addresses();
        Ok(())
    }
}
