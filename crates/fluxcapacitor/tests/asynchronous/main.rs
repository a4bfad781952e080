//! The halves in tasks of tokio: on the simulator, and on veth where that is permitted.
#![cfg(all(feature = "async", feature = "simulator"))]

mod simulated;
#[cfg(target_os = "linux")]
mod veth;

use std::future::Future;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

const SECOND: Duration = Duration::from_secs(1);

/// One thread, and several.
fn runtimes() -> [Runtime; 2] {
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let several = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    [one, several]
}

/// Runs on both kinds of runtime; what takes longer than two minutes hangs.
fn on_each<F: Future<Output = ()>>(body: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(async {
            tokio::time::timeout(120 * SECOND, body()).await.expect("it hangs");
        });
    }
}

/// Holds that one of some attempts takes less than `bound`: what is late by itself is late each time, what is late
/// for other work of the machine is not.
async fn soon(bound: Duration, mut attempt: impl AsyncFnMut() -> Duration) {
    let mut late = Vec::new();
    for _ in 0..6 {
        let took = attempt().await;
        if took < bound {
            return;
        }
        late.push(took);
        tokio::time::sleep(SECOND / 5).await;
    }
    panic!("not once within {bound:?}, but {late:?}");
}

/// A packet that is not like any other.
fn packet(number: u32) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x88, 0xb5]);
    packet.extend(number.to_be_bytes());
    packet.resize(60 + number as usize % 1400, number as u8);
    packet
}
