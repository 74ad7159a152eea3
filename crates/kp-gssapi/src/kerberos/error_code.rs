//! Error codes of KDCs and services (RFC 4120, 7.5.9), by name, and what a user can do about them.

/// `KDC_ERR_PREAUTH_REQUIRED`: a client has to show that it knows its key. Part of every login.
pub(crate) const PREAUTH_REQUIRED: i32 = 25;
/// `KRB_ERR_RESPONSE_TOO_BIG`: the answer does not fit into one packet of UDP.
pub(crate) const RESPONSE_TOO_BIG: i32 = 52;
/// `KRB_AP_ERR_SKEW`.
pub(crate) const SKEW: i32 = 37;

/// Its name.
pub(crate) fn name(code: i32) -> &'static str {
    match code {
        1 => "KDC_ERR_NAME_EXP",
        2 => "KDC_ERR_SERVICE_EXP",
        3 => "KDC_ERR_BAD_PVNO",
        4 => "KDC_ERR_C_OLD_MAST_KVNO",
        5 => "KDC_ERR_S_OLD_MAST_KVNO",
        6 => "KDC_ERR_C_PRINCIPAL_UNKNOWN",
        7 => "KDC_ERR_S_PRINCIPAL_UNKNOWN",
        8 => "KDC_ERR_PRINCIPAL_NOT_UNIQUE",
        9 => "KDC_ERR_NULL_KEY",
        10 => "KDC_ERR_CANNOT_POSTDATE",
        11 => "KDC_ERR_NEVER_VALID",
        12 => "KDC_ERR_POLICY",
        13 => "KDC_ERR_BADOPTION",
        14 => "KDC_ERR_ETYPE_NOSUPP",
        15 => "KDC_ERR_SUMTYPE_NOSUPP",
        16 => "KDC_ERR_PADATA_TYPE_NOSUPP",
        17 => "KDC_ERR_TRTYPE_NOSUPP",
        18 => "KDC_ERR_CLIENT_REVOKED",
        19 => "KDC_ERR_SERVICE_REVOKED",
        20 => "KDC_ERR_TGT_REVOKED",
        21 => "KDC_ERR_CLIENT_NOTYET",
        22 => "KDC_ERR_SERVICE_NOTYET",
        23 => "KDC_ERR_KEY_EXPIRED",
        24 => "KDC_ERR_PREAUTH_FAILED",
        25 => "KDC_ERR_PREAUTH_REQUIRED",
        26 => "KDC_ERR_SERVER_NOMATCH",
        27 => "KDC_ERR_MUST_USE_USER2USER",
        28 => "KDC_ERR_PATH_NOT_ACCEPTED",
        29 => "KDC_ERR_SVC_UNAVAILABLE",
        31 => "KRB_AP_ERR_BAD_INTEGRITY",
        32 => "KRB_AP_ERR_TKT_EXPIRED",
        33 => "KRB_AP_ERR_TKT_NYV",
        34 => "KRB_AP_ERR_REPEAT",
        35 => "KRB_AP_ERR_NOT_US",
        36 => "KRB_AP_ERR_BADMATCH",
        37 => "KRB_AP_ERR_SKEW",
        38 => "KRB_AP_ERR_BADADDR",
        39 => "KRB_AP_ERR_BADVERSION",
        40 => "KRB_AP_ERR_MSG_TYPE",
        41 => "KRB_AP_ERR_MODIFIED",
        42 => "KRB_AP_ERR_BADORDER",
        44 => "KRB_AP_ERR_BADKEYVER",
        45 => "KRB_AP_ERR_NOKEY",
        46 => "KRB_AP_ERR_MUT_FAIL",
        47 => "KRB_AP_ERR_BADDIRECTION",
        48 => "KRB_AP_ERR_METHOD",
        49 => "KRB_AP_ERR_BADSEQ",
        50 => "KRB_AP_ERR_INAPP_CKSUM",
        52 => "KRB_ERR_RESPONSE_TOO_BIG",
        60 => "KRB_ERR_GENERIC",
        61 => "KRB_ERR_FIELD_TOOLONG",
        68 => "KDC_ERR_WRONG_REALM",
        90 => "KDC_ERR_PREAUTH_EXPIRED",
        _ => "an error without a name",
    }
}

/// What to look at, where the name does not say it.
pub(crate) fn advice(code: i32) -> &'static str {
    match code {
        6 => "; the KDC knows no such client (principal)",
        7 => {
            "; the KDC knows no such service (sasl.kerberos.service.name, or the name that the broker advertises)"
        }
        14 => "; no encryption type in common: kp speaks aes256 and aes128 with SHA-1 or SHA-2",
        18 => "; the account is locked or has ended",
        23 => "; the key has to be changed (kpasswd, or a new keytab)",
        24 => "; the key in the keytab is not the KDC's: write the keytab anew",
        32 => "; run kinit",
        _ => "",
    }
}

/// Whether it may well be different the next time (KAFKA-7352): not yet valid, or taken for a repetition.
pub(crate) fn is_transient(code: i32) -> bool {
    matches!(code, 21 | 29 | 33 | 34)
}
