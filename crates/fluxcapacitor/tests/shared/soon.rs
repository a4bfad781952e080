//! What has to happen soon, on a machine that may have other work.

use std::fmt::Display;
use std::thread;
use std::time::Duration;

/// How often it is tried: what is late by itself is late each time, what is late for other work is not.
const TRIES: usize = 6;

/// For how long the other work is waited for after an attempt that was late; twice as long after the next.
const PAUSE: Duration = Duration::from_millis(50);

/// Holds that one of some attempts takes less than `bound`.
#[track_caller]
pub fn soon(what: impl Display, bound: Duration, mut attempt: impl FnMut() -> Duration) {
    let mut late = Vec::new();
    for number in 0..TRIES {
        let took = attempt();
        if took < bound {
            return;
        }
        late.push(took);
        thread::sleep(PAUSE * (1 << number));
    }
    panic!("{what}: not once within {bound:?}, but {late:?}");
}
