//! Ticket caches in files, as `kinit` writes them: format 4 of MIT and Heimdal, and format 3 before it.

use std::path::Path;

use kerbcore::KerberosKey;
use kerbcore::messages::Ticket;

use super::credential::{Credential, Life};
use super::cursor::Cursor;
use super::etype;
use super::file::{self, File};
use crate::{KerberosFailure, Principal};

/// Tickets that are looked at in one file.
const MOST_TICKETS: usize = 10_000;
/// Flag of a ticket: it can be renewed (RFC 4120, 5.3).
const RENEWABLE: u32 = 0x0080_0000;
/// Under this realm files keep notes of their writers, which are no tickets.
const NOTES: &str = "X-CACHECONF:";

/// What is in a cache: its owner, and the ticket to ask for others with.
pub(crate) struct TicketCache {
    path: String,
    owner: Principal,
    tickets: Vec<Credential>,
}

impl TicketCache {
    pub(crate) fn read(path: &Path) -> Result<Self, KerberosFailure> {
        let file = file::read(path, "the ticket cache")?;
        Self::parse(&file)
    }

    pub(crate) fn parse(file: &File) -> Result<Self, KerberosFailure> {
        let mut rest = Cursor::new(file.bytes());
        let broken = || file.problem("is cut off, or broken");
        let format = match rest.take(2) {
            Some([5, format @ (3 | 4)]) => *format,
            Some([5, 1 | 2]) => return Err(file.problem("is of format 1 or 2; run kinit anew")),
            _ => return Err(file.problem("is no ticket cache: it does not begin with 05 04")),
        };
        if format == 4 {
            // The offset of a KDC's clock, which MIT's client notes here, is not used: clocks are to be right.
            rest.counted_16().ok_or_else(broken)?;
        }
        let owner = principal(&mut rest).ok_or_else(broken)?;
        let mut tickets = Vec::new();
        for _ in 0..MOST_TICKETS {
            if rest.rest() == 0 {
                return Ok(Self { path: file.path().to_owned(), owner, tickets });
            }
            tickets.extend(entry(&mut rest, format).ok_or_else(broken)?);
        }
        Err(file.problem("has more than 10,000 tickets"))
    }

    pub(crate) fn owner(&self) -> &Principal {
        &self.owner
    }

    /// The newest ticket with which the owner's realm issues others.
    pub(crate) fn ticket_granting(&self) -> Result<&Credential, KerberosFailure> {
        let realm = self.owner.realm().unwrap_or_default();
        let wanted = Principal::ticket_granting(realm, realm);
        let granting =
            self.tickets.iter().filter(|ticket| ticket.client == self.owner && ticket.service == wanted);
        granting.max_by_key(|ticket| ticket.life.end).ok_or_else(|| KerberosFailure::File {
            what: "the ticket cache",
            path: self.path.clone(),
            problem: format!("has no ticket of {} for {wanted} that kp can use: run kinit", self.owner),
        })
    }
}

fn principal(rest: &mut Cursor<'_>) -> Option<Principal> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let _name_type = rest.u32()?;
    let count = rest.u32()?;
    let realm = text(rest.counted_32()?);
    let mut parts = Vec::new();
    for _ in 0..count {
        parts.push(text(rest.counted_32()?));
    }
    Some(Principal::of_parts(parts, realm))
}

/// One entry. `Some(None)` is one that is of no use: a note, or a ticket with a key of a type that is not spoken.
fn entry(rest: &mut Cursor<'_>, format: u8) -> Option<Option<Credential>> {
    let (client, service) = (principal(rest)?, principal(rest)?);
    let etype = i32::from(rest.u16()?);
    if format == 3 {
        let _again = rest.u16()?;
    }
    let key = rest.counted_32()?;
    let (authenticated, start, end, until) = (rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?);
    let _is_for_two_users = rest.u8()?;
    let flags = rest.u32()?;
    for _addresses_and_data in 0..2 {
        for _ in 0..rest.u32()? {
            let _kind = rest.u16()?;
            rest.counted_32()?;
        }
    }
    let ticket = rest.counted_32()?;
    let _second_ticket = rest.counted_32()?;
    if service.realm() == Some(NOTES) || !etype::is_spoken(etype) {
        return Some(None);
    }
    let (Ok(key), Ok(ticket)) = (KerberosKey::from_i32(etype, key.to_vec()), Ticket::decode(ticket)) else {
        return Some(None);
    };
    let life = Life {
        // Zero: from the moment at which the client was authenticated.
        start: i64::from(if start == 0 { authenticated } else { start }),
        end: i64::from(end),
        renewable_until: (flags & RENEWABLE != 0).then_some(i64::from(until)),
    };
    Some(Some(Credential { client, service, ticket, key, life }))
}

#[cfg(test)]
mod tests;
