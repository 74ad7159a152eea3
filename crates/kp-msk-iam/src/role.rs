//! A role that is taken on with a key.

/// What the Security Token Service is told: which role, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleToAssume {
    pub(crate) arn: String,
    pub(crate) session_name: String,
    pub(crate) external_id: Option<String>,
}

impl RoleToAssume {
    /// The role of this name. `session_name` is what the session is called in AWS's logs.
    #[must_use]
    pub fn new(arn: impl Into<String>, session_name: impl Into<String>) -> Self {
        Self { arn: arn.into(), session_name: session_name.into(), external_id: None }
    }

    /// What the owner of the role wants to be told (`sts:ExternalId`).
    #[must_use]
    pub fn external_id(self, id: impl Into<String>) -> Self {
        Self { external_id: Some(id.into()), ..self }
    }
}
