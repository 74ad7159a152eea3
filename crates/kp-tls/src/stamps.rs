//! Files as they were at one moment: what tells that they have changed. Their content is not read.

use crate::TlsSettings;
use std::path::PathBuf;
use std::time::SystemTime;

/// Of each file its time of change and its length; none if it cannot be looked at. A link is followed, so that a directory
/// which is swapped as a whole (Kubernetes) is seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<(PathBuf, Option<(SystemTime, u64)>)>);

impl Stamps {
    pub(crate) fn of(settings: &TlsSettings) -> Self {
        let stamp = |path: PathBuf| {
            let metadata = std::fs::metadata(&path).ok();
            let stamp = metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
            (path, stamp)
        };
        Self(settings.paths().map(|path| stamp(path.to_owned())).collect())
    }

    /// Whether there is no file to look at.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
