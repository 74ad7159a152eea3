//! Files with keys and tickets: read whole, bounded, and overwritten in memory when they are no longer needed.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::KerberosFailure;

/// The largest file that is read. A keytab of a thousand services has 100 KiB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The bytes of a file, and its name for messages.
pub(crate) struct File {
    what: &'static str,
    path: String,
    bytes: Zeroizing<Vec<u8>>,
}

impl File {
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self { what: "the file", path: "test".to_owned(), bytes: Zeroizing::new(bytes.to_vec()) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn problem(&self, problem: &str) -> KerberosFailure {
        KerberosFailure::File { what: self.what, path: self.path.clone(), problem: problem.to_owned() }
    }
}

/// Reads a regular file of a bearable size. `what` says what it is.
pub(crate) fn read(path: &Path, what: &'static str) -> Result<File, KerberosFailure> {
    let problem = |problem: String| KerberosFailure::File { what, path: path.display().to_string(), problem };
    let io = |error: std::io::Error| problem(error.to_string());
    let about = fs::metadata(path).map_err(io)?;
    if !about.is_file() {
        return Err(problem("is no regular file".to_owned()));
    }
    if about.len() > LARGEST {
        return Err(problem(format!("has {} bytes, more than {LARGEST}", about.len())));
    }
    // Its capacity is right from the start: a buffer that grows leaves copies of its contents behind.
    let capacity = usize::try_from(about.len()).unwrap_or(0).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    // It may have grown meanwhile, and is not followed for ever.
    fs::File::open(path).map_err(io)?.take(LARGEST).read_to_end(&mut bytes).map_err(io)?;
    Ok(File { what, path: path.display().to_string(), bytes })
}
