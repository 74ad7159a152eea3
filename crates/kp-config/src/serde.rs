//! A configuration as a map of Kafka's key names, for programs that keep it in JSON, TOML or YAML. Feature `serde`.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ProducerConfig, suggest, table::info};

/// From a map of keys by Kafka's names (`"linger.ms"`) to texts, numbers, booleans, or lists of texts. A key that kp does not
/// know is an error, because a warning would have no reader there; so is a key that stands twice.
impl<'de> Deserialize<'de> for ProducerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

/// What the user set, by Kafka's names, in the form of a `.properties` file. Passwords become `[hidden]`, which is no
/// password: what is written is for people, or for producers without secrets. Keys that kp does not know are left out.
impl Serialize for ProducerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.set_values().count()))?;
        for (info, value) in self.set_values() {
            map.serialize_entry(info.key, &value.to_string())?;
        }
        map.end()
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = ProducerConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of Kafka's producer keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ProducerConfig, A::Error> {
        let mut config = ProducerConfig::default();
        while let Some((key, Scalar(value))) = map.next_entry::<String, Scalar>()? {
            if info(&key).is_none() {
                let nearest = suggest::nearest_key(&key);
                let hint = nearest.map(|key| format!(", did you mean {key}?")).unwrap_or_default();
                return Err(A::Error::custom(format!("there is no key {key:?}{hint}")));
            }
            if config.is_set(&key) {
                return Err(A::Error::custom(format!("{key} is there twice")));
            }
            config.set(&key, value).map_err(A::Error::custom)?;
        }
        Ok(config)
    }
}

/// A value in whatever form the format has for it, as text.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Any {
            Boolean(bool),
            Integer(i64),
            Double(f64),
            Text(String),
            List(Vec<String>),
        }
        let text = match Any::deserialize(deserializer) {
            Ok(Any::Boolean(value)) => value.to_string(),
            Ok(Any::Integer(value)) => value.to_string(),
            Ok(Any::Double(value)) => value.to_string(),
            Ok(Any::Text(value)) => value,
            Ok(Any::List(values)) => values.join(","),
            Err(_) => {
                return Err(D::Error::custom(
                    "a value is a text, a number, true or false, or a list of texts",
                ));
            }
        };
        Ok(Self(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<ProducerConfig, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_map_of_keys_is_a_configuration_whatever_form_its_values_have() {
        let config = read(
            r#"{"bootstrap.servers": ["a:1", "b:2"], "linger.ms": 20, "acks": "all", "enable.idempotence": true}"#,
        )
        .expect("it is good");
        let settings = config.validate().expect("it is good").settings;
        assert_eq!(settings.bootstrap_servers, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(settings.linger, std::time::Duration::from_millis(20));
        let again = serde_json::to_string(&config).expect("it can be written");
        assert_eq!(read(&again), Ok(config), "what is written is read as the same");
    }

    #[test]
    fn a_wrong_key_or_value_is_an_error_that_names_it() {
        assert!(read(r#"{"linger.mss": 1}"#).unwrap_err().contains("did you mean linger.ms?"));
        assert!(read(r#"{"linger.ms": "soon"}"#).unwrap_err().contains("linger.ms"));
        assert!(read(r#"{"linger.ms": {}}"#).unwrap_err().contains("a value is a text"));
        assert!(read(r#"{"acks": "1", "acks": "0"}"#).unwrap_err().contains("twice"));
        assert!(read("[]").unwrap_err().contains("a map of Kafka's producer keys"));
    }

    #[test]
    fn passwords_are_not_written() {
        let config = read(r#"{"ssl.key.password": "secret"}"#).expect("it is good");
        assert_eq!(serde_json::to_string(&config).unwrap(), r#"{"ssl.key.password":"[hidden]"}"#);
    }
}
