//! Names of Kerberos: `kp@EXAMPLE.COM`, `kafka/broker-1.example.com@EXAMPLE.COM`.

use std::fmt;
use std::str::FromStr;

use kerbcore::types::PrincipalName;
use kp_protocol::text::shown;

use crate::KerberosFailure;

/// A user, or a service on a host (RFC 4120, 6.2).
const NT_PRINCIPAL: i32 = 1;
const NT_SRV_INST: i32 = 2;
const NT_SRV_HST: i32 = 3;

/// The name of a client or a service, with its realm. It may come without one: then the default realm is meant.
///
/// ```
/// use kp_gssapi::Principal;
/// let broker: Principal = "kafka/broker-1.example.com@EXAMPLE.COM".parse()?;
/// assert_eq!(broker.realm(), Some("EXAMPLE.COM"));
/// assert_eq!(broker.to_string(), "kafka/broker-1.example.com@EXAMPLE.COM");
/// # Ok::<(), kp_gssapi::KerberosFailure>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    parts: Vec<String>,
    realm: Option<String>,
}

impl Principal {
    /// The service `service` on `host`, in `realm`. The name of the host is in small letters and without the dot at its end, as
    /// KDCs know it.
    #[must_use]
    pub fn service(service: &str, host: &str, realm: &str) -> Self {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        Self { parts: vec![service.to_owned(), host], realm: Some(realm.to_owned()) }
    }

    /// The KDC that issues the tickets of `for_realm`, as `of_realm` knows it.
    pub(crate) fn ticket_granting(for_realm: &str, of_realm: &str) -> Self {
        Self { parts: vec!["krbtgt".to_owned(), for_realm.to_owned()], realm: Some(of_realm.to_owned()) }
    }

    pub(crate) fn of_parts(parts: Vec<String>, realm: String) -> Self {
        Self { parts, realm: Some(realm) }
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// The same, in this realm if it has none.
    #[must_use]
    pub fn or_in_realm(mut self, realm: &str) -> Self {
        self.realm.get_or_insert_with(|| realm.to_owned());
        self
    }

    /// On the wire, without the realm, which has a field of its own.
    pub(crate) fn on_the_wire(&self) -> PrincipalName {
        let name_type = match self.parts.as_slice() {
            [service, _] if service == "krbtgt" => NT_SRV_INST,
            [_, _] => NT_SRV_HST,
            _ => NT_PRINCIPAL,
        };
        PrincipalName { name_type, name_string: self.parts.clone() }
    }

    /// As the client of a request: a name of two parts is a user as any other there.
    pub(crate) fn as_client(&self) -> PrincipalName {
        PrincipalName { name_type: NT_PRINCIPAL, name_string: self.parts.clone() }
    }
}

/// As it is written in a login line or typed after `kinit`: parts behind `/`, the realm behind `@`; a backslash takes the meaning of
/// both away.
impl FromStr for Principal {
    type Err = KerberosFailure;

    fn from_str(text: &str) -> Result<Self, KerberosFailure> {
        let bad = |problem| KerberosFailure::BadPrincipal { name: text.to_owned(), problem };
        let (mut parts, mut part, mut is_realm) = (Vec::new(), String::new(), false);
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => part.push(characters.next().ok_or_else(|| bad("ends with a backslash"))?),
                '/' if !is_realm => parts.push(std::mem::take(&mut part)),
                '@' if is_realm => return Err(bad("has two realms")),
                '@' => {
                    is_realm = true;
                    parts.push(std::mem::take(&mut part));
                }
                '\0' => return Err(bad("has a zero character in it")),
                other => part.push(other),
            }
        }
        let realm = if is_realm {
            Some(part)
        } else {
            parts.push(part);
            None
        };
        if parts.iter().chain(&realm).any(String::is_empty) {
            return Err(bad("has an empty part"));
        }
        Ok(Self { parts, realm })
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { "/" }, shown(part))?;
        }
        self.realm.iter().try_for_each(|realm| write!(f, "@{}", shown(realm)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_with_its_parts_and_its_realm() {
        let name = |text: &str| text.parse::<Principal>().expect("a name");
        assert_eq!(name("kp").realm(), None);
        assert_eq!(name("kp").or_in_realm("KP.TEST").to_string(), "kp@KP.TEST");
        assert_eq!(name("kafka/a.b@KP.TEST").parts(), ["kafka", "a.b"]);
        assert_eq!(name(r"a\/b\@c/d@R").parts(), ["a/b@c", "d"]);
        assert_eq!(name("kp@A/B").realm(), Some("A/B"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["", "@R", "a/", "/a", "a@", "a@b@c", "a\\", "a\0b", "a//b"] {
            assert!(text.parse::<Principal>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_host_of_a_service_is_in_small_letters() {
        let broker = Principal::service("kafka", "Broker-1.Example.COM.", "R");
        assert_eq!(broker.to_string(), "kafka/broker-1.example.com@R");
        assert_eq!(broker.on_the_wire().name_type, NT_SRV_HST);
    }
}
