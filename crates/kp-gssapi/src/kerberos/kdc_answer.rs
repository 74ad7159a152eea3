//! Answers of a KDC: whether they belong to the question, and what is in them (RFC 4120, 3.1.5 and 3.3.4).

use kerbcore::KerberosKey;
use kerbcore::client::{EncKdcRepPart, parse_enc_kdc_rep_part};
use kerbcore::messages::{KdcRep, KdcReqBody, KrbError};
use kerbcore::types::KerberosTime;
use zeroize::Zeroizing;

use super::credential::{Credential, Life};
use super::moment::{self, Moment};
use super::{error_code, etype};
use crate::{KerberosFailure, Principal};

/// How far the KDC's clock may be ahead of ours before its tickets are not believed: five minutes, as everywhere in Kerberos.
const CLOCK_SKEW: i64 = 300;

/// What was asked for.
pub(super) struct Question<'a> {
    pub(super) exchange: Exchange,
    /// The realm of the KDC.
    pub(super) realm: &'a str,
    pub(super) client: &'a Principal,
    pub(super) service: &'a Principal,
    pub(super) nonce: u32,
    pub(super) etypes: &'a [i32],
    pub(super) now: Moment,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    /// A client logs in.
    As,
    /// A client asks for a ticket with another one.
    Tgs,
}

impl Exchange {
    fn name(self) -> &'static str {
        match self {
            Self::As => "login (AS)",
            Self::Tgs => "asking for a ticket (TGS)",
        }
    }

    /// The type of the answer, and for what its secret part is encrypted.
    fn answer(self) -> (i32, u32) {
        match self {
            Self::As => (11, kerbcore::client::KU_AS_REP_ENC_PART),
            Self::Tgs => (13, kerbcore::client::KU_TGS_REP_ENC_PART),
        }
    }
}

/// An answer as it came: a ticket with something encrypted beside it, or an error.
pub(super) enum Answer {
    Ticket(Box<KdcRep>),
    Error(Box<KrbError>),
}

impl Question<'_> {
    /// What is asked, with these options, for a ticket until `till`. The KDC takes the client of a TGS exchange from the ticket
    /// that is shown.
    pub(super) fn body(&self, options: u32, till: i64) -> KdcReqBody {
        KdcReqBody {
            kdc_options: options,
            cname: (self.exchange == Exchange::As).then(|| self.client.as_client()),
            realm: self.realm.to_owned(),
            sname: Some(self.service.on_the_wire()),
            from: None,
            till: KerberosTime(moment::written(till)),
            rtime: None,
            nonce: self.nonce,
            etypes: self.etypes.to_vec(),
            addresses: None,
            enc_authorization_data: None,
            additional_tickets: None,
        }
    }

    pub(super) fn read(&self, bytes: &[u8]) -> Result<Answer, KerberosFailure> {
        if let Ok(error) = KrbError::decode(bytes) {
            return Ok(Answer::Error(Box::new(error)));
        }
        let answer = KdcRep::decode(bytes)
            .map_err(|error| self.bad(format!("no answer that can be read: {error}")))?;
        if answer.msg_type != self.exchange.answer().0 {
            return Err(self.bad("an answer of another exchange"));
        }
        Ok(Answer::Ticket(Box::new(answer)))
    }

    /// The KDC said no.
    pub(super) fn refused(&self, error: &KrbError) -> KerberosFailure {
        let text = match error.error_code {
            error_code::SKEW => Some(self.both_clocks(error)),
            _ => error.e_text.clone(),
        };
        let (realm, code) = (self.realm.to_owned(), error.error_code);
        let what = match self.exchange {
            Exchange::As => self.client.to_string(),
            Exchange::Tgs => self.service.to_string(),
        };
        KerberosFailure::Refused { realm, what, code, text }
    }

    fn both_clocks(&self, error: &KrbError) -> String {
        let theirs = moment::read(&error.stime.0).map_or_else(|| error.stime.0.clone(), moment::readable);
        format!(
            "the clocks are too far apart: here it is {}, there {theirs}",
            moment::readable(self.now.seconds)
        )
    }

    /// The credential in an answer, if it is one to this question. `key` is what the secret part is encrypted with.
    pub(super) fn open(&self, answer: KdcRep, key: &KerberosKey) -> Result<Credential, KerberosFailure> {
        let client_realm = self.client.realm().unwrap_or_default();
        if answer.crealm != client_realm || answer.cname.name_string != self.client.parts() {
            return Err(self.bad("the ticket is for another client"));
        }
        let etype = answer.enc_part.etype;
        if etype != key.enctype().to_i32() {
            return Err(self.bad(format!("encrypted with {}, which was not asked for", etype::name(etype))));
        }
        let plain = key.decrypt(self.exchange.answer().1, &answer.enc_part.cipher);
        let plain = Zeroizing::new(plain.map_err(|_| self.bad(self.why_unreadable()))?);
        let part =
            parse_enc_kdc_rep_part(&plain).map_err(|error| self.bad(format!("its secret part: {error}")))?;
        self.check(&part, &answer)?;
        let (life, service) = (self.life(&part)?, Principal::of_parts(part.sname.name_string, part.srealm));
        let key = KerberosKey::from_i32(part.key.keytype, part.key.keyvalue)
            .map_err(|error| self.bad(format!("the key of the ticket: {error}")))?;
        Ok(Credential { client: self.client.clone(), service, ticket: answer.ticket, key, life })
    }

    fn check(&self, part: &EncKdcRepPart, answer: &KdcRep) -> Result<(), KerberosFailure> {
        if part.nonce != self.nonce {
            return Err(self.bad("an answer to another request (its nonce is another)"));
        }
        // What is outside of the secret part could be anything.
        if part.sname.name_string != answer.ticket.sname.name_string || part.srealm != answer.ticket.realm {
            return Err(self.bad("the ticket is not the one that the answer is about"));
        }
        let names = &part.sname.name_string;
        let is_asked_for = names.len() == self.service.parts().len()
            && names.iter().zip(self.service.parts()).all(|(one, other)| one.eq_ignore_ascii_case(other));
        let is_referral = self.exchange == Exchange::Tgs && names.len() == 2 && names[0] == "krbtgt";
        if !is_asked_for && !is_referral {
            let got = Principal::of_parts(names.clone(), part.srealm.clone());
            return Err(self.bad(format!("a ticket for {got}, and not for {}", self.service)));
        }
        if part.srealm != self.realm {
            return Err(self.bad("a ticket of another realm"));
        }
        if !self.etypes.contains(&part.key.keytype) {
            let name = etype::name(part.key.keytype);
            return Err(self.bad(format!("a ticket with a key of {name}, which was not asked for")));
        }
        Ok(())
    }

    fn life(&self, part: &EncKdcRepPart) -> Result<Life, KerberosFailure> {
        let end = moment::read(&part.endtime).ok_or_else(|| self.bad("a ticket whose end is no moment"))?;
        if end <= self.now.seconds.saturating_sub(CLOCK_SKEW) {
            let (end, now) = (moment::readable(end), moment::readable(self.now.seconds));
            return Err(self.bad(format!("a ticket that ended at {end}; here it is {now}")));
        }
        Ok(Life { start: self.now.seconds, end, renewable_until: None })
    }

    fn why_unreadable(&self) -> &'static str {
        match self.exchange {
            Exchange::As => {
                "the answer cannot be decrypted: the key in the keytab is not the KDC's, or it is another KDC"
            }
            Exchange::Tgs => "the answer cannot be decrypted with the key of the ticket: another KDC?",
        }
    }

    pub(super) fn bad(&self, problem: impl Into<String>) -> KerberosFailure {
        let (realm, exchange) = (self.realm.to_owned(), self.exchange.name());
        KerberosFailure::BadAnswer { realm, exchange, problem: problem.into() }
    }
}
