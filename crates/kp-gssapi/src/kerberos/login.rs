//! The login of a client with a key of its own: the AS exchange (RFC 4120, 3.1).

use kerbcore::client::{
    KU_AS_REQ_PA_ENC_TS, PA_ETYPE_INFO2, encode_pa_enc_ts_enc, pa_enc_timestamp, parse_etype_info2,
};
use kerbcore::der::{Der, TAG_SEQUENCE, one_or, tlv};
use kerbcore::messages::{KdcRep, KdcReq, KrbError};
use kerbcore::types::{EncryptedData, PaData};

use super::chance::{self, Chance};
use super::credential::Credential;
use super::error_code::PREAUTH_REQUIRED;
use super::etype;
use super::kdc::Kdc;
use super::kdc_answer::{Answer, Exchange, Question};
use super::keytab::Keytab;
use super::moment::Moment;
use crate::{KerberosFailure, Principal};

/// A ticket that may be renewed is welcome, and one that may not is, too.
const RENEWABLE_OK: u32 = 0x0000_0010;
const AS_REQUEST: i32 = 10;

/// Logs in: asks the KDC of the client's realm for a ticket to ask for others with, good for `lifetime` seconds if the KDC gives
/// that much.
pub(crate) fn log_in(
    kdc: &dyn Kdc,
    keytab: &Keytab,
    client: &Principal,
    lifetime: i64,
    now: Moment,
    chance: Chance,
) -> Result<Credential, KerberosFailure> {
    let realm = client.realm().unwrap_or_default();
    let (service, of_keytab) = (Principal::ticket_granting(realm, realm), keytab.etypes(client)?);
    // The key of the ticket may be of another type than the client's: the KDC may not have the latter for itself.
    let others = etype::SPOKEN.into_iter().filter(|etype| !of_keytab.contains(etype));
    let etypes: Vec<i32> = of_keytab.iter().copied().chain(others).collect();
    let nonce = chance::number(chance)?;
    let question =
        Question { exchange: Exchange::As, realm, client, service: &service, nonce, etypes: &etypes, now };
    let till = now.seconds.saturating_add(lifetime);
    // Without a proof first: the answer says which of the keys the KDC has, too.
    let answer = question.read(&kdc.ask(realm, &request(&question, till, Vec::new()))?)?;
    let error = match answer {
        Answer::Ticket(answer) => return open(&question, *answer, keytab),
        Answer::Error(error) if error.error_code == PREAUTH_REQUIRED => error,
        Answer::Error(error) => return Err(question.refused(&error)),
    };
    let proof = proof(&question, &error, keytab, &of_keytab, chance)?;
    match question.read(&kdc.ask(realm, &request(&question, till, vec![proof]))?)? {
        Answer::Ticket(answer) => open(&question, *answer, keytab),
        Answer::Error(error) => Err(question.refused(&error)),
    }
}

fn request(question: &Question<'_>, till: i64, proofs: Vec<PaData>) -> Vec<u8> {
    let body = question.body(RENEWABLE_OK, till);
    KdcReq { msg_type: AS_REQUEST, padata: proofs, req_body: body }.encode()
}

/// The present moment, encrypted with the client's key.
fn proof(
    question: &Question<'_>,
    error: &KrbError,
    keytab: &Keytab,
    ours: &[i32],
    chance: Chance,
) -> Result<PaData, KerberosFailure> {
    let wanted = offered(error);
    let etype = wanted
        .iter()
        .find(|etype| ours.contains(etype))
        .or_else(|| ours.first().filter(|_| wanted.is_empty()));
    let etype = *etype.ok_or_else(|| {
        question.bad("it has keys of this client, and none of a type that is in the keytab")
    })?;
    let ours = keytab.key(question.client, etype, None)?;
    let confounder = chance::confounder(chance, &ours.key)?;
    let micros = i32::try_from(question.now.micros).unwrap_or(0);
    let stamp = encode_pa_enc_ts_enc(&question.now.written(), micros);
    let cipher = ours.key.encrypt_with_confounder(KU_AS_REQ_PA_ENC_TS, &confounder, &stamp);
    Ok(pa_enc_timestamp(&EncryptedData { etype, kvno: Some(ours.version), cipher }))
}

/// The types of the keys that the KDC has of the client, its favourite first; none if it does not say.
fn offered(error: &KrbError) -> Vec<i32> {
    let Some(Ok(all)) = error.e_data.as_deref().map(|data| one_or(data, TAG_SEQUENCE)) else {
        return Vec::new();
    };
    let mut all = Der::new(all);
    while let Ok((_, item)) = all.read_tlv() {
        let Ok(item) = PaData::decode(&tlv(TAG_SEQUENCE, item)) else { return Vec::new() };
        if item.padata_type == PA_ETYPE_INFO2 {
            let entries = parse_etype_info2(&item.padata_value).unwrap_or_default();
            return entries.into_iter().map(|entry| entry.etype).collect();
        }
    }
    Vec::new()
}

fn open(question: &Question<'_>, answer: KdcRep, keytab: &Keytab) -> Result<Credential, KerberosFailure> {
    let etype = answer.enc_part.etype;
    if !question.etypes.contains(&etype) {
        let name = etype::name(etype);
        return Err(question.bad(format!("encrypted with {name}, which was not asked for")));
    }
    let ours = keytab.key(question.client, etype, answer.enc_part.kvno)?;
    question.open(answer, &ours.key)
}
