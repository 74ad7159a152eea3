//! What a client shows beside a ticket: that it has the ticket's key, now (RFC 4120, 5.5.1).

use kerbcore::der::{TAG_BIT_STRING, application_tag, encode_integer, encode_sequence, explicit, tlv};
use kerbcore::types::{Checksum, EncryptedData, KerberosTime, encode_realm};

use super::chance::{self, Chance};
use super::credential::Credential;
use super::moment::Moment;
use crate::KerberosFailure;

/// The service is to prove that it could read the ticket.
pub(super) const MUTUAL_REQUIRED: u32 = 0x2000_0000;

/// A request to the service of a ticket.
pub(super) struct ApRequest<'a> {
    pub(super) credential: &'a Credential,
    pub(super) now: Moment,
    pub(super) options: u32,
    /// What the authenticator is encrypted for (RFC 4120, 7.5.1).
    pub(super) usage: u32,
    pub(super) checksum: Checksum,
    /// The first number of the client's messages behind this one.
    pub(super) sequence: Option<u32>,
}

impl ApRequest<'_> {
    pub(super) fn encode(&self, chance: Chance) -> Result<Vec<u8>, KerberosFailure> {
        let key = &self.credential.key;
        let confounder = chance::confounder(chance, key)?;
        let sealed = EncryptedData {
            etype: key.enctype().to_i32(),
            kvno: None,
            cipher: key.encrypt_with_confounder(self.usage, &confounder, &self.authenticator()),
        };
        // A bit string of 32 bits, none of them unused.
        let mut options = vec![0];
        options.extend_from_slice(&self.options.to_be_bytes());
        let body = [
            explicit(0, &encode_integer(5)),
            explicit(1, &encode_integer(14)),
            explicit(2, &tlv(TAG_BIT_STRING, &options)),
            explicit(3, &self.credential.ticket.encode()),
            explicit(4, &sealed.encode()),
        ];
        Ok(tlv(application_tag(14), &encode_sequence(&body.concat())))
    }

    fn authenticator(&self) -> Vec<u8> {
        let client = &self.credential.client;
        let mut body = explicit(0, &encode_integer(5));
        body.extend(explicit(1, &encode_realm(client.realm().unwrap_or_default())));
        body.extend(explicit(2, &client.as_client().encode()));
        body.extend(explicit(3, &self.checksum.encode()));
        body.extend(explicit(4, &encode_integer(i64::from(self.now.micros))));
        body.extend(explicit(5, &KerberosTime(self.now.written()).encode()));
        if let Some(sequence) = self.sequence {
            body.extend(explicit(7, &encode_integer(i64::from(sequence))));
        }
        tlv(application_tag(2), &encode_sequence(&body))
    }
}
