//! A C compiler that only links: what is built with it needs none. Rust links through `cc` on most systems, so that a machine without
//! `cc` builds no program at all; one that has a linker and no compiler is what is meant.
//! Owns: the script, in `target/full`. Never: the build.

use std::path::{Path, PathBuf};

use crate::error::{Doing, XtaskError};
use crate::workspace;

/// The names under which build scripts look for a compiler of C or C++.
const NAMES: [&str; 8] = ["cc", "gcc", "clang", "c++", "g++", "clang++", "x86_64-linux-gnu-gcc", "cmake"];
const PLACE: &str = "target/full/linker-only";

/// Links as the `cc` behind it in the search path does, and refuses to compile: an argument `-c`, `-S` or `-E`, or a source of C.
const SCRIPT: &str = r#"#!/bin/sh
for argument in "$@"; do
    case "$argument" in
    -c | -S | -E | *.c | *.cc | *.cpp)
        echo "there is no C compiler here, as was asked for: $0 $*" >&2
        exit 1
        ;;
    esac
done
exec REAL "$@"
"#;

/// Writes the script under each name; answers a search path in which it comes first.
///
/// # Errors
/// There is no `cc` to link with, or the script cannot be written.
pub(crate) fn search_path() -> Result<String, XtaskError> {
    let path = std::env::var("PATH").unwrap_or_default();
    let place = workspace::root().join(PLACE);
    let elsewhere = std::env::split_paths(&path).filter(|folder| *folder != place);
    let real = elsewhere
        .map(|folder| folder.join("cc"))
        .find(|file| file.is_file())
        .ok_or_else(|| XtaskError::Failed("there is no cc to link with".to_owned()))?;
    std::fs::create_dir_all(&place).doing(|| format!("making {}", workspace::shown(&place)))?;
    for name in NAMES {
        write(&place.join(name), &script(&real))?;
    }
    Ok(format!("{}:{path}", place.display()))
}

fn script(real: &Path) -> String {
    SCRIPT.replace("REAL", &format!("'{}'", real.display()))
}

fn write(file: &PathBuf, text: &str) -> Result<(), XtaskError> {
    std::fs::write(file, text).doing(|| format!("writing {}", workspace::shown(file)))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(file, executable).doing(|| format!("marking {}", workspace::shown(file)))?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;

    use super::*;

    // C3
    #[test]
    fn the_compiler_that_only_links_refuses_to_compile() {
        let folder = std::env::temp_dir().join(format!("kp-linker-only-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("cc");
        write(&file, &script(Path::new("/bin/echo"))).unwrap();
        let said = |arguments: &[&str]| Command::new("sh").arg(&file).args(arguments).output().unwrap();
        assert!(!said(&["-O3", "-c", "aes.c"]).status.success());
        assert!(!said(&["aes.c"]).status.success());
        let linked = said(&["-o", "kp", "a.o"]);
        assert_eq!((linked.status.success(), linked.stdout.as_slice()), (true, &b"-o kp a.o\n"[..]));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
