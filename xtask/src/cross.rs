//! Checks and tests for other systems, on a Debian of any processor that Debian has the compilers for.
//!
//! The standard library is built from its sources (nightly, `-Z build-std`); compilers, Wine and qemu are
//! Debian's, unpacked into a directory of ours and laid over `/usr` in a mount namespace that ends with cargo.
//! Nothing on the machine is changed.

mod nightly;
mod overlay;
mod system;
mod wine;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::debian::Home;
use crate::workspace;
use nightly::Nightly;
use overlay::Overlay;
use system::System;
use wine::Wine;

/// A test that takes longer than this many seconds is ended: under Wine, an overflown stack hangs.
const TIME_MAX_S: u32 = 300;

#[derive(Debug, Args)]
pub struct Options {
    /// Which system
    system: System,

    /// What cargo is to do there, as `-- test --package fluxcapacitor-proto`; without it, all that can be done
    #[arg(last = true, value_name = "CARGO ARGUMENTS")]
    cargo: Vec<String>,
}

/// Where what was fetched is kept: in `CROSS_HOME`, or with other caches.
fn home() -> Result<Home> {
    let chosen = env::var_os("CROSS_HOME").map(PathBuf::from);
    let cache = || {
        let xdg = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        xdg.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))
    };
    let path = chosen
        .or_else(|| Some(cache()?.join("fluxcapacitor-cross")))
        .context("neither CROSS_HOME nor HOME is set: where to keep what is fetched?")?;
    Home::at(&path)
}

/// Has cargo do what was asked for, for another system.
pub fn run(options: &Options) -> Result<()> {
    let system = options.system;
    let home = home()?;
    let nightly = Nightly::find()?;
    let library = nightly.library(&home)?;

    let overlay = Overlay::find(&home, system)?;
    let mut cargo = overlay.command("cargo");
    let mut words = if options.cargo.is_empty() {
        system.todo()
    } else {
        options.cargo.iter().map(String::as_str).collect()
    };
    let subcommand = words.remove(0);
    cargo.args(["+nightly", subcommand, "-Z", "build-std", "--target", system.triple()]);
    cargo.args(words).current_dir(workspace::root());
    cargo.env("CARGO_TARGET_DIR", workspace::target().join("cross"));
    // Nobody debugs these, and each system builds a standard library of its own.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("CARGO_PROFILE_TEST_DEBUG", "0");
    library.show_to(&mut cargo);

    match system {
        System::Macos => {
            // What is only checked needs no objects: a compiler that makes none will do.
            set_compiler(&mut cargo, system, "true", "true");
            workspace::run(&mut cargo)
        }
        System::S390x => {
            let gcc = "s390x-linux-gnu-gcc";
            set_compiler(&mut cargo, system, gcc, "s390x-linux-gnu-ar");
            set(&mut cargo, system, "LINKER", gcc);
            let runner = format!("timeout {TIME_MAX_S} qemu-s390x-static -L /usr/s390x-linux-gnu");
            set(&mut cargo, system, "RUNNER", &runner);
            workspace::run(&mut cargo)
        }
        System::Windows => {
            let wine = Wine::find(&home, &overlay)?;
            set_compiler(&mut cargo, system, wine::GCC, "x86_64-w64-mingw32-ar");
            set(&mut cargo, system, "LINKER", wine::GCC);
            let runner = format!("timeout {TIME_MAX_S} {}", wine::WINE);
            set(&mut cargo, system, "RUNNER", &runner);
            let objects = nightly.startup_objects(&home, &library, system)?;
            // Cargo takes RUSTFLAGS or those of the target, never both.
            let flags = env::var("RUSTFLAGS").unwrap_or_default();
            cargo.env("RUSTFLAGS", format!("{flags} -L native={}", objects.display()));
            wine.show_to(&mut cargo);
            workspace::run(&mut cargo)
        }
    }
}

/// Says what compiles the C that some development dependency has in it.
fn set_compiler(cargo: &mut Command, system: System, compiler: &str, archiver: &str) {
    let triple = system.triple().replace('-', "_");
    cargo.env(format!("CC_{triple}"), compiler).env(format!("AR_{triple}"), archiver);
}

/// Sets one of cargo's variables for a target.
fn set(cargo: &mut Command, system: System, variable: &str, value: &str) {
    let triple = system.triple().replace('-', "_").to_uppercase();
    cargo.env(format!("CARGO_TARGET_{triple}_{variable}"), value);
}
