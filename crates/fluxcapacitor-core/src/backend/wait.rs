//! Waiting for several sockets at a time.

use std::time::{Duration, Instant};

use super::{Backend, Interest, Waited};
use crate::error::{Error, Result};

/// For how many sockets one call can wait.
pub const SOCKETS_MAX: usize = 64;

/// How long a wait goes on with one socket where they cannot be waited for together.
const TURN: Duration = Duration::from_millis(1);

/// Sleeps until there is what `interest` names at one of the sockets, or the time is up. At most
/// [`SOCKETS_MAX`]; of simulated ones, those of one world are waited for together, as real ones are.
///
/// # Errors
/// As [`Backend::wait`], of any of them; [`Error::Invalid`] for too many.
pub fn wait_any<'s>(
    sockets: impl Iterator<Item = &'s dyn Backend> + Clone,
    interest: Interest,
    timeout: Duration,
) -> Result<Waited> {
    let mut alone = sockets.clone();
    if let (Some(socket), None) = (alone.next(), alone.next()) {
        return socket.wait(interest, timeout);
    }
    let count = sockets.clone().count();
    if count > SOCKETS_MAX {
        let why = format!("{SOCKETS_MAX} at most; drive them by several threads");
        return Err(Error::invalid("sockets to wait for", count, why));
    }
    #[cfg(all(feature = "simulator", not(loom)))]
    if let Some(result) = simulated(sockets.clone(), interest, timeout) {
        return result;
    }
    in_turns(sockets, interest, timeout)
}

/// Waits in slices, after each of which every socket is asked: it looks at its link, too.
fn in_turns<'s>(
    sockets: impl Iterator<Item = &'s dyn Backend> + Clone,
    interest: Interest,
    timeout: Duration,
) -> Result<Waited> {
    let started = Instant::now();
    loop {
        let mut ended = Waited::TimedOut;
        for socket in sockets.clone() {
            match socket.wait(interest, Duration::ZERO)? {
                Waited::Ready => return Ok(Waited::Ready),
                Waited::TimedOut => {}
                down @ Waited::LinkDown => ended = down,
            }
        }
        let left = timeout.saturating_sub(started.elapsed());
        if left.is_zero() || ended == Waited::LinkDown {
            return Ok(ended);
        }
        sleep(sockets.clone(), interest, left)?;
    }
}

/// Sleeps for a slice of the wait, at most until one of real sockets is ready.
#[cfg(all(target_os = "linux", not(loom)))]
fn sleep<'s>(
    sockets: impl Iterator<Item = &'s dyn Backend> + Clone,
    interest: Interest,
    left: Duration,
) -> Result<()> {
    #[cfg(feature = "simulator")]
    if sockets.clone().any(|socket| socket.as_simulated().is_some()) {
        return one_by_one(sockets, interest, left);
    }
    crate::sys::socket::poll_any(sockets.map(Backend::fd), interest, left)
}

#[cfg(not(all(target_os = "linux", not(loom))))]
use one_by_one as sleep;

/// Sleeps a moment with each.
#[cfg_attr(all(target_os = "linux", not(feature = "simulator")), allow(dead_code))]
fn one_by_one<'s>(
    mut sockets: impl Iterator<Item = &'s dyn Backend> + Clone,
    interest: Interest,
    left: Duration,
) -> Result<()> {
    sockets.try_for_each(|socket| socket.wait(interest, left.min(TURN)).map(|_asked_again| ()))
}

/// Waits for simulated sockets, if all are and are of one world.
#[cfg(all(feature = "simulator", not(loom)))]
fn simulated<'s>(
    sockets: impl Iterator<Item = &'s dyn Backend>,
    interest: Interest,
    timeout: Duration,
) -> Option<Result<Waited>> {
    use crate::simulator::SimSocket;

    let mut sockets = sockets.map(Backend::as_simulated);
    let first = sockets.next()??;
    let mut together = [first; SOCKETS_MAX];
    let mut count = 1;
    for socket in sockets {
        let socket = socket.filter(|socket| socket.is_of_the_world_of(first))?;
        *together.get_mut(count)? = socket;
        count += 1;
    }
    Some(SimSocket::wait_any(&together[..count], interest, timeout))
}
