//! What is measured at a time.

use std::fmt;

use clap::ValueEnum;

use super::Options;
use crate::cli::{DeferralOption, Wait};

/// What contestants do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Receive and drop
    Rxdrop,
    /// Send, as fast as the interface takes it
    Txonly,
    /// Swap the MAC addresses of what arrives, and send it back
    L2fwd,
    /// The same, one packet at a time: how long is it under way?
    PingPong,
}

/// One thing to measure, by all contestants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    pub scenario: Scenario,
    pub wait: Wait,
    /// Where it waits busily.
    pub deferral: DeferralOption,
    pub batch: u32,
    pub packet_size: u32,
}

impl Case {
    /// All that the options ask for: from the base, one thing at a time.
    pub fn all(options: &Options) -> Vec<Self> {
        let Options { scenario, wait, deferral, batch, packet_size, .. } = options;
        let mut cases = Vec::new();
        for &scenario in scenario {
            let base = Self {
                scenario,
                wait: wait[0],
                deferral: *deferral,
                batch: batch[0],
                packet_size: packet_size[0],
            };
            cases.push(base);
            cases.extend(wait[1..].iter().map(|&wait| Self { wait, ..base }));
            // A packet at a time is a batch of one, and longer ones are for the wire to tell.
            if scenario != Scenario::PingPong {
                cases.extend(batch[1..].iter().map(|&batch| Self { batch, ..base }));
                cases.extend(
                    packet_size[1..].iter().map(|&packet_size| Self { packet_size, ..base }),
                );
            }
        }
        cases
    }

    /// Whether it differs from `other` in nothing but the batch.
    pub fn is_but_for_batch(&self, other: &Self) -> bool {
        Self { batch: other.batch, ..*self } == *other
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, wait, deferral: _, batch, packet_size } = self;
        let wait = name(wait);
        write!(f, "{}, {wait}, batch {batch}, {packet_size} bytes", name(scenario))
    }
}

/// As it is called on the command line.
pub fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
