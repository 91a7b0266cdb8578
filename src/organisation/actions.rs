//! Changing an organisation's data. Each returns the audit entry it must be committed with.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{
    invoicing::{Address, Effective, History},
    store::{self, NewEvent},
};
use crate::{
    audit::Audit,
    db::{DbError, Tx},
    identity::{Actor, Role, Side, policy::Denied},
    ids::{self, OrgId},
};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Somebody changed the organisation's data meanwhile.
    #[error("changed meanwhile")]
    Stale,
    /// A rule of the database; the key names it.
    #[error("rule {0}")]
    Rule(String),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Stale => Self::Stale,
            DbError::Constraint(name) if name == "org_event_seq_key" => Self::Stale,
            DbError::Rule(key) => Self::Rule(key),
            other => Self::Db(other),
        }
    }
}

/// What is said of a rule that was not met.
pub fn rule_text(key: &str) -> &'static str {
    match key {
        "past_day" => "Dagen har redan passerat. Välj i dag eller senare.",
        "nothing_to_check" => "Det finns inga uppgifter att kontrollera än. Fyll i dem först.",
        "far_day" => "Dagen får vara högst två år framåt.",
        "too_many_addresses" => {
            "Ni har 200 fakturaadresser, och det är så många som ryms. Välj någon av dem ni har."
        }
        _ => "Ändringen går inte att göra.",
    }
}

/// Proof that somebody may change invoice details.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    side: Side,
}

/// Who sees those of SITHS: administrators, and Inera's readers (portal.md 1.4 `invoice.siths.update`).
pub fn may_read_siths(actor: &Actor) -> bool {
    actor.roles().has_any(&[Role::Administrator, Role::Finance, Role::Auditor])
}

/// An administrator, or Inera's finance (portal.md 1.4 `invoice.update`).
pub fn permit_invoicing(actor: &Actor) -> Result<Permit, Denied> {
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.has(Role::Administrator) => Ok(Permit { side }),
        Some(Side::Inera) if actor.has(Role::Finance) => Ok(Permit { side: Side::Inera }),
        Some(Side::Inera) => {
            Err(Denied("Bara kundens administratör och Ineras ekonomi kan ändra fakturauppgifter."))
        }
        _ => Err(Denied("Bara en administratör kan ändra fakturauppgifter.")),
    }
}

/// What to do with the address, or with the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<T> {
    /// Leave it.
    Keep,
    /// Let it follow the standard.
    Standard,
    /// Take this.
    Take(T),
}

/// A change of the details of one or several services, from a day.
#[derive(Clone, Debug)]
pub struct Change {
    /// Services; `None` = the standard.
    pub services: Vec<Option<String>>,
    /// The address.
    pub address: Choice<Address>,
    /// The reference.
    pub reference: Choice<String>,
    /// First day.
    pub from: Date,
}

/// What one service has of its own after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    service: Option<String>,
    address: Option<Uuid>,
    reference: String,
}

impl Change {
    /// The rows to write: only those that differ from what would hold that day anyway.
    pub fn rows(&self, history: &History) -> Vec<Row> {
        let row = |service: &Option<String>| {
            let before = history.effective(service.as_deref(), self.from);
            let own = own_of(&before, service.is_none());
            let address = match &self.address {
                Choice::Keep => own.address,
                Choice::Standard => None,
                Choice::Take(address) => Some(address.id),
            };
            let reference = match &self.reference {
                Choice::Keep => own.reference.clone(),
                Choice::Standard => String::new(),
                Choice::Take(reference) => reference.clone(),
            };
            let after = Row { service: service.clone(), address, reference };
            (after.address != own.address || after.reference != own.reference).then_some(after)
        };
        self.services.iter().filter_map(row).collect()
    }
}

/// What a service has of its own; the standard has everything of its own.
fn own_of(effective: &Effective, is_standard: bool) -> Row {
    let own_address = is_standard || !effective.standard_address;
    let own_reference = is_standard || !effective.standard_reference;
    Row {
        service: None,
        address: effective.address.as_ref().filter(|_| own_address).map(|address| address.id),
        reference: if own_reference { effective.reference.clone() } else { String::new() },
    }
}

/// Stores a change of invoice details: one event, one entry, however many services (portal.md appendix C 27).
pub async fn change_invoicing(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    (revision, at): (i32, OffsetDateTime),
    (change, rows, fresh): (&Change, Vec<Row>, Option<&Address>),
) -> Result<Audit, Refused> {
    let new = NewEvent {
        id: ids::fresh(),
        org,
        revision,
        kind: "invoicing",
        side: permit.side,
        actor: actor.person(),
        at,
        siths: false,
    };
    store::insert_event(tx, &new).await?;
    if let Some(address) = fresh {
        store::insert_address(tx, &new, address).await?;
    }
    let names: Vec<String> =
        rows.iter().map(|row| row.service.clone().unwrap_or_else(|| "standard".to_owned())).collect();
    let services: Vec<Option<String>> = rows.iter().map(|row| row.service.clone()).collect();
    let addresses: Vec<Option<Uuid>> = rows.iter().map(|row| row.address).collect();
    let references: Vec<String> = rows.into_iter().map(|row| row.reference).collect();
    store::insert_details(tx, &new, change.from, (&services, &addresses, &references)).await?;
    let detail = format!("{}; from {}", names.join(", "), change.from);
    Ok(Audit::organisation(permit.side, "organisation.invoicing", org, detail))
}

/// Notes that an administrator has read the details and found them right (portal.md 5, row 27).
pub async fn check_invoicing(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    (revision, at): (i32, OffsetDateTime),
    siths: bool,
) -> Result<Audit, Refused> {
    let new = NewEvent {
        id: ids::fresh(),
        org,
        revision,
        kind: "invoicing_checked",
        side: permit.side,
        actor: actor.person(),
        at,
        siths,
    };
    store::insert_event(tx, &new).await?;
    let what = if siths { "siths" } else { "all but siths" };
    Ok(Audit::organisation(permit.side, "organisation.invoicing.check", org, what.to_owned()))
}
