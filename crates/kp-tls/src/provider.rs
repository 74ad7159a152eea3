//! Which cryptography a client uses: chosen by a feature, or handed in. Never installed for the whole process.

use crate::TlsConfigError;
use rustls::crypto::CryptoProvider;
use std::sync::Arc;

/// The provider that was built in: that of the feature `aws-lc`, else that of `ring`, else that of `graviola`.
///
/// # Errors
/// None was built in, or this processor cannot run it.
pub fn default_provider() -> Result<Arc<CryptoProvider>, TlsConfigError> {
    #[cfg(feature = "aws-lc")]
    let provider = Ok(aws_lc());
    #[cfg(all(feature = "ring", not(feature = "aws-lc")))]
    let provider = Ok(ring());
    #[cfg(all(feature = "graviola", not(any(feature = "aws-lc", feature = "ring"))))]
    let provider = graviola();
    #[cfg(not(any(feature = "aws-lc", feature = "ring", feature = "graviola")))]
    let provider = Err(TlsConfigError::Provider(
        "this program was built without cryptography for TLS: build it with the feature `ring`, `graviola` or `aws-lc`",
    ));
    provider
}

/// The provider `aws-lc-rs`, whose key exchange can be safe from quantum computers.
#[cfg(feature = "aws-lc")]
#[must_use]
pub fn aws_lc() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The provider `ring`.
#[cfg(feature = "ring")]
#[must_use]
pub fn ring() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The provider `graviola`, which is built without a C compiler.
///
/// # Errors
/// The processor lacks what it needs; it would panic.
#[cfg(feature = "graviola")]
pub fn graviola() -> Result<Arc<CryptoProvider>, TlsConfigError> {
    if can_run_graviola() {
        return Ok(Arc::new(rustls_graviola::default_provider()));
    }
    Err(TlsConfigError::Provider(
        "this processor lacks instructions that graviola needs (x86-64: AES, PCLMULQDQ, BMI, ADX, AVX2; aarch64: AES, \
         PMULL, SHA-2): build with the feature `ring`",
    ))
}

#[cfg(all(feature = "graviola", target_arch = "x86_64"))]
fn can_run_graviola() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("aes")
        && has!("pclmulqdq")
        && has!("bmi1")
        && has!("bmi2")
        && has!("adx")
        && has!("avx")
        && has!("avx2")
        && has!("ssse3")
}

#[cfg(all(feature = "graviola", target_arch = "aarch64"))]
fn can_run_graviola() -> bool {
    use std::arch::is_aarch64_feature_detected as has;
    has!("neon") && has!("aes") && has!("pmull") && has!("sha2")
}

#[cfg(all(feature = "graviola", not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn can_run_graviola() -> bool {
    false
}
