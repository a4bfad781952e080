//! Which queues to open.

use fluxcapacitor_core::{Error, Result};

use crate::port::Port;

/// Which queues of each interface to open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Queues {
    /// All that the interface has now. Several interfaces must have equally many.
    All,
    /// Those of these numbers.
    List(Vec<u32>),
}

impl Default for Queues {
    /// Queue 0.
    fn default() -> Self {
        Self::List(vec![0])
    }
}

impl Queues {
    /// Their numbers, if all ports have them.
    pub(super) fn of(&self, ports: &[Port]) -> Result<Vec<u32>> {
        let numbers = match self {
            Self::All => all(ports)?,
            Self::List(numbers) => numbers.clone(),
        };
        if numbers.is_empty() {
            return Err(Error::invalid("queues", "none", "name one at least, or all of them"));
        }
        for (at, queue) in numbers.iter().enumerate() {
            if numbers[..at].contains(queue) {
                let why = "it is named twice, and a queue has one socket";
                return Err(Error::invalid("queue", queue, why));
            }
            if let Some(port) = ports.iter().find(|port| *queue >= port.queues) {
                let (interface, queues) = (port.name.clone(), port.queues);
                return Err(Error::QueueOutOfRange { interface, queue: *queue, queues });
            }
        }
        Ok(numbers)
    }
}

/// All queues, if all ports have equally many: of those that only one has, packets would go elsewhere.
fn all(ports: &[Port]) -> Result<Vec<u32>> {
    let count = ports.first().map_or(0, |port| port.queues);
    if let Some(other) = ports.iter().find(|port| port.queues != count) {
        let has = |port: &Port| format!("{} has {}", port.name, port.queues);
        let first = ports.first().map_or_else(String::new, has);
        let why = format!(
            "{first} and {}: give them equally many (`ethtool -L`), or name those to open",
            has(other)
        );
        return Err(Error::invalid("queues", "all", why));
    }
    Ok((0..count).collect())
}

impl From<u32> for Queues {
    fn from(queue: u32) -> Self {
        Self::List(vec![queue])
    }
}

impl From<Vec<u32>> for Queues {
    fn from(queues: Vec<u32>) -> Self {
        Self::List(queues)
    }
}

impl From<std::ops::Range<u32>> for Queues {
    fn from(queues: std::ops::Range<u32>) -> Self {
        Self::List(queues.collect())
    }
}

impl<const N: usize> From<[u32; N]> for Queues {
    fn from(queues: [u32; N]) -> Self {
        Self::List(queues.into())
    }
}
