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
    FromOthers "docs/migrating/README.md";
    FromJava "docs/migrating/java.md";
    FromKrafka "docs/migrating/krafka.md";
    FromRskafka "docs/migrating/rskafka.md";
    FromRustRdkafka "docs/migrating/rust-rdkafka.md";
    OldBrokers "docs/old-brokers.md";
    Security "docs/security.md";
    SecuritySasl "docs/security/sasl.md";
    SecurityTls "docs/security/tls.md";
    Kerberos "docs/security/kerberos.md";
    SendingWell "docs/sending-well.md";
    TestingYourApplication "docs/testing-your-application.md";
    Transactions "docs/transactions.md";
    Tuning "docs/tuning.md";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
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

    /// Keys of topics, brokers, consumers and Java that the pages name, and files.
    const KEYS_OF_OTHERS: &[&str] = &[
        "advertised.listeners",
        "ca.pem",
        "connections.max.reauth.ms",
        "enable.auto.commit",
        "isolation.level",
        "java.security.krb5.conf",
        "krb5.conf",
        "max.message.bytes",
        "min.insync.replicas",
        "sasl.kerberos.principal.to.local.rules",
        "service.cert",
        "service.key",
        "session.timeout.ms",
        "transaction.max.timeout.ms",
        "transaction.version",
    ];

    /// The configuration keys that `docs/configuration.md` lists, which is printed from their table.
    fn known_keys() -> BTreeSet<String> {
        let text = std::fs::read_to_string(root().join("docs/configuration.md")).expect("it is printed");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        rows.map(str::to_owned).collect()
    }

    /// What stands between backticks in a text and looks like a configuration key, without a value.
    fn keys_in(text: &str) -> impl Iterator<Item = &str> {
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        let quoted = text.split('`').skip(1).step_by(2);
        let keys = quoted.map(|quoted| quoted.split('=').next().unwrap_or(quoted));
        keys.filter(move |key| key.contains('.') && key.split('.').all(is_word))
    }

    #[test]
    fn every_key_that_a_page_says_is_kps_is_one() {
        let known = known_keys();
        assert!(known.len() > 100 && known.contains("linger.ms"));
        let mut seen = 0;
        for page in PAGES {
            let text = std::fs::read_to_string(root().join(page)).expect("a page is text");
            let is_table = page.starts_with("docs/migrating/") && !page.ends_with("java.md");
            for line in text.lines().filter(|line| !is_table || line.starts_with("| ")) {
                // The others' keys are in the first column; kp's in those behind it.
                let line = if is_table { line.splitn(3, '|').nth(2).unwrap_or_default() } else { line };
                for key in keys_in(line).filter(|key| !KEYS_OF_OTHERS.contains(key)) {
                    assert!(known.contains(key), "{page}: {key} is no key of kp's\n{line}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 60, "only {seen} keys were found in the pages");
    }

    /// Every Rust file below a folder of the repository, as one text.
    fn rust_below(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
            let path = entry.path();
            if path.is_dir() {
                rust_below(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).expect("code is text"));
            }
        }
    }

    #[test]
    fn every_test_that_a_page_names_is_there() {
        let mut code = String::new();
        for folder in ["tests/tests", "crates/kp-sender/tests", "crates/kp-producer/src/facade_tests"] {
            rust_below(&root().join(folder), &mut code);
        }
        let text = std::fs::read_to_string(root().join("docs/transactions.md")).expect("a page is text");
        let comments = text.split("<!--").skip(1).filter_map(|rest| rest.split("-->").next());
        let names: Vec<&str> = comments.flat_map(|comment| comment.lines().skip(1)).collect();
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            assert!(code.contains(&format!("fn {name}()")), "no test is called {name}");
        }
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

    #[test]
    fn the_recipe_with_rdkafka_is_the_code_that_the_loop_runs() {
        let code =
            std::fs::read_to_string(root().join("tests/consumers/loop/src/recipe.rs")).expect("it is there");
        let shown = code.split("// ----\n").nth(1).expect("it stands between two lines of dashes");
        let page = std::fs::read_to_string(root().join("docs/transactions.md")).expect("a page is text");
        let section = page.split("### … with rdkafka's consumer").nth(1).expect("it has a section");
        let block = section.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
        assert_eq!(block, Some(shown), "docs/transactions.md shows another recipe than the one that runs");
    }
}
