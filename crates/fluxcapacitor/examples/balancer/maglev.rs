//! A Maglev hash table (D. Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016,
//! section 3.4): each target gets its share of the flows, and a
//! balancer needs to remember none: another one that knows the same targets, in the same order, would decide alike.

use std::iter;
use std::net::Ipv4Addr;

/// A prime, and hundreds of times as many as there are targets to be.
pub const SLOTS: usize = 65_537;

/// Which target has each slot.
#[derive(Debug)]
pub struct Maglev {
    targets: Vec<Ipv4Addr>,
    /// While all are up.
    home: Vec<Option<usize>>,
    /// Now: as at home, but for the slots of targets that are down.
    now: Vec<Option<usize>>,
}

impl Maglev {
    /// A table of these targets, all of which are down.
    pub fn new(targets: Vec<Ipv4Addr>) -> Self {
        let home = fill(&targets, |_| true);
        Self { targets, home, now: vec![None; SLOTS] }
    }

    /// The number of the target of a flow of this hash, if any is up.
    pub fn pick(&self, hash: u64) -> Option<usize> {
        self.now[(hash % SLOTS as u64) as usize]
    }

    /// Says anew which targets are up. The flows of one that went down go to the others, and come back with it; those
    /// of all others stay where they are.
    pub fn set_up(&mut self, is_up: impl Fn(usize) -> bool) {
        let refuge = fill(&self.targets, &is_up);
        let slots = self.home.iter().zip(refuge);
        self.now = slots.map(|(home, refuge)| home.filter(|at| is_up(*at)).or(refuge)).collect();
    }
}

/// Has the targets that are wanted take slots by turns, each the first that is free in an order of its own.
fn fill(targets: &[Ipv4Addr], is_wanted: impl Fn(usize) -> bool) -> Vec<Option<usize>> {
    let mut slots = vec![None; SLOTS];
    let wanted = targets.iter().enumerate().filter(|(at, _)| is_wanted(*at));
    // The order of a target: from some slot on by some step, which meets all slots since their number is a prime.
    let mut orders: Vec<_> = wanted
        .map(|(at, target)| {
            let (start, step) = (mix(target, 1) % SLOTS, mix(target, 2) % (SLOTS - 1) + 1);
            (at, iter::successors(Some(start), move |slot| Some((slot + step) % SLOTS)))
        })
        .collect();
    let mut free = if orders.is_empty() { 0 } else { SLOTS };
    while free > 0 {
        for (at, order) in orders.iter_mut().take(free) {
            if let Some(slot) = order.find(|slot| slots[*slot].is_none()) {
                slots[slot] = Some(*at);
                free -= 1;
            }
        }
    }
    slots
}

/// A number from an address, in which each of its bits has a say (the finalizer of SplitMix64).
fn mix(target: &Ipv4Addr, salt: u64) -> usize {
    let mut bits = u64::from(target.to_bits()) ^ (salt << 32);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) & 0x7fff_ffff) as usize
}
