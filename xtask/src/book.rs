//! `cargo xtask book`: the pages of `docs` as a book, by mdBook, in `target/book`. Its links are checked by `cargo xtask tidy`,
//! its Rust by the tests of `examples`.

use std::process::Command;

use crate::error::XtaskError;
use crate::installed::Tool;
use crate::packages::output_of;
use crate::workspace;

const MDBOOK: Tool =
    Tool { name: "mdbook", version: "0.5.4", flags: &["--no-default-features", "--features", "search"] };

/// Builds the book, and mdBook if it is not there.
///
/// # Errors
/// mdBook cannot be installed, or finds something wrong with the book.
pub fn run() -> Result<(), XtaskError> {
    MDBOOK.ensure()?;
    let mut build = Command::new(MDBOOK.name);
    output_of(build.arg("build").arg(workspace::root().join("docs")))?;
    let first = workspace::root().join("target/book/index.html");
    if !first.is_file() {
        return Err(XtaskError::Failed(format!("mdbook wrote no {}", workspace::shown(&first))));
    }
    println!("{}", workspace::shown(&first));
    Ok(())
}
