//! Files that hold a token, an assertion or a template.

use std::fs;
use std::path::Path;

use kp_sasl::Secret;

use crate::OidcError;

/// No token and no template is longer; a file that is, is another file.
const LONGEST: u64 = 1024 * 1024;

/// The content without white space at both ends.
pub(crate) fn trimmed(key: &'static str, path: &Path) -> Result<Secret, OidcError> {
    let failed = |cause: String| OidcError::File { key, path: path.to_owned(), cause };
    let about = fs::metadata(path).map_err(|error| failed(error.to_string()))?;
    if !about.is_file() || about.len() > LONGEST {
        return Err(failed("not a regular file of at most 1 MiB".into()));
    }
    let content = Secret::from(fs::read(path).map_err(|error| failed(error.to_string()))?);
    match content.expose().trim_ascii() {
        [] => Err(failed("it is empty".into())),
        trimmed => Ok(Secret::from(trimmed.to_vec())),
    }
}
