//! What a fuzzer gives bytes to. Only there when one is built.

use crate::kerberos::ccache::TicketCache;
use crate::kerberos::context::{Begun, Established};
use crate::kerberos::credential::{Credential, Life};
use crate::kerberos::file::File;
use crate::kerberos::keytab::Keytab;
use crate::kerberos::krb5_conf::Krb5Conf;
use crate::kerberos::moment::Moment;
use crate::kerberos::service_ticket::Asking;
use crate::{Kdc, KerberosFailure, Principal};
use kerbcore::KerberosKey;
use kerbcore::messages::Ticket;
use kerbcore::types::EncryptedData;

struct Answers<'a>(&'a [u8]);

impl Kdc for Answers<'_> {
    fn ask(&self, _realm: &str, _request: &[u8]) -> Result<Vec<u8>, KerberosFailure> {
        Ok(self.0.to_vec())
    }
}

/// Reads bytes as what a number says.
pub static READ: fn(u8, &[u8]) = read;

fn read(choice: u8, bytes: &[u8]) {
    match choice % 5 {
        0 => drop(Keytab::parse(&File::of_bytes(bytes))),
        1 => drop(TicketCache::parse(&File::of_bytes(bytes)).map(|cache| cache.ticket_granting().is_ok())),
        2 => drop(std::str::from_utf8(bytes).map(|text| Krb5Conf::parse(text).is_ok())),
        3 => {
            let asking = Asking { kdc: &Answers(bytes), now: NOW, chance: no_chance };
            let service = Principal::service("kafka", "b", "R");
            assert!(asking.ticket_for(&service, &credential()).is_err());
        }
        _ => {
            let Ok((begun, _)) = Begun::new(&credential(), NOW, no_chance) else { return };
            assert!(begun.proved(bytes).is_err());
            let established = Established::with_key(key());
            assert!(established.unwrap(bytes).is_err());
        }
    }
}

const NOW: Moment = Moment { seconds: 1_700_000_000, micros: 0 };

fn no_chance(bytes: &mut [u8]) -> Result<(), KerberosFailure> {
    bytes.fill(7);
    Ok(())
}

fn key() -> KerberosKey {
    KerberosKey::from_i32(18, vec![0x5c; 32]).expect("of the right length")
}

fn credential() -> Credential {
    let service = Principal::ticket_granting("R", "R");
    let enc_part = EncryptedData { etype: 18, kvno: None, cipher: vec![1; 40] };
    let ticket = Ticket { tkt_vno: 5, realm: "R".into(), sname: service.on_the_wire(), enc_part };
    let client = Principal::of_parts(vec!["kp".into()], "R".into());
    let life = Life { start: NOW.seconds, end: NOW.seconds + 3600, renewable_until: None };
    Credential { client, service, ticket, key: key(), life }
}
