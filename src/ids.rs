//! Ids: one type for each kind of row, so that an organisation's id can't be passed as an order's.

use uuid::Uuid;

/// A new time-ordered id (UUID version 7).
pub fn fresh() -> Uuid {
    Uuid::now_v7()
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id.
            pub fn fresh() -> Self {
                Self(fresh())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// An organisation: customer, agent or Inera.
    OrgId,
    /// A person, whatever organisations he or she acts for.
    PersonId,
    /// A person's place in one organisation.
    MembershipId,
    /// An order.
    OrderId,
    /// An agent's mandate to mediate one service.
    MandateId,
    /// A fresh confirmation of identity.
    ConfirmationId,
    /// A version of a service's terms.
    TermsId,
    /// An agreement.
    AgreementId,
    /// A round of signing of one agreement.
    SigningId,
    /// Somebody who is to sign.
    SignatoryId,
}
