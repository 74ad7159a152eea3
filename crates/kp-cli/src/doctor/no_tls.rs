//! In the place of `tls`, in a build without it: nothing is ever seen.

use std::net::SocketAddr;

use serde_json::Value;

use super::{report::Ailment, way::Way};

/// There is none.
pub(super) enum Look {}

pub(super) fn look(_: &Way<'_>, _: &str, _: &[SocketAddr]) -> Option<Look> {
    None
}

impl Look {
    pub(super) fn to_text(&self, _: &str, _: u16) -> String {
        match *self {}
    }

    pub(super) fn to_json(&self) -> Value {
        match *self {}
    }

    pub(super) fn lines(&self) -> Vec<String> {
        match *self {}
    }

    pub(super) fn ailments(&self, _: &str, _: u16, _: &Way<'_>) -> Vec<Ailment> {
        match *self {}
    }
}
