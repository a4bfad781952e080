//! Kernel modules: which others one needs, and in what order they are loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Unpacks modules, and those that they need, into a directory; gives the names of the files in the order in which
/// they are loaded. What is not among `files` is part of the kernel, or not to be had with it.
pub fn unpack(wanted: &[&str], files: &[PathBuf], into: &Path) -> Result<Vec<String>> {
    let mut order = Vec::new();
    for name in wanted {
        unpack_one(name, files, into, &mut order)?;
    }
    Ok(order)
}

fn unpack_one(name: &str, files: &[PathBuf], into: &Path, order: &mut Vec<String>) -> Result<()> {
    let file = format!("{name}.ko");
    let Some(found) = files.iter().find(|path| name_of(path).is_some_and(|of| of == name)) else {
        return Ok(());
    };
    if order.contains(&file) {
        return Ok(());
    }
    let bytes = read(found)?;
    for needed in needs(&bytes) {
        unpack_one(&needed, files, into, order)?;
    }
    fs::write(into.join(&file), bytes)?;
    order.push(file);
    Ok(())
}

/// What a module calls itself, by the name of its file.
fn name_of(path: &Path) -> Option<String> {
    let (name, _compressed) = path.file_name()?.to_str()?.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

/// A module as the kernel takes it.
fn read(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => return Ok(fs::read(path)?),
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => bail!("{}: compressed in a way that is not known here", path.display()),
    };
    let output =
        Command::new(program).args(["--decompress", "--stdout"]).arg(path).output().with_context(
            || format!("cannot run {program}: `apt-get install {program}` (xz: xz-utils)"),
        )?;
    ensure!(output.status.success(), "{}: {}", path.display(), output.status);
    Ok(output.stdout)
}

/// The names of the modules that one needs (`depends=` in its section `.modinfo`).
fn needs(module: &[u8]) -> Vec<String> {
    let mut strings = module.split(|byte| *byte == 0);
    let listed = strings.find_map(|string| string.strip_prefix(b"depends="));
    let listed = String::from_utf8_lossy(listed.unwrap_or_default()).into_owned();
    let names = listed.split(',').filter(|name| !name.is_empty());
    names.map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_needs_stands_in_it() {
        let module = b"\x7fELF\0junk\0license=GPL\0depends=i2c-algo-bit,ptp,dca\0name=igb\0";
        assert_eq!(needs(module), ["i2c_algo_bit", "ptp", "dca"]);
        assert!(needs(b"\0depends=\0").is_empty());
        assert!(needs(b"").is_empty());
    }

    #[test]
    fn a_module_is_named_by_its_file() {
        for (file, name) in [
            ("a/veth.ko", Some("veth")),
            ("i2c-algo-bit.ko.xz", Some("i2c_algo_bit")),
            ("modules.dep", None),
        ] {
            assert_eq!(name_of(Path::new(file)).as_deref(), name, "{file}");
        }
    }

    #[test]
    fn those_that_are_needed_come_first_and_once() {
        let directory = std::env::temp_dir().join(format!("xtask-module-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let module = |name: &str, needs: &str| {
            let path = directory.join(format!("{name}.ko"));
            fs::write(&path, format!("\0depends={needs}\0")).unwrap();
            path
        };
        let files = [module("top", "middle,base"), module("middle", "base"), module("base", "")];
        let order = unpack(&["top", "absent", "middle"], &files, &directory);
        fs::remove_dir_all(&directory).unwrap();
        assert_eq!(order.unwrap(), ["base.ko", "middle.ko", "top.ko"]);
    }
}
