//! What the programs have in common: arguments, Ctrl-C, and how they end.
#![allow(dead_code, reason = "each program uses its part of it")]

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

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

/// Runs `body` with the arguments, and says how it ended.
///
/// The usage text is the grammar: each of its lines that begins with `--` is an option, which wants a value
/// if a word in capitals follows.
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

/// What was given on the command line, in its order: options and their values.
#[derive(Debug)]
pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    fn read(usage: &str, mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut given = Vec::new();
        while let Some(name) = words.next() {
            let mut lines = usage.lines().map(str::split_whitespace);
            let line = lines.find_map(|mut line| {
                (line.next() == Some(&name) && name.starts_with("--")).then_some(line)
            });
            let mut line = line.ok_or_else(|| wrong(format!("{name} is not an option")))?;
            let is_placeholder = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
            let value = if line.next().is_some_and(is_placeholder) {
                words.next().ok_or_else(|| wrong(format!("{name} wants a value")))?
            } else {
                String::new()
            };
            given.push((name, value));
        }
        Ok(Self(given))
    }

    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The values of an option that may be given several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs().filter(move |(given, _)| *given == name).map(|(_, value)| value)
    }

    /// Every option with its value, in the order in which they were given.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of an option that has to be given `N` times.
    pub fn exactly<const N: usize>(&self, name: &str) -> Result<[&str; N], Failure> {
        let values: Vec<_> = self.all(name).collect();
        values.try_into().map_err(|values: Vec<_>| {
            wrong(match values.len() {
                0 => format!("{name} is missing"),
                times => format!("{name} is wanted {N} times, and given {times} times"),
            })
        })
    }

    /// The value of an option that has to be given once, as a `T`, which `what` is in words.
    pub fn parse<T: FromStr>(&self, name: &str, what: &str) -> Result<T, Failure> {
        let [value] = self.exactly(name)?;
        value.parse().map_err(|_| wrong(format!("{name} wants {what}, not `{value}`")))
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
