//! Where the files of a login are: those that are named, else those that MIT's programs would take.

use std::env;
use std::path::{Path, PathBuf};

use crate::KerberosFailure;
use crate::kerberos::krb5_conf::Krb5Conf;

/// Where `krb5.conf` is if nothing says otherwise.
const CONF: &str = "/etc/krb5.conf";

/// What stands in `krb5.conf`: in the one that is named, else in those of `KRB5_CONFIG`, else in the system's.
pub(super) fn read_conf(named: Option<&Path>) -> Result<Krb5Conf, KerberosFailure> {
    let paths = match (named, env::var_os("KRB5_CONFIG")) {
        (Some(path), _) => vec![path.to_owned()],
        (None, Some(list)) => env::split_paths(&list).collect(),
        (None, None) => vec![PathBuf::from(CONF)],
    };
    Krb5Conf::read(&paths)
}

/// The cache that MIT's programs would take.
pub(super) fn default_cache(conf: &Krb5Conf) -> Result<PathBuf, KerberosFailure> {
    let named = env::var("KRB5CCNAME").ok().or_else(|| conf.default_cache().map(str::to_owned));
    match named {
        Some(name) => file_of(&name, "ticket cache", "KRB5CCNAME"),
        None => Err(KerberosFailure::Incomplete {
            problem: "which ticket cache? say it in ticketCache of the login line, or in KRB5CCNAME"
                .to_owned(),
        }),
    }
}

/// The keytab that MIT's clients would take.
pub(super) fn default_keytab(conf: &Krb5Conf) -> Result<PathBuf, KerberosFailure> {
    let of_env = env::var("KRB5_CLIENT_KTNAME").or_else(|_| env::var("KRB5_KTNAME")).ok();
    match of_env.or_else(|| conf.default_keytab().map(str::to_owned)) {
        Some(name) => file_of(&name, "keytab", "KRB5_CLIENT_KTNAME"),
        None => Err(KerberosFailure::Incomplete {
            problem: "which keytab? say it in keyTab of the login line, or in kp.kerberos.keytab".to_owned(),
        }),
    }
}

/// `FILE:/path`, `WRFILE:/path` or `/path`; with `%{uid}` in it, where the system has a number for users.
fn file_of(name: &str, what: &str, variable: &str) -> Result<PathBuf, KerberosFailure> {
    let path = name.strip_prefix("FILE:").or_else(|| name.strip_prefix("WRFILE:")).unwrap_or(name);
    let is_kind = |kind: &str| kind.len() > 1 && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if path.split_once(':').is_some_and(|(kind, _)| is_kind(kind)) || path.contains("%{") {
        return Err(KerberosFailure::Incomplete {
            problem: format!("kp reads a {what} from a file alone, and not {path}: {variable}=FILE:/path"),
        });
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_is_no_file_is_refused_by_name() {
        assert_eq!(file_of("FILE:/tmp/cc", "x", "Y"), Ok(PathBuf::from("/tmp/cc")));
        assert_eq!(file_of("/tmp/cc", "x", "Y"), Ok(PathBuf::from("/tmp/cc")));
        for name in ["KCM:", "KEYRING:persistent:0", "DIR:/tmp/cc", "MEMORY:x", "FILE:/tmp/%{uid}"] {
            let failure = file_of(name, "ticket cache", "KRB5CCNAME").expect_err("no file");
            assert!(failure.to_string().contains("KRB5CCNAME=FILE:/path"), "{failure}");
        }
    }
}
