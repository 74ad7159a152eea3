//! Kerberos: keytabs, ticket caches, krb5.conf, answers of a KDC and tokens of a broker. Byte 0 chooses which; whatever the others
//! are, they are read or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [choice, bytes @ ..] = data else { return };
    kp_gssapi::READ(*choice, bytes);
});
