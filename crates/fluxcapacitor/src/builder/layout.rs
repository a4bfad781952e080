//! How packet memory is cut, so that the packets of the interfaces fit.

use fluxcapacitor_core::backend::SEGMENTS_MAX;
use fluxcapacitor_core::{Error, Result};

use super::FluxBuilder;
use crate::port::Port;
use crate::ring::RingSizes;
use crate::umem::{FRAME_SIZE_MAX, Layout};

/// Bytes of a frame on the wire beyond the MTU: Ethernet header, two VLAN tags, FCS.
pub(super) const ETHERNET_OVERHEAD: u32 = 26;

impl FluxBuilder {
    /// The layout, if its frames hold the packets of all interfaces.
    pub(super) fn layout(&self, ports: &[Port]) -> Result<Layout> {
        let all = (self.rings.rx.saturating_add(self.rings.tx)).saturating_mul(ports.len() as u32);
        let frames = self.frames.unwrap_or(all);
        let layout = Layout::new(self.frame_size, frames, self.headroom)?;
        ports.iter().try_for_each(|port| self.check_mtu(port, layout))?;
        Ok(layout)
    }

    fn check_mtu(&self, port: &Port, layout: Layout) -> Result<()> {
        let longest = port.mtu.saturating_add(ETHERNET_OVERHEAD);
        if self.multi_buffer {
            return self.check_segments(port.mtu, longest.div_ceil(layout.packet_max()));
        }
        if longest <= layout.packet_max() {
            return Ok(());
        }
        let unused = self.frame_size - layout.packet_max();
        let fits = FRAME_SIZE_MAX - unused;
        let mut what_fits = if longest <= fits {
            format!("take frames of {FRAME_SIZE_MAX} bytes")
        } else {
            let mtu = fits.saturating_sub(ETHERNET_OVERHEAD);
            let by = port.set_mtu_by(mtu);
            format!("take frames of {FRAME_SIZE_MAX} bytes and set the MTU to {mtu} or less ({by})")
        };
        what_fits.push_str(", or ask for multi_buffer");
        if self.headroom > 0 {
            what_fits.push_str(", or ask for less headroom");
        }
        let mtu = port.mtu;
        let why = format!(
            "packets of MTU {mtu} take up to {longest} bytes, and {unused} of each frame are headroom: \
             {what_fits}"
        );
        Err(Error::invalid("frame size", self.frame_size, why))
    }
    /// Whether packets of so many segments can be received and sent.
    fn check_segments(&self, mtu: u32, segments: u32) -> Result<()> {
        let RingSizes { fill, rx, tx, completion } = self.rings;
        let most = [fill, rx, tx, completion].into_iter().fold(SEGMENTS_MAX, u32::min);
        if segments <= most {
            return Ok(());
        }
        let why = format!(
            "packets of MTU {mtu} take up to {segments} frames, and {most} are the most (a packet has \
             {SEGMENTS_MAX} at most, and has to fit the rings): take larger frames, less headroom or \
             larger rings, or set a smaller MTU"
        );
        Err(Error::invalid("frame size", self.frame_size, why))
    }
}
