//! Replies are right, or nothing is touched, on any bytes.

use fluxcapacitor_proto::reply::{self, ReplyError, Unreachable};
use fluxcapacitor_proto::*;

use crate::plain;

/// The first byte chooses the headroom, the rest is a frame.
pub fn run(bytes: &[u8]) {
    let Some((&headroom, frame)) = bytes.split_first() else { return };
    let headroom = usize::from(headroom) % 64;
    act(frame, headroom, |p| reply::arp_reply(p.bytes_mut(), MacAddr::new([2; 6])));
    act(frame, headroom, |p| reply::echo_reply(p.bytes_mut()));
    if act(frame, headroom, |p| reply::tcp_reset(p)) {
        act_twice(frame, |p| reply::tcp_reset(p));
    }
    for why in [Unreachable::NoRoute, Unreachable::Host, Unreachable::Port, Unreachable::Prohibited]
    {
        if act(frame, headroom, |p| reply::unreachable(p, why)) {
            act_twice(frame, |p| reply::unreachable(p, why));
        }
    }
}

fn act<F>(frame: &[u8], headroom: usize, answer: F) -> bool
where
    F: FnOnce(&mut SliceBuffer<'_>) -> Result<(), ReplyError>,
{
    let mut storage = vec![0; headroom + frame.len()];
    let mut packet = SliceBuffer::with_headroom(&mut storage, headroom, frame).unwrap();
    if answer(&mut packet).is_err() {
        assert_eq!(packet.bytes(), frame, "touched by a failure");
        return false;
    }
    true
}

/// The answer's checksums are right, and to answer it again is refused: resets and errors are not answered.
fn act_twice<F>(frame: &[u8], answer: F)
where
    F: Fn(&mut SliceBuffer<'_>) -> Result<(), ReplyError>,
{
    let mut storage = vec![0; 64 + frame.len()];
    let mut packet = SliceBuffer::with_headroom(&mut storage, 64, frame).unwrap();
    answer(&mut packet).unwrap();
    assert_eq!(Layers::of(packet.bytes()).truncated(), None);
    let ip = plain::ip_packet(packet.bytes()).unwrap();
    assert!(plain::all_right(&packet.bytes()[ip]));
    assert!(answer(&mut packet).is_err());
}
