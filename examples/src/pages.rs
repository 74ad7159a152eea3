//! The pages for users. Every Rust block in them is compiled, and run unless it says `no_run`: `cargo test --doc -p kp-examples`.

/// Makes a documentation test of each page, and the list of them.
macro_rules! pages {
    ($($name:ident $path:literal;)+) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../", $path))]
            struct $name;
        )+

        /// From the root of the repository.
        #[cfg(test)]
        const PAGES: &[&str] = &[$($path),+];
    };
}

pages! {
    Readme "README.md";
    SimReadme "crates/kp-sim/README.md";
    Errors "docs/errors.md";
    GettingStarted "docs/getting-started.md";
    FromJava "docs/migrating/java.md";
    FromKrafka "docs/migrating/krafka.md";
    FromRskafka "docs/migrating/rskafka.md";
    FromRustRdkafka "docs/migrating/rust-rdkafka.md";
    OldBrokers "docs/old-brokers.md";
    SendingWell "docs/sending-well.md";
    TestingYourApplication "docs/testing-your-application.md";
    Tuning "docs/tuning.md";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// Every Markdown file below a folder of the repository.
    fn markdown_below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                markdown_below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }

    /// What each block that opens in a text says of itself, and whether any does not close.
    fn openings(text: &str) -> Vec<&str> {
        let fences = text.lines().filter_map(|line| line.strip_prefix("```"));
        fences.step_by(2).collect()
    }

    #[test]
    fn every_page_with_rust_in_it_is_compiled_and_no_block_is_ignored() {
        let mut files = Vec::new();
        markdown_below(&root().join("docs"), &mut files);
        markdown_below(&root().join("crates"), &mut files);
        files.push(root().join("README.md"));
        // A crate whose library shows its page tests it itself.
        let is_shown = |file: &PathBuf| {
            let library = file.with_file_name("src/lib.rs");
            std::fs::read_to_string(library).is_ok_and(|text| text.contains("include_str!(\"../README.md\")"))
        };
        for file in files.into_iter().filter(|file| !is_shown(file)) {
            let text = std::fs::read_to_string(&file).expect("a page is text");
            let name = file.strip_prefix(root()).expect("it is below").to_string_lossy().replace('\\', "/");
            let blocks = openings(&text);
            let has_rust = blocks.iter().any(|block| block.starts_with("rust"));
            assert_eq!(
                has_rust,
                PAGES.contains(&name.as_str()),
                "{name}: has Rust, or is in PAGES, not both"
            );
            assert!(!blocks.iter().any(|block| block.contains("ignore")), "{name}: a block is ignored");
            // A block of no language would be taken for Rust.
            assert!(!has_rust || !blocks.contains(&""), "{name}: a block does not say what it is");
        }
    }
}
