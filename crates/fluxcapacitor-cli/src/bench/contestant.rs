//! Who is measured.

use anyhow::Result;
use fluxcapacitor::Error;

use super::case::{Case, name};
use super::command::{Command, Template};
use super::noise::Schedule;
use super::ours::{Granted, Ours};
use super::trial::Ended;
use super::wire::Wire;
use super::{Mode, Options};

/// A mode of this library, or another program.
#[derive(Clone, Debug)]
pub struct Contestant {
    pub name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Ours(Mode),
    Command(Template),
}

/// One that runs.
#[derive(Debug)]
pub enum Running {
    Ours(Ours),
    Command(Command),
}

impl Contestant {
    /// All that the options name.
    pub fn all(options: &Options) -> Result<Vec<Self>> {
        let ours =
            options.mode.iter().map(|&mode| Self { name: name(&mode), kind: Kind::Ours(mode) });
        let mut all: Vec<Self> = ours.collect();
        for given in &options.contestant {
            let parts = given.split_once('=');
            let parts = parts.and_then(|(name, words)| Some((name, Template::new(words)?)));
            let how = "NAME=COMMAND, with words to run";
            let (name, template) = parts.ok_or_else(|| Error::invalid("contestant", given, how))?;
            let kind = Kind::Command(template);
            all.push(Self { name: name.to_owned(), kind });
        }
        for (at, one) in all.iter().enumerate() {
            let is_new = all[..at].iter().all(|other| other.name != one.name);
            if !is_new {
                return Err(
                    Error::invalid("contestant", &one.name, "each has a name of its own").into()
                );
            }
        }
        Ok(all)
    }

    /// Starts it on the wire; none for a case that it does not do.
    pub fn start(
        &self,
        wire: &mut Wire,
        case: Case,
        queue: u32,
        on: usize,
    ) -> Result<Option<Running>> {
        Ok(match &self.kind {
            Kind::Ours(mode) => Ours::start(wire, *mode, case, queue, on)?.map(Running::Ours),
            Kind::Command(template) => {
                Command::start(wire, template, case, queue, on)?.map(Running::Command)
            }
        })
    }
}

impl Running {
    /// What it was granted, if it tells.
    pub fn granted(&self) -> Option<&Granted> {
        match self {
            Self::Ours(ours) => Some(&ours.granted),
            Self::Command(_) => None,
        }
    }

    /// Time that its threads have had.
    pub fn schedule(&self) -> Schedule {
        match self {
            Self::Ours(ours) => ours.schedule(),
            Self::Command(command) => command.schedule(),
        }
    }

    /// Whether it has ended by itself, which is an error.
    pub fn is_ended(&self) -> bool {
        match self {
            Self::Ours(ours) => ours.is_ended(),
            Self::Command(command) => command.is_ended(),
        }
    }

    /// Has it end, and tell.
    pub fn stop(self) -> Result<Ended> {
        match self {
            Self::Ours(ours) => ours.stop(),
            Self::Command(command) => command.stop(),
        }
    }
}
