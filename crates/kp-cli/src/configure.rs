//! From flags to a producer's configuration.
//! Owns: which source wins (defaults, then the file, then `-X`, then flags).

use kp_producer::{ConfigError, ProducerConfig};

use crate::config_args::ConfigArgs;

/// The configuration that the flags describe; not checked as a whole yet.
///
/// # Errors
/// A file that cannot be read or is wrong, or a bad value.
pub(crate) fn producer_config(args: &ConfigArgs) -> Result<ProducerConfig, ConfigError> {
    let mut config = ProducerConfig::default();
    if let Some(path) = &args.config {
        config.load_file(path)?;
    }
    for (key, value) in &args.set {
        config.set(key, value)?;
    }
    if let Some(version) = &args.defaults {
        config.set("kp.defaults", version)?;
    }
    if let Some(servers) = &args.bootstrap {
        config.set("bootstrap.servers", servers)?;
    }
    args.security.apply(&mut config)?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use kp_producer::config::Value;

    use super::*;

    #[test]
    fn flags_win_over_keys_and_keys_over_the_defaults() {
        let args = ConfigArgs {
            bootstrap: Some("flag:1".to_owned()),
            set: vec![
                ("bootstrap.servers".to_owned(), "key:2".to_owned()),
                ("linger.ms".to_owned(), "9".to_owned()),
                ("linger.ms".to_owned(), "8".to_owned()),
            ],
            defaults: Some("0.9".to_owned()),
            ..ConfigArgs::default()
        };
        let config = producer_config(&args).unwrap();
        assert_eq!(config.get("bootstrap.servers"), Some(Value::List(vec!["flag:1".to_owned()])));
        assert_eq!(config.get("linger.ms"), Some(Value::Integer(8)));
        assert_eq!(config.get("retries"), Some(Value::Integer(0)));
    }

    #[test]
    fn a_bad_value_names_its_key() {
        let args = ConfigArgs { set: vec![("acks".to_owned(), "2".to_owned())], ..ConfigArgs::default() };
        assert!(producer_config(&args).unwrap_err().to_string().starts_with("acks=2:"));
        let args = ConfigArgs { defaults: Some("0.8".to_owned()), ..ConfigArgs::default() };
        assert!(producer_config(&args).unwrap_err().to_string().starts_with("kp.defaults=0.8:"));
    }
}
