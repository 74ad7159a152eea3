//! A KDC and a service for tests, that do what they are told: all that is right, or one thing wrong.

use std::sync::{Arc, Mutex};

use kerbcore::KerberosKey;
use kerbcore::acceptor::{Authenticator, build_ap_rep_with_confounder, parse_ap_req, parse_authenticator};
use kerbcore::client::{
    KU_AP_REQ_AUTH, KU_AS_REQ_PA_ENC_TS, KU_TGS_REQ_AUTH, PA_ENC_TIMESTAMP, PA_ETYPE_INFO2,
};
use kerbcore::der::{
    TAG_BIT_STRING, application_tag, encode_generalized_time, encode_integer, encode_sequence, explicit, tlv,
};
use kerbcore::gss::{TOK_ID_AP_REP, initial_context_token, parse_initial_context_token};
use kerbcore::messages::{KdcRep, KdcReq, KrbError, Ticket};
use kerbcore::types::{EncryptedData, EncryptionKey, KerberosTime, PaData, PrincipalName, encode_realm};

use super::kdc::Kdc;
use super::moment;
use crate::{KerberosFailure, Principal};

pub(crate) const REALM: &str = "KP.TEST";
/// The clock of all of them.
pub(crate) const NOW: i64 = kp_time::ManualClock::FIRST_TIMESTAMP_MS / 1000;

/// What a KDC does wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    WrongNonce,
    WrongRealm,
    OtherEtype,
    OtherService,
    OtherClient,
    OtherTicketOutside,
    Ended,
    WrongKey,
    Garbage(Vec<u8>),
    Error(i32),
    /// Sends the client on and on, to so many realms in turn.
    Referrals(usize),
    Silent,
}

/// A KDC of all realms. It knows `kp@KP.TEST` and any service.
#[derive(Clone)]
pub(crate) struct ScriptedKdc(Arc<Mutex<Script>>);

struct Script {
    etype: i32,
    fault_of_login: Fault,
    fault_of_ticket: Fault,
    life: i64,
    now: i64,
    logins: usize,
    tickets: usize,
    asked: Vec<String>,
}

impl ScriptedKdc {
    pub(crate) fn new(etype: i32) -> Self {
        Self(Arc::new(Mutex::new(Script {
            etype,
            fault_of_login: Fault::None,
            fault_of_ticket: Fault::None,
            life: 36_000,
            now: NOW,
            logins: 0,
            tickets: 0,
            asked: Vec::new(),
        })))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Script) -> T) -> T {
        act(&mut self.0.lock().expect("no test panicked with it"))
    }

    pub(crate) fn login_goes_wrong(&self, fault: Fault) {
        self.with(|script| script.fault_of_login = fault);
    }

    pub(crate) fn ticket_goes_wrong(&self, fault: Fault) {
        self.with(|script| script.fault_of_ticket = fault);
    }

    /// Tickets are good for so many seconds from now on.
    pub(crate) fn gives_life(&self, seconds: i64) {
        self.with(|script| script.life = seconds);
    }

    pub(crate) fn clock_is_at(&self, now: i64) {
        self.with(|script| script.now = now);
    }

    /// Logins and tickets that it gave.
    pub(crate) fn given(&self) -> (usize, usize) {
        self.with(|script| (script.logins, script.tickets))
    }

    /// The services that tickets were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.with(|script| script.asked.clone())
    }
}

/// Keys of the script: one for each use, the same in every test.
pub(crate) fn key(etype: i32, what: u8) -> KerberosKey {
    let length = if matches!(etype, 18 | 20) { 32 } else { 16 };
    KerberosKey::from_i32(etype, vec![what; length]).expect("of the right length")
}
pub(crate) const OF_CLIENT: u8 = 0x11;
pub(crate) const OF_GRANTING: u8 = 0x22;
pub(crate) const OF_SERVICE: u8 = 0x33;

/// A keytab with the client's key.
pub(crate) fn keytab(principal: &str, etypes: &[i32], version: u32) -> Vec<u8> {
    let principal: Principal = principal.parse().expect("a name");
    let mut file = vec![5, 2];
    for &etype in etypes {
        let mut entry = u16::try_from(principal.parts().len()).expect("few").to_be_bytes().to_vec();
        for part in principal.realm().into_iter().chain(principal.parts().iter().map(String::as_str)) {
            entry.extend(u16::try_from(part.len()).expect("short").to_be_bytes());
            entry.extend(part.as_bytes());
        }
        entry.extend([0, 0, 0, 1, 0, 0, 0, 0, 0]);
        entry.extend(u16::try_from(etype).expect("small").to_be_bytes());
        let key = key(etype, OF_CLIENT);
        entry.extend(u16::try_from(key.key().len()).expect("short").to_be_bytes());
        entry.extend(key.key());
        entry.extend(version.to_be_bytes());
        file.extend(i32::try_from(entry.len()).expect("short").to_be_bytes());
        file.extend(entry);
    }
    file
}

/// A cache with the ticket of `kp@KP.TEST`, as the script would give it, good and renewable until these moments.
pub(crate) fn ticket_cache(etype: i32, start: i64, end: i64, renewable_until: i64) -> Vec<u8> {
    let counted =
        |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_be_bytes()[..], bytes].concat();
    let name = |parts: &[&str]| {
        let mut name = [1_u32.to_be_bytes(), u32::try_from(parts.len()).expect("few").to_be_bytes()].concat();
        name.extend(counted(REALM.as_bytes()));
        parts.iter().for_each(|part| name.extend(counted(part.as_bytes())));
        name
    };
    let seconds = |moment: i64| u32::try_from(moment).expect("in this century").to_be_bytes();
    let sname = PrincipalName { name_type: 2, name_string: vec!["krbtgt".into(), REALM.into()] };
    let enc_part = EncryptedData { etype: 18, kvno: Some(1), cipher: vec![OF_GRANTING; 40] };
    let ticket = Ticket { tkt_vno: 5, realm: REALM.into(), sname, enc_part }.encode();
    let mut file = vec![5, 4, 0, 0];
    file.extend([name(&["kp"]), name(&["kp"]), name(&["krbtgt", REALM])].concat());
    file.extend(u16::try_from(etype).expect("small").to_be_bytes());
    file.extend(counted(key(etype, OF_GRANTING).key()));
    file.extend([seconds(start), seconds(start), seconds(end), seconds(renewable_until)].concat());
    file.push(0);
    file.extend(0x0080_0000_u32.to_be_bytes());
    file.extend([0; 8]);
    file.extend([counted(&ticket), counted(&[])].concat());
    file
}

impl Kdc for ScriptedKdc {
    fn ask(&self, realm: &str, request: &[u8]) -> Result<Vec<u8>, KerberosFailure> {
        let request = KdcReq::decode(request).expect("a request that can be read");
        self.with(|script| {
            if request.msg_type == 10 {
                script.log_in(realm, &request)
            } else {
                script.ticket(realm, &request)
            }
        })
    }
}

impl Script {
    fn log_in(&mut self, realm: &str, request: &KdcReq) -> Result<Vec<u8>, KerberosFailure> {
        let client = request.req_body.cname.clone().expect("a login has a client");
        let Some(proof) = request.padata.iter().find(|data| data.padata_type == PA_ENC_TIMESTAMP) else {
            let entry = encode_sequence(&explicit(0, &encode_integer(i64::from(self.etype))));
            let hint = PaData { padata_type: PA_ETYPE_INFO2, padata_value: encode_sequence(&entry) };
            return Ok(self.error(realm, 25, Some(encode_sequence(&hint.encode()))));
        };
        let sealed = EncryptedData::decode(&proof.padata_value).expect("a proof");
        let ours = key(self.etype, OF_CLIENT);
        ours.decrypt(KU_AS_REQ_PA_ENC_TS, &sealed.cipher).expect("the client's key");
        self.logins += 1;
        let sealed_with = if self.fault_of_login == Fault::WrongKey { key(self.etype, 0x77) } else { ours };
        let fault = self.fault_of_login.clone();
        let service = PrincipalName { name_type: 2, name_string: vec!["krbtgt".into(), realm.into()] };
        self.answer(realm, 11, client, service, request, &sealed_with, OF_GRANTING, &fault)
    }

    fn ticket(&mut self, realm: &str, request: &KdcReq) -> Result<Vec<u8>, KerberosFailure> {
        let mut service = request.req_body.sname.clone().expect("a service");
        self.asked.push(format!("{}@{realm}", service.name_string.join("/")));
        self.tickets += 1;
        let granting = key(self.etype, OF_GRANTING);
        let shown = parse_ap_req(&request.padata[0].padata_value).expect("a ticket is shown");
        let authenticator =
            granting.decrypt(KU_TGS_REQ_AUTH, &shown.enc_auth.cipher).expect("the ticket's key");
        let authenticator = parse_authenticator(&authenticator).expect("an authenticator");
        let checksum = authenticator.cksum.expect("with a checksum").checksum;
        assert_eq!(checksum, granting.checksum(6, &request.req_body.encode()), "over the request");
        let mut fault = self.fault_of_ticket.clone();
        let mut of = OF_SERVICE;
        if let Fault::Referrals(realms) = fault {
            let next = format!("R{}.TEST", self.tickets % realms);
            service.name_string = vec!["krbtgt".into(), next];
            of = OF_GRANTING;
            fault = Fault::None;
        } else if service.name_string[0] == "krbtgt" {
            of = OF_GRANTING;
        }
        self.answer(realm, 13, authenticator.cname, service, request, &granting, of, &fault)
    }

    #[expect(clippy::too_many_arguments, reason = "all that an answer is made of")]
    fn answer(
        &self,
        realm: &str,
        kind: i32,
        client: PrincipalName,
        service: PrincipalName,
        request: &KdcReq,
        sealed_with: &KerberosKey,
        of: u8,
        fault: &Fault,
    ) -> Result<Vec<u8>, KerberosFailure> {
        match fault {
            Fault::Garbage(bytes) => return Ok(bytes.clone()),
            Fault::Error(code) => return Ok(self.error(realm, *code, None)),
            Fault::Silent => {
                return Err(KerberosFailure::Unreachable { realm: realm.into(), problem: "silent".into() });
            }
            _ => {}
        }
        let sealed_with = if *fault == Fault::WrongKey { &key(self.etype, 0x77) } else { sealed_with };
        let service = if *fault == Fault::OtherService {
            PrincipalName { name_type: 3, name_string: vec!["host".into(), "evil".into()] }
        } else {
            service
        };
        let realm_of_ticket = if *fault == Fault::WrongRealm { "OTHER.TEST" } else { realm };
        let etype = if *fault == Fault::OtherEtype { 23 } else { self.etype };
        let nonce = request.req_body.nonce ^ u32::from(*fault == Fault::WrongNonce);
        let end = if *fault == Fault::Ended { self.now - 301 } else { self.now + self.life };
        let issued = EncryptionKey {
            keytype: etype,
            keyvalue: if etype == 23 { vec![1; 16] } else { key(etype, of).key().to_vec() },
        };
        let part = self.secret_part(&issued, nonce, end, realm_of_ticket, &service);
        let cipher = sealed_with.encrypt_with_confounder(
            if kind == 11 { 3 } else { 8 },
            &[9; 16],
            &tlv(application_tag(if kind == 11 { 25 } else { 26 }), &part),
        );
        let outside = if *fault == Fault::OtherTicketOutside {
            PrincipalName { name_type: 3, name_string: vec!["host".into(), "evil".into()] }
        } else {
            service
        };
        let client = if *fault == Fault::OtherClient {
            PrincipalName { name_type: 1, name_string: vec!["mallory".into()] }
        } else {
            client
        };
        let sealed = EncryptedData { etype: 18, kvno: Some(1), cipher: vec![of; 40] };
        let ticket = Ticket { tkt_vno: 5, realm: realm_of_ticket.into(), sname: outside, enc_part: sealed };
        let enc_part = EncryptedData { etype: self.etype, kvno: Some(2), cipher };
        Ok(KdcRep {
            msg_type: kind,
            padata: Vec::new(),
            crealm: REALM.into(),
            cname: client,
            ticket,
            enc_part,
        }
        .encode())
    }

    fn secret_part(
        &self,
        key: &EncryptionKey,
        nonce: u32,
        end: i64,
        realm: &str,
        service: &PrincipalName,
    ) -> Vec<u8> {
        let time = |seconds| encode_generalized_time(&moment::written(seconds));
        let body = [
            explicit(0, &key.encode()),
            explicit(1, &encode_sequence(&[])),
            explicit(2, &encode_integer(i64::from(nonce))),
            explicit(4, &tlv(TAG_BIT_STRING, &[0; 5])),
            explicit(5, &time(self.now)),
            explicit(7, &time(end)),
            explicit(9, &encode_realm(realm)),
            explicit(10, &service.encode()),
        ];
        encode_sequence(&body.concat())
    }

    fn error(&self, realm: &str, error_code: i32, e_data: Option<Vec<u8>>) -> Vec<u8> {
        let sname = PrincipalName { name_type: 2, name_string: vec!["krbtgt".into(), realm.into()] };
        let stime = KerberosTime(moment::written(self.now));
        KrbError {
            stime,
            susec: 0,
            error_code,
            realm: realm.into(),
            sname,
            e_text: Some("words\u{1b}[31m".into()),
            e_data,
        }
        .encode()
    }
}

/// A broker at the other end of a context.
pub(crate) struct ScriptedService {
    key: KerberosKey,
    subkey: Option<KerberosKey>,
}

/// What a broker does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceFault {
    None,
    OtherMoment,
    WrongKey,
    NoReply,
    Refuses,
}

impl ScriptedService {
    pub(crate) fn new(etype: i32, subkey: Option<i32>) -> Self {
        Self { key: key(etype, OF_SERVICE), subkey: subkey.map(|etype| key(etype, 0x44)) }
    }

    /// The answer to a client's first token.
    pub(crate) fn prove(&self, token: &[u8], fault: ServiceFault) -> Vec<u8> {
        let (_, inner) = parse_initial_context_token(token).expect("a token of Kerberos");
        let request = parse_ap_req(&inner).expect("a request");
        let plain = self.key.decrypt(KU_AP_REQ_AUTH, &request.enc_auth.cipher).expect("the ticket's key");
        let mut client = parse_authenticator(&plain).expect("an authenticator");
        assert_eq!(client.cksum.as_ref().map(|sum| sum.cksumtype), Some(0x8003));
        let mut key = &self.key;
        let other = super::scripted_kdc::key(self.key.enctype().to_i32(), 0x55);
        match fault {
            ServiceFault::None => {}
            ServiceFault::OtherMoment => client.cusec = (client.cusec + 1) % 1_000_000,
            ServiceFault::WrongKey => key = &other,
            ServiceFault::NoReply => return initial_context_token([1, 0], &inner),
            ServiceFault::Refuses => {
                let error = KrbError {
                    stime: KerberosTime(moment::written(NOW)),
                    susec: 0,
                    error_code: 37,
                    realm: REALM.into(),
                    sname: request.ticket.sname,
                    e_text: None,
                    e_data: None,
                };
                return initial_context_token([3, 0], &error.encode());
            }
        }
        self.reply(key, &client)
    }

    fn reply(&self, key: &KerberosKey, client: &Authenticator) -> Vec<u8> {
        let subkey = self
            .subkey
            .as_ref()
            .map(|key| EncryptionKey { keytype: key.enctype().to_i32(), keyvalue: key.key().to_vec() });
        initial_context_token(
            TOK_ID_AP_REP,
            &build_ap_rep_with_confounder(key, client, subkey.as_ref(), Some(7), &[3; 16]),
        )
    }

    fn wrapping_key(&self) -> &KerberosKey {
        self.subkey.as_ref().unwrap_or(&self.key)
    }

    /// A wrapped message, as Java's broker makes it; turned round by so many bytes.
    pub(crate) fn wrap(&self, data: &[u8], rotation: u16) -> Vec<u8> {
        let flags = if self.subkey.is_some() { 5 } else { 1 };
        let mut header = vec![5, 4, flags, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        let checksum = self.wrapping_key().checksum(22, &[data, &header].concat());
        header[4..6].copy_from_slice(&u16::try_from(checksum.len()).expect("short").to_be_bytes());
        header[6..8].copy_from_slice(&rotation.to_be_bytes());
        let mut body = [data, &checksum].concat();
        let by = usize::from(rotation) % body.len().max(1);
        body.rotate_right(by);
        [header, body].concat()
    }

    /// What is in a message of the client.
    pub(crate) fn unwrap(&self, token: &[u8]) -> Vec<u8> {
        let length = usize::from(u16::from_be_bytes([token[4], token[5]]));
        let (data, checksum) = token[16..].split_at(token.len() - 16 - length);
        let mut header = token[..16].to_vec();
        header[4..8].fill(0);
        assert_eq!(self.wrapping_key().checksum(24, &[data, &header].concat()), checksum);
        data.to_vec()
    }
}
