//! Packets: those that are lent to a callback, and those that are owned.

mod owned;
mod view;

pub use owned::Packet;
pub use view::PacketRef;
