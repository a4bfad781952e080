//! The answer to an ARP request.

use crate::arp::{Arp, ArpHeader, ArpOperation};
use crate::error::Protocol;
use crate::ethernet::{EthHeader, EtherType, MacAddr};
use crate::link::Link;

use super::ReplyError;

/// Turns an ARP request into the answer that `mac` has the address asked for (RFC 826, "Packet Reception").
///
/// Whether it has is the caller's to know: [`ArpHeader::target_ip`] is the address.
///
/// # Errors
///
/// [`ReplyError::NotARequest`] or [`ReplyError::Parse`].
///
/// # Examples
///
/// ```
/// use fluxcapacitor_proto::{ArpHeader, EthHeader, EtherType, MacAddr, emit::Stack, reply};
///
/// let asker = MacAddr::new([2, 0, 0, 0, 0, 1]);
/// let mine = MacAddr::new([2, 0, 0, 0, 0, 2]);
/// let mut frame = [0; 42];
/// Stack::new()
///     .with(EthHeader::new(MacAddr::BROADCAST, asker, EtherType::ARP))
///     .with(ArpHeader::request(asker, "10.0.0.1".parse()?, "10.0.0.2".parse()?))
///     .emit(&[], &mut frame)?;
/// reply::arp_reply(&mut frame, mine)?;
/// let (eth, arp) = EthHeader::ref_from_prefix(&frame)?;
/// assert_eq!((eth.source(), eth.destination()), (mine, asker));
/// assert_eq!(ArpHeader::ref_from_prefix(arp)?.0.sender_mac(), mine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn arp_reply(frame: &mut [u8], mac: MacAddr) -> Result<(), ReplyError> {
    let (link, packet) = Link::parse(frame)?;
    if link.ether_type != EtherType::ARP {
        return Err(ReplyError::NotARequest(Protocol::Arp));
    }
    let request = Arp::parse(packet)?;
    if request.operation() != ArpOperation::REQUEST {
        return Err(ReplyError::NotARequest(Protocol::Arp));
    }
    let (reply, asker) = (request.reply(mac), request.sender_mac());
    let (ethernet, _) = EthHeader::mut_from_prefix(frame)?;
    ethernet.set_destination(asker);
    ethernet.set_source(mac);
    let packet = frame.get_mut(link.len..).unwrap_or_default();
    *ArpHeader::mut_from_prefix(packet)?.0 = reply;
    Ok(())
}
