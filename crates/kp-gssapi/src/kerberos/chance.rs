//! Random bytes: nonces, confounders, the first number of a sequence.

use zeroize::Zeroizing;

use crate::KerberosFailure;

/// Where random bytes come from: the operating system, or a test that wants the same ones again.
pub(crate) type Chance = fn(&mut [u8]) -> Result<(), KerberosFailure>;

/// The operating system's.
pub(crate) fn of_the_system(bytes: &mut [u8]) -> Result<(), KerberosFailure> {
    getrandom::fill(bytes).map_err(|error| KerberosFailure::NoRandomness { reason: error.to_string() })
}

/// Bytes that make two encryptions of the same text differ.
pub(crate) fn confounder(
    chance: Chance,
    key: &kerbcore::KerberosKey,
) -> Result<Zeroizing<Vec<u8>>, KerberosFailure> {
    let mut bytes = Zeroizing::new(vec![0; key.enctype().confounder_len()]);
    chance(&mut bytes)?;
    Ok(bytes)
}

/// A number below 2^30: some services read larger ones as negative.
pub(crate) fn number(chance: Chance) -> Result<u32, KerberosFailure> {
    let mut bytes = [0; 4];
    chance(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes) & 0x3fff_ffff)
}
