//! `sasl.jaas.config`: one entry of a JVM's login configuration, read as Kafka's Java client reads it.
//! Owns: the grammar. Never: what a login module is (that is `security/login.rs`), and no text of the line in an error:
//! a quote in the wrong place makes a name out of a password.

#[cfg(test)]
mod answers;
mod tokens;

use std::collections::BTreeMap;

use kp_sasl::Secret;

use tokens::{Token, Tokens};

/// `Module flag key=value …;`. The flag is checked and dropped: there is one module, so all flags mean the same.
pub(crate) struct JaasEntry {
    module: Secret,
    options: BTreeMap<String, Secret>,
}

impl JaasEntry {
    /// Reads a line that has to hold one entry.
    ///
    /// # Errors
    /// What is wrong, and at which character, without a word of the line.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let mut tokens = Tokens::new(line);
        let entry = match tokens.next() {
            Token::End => return Err("is empty: it takes Module required key=\"value\" …;".to_owned()),
            first => Self::entry(first, &mut tokens)?,
        };
        match tokens.next() {
            Token::End => Ok(entry),
            _ => Err(format!("has more than one entry: another begins {}", tokens.place())),
        }
    }

    fn entry(first: Token, tokens: &mut Tokens<'_>) -> Result<Self, String> {
        let module = first
            .into_text()
            .filter(|module| !module.expose().is_empty())
            .ok_or_else(|| "does not begin with the name of a login module".to_owned())?;
        if !tokens.next().into_text().is_some_and(|flag| is_flag(&flag)) {
            return Err("needs a flag behind the login module: required".to_owned());
        }
        let mut options = BTreeMap::new();
        loop {
            let key = match tokens.next() {
                Token::Sign(';') => return Ok(Self { module, options }),
                Token::End => {
                    return Err("does not end in a semicolon (one inside quotes does not count)".to_owned());
                }
                token => token,
            };
            let place = tokens.place();
            let (key, value) = option(key, tokens).ok_or_else(|| {
                format!(
                    "has an option that is not key=\"value\" {place}: a value with other letters than a-z, A-Z, 0-9, \
                     - . _ and $ needs quotes, and so does a number"
                )
            })?;
            options.insert(key, value);
        }
    }

    /// The class of the login module. It may hold anything that stood first in the line.
    pub(crate) fn module(&self) -> &str {
        self.module.expose_text().unwrap_or_default()
    }

    /// The value of an option.
    pub(crate) fn option(&self, key: &str) -> Option<&Secret> {
        self.options.get(key)
    }

    /// Every option, in the order of their names; of two with one name, the last.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.options.iter().map(|(key, value)| (key.as_str(), value))
    }
}

/// Java compares in upper case, where some letters beyond ASCII become ASCII ones.
fn is_flag(flag: &Secret) -> bool {
    const FLAGS: [&str; 4] = ["REQUIRED", "REQUISITE", "SUFFICIENT", "OPTIONAL"];
    flag.expose_text().is_some_and(|text| FLAGS.contains(&text.to_uppercase().as_str()))
}

/// The rest of `key=value`. A key that is no text is one in Java, of which nothing can be done.
fn option(key: Token, tokens: &mut Tokens<'_>) -> Option<(String, Secret)> {
    let key = key.into_text()?;
    let Token::Sign('=') = tokens.next() else { return None };
    let value = tokens.next().into_text()?;
    Some((key.expose_text()?.to_owned(), value))
}
