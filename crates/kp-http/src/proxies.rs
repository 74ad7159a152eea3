//! Through which proxy a request goes. Owns: the rules of `HTTPS_PROXY` and `NO_PROXY`. Never prints a proxy's password.

use std::fmt;

use ureq::Proxy;

use crate::{HttpError, HttpUrl};

/// The proxy for `https`, and the hosts that are reached without it.
///
/// `http` and the machine itself are reached without a proxy: what answers there, such as the metadata of a virtual
/// machine, is not behind one.
#[derive(Clone, Default)]
pub struct Proxies {
    proxy: Option<Proxy>,
    without: Vec<String>,
}

impl Proxies {
    /// No proxy at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The proxy of this URL (`http://host:port`, with a user and a password if it wants them), but for the hosts of
    /// `without`: a list as in `NO_PROXY`, separated by commas. `example.com` stands for itself and all below, as
    /// `.example.com` and `*.example.com` do; `*` stands for all.
    ///
    /// ```
    /// use kp_http::Proxies;
    /// let proxies = Proxies::through("http://proxy.example:3128", "localhost, .internal.example")?;
    /// # Ok::<(), kp_http::HttpError>(())
    /// ```
    ///
    /// # Errors
    /// [`HttpError::Proxy`] if the URL cannot be read, or is of another kind, such as SOCKS.
    pub fn through(proxy: &str, without: &str) -> Result<Self, HttpError> {
        let failed = |cause: &str| HttpError::Proxy { place: "any host".into(), cause: cause.into() };
        let proxy = Proxy::new(proxy).map_err(|_| failed("its URL cannot be read"))?;
        if !matches!(proxy.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https) {
            return Err(failed("it is a SOCKS proxy; only proxies that are spoken to in HTTP can be used"));
        }
        let without = without.split(',').map(|entry| entry.trim().to_ascii_lowercase());
        Ok(Self { proxy: Some(proxy), without: without.filter(|entry| !entry.is_empty()).collect() })
    }

    /// The proxy that the environment names in `HTTPS_PROXY`, else in `ALL_PROXY`, but for the hosts of `NO_PROXY`; all
    /// of them also in small letters.
    ///
    /// # Errors
    /// As [`through`](Self::through).
    pub fn from_env() -> Result<Self, HttpError> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, HttpError> {
        let first = |names: &[&str]| {
            let set = names.iter().filter_map(|name| variable(name));
            set.map(|value| value.trim().to_owned()).find(|value| !value.is_empty())
        };
        match first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) {
            None => Ok(Self::none()),
            Some(proxy) => Self::through(&proxy, &first(&["NO_PROXY", "no_proxy"]).unwrap_or_default()),
        }
    }

    pub(crate) fn on_the_way_to(&self, url: &HttpUrl) -> Option<Proxy> {
        if !url.is_https() || url.is_loopback() || self.is_reached_without(url.host()) {
            return None;
        }
        self.proxy.clone()
    }

    fn is_reached_without(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        self.without.iter().any(|entry| {
            let name = entry.strip_prefix('*').unwrap_or(entry);
            let name = name.strip_prefix('.').unwrap_or(name);
            entry == "*" || host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = self.proxy.as_ref().map(|proxy| format!("{}:{}", proxy.host(), proxy.port()));
        f.debug_struct("Proxies").field("proxy", &proxy).field("without", &self.without).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_through(proxies: &Proxies, url: &str) -> bool {
        proxies.on_the_way_to(&HttpUrl::parse(url).expect(url)).is_some()
    }

    #[test]
    fn the_environment_names_the_proxy_of_https_and_who_is_reached_without() {
        let set = [
            ("https_proxy", "http://proxy:3128"),
            ("ALL_PROXY", "http://other:1"),
            ("NO_PROXY", "a.example, *.b"),
        ];
        let variable =
            |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let proxies = Proxies::from_variables(&variable).expect("they can be read");
        assert!(format!("{proxies:?}").contains("proxy:3128"), "{proxies:?}");
        for url in ["https://issuer.example/", "https://aa.example/", "https://xb/"] {
            assert!(goes_through(&proxies, url), "{url}");
        }
        for url in [
            "https://a.example/",
            "https://c.A.example/",
            "https://x.b/",
            "https://localhost/",
            "http://169.254.169.254/",
        ] {
            assert!(!goes_through(&proxies, url), "{url}");
        }
        let none = Proxies::from_variables(&|_| None).expect("nothing is set");
        assert!(!goes_through(&none, "https://issuer.example/"));
    }

    #[test]
    fn a_star_in_no_proxy_stands_for_all() {
        let proxies = Proxies::through("http://proxy:1", "*").expect("a proxy");
        assert!(!goes_through(&proxies, "https://issuer.example/"));
    }

    #[test]
    fn a_proxy_that_cannot_be_spoken_to_is_an_error_and_not_a_way_round_it() {
        for (url, words) in [("socks5://proxy:1080", "SOCKS"), ("not a url", "cannot be read")] {
            let error = Proxies::through(url, "").expect_err(url).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn the_password_of_a_proxy_is_not_printed() {
        let proxies = Proxies::through("http://kp:hunter2@proxy:3128", "").expect("a proxy");
        assert!(!format!("{proxies:?}").contains("hunter2"));
    }
}
