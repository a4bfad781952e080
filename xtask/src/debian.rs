//! Debian's packages, fetched beside the machine's own and not installed, and where they are kept.

mod apt;
mod home;

pub use apt::Apt;
pub use home::Home;
