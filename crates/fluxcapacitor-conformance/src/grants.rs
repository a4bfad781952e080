//! What a kernel and a driver grant of what is asked for, and whether packets cross then.

use fluxcapacitor::builder::{BusyPoll, ZeroCopy};
use fluxcapacitor::granted::BusyPollGrant;
use fluxcapacitor::hook::{Attach, AttachMode};
use fluxcapacitor::umem::FRAME_SIZE_MAX;
use fluxcapacitor::{Error, FluxBuilder, FluxRaw, Granted};

use crate::backend::Backend;
use crate::bench::Bench;
use crate::fixture::{self, Shape, Side};
use crate::run::Options;
use crate::verdict::{Outcome, Stop};

/// How many packets cross each way.
const PACKETS: u32 = 512;

/// What is asked for. Busy polling is, too, each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// No copies, or nothing.
    ZeroCopy,
    /// Whatever is best.
    Best,
    /// The program in the driver, and copies.
    Native,
    /// The program on socket buffers.
    Generic,
    /// Packets of several frames, without copies.
    ZeroCopySegments,
    /// Packets of several frames, and copies.
    NativeSegments,
}

impl Asked {
    /// All that can be asked for.
    pub const ALL: [Self; 6] = [
        Self::ZeroCopy,
        Self::Best,
        Self::Native,
        Self::Generic,
        Self::ZeroCopySegments,
        Self::NativeSegments,
    ];

    /// A stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroCopy => "zero-copy",
            Self::Best => "best",
            Self::Native => "native",
            Self::Generic => "generic",
            Self::ZeroCopySegments => "zero-copy-segments",
            Self::NativeSegments => "native-segments",
        }
    }

    fn of(self, builder: FluxBuilder) -> FluxBuilder {
        let builder = builder.frame_size(FRAME_SIZE_MAX).busy_poll(BusyPoll::default());
        match self {
            Self::ZeroCopy => builder.zero_copy(ZeroCopy::Require),
            Self::Best => builder,
            Self::Native => builder.zero_copy(ZeroCopy::Forbid).attach(Attach::Native),
            Self::Generic => builder.attach(Attach::Generic),
            Self::ZeroCopySegments => builder.zero_copy(ZeroCopy::Require).multi_buffer(true),
            Self::NativeSegments => {
                builder.zero_copy(ZeroCopy::Forbid).attach(Attach::Native).multi_buffer(true)
            }
        }
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was granted, and packets have crossed both ways.
    Granted(Box<Granted>),
    /// It was refused, in these words.
    Refused(String),
}

/// Asks two interfaces on one wire for everything, one after the other.
///
/// # Errors
/// [`Stop::Failed`] if an answer is not honest: packets do not cross, a refusal is no typed error, what was required is
/// not what was granted, or a fall back does not say why.
pub fn ask(backend: Backend, options: &Options) -> Outcome<Vec<(Asked, Answer)>> {
    let shape = Shape { queues: 1, together: true };
    let mut answers = Vec::new();
    for asked in Asked::ALL {
        let fixture = fixture::make(backend, shape, options)?;
        let bench = Bench::new(&*fixture, backend, false, options);
        let answer = answer(&bench, asked)
            .map_err(|stop| Stop::failed(format!("{}: {stop:?}", asked.name())))?;
        bench.settle_accounts()?;
        answers.push((asked, answer));
    }
    consistent(&answers)?;
    Ok(answers)
}

fn answer(bench: &Bench<'_>, asked: Asked) -> Outcome<Answer> {
    let open = |side| {
        let name = bench.port(side).name();
        bench.port(side).build(asked.of(FluxBuilder::new(name)))
    };
    let (mut a, mut b) = match (open(Side::A), open(Side::B)) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(refused), Err(_)) => return refusal(asked, &refused),
        (a, b) => return Err(Stop::failed(format!("one of two equals: {a:?}, {b:?}"))),
    };
    honest(asked, a.granted())?;
    bench.port(Side::A).settle()?;
    bench.port(Side::B).settle()?;
    cross(bench, Side::A, &mut a, &mut b)?;
    cross(bench, Side::B, &mut b, &mut a)?;
    Ok(Answer::Granted(Box::new(a.granted().clone())))
}

fn cross(bench: &Bench<'_>, from: Side, sender: &mut FluxRaw, receiver: &mut FluxRaw) -> Outcome {
    bench.cross((from, sender), receiver, &bench.packets(from, 0..PACKETS))
}

/// A refusal that can be acted on.
fn refusal(asked: Asked, refused: &Error) -> Outcome<Answer> {
    let typed = match asked {
        Asked::ZeroCopy => matches!(refused, Error::NoZeroCopy { .. }),
        Asked::ZeroCopySegments => {
            matches!(refused, Error::NoZeroCopy { .. } | Error::Unsupported { .. })
        }
        Asked::Native => matches!(refused, Error::NoNativeMode { .. }),
        Asked::NativeSegments => {
            matches!(refused, Error::NoNativeMode { .. } | Error::Unsupported { .. })
        }
        Asked::Best | Asked::Generic => false,
    };
    if typed {
        return Ok(Answer::Refused(refused.to_string()));
    }
    Err(Stop::failed(refused))
}

/// What was required is what was granted, and what is less says why.
fn honest(asked: Asked, granted: &Granted) -> Outcome {
    let attach = granted.attach;
    let right = match asked {
        Asked::ZeroCopy | Asked::ZeroCopySegments => granted.zero_copy,
        Asked::Best => granted.zero_copy != granted.why_copied.is_some(),
        Asked::Native | Asked::NativeSegments => {
            !granted.zero_copy && attach == Some(AttachMode::Native)
        }
        Asked::Generic => !granted.zero_copy && attach == Some(AttachMode::Generic),
    };
    let polled = !matches!(granted.busy_poll, BusyPollGrant::NotAsked);
    if right && polled { Ok(()) } else { Err(Stop::failed(format!("{granted}: {granted:?}"))) }
}

/// The best is no copies exactly where they can be required.
fn consistent(answers: &[(Asked, Answer)]) -> Outcome {
    let zero_copy = |which| {
        answers.iter().any(|(asked, answer)| {
            *asked == which && matches!(answer, Answer::Granted(granted) if granted.zero_copy)
        })
    };
    if zero_copy(Asked::ZeroCopy) == zero_copy(Asked::Best) {
        return Ok(());
    }
    Err(Stop::failed(format!("required and preferred differ: {answers:?}")))
}
