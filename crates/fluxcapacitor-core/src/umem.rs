//! Packet memory: a mapping cut into frames, and the ledger that says who holds each.

mod census;
mod chain;
mod claim;
mod frame;
mod lane;
mod layout;
mod ledger;
mod memory;
mod parcel;
mod pool;
mod region;
mod shared;
mod slices;

pub use census::Census;
pub(crate) use chain::Place as ChainStart;
pub use chain::{Chain, NoChain};
pub(crate) use claim::{Frames, Loan};
pub use frame::{Frame, Segment};
pub(crate) use lane::{Lane, LaneKey, Mover};
pub use layout::{FRAME_SIZE_MAX, FRAME_SIZE_MIN, Layout, XDP_PACKET_HEADROOM};
pub(crate) use ledger::{Holder, Place};
pub use memory::{GrantedPages, PageSize};
pub(crate) use parcel::{About, Owed};
pub use parcel::{Origin, Parcel};
pub use pool::FramePool;
pub use region::{Foreign, NoSegment, UmemId, UmemRegion};
pub use shared::{Home, SharedFrameState};
pub use slices::{Slices, SlicesMut};
