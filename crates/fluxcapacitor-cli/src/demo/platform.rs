//! What the demo ran on, as it is told.

use std::fmt;

use fluxcapacitor::Granted;
use serde::Serialize;

/// The one of two. Its names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ran {
    #[cfg(target_os = "linux")]
    Kernel,
    Simulator,
}

/// What it runs on, and why not on the kernel.
#[derive(Clone, Debug, Serialize)]
pub struct Platform {
    pub backend: Ran,
    /// What was in the way, and the command that would be allowed to; nothing if it runs on the kernel,
    /// or was to run on the simulator.
    pub why_not_kernel: Option<String>,
    /// What both sockets were granted.
    #[serde(skip)]
    granted: String,
}

impl Platform {
    #[cfg(target_os = "linux")]
    pub fn kernel(near: &Granted, far: &Granted) -> Self {
        Self { backend: Ran::Kernel, why_not_kernel: None, granted: both(near, far) }
    }

    pub fn simulator(near: &Granted, far: &Granted, why_not_kernel: Option<String>) -> Self {
        Self { backend: Ran::Simulator, why_not_kernel, granted: both(near, far) }
    }
}

fn both(near: &Granted, far: &Granted) -> String {
    format!("{near}  <->  {far}")
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.backend {
            #[cfg(target_os = "linux")]
            Ran::Kernel => "this machine's kernel: ",
            Ran::Simulator => "the simulator: ",
        })?;
        f.write_str(&self.granted)
    }
}
