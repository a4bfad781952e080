//! Wine, to run programs for Windows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Overlay;
use crate::debian::Home;
use crate::workspace;

/// The linker, which comes with it.
pub const GCC: &str = "x86_64-w64-mingw32-gcc-posix";

/// Itself, without the scripts around it.
pub const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";

/// A Windows with nothing on it. Its processes are ended when this is dropped.
#[derive(Debug)]
pub struct Wine<'o> {
    prefix: PathBuf,
    overlay: &'o Overlay,
}

impl<'o> Wine<'o> {
    /// Made, if there is none.
    pub fn find(home: &Home, overlay: &'o Overlay) -> Result<Self> {
        let prefix = home.once("wine", |part| {
            let wine = Self { prefix: part.to_owned(), overlay };
            mark_zlib(overlay.path().context("Wine is among the packages")?)?;
            let mut boot = wine.command(WINE);
            boot.args(["wineboot", "--init"]);
            workspace::read(boot.stdin(Stdio::null()))?;
            wine.add_random()
        })?;
        Ok(Self { prefix, overlay })
    }

    /// Tells a program where it is.
    pub fn show_to(&self, program: &mut Command) {
        program.env("WINEPREFIX", &self.prefix).env("WINEARCH", "win64").env("WINEDEBUG", "-all");
        // None of what it would fetch, show or write into menus.
        program.env("WINEDLLOVERRIDES", "mscoree,mshtml,winedbg.exe,winemenubuilder.exe=d");
    }

    /// Wine before 9 lacks the library by which Rust's standard library gets random numbers.
    fn add_random(&self) -> Result<()> {
        let library = self.prefix.join("drive_c/windows/system32/bcryptprimitives.dll");
        if library.exists() {
            return Ok(());
        }
        let mut gcc = self.overlay.command(GCC);
        gcc.args(["-O", "-shared", "-o"]).arg(library);
        gcc.arg(workspace::root().join("xtask/src/cross/bcryptprimitives.c")).arg("-ladvapi32");
        workspace::run(&mut gcc)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.overlay.command(program);
        self.show_to(&mut command);
        command
    }
}

impl Drop for Wine<'_> {
    fn drop(&mut self) {
        // Those of this prefix, and no others. It fails if there are none.
        let _ended = self.command(SERVER).arg("-k").status();
    }
}

/// Wine takes Debian's zlib for its own only with a mark in the header, which installing would put there.
fn mark_zlib(unpacked: &Path) -> Result<()> {
    let zlib = unpacked.join("usr/x86_64-w64-mingw32/lib/zlib1.dll");
    if !zlib.exists() {
        return Ok(());
    }
    let mut bytes = fs::read(zlib)?;
    let header = bytes.get_mut(64..96).context("zlib1.dll has no header")?;
    header.fill(0);
    header[..16].copy_from_slice(b"Wine builtin DLL");
    fs::write(unpacked.join("usr/lib/x86_64-linux-gnu/wine/x86_64-windows/zlib1.dll"), bytes)?;
    Ok(())
}
