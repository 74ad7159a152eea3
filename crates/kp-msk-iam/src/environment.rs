//! The environment of a program, in which AWS's libraries look for what is not said elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Variables by their names: those of this process, or others.
#[derive(Clone)]
pub struct AwsEnvironment(Variables);

#[derive(Clone)]
enum Variables {
    OfTheProcess,
    These(Arc<BTreeMap<String, String>>),
}

impl AwsEnvironment {
    /// That of this process, at the moment of each look.
    #[must_use]
    pub fn of_the_process() -> Self {
        Self(Variables::OfTheProcess)
    }

    /// These variables and no others.
    pub fn of<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self(Variables::These(Arc::new(pairs.collect())))
    }

    /// The value of a variable; an empty one, or one that is not UTF-8, counts as none.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Variables::OfTheProcess => std::env::var(name).ok(),
            Variables::These(variables) => variables.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// A file of AWS's programs: where `variable` says, else `name` in the folder `.aws` of the user.
    pub(crate) fn file(&self, variable: &str, name: &str) -> Option<PathBuf> {
        if let Some(path) = self.get(variable) {
            return Some(PathBuf::from(path));
        }
        let home = self.get("HOME").or_else(|| self.get("USERPROFILE"))?;
        Some(PathBuf::from(home).join(".aws").join(name))
    }
}

/// No value is in it.
impl fmt::Debug for AwsEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Variables::OfTheProcess => "OfTheProcess",
            Variables::These(_) => "These(..)",
        })
    }
}
