//! Packets: those that are lent to a callback, and those that are owned.

mod chain;
mod owned;
mod view;

pub use chain::ChainRef;
pub use owned::Packet;
pub use view::PacketRef;
