//! What the programs have in common: arguments, Ctrl-C, and how they end.
#![allow(dead_code, reason = "each program uses its part of it")]

mod arguments;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use arguments::Arguments;
use fluxcapacitor::proto::EthHeader;
use fluxcapacitor::proto::emit::{Header, Stack};
use fluxcapacitor::{FluxEngine, Granted, PacketBatch};
use signal_hook::consts::{SIGINT, SIGTERM};

/// Why a program did not do its work.
#[derive(Debug)]
pub enum Failure {
    /// It was called wrongly: exit code 2.
    Usage(String),
    /// Something went wrong: exit code 1.
    Other(Box<dyn Error>),
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Other(Box::new(error))
    }
}

/// Runs `body` with the arguments, and says how it ended. The usage text is the grammar, as [`Arguments`] reads it.
pub fn main(usage: &str, body: impl FnOnce(&Arguments) -> Result<(), Failure>) -> ExitCode {
    let program = usage.split_whitespace().nth(1).unwrap_or_default();
    if env::args().any(|argument| argument == "--help") {
        println!("{usage}");
        return ExitCode::SUCCESS;
    }
    match Arguments::read(usage, env::args().skip(1)).and_then(|arguments| body(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(wrong)) => {
            eprintln!("{program}: {wrong}\n\n{usage}");
            ExitCode::from(2)
        }
        Err(Failure::Other(error)) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A wrong call.
pub fn wrong(what: impl Into<String>) -> Failure {
    Failure::Usage(what.into())
}

/// Has Ctrl-C and SIGTERM set a flag.
pub fn set_on_signal(flag: &Arc<AtomicBool>) -> Result<(), Failure> {
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag))?;
    }
    Ok(())
}

/// Says what was granted, and what not.
pub fn say(granted: &Granted) {
    eprintln!("{granted}");
    granted.shortfalls().for_each(|shortfall| eprintln!("  {shortfall}"));
}

/// Lends packets to `callback` until Ctrl-C or SIGTERM, and then prints the counters.
pub fn run(engine: &mut FluxEngine, callback: impl FnMut(PacketBatch<'_>)) -> Result<(), Failure> {
    set_on_signal(&engine.stop_handle().flag())?;
    engine.granted().for_each(say);
    engine.run(callback)?;
    println!("{}", engine.stats()?);
    Ok(())
}

/// A packet, for simulated clients.
pub fn packet<const N: usize>(
    ethernet: EthHeader,
    headers: [Header<'_>; N],
    payload: &[u8],
) -> Result<Vec<u8>, Failure> {
    let stack = headers.into_iter().fold(Stack::new().with(ethernet), Stack::with);
    let mut packet = vec![0; stack.len() + payload.len()];
    stack.emit(payload, &mut packet)?;
    Ok(packet)
}
