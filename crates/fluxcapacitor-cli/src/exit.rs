//! How the command ends: 0 done, 1 failed, 2 wrong usage, 3 not permitted.

use std::process::ExitCode;

use fluxcapacitor::Error;

use crate::report;

/// clap ends the process with this by itself.
const USAGE: u8 = 2;
const FAILED: u8 = 1;
const NOT_PERMITTED: u8 = 3;

/// Something is not permitted to this process.
#[derive(Debug)]
pub struct NotPermitted(pub String);

impl std::fmt::Display for NotPermitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotPermitted {}

/// Says what went wrong, and gives the code for it.
pub fn code(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    report::say(format!("fluxcap: {error:#}"));
    let permission = error.chain().any(|cause| {
        cause.is::<NotPermitted>()
            || cause.downcast_ref::<Error>().is_some_and(Error::is_permission)
    });
    let usage = error
        .chain()
        .any(|cause| matches!(cause.downcast_ref::<Error>(), Some(Error::Invalid { .. })));
    ExitCode::from(match (permission, usage) {
        (true, _) => NOT_PERMITTED,
        (_, true) => USAGE,
        _ => FAILED,
    })
}
