//! Tickets for services, and longer life for tickets: the TGS exchange (RFC 4120, 3.3), also across realms (RFC 6806).

use kerbcore::client::{KU_TGS_REQ_AUTH, KU_TGS_REQ_AUTH_CKSUM, PA_TGS_REQ};
use kerbcore::messages::KdcReq;
use kerbcore::types::{Checksum, PaData};

use super::authenticator::ApRequest;
use super::chance::{self, Chance};
use super::credential::{Credential, Life};
use super::etype;
use super::kdc::Kdc;
use super::kdc_answer::{Answer, Exchange, Question};
use super::moment::Moment;
use crate::{KerberosFailure, Principal};

/// Realms that one ticket is followed through.
const MOST_REFERRALS: usize = 5;
/// The KDC may send the client to another realm.
const CANONICALIZE: u32 = 0x0001_0000;
/// The ticket itself is to be good for longer.
const RENEW: u32 = 0x0000_0002;
const TGS_REQUEST: i32 = 12;

/// How KDCs are asked: which, when, and with what luck.
pub(crate) struct Asking<'a> {
    pub(crate) kdc: &'a dyn Kdc,
    pub(crate) now: Moment,
    pub(crate) chance: Chance,
}

impl Asking<'_> {
    /// A ticket for `service`, asked for with `granting`. A KDC that does not know the service may send the client on, through five
    /// realms at most.
    pub(crate) fn ticket_for(
        &self,
        service: &Principal,
        granting: &Credential,
    ) -> Result<Credential, KerberosFailure> {
        let home = granting.service.parts().get(1).map_or("", String::as_str).to_owned();
        let mut visited = vec![home];
        let mut granting = granting.clone();
        // The realm of the service by `krb5.conf` may be another one than the client's.
        if let Some(realm) = service.realm().filter(|realm| !visited.iter().any(|seen| seen == realm)) {
            let issuer = visited.first().map_or("", String::as_str).to_owned();
            granting =
                self.ask(&issuer, &Principal::ticket_granting(realm, &issuer), &granting, CANONICALIZE)?;
            visited.push(granted_realm(&granting)?);
        }
        loop {
            let realm = granted_realm(&granting)?;
            let answer = self.ask(&realm, service, &granting, CANONICALIZE)?;
            if answer.service.parts().first().map(String::as_str) != Some("krbtgt") {
                return Ok(answer);
            }
            let next = granted_realm(&answer)?;
            let problem = if visited.contains(&next) {
                Some(format!("it sends us on to {next}, which sent us here"))
            } else if visited.len() > MOST_REFERRALS {
                Some(format!("no end after {MOST_REFERRALS} realms"))
            } else {
                None
            };
            if let Some(problem) = problem {
                return Err(KerberosFailure::BadAnswer {
                    realm,
                    exchange: "asking for a ticket (TGS)",
                    problem,
                });
            }
            visited.push(next);
            granting = answer;
        }
    }

    /// The same ticket, good for longer.
    pub(crate) fn renewed(&self, granting: &Credential) -> Result<Credential, KerberosFailure> {
        let realm = granted_realm(granting)?;
        let mut renewed = self.ask(&realm, &granting.service, granting, RENEW)?;
        renewed.life.renewable_until = granting.life.renewable_until;
        Ok(renewed)
    }

    fn ask(
        &self,
        realm: &str,
        service: &Principal,
        granting: &Credential,
        options: u32,
    ) -> Result<Credential, KerberosFailure> {
        let question = Question {
            exchange: Exchange::Tgs,
            realm,
            client: &granting.client,
            service,
            nonce: chance::number(self.chance)?,
            etypes: &etype::SPOKEN,
            now: self.now,
        };
        let request = self.request(&question, granting, options)?;
        match question.read(&self.kdc.ask(realm, &request)?)? {
            Answer::Ticket(answer) => question.open(*answer, &granting.key),
            Answer::Error(error) => Err(question.refused(&error)),
        }
    }

    fn request(
        &self,
        question: &Question<'_>,
        granting: &Credential,
        options: u32,
    ) -> Result<Vec<u8>, KerberosFailure> {
        let Life { end, renewable_until, .. } = granting.life;
        let till = if options == RENEW { renewable_until.unwrap_or(end) } else { end };
        let body = question.body(options, till);
        let enctype = granting.key.enctype();
        let Some(cksumtype) = etype::checksum_type(enctype) else {
            return Err(question.bad(format!("a ticket with a key of {}", etype::name(enctype.to_i32()))));
        };
        let checksum = granting.key.checksum(KU_TGS_REQ_AUTH_CKSUM, &body.encode());
        let shown = ApRequest {
            credential: granting,
            now: self.now,
            options: 0,
            usage: KU_TGS_REQ_AUTH,
            checksum: Checksum { cksumtype, checksum },
            sequence: None,
        };
        let proof = PaData { padata_type: PA_TGS_REQ, padata_value: shown.encode(self.chance)? };
        Ok(KdcReq { msg_type: TGS_REQUEST, padata: vec![proof], req_body: body }.encode())
    }
}

/// The realm whose KDC takes this ticket.
fn granted_realm(granting: &Credential) -> Result<String, KerberosFailure> {
    match granting.service.parts() {
        [name, realm] if name == "krbtgt" => Ok(realm.clone()),
        _ => Err(KerberosFailure::Incomplete {
            problem: format!("a ticket for {} asks for no others", granting.service),
        }),
    }
}
