//! Changing an organisation's data. Each returns the audit entry it must be committed with.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{
    invoicing::{Address, Effective, History},
    store::{self, NewEvent},
    units::Unit,
};
use crate::{
    audit::Audit,
    db::{Db, DbError, Tx},
    identity::{Actor, Confirmed, Role, Side, policy::Denied, token::Token},
    ids::{self, OrgId},
    keys::Keys,
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
            DbError::Constraint(name) if name == "care_unit_hsa_key" => Self::Rule("unit_known".to_owned()),
            DbError::Constraint(name) if name == "organisation_org_nr_key" => {
                Self::Rule("org_nr_known".to_owned())
            }
            DbError::Rule(key) => Self::Rule(key),
            other => Self::Db(other),
        }
    }
}

/// The field a rule is told at; any other at `otherwise`.
pub fn rule_field<'a>(key: &str, otherwise: &'a str) -> &'a str {
    match key {
        "too_many_addresses" => "adress",
        "too_many_email" => "epost",
        "category" => "kategori",
        "successors" => "efterfoljare",
        "ceased_day" | "still_takes_over" => "sista",
        "unit_known" => "hsa",
        "unit_children" => "stangd",
        "unit_depth" => "under",
        "confirmation" | "four_eyes_waiting" => "losenord",
        _ => otherwise,
    }
}

/// What is said of a rule that was not met.
pub fn rule_text(key: &str) -> &'static str {
    match key {
        "past_day" => "Dagen har redan passerat. Välj i dag eller senare.",
        "sole_trader" => {
            "Numret är av ett annat slag än organisationens. Ett aktiebolag kan inte bli enskild firma: det är en ny kund."
        }
        "category" => "Välj en kundkategori som finns den dagen.",
        "four_eyes_waiting" => {
            "Något väntar på attest, och ingen annan än den som skickade det får attestera det. Gör någon annan till attestant, eller ta tillbaka det, först."
        }
        "too_many_email" => "För många nya adresser på ett dygn. Vänta till i morgon.",
        "confirmation" => "Bekräftelsen gäller inte längre. Bekräfta igen.",
        "nothing_changed" => "Inget är ändrat.",
        "org_nr_known" => "En annan organisation i Kundportalen har det organisationsnumret.",
        "too_many_changes" => "Uppgifterna har ändrats många gånger i dag. Vänta till i morgon.",
        "nothing_to_check" => "Det finns inga uppgifter att kontrollera än. Fyll i dem först.",
        "unit_known" => "En annan av era vårdenheter har det HSA-id:t.",
        "unit_children" => {
            "Enheten har öppna enheter under sig, eller hör till en som är stängd. Flytta eller stäng dem först."
        }
        "unit_depth" => "Enheter kan ligga i högst sex nivåer, och en enhet kan inte höra till sig själv.",
        "too_many_units" => "Registret rymmer 1 000 öppna vårdenheter. Stäng dem som inte finns längre.",
        "successors" => {
            "Kontrollera vem som tar över: en vid fusion, minst en vid delning, och ingen som själv upphör före dagen."
        }
        "still_takes_over" => {
            "Organisationen ska ta över från en annan, som upphör den dagen eller senare. Ändra det först."
        }
        "ceased_day" => "Sista dagen får vara högst ett år bakåt och två år framåt.",
        "far_day" => "Dagen får vara högst två år framåt.",
        "too_many_addresses" => {
            "Ni har 200 fakturaadresser, och det är så många som ryms. Välj någon av dem ni har."
        }
        _ => "Ändringen går inte att göra.",
    }
}

/// Proof that somebody may change an organisation's data.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    side: Side,
}

/// Who sees those of SITHS: administrators, and Inera's readers (portal.md 1.4 `invoice.siths.update`).
pub fn may_read_siths(actor: &Actor) -> bool {
    actor.insight().is_none() && actor.roles().has_any(&[Role::Administrator, Role::Finance, Role::Auditor])
}

/// An administrator, or Inera's finance (portal.md 1.4 `invoice.update`).
pub fn permit_invoicing(actor: &Actor) -> Result<Permit, Denied> {
    if actor.insight().is_some() {
        return Err(Denied("Kundservice ser inte fakturauppgifter."));
    }
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.has(Role::Administrator) => Ok(Permit { side }),
        Some(Side::Inera) if actor.has(Role::Finance) => Ok(Permit { side: Side::Inera }),
        Some(Side::Inera) => {
            Err(Denied("Bara kundens administratör och Ineras ekonomi kan ändra fakturauppgifter."))
        }
        _ => Err(Denied("Bara en administratör kan ändra fakturauppgifter.")),
    }
}

fn event(
    kind: &'static str,
    (actor, permit, org): (&Actor, &Permit, OrgId),
    (revision, at): (i32, OffsetDateTime),
) -> NewEvent {
    NewEvent {
        id: ids::fresh(),
        org,
        revision,
        kind,
        side: permit.side,
        actor: actor.person(),
        at,
        siths: false,
        wanted: serde_json::Map::new(),
        confirmation: None,
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
    let new = event("invoicing", (actor, &permit, org), (revision, at));
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
    let new = NewEvent { siths, ..event("invoicing_checked", (actor, &permit, org), (revision, at)) };
    store::insert_event(tx, &new).await?;
    let what = if siths { "siths" } else { "all but siths" };
    Ok(Audit::organisation(permit.side, "organisation.invoicing.check", org, what.to_owned()))
}

/// An administrator, or Kundservice for an organisation that can't itself (portal.md 1.4 `org.update`).
pub fn permit_contact(actor: &Actor) -> Result<Permit, Denied> {
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.has(Role::Administrator) => Ok(Permit { side }),
        Some(Side::Inera) if actor.has(Role::Support) => Ok(Permit { side: Side::Inera }),
        Some(Side::Inera) => {
            Err(Denied("Bara Kundservice och organisationens administratör kan ändra kontaktuppgifter."))
        }
        _ => Err(Denied("Bara en administratör kan ändra organisationens kontaktuppgifter.")),
    }
}

/// An administrator of a customer, or Kundservice for one that can't itself.
pub fn permit_units(actor: &Actor) -> Result<Permit, Denied> {
    match actor.side() {
        Some(Side::Agent) => Err(Denied("Bara vårdgivare har vårdenheter.")),
        _ => permit_contact(actor)
            .map_err(|_| Denied("Bara organisationens administratör och Kundservice kan ändra vårdenheter.")),
    }
}

/// An administrator (portal.md 1.5 rule 1).
pub fn permit_four_eyes(actor: &Actor) -> Result<Permit, Denied> {
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.has(Role::Administrator) => Ok(Permit { side }),
        _ => Err(Denied("Bara en administratör kan slå på och stänga av fyra ögon.")),
    }
}

/// Inera's avtalshandläggare (portal.md 1.4 `org.update_identity`).
pub fn permit_identity(actor: &Actor) -> Result<Permit, Denied> {
    match actor.side() {
        Some(Side::Inera) if actor.has(Role::AgreementsOfficer) => Ok(Permit { side: Side::Inera }),
        _ => Err(Denied(
            "Bara en avtalshandläggare kan ändra namn, organisationsnummer, kategori och villkor.",
        )),
    }
}

/// An administrator; for Inera's own people a systemadministratör (issue 3, yearly access review).
pub fn permit_review(actor: &Actor) -> Result<Permit, Denied> {
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.has(Role::Administrator) => Ok(Permit { side }),
        Some(Side::Inera) if actor.has(Role::Sysadmin) => Ok(Permit { side: Side::Inera }),
        Some(Side::Inera) => Err(Denied("Bara en systemadministratör går igenom personalens behörigheter.")),
        _ => Err(Denied("Bara en administratör går igenom behörigheterna.")),
    }
}

/// New contact data; `None` leaves a field as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewContact {
    /// Common address; it holds when its link has been opened.
    pub email: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// Where to come.
    pub visiting_address: Option<String>,
    /// Where to write.
    pub postal_address: Option<String>,
    /// The vårdgivare's HSA-id.
    pub hsa_id: Option<String>,
}

/// What a link that confirms an address is made of.
pub fn link_of(event: Uuid) -> String {
    format!("org email:{event}")
}

/// How long such a link can be used (security-statements.md: at most 72 hours).
const LINK_HOLDS: time::Duration = time::Duration::hours(72);

fn fields(pairs: [(&str, Option<String>); 5]) -> serde_json::Map<String, serde_json::Value> {
    pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect()
}

/// Changes contact data. A new common address is sent a link, and holds when that has been opened.
pub async fn change_contact(
    tx: &mut Tx,
    keys: &Keys,
    (actor, permit, org): (&Actor, Permit, OrgId),
    (revision, at): (i32, OffsetDateTime),
    new: NewContact,
) -> Result<Audit, Refused> {
    let email = new.email.clone();
    let wanted = fields([
        ("email", new.email),
        ("phone", new.phone),
        ("visiting_address", new.visiting_address),
        ("postal_address", new.postal_address),
        ("hsa_id", new.hsa_id),
    ]);
    let detail = wanted.keys().cloned().collect::<Vec<_>>().join(", ");
    let new = NewEvent { wanted, ..event("contact", (actor, &permit, org), (revision, at)) };
    store::insert_event(tx, &new).await?;
    if let Some(email) = email {
        let link = keys.link(&link_of(new.id)).hash();
        store::insert_claim(tx, &new, &email, (&link, at + LINK_HOLDS)).await?;
    }
    Ok(Audit::organisation(permit.side, "organisation.contact", org, detail))
}

/// Withdraws a common address that nobody has confirmed: its link leads nowhere any more.
pub async fn withdraw_email(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    (revision, at): (i32, OffsetDateTime),
) -> Result<Audit, Refused> {
    store::insert_event(tx, &event("email_withdrawn", (actor, &permit, org), (revision, at))).await?;
    Ok(Audit::organisation(permit.side, "organisation.email.withdraw", org, String::new()))
}

/// Name and address behind a link; `None` when it can't be used.
pub async fn claimed(db: &Db, link: &Token, at: OffsetDateTime) -> Result<Option<(String, String)>, DbError> {
    let mut tx = db.gate().await?;
    let found = store::claim_of(&mut tx, &link.hash(), at).await?;
    tx.end().await?;
    Ok(found)
}

/// Makes the address behind a link the organisation's; false when it can't be used any more.
pub async fn confirm_email(db: &Db, link: &Token, at: OffsetDateTime) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let Some(org) = store::use_claim(&mut tx, &link.hash(), ids::fresh(), at).await? else {
        tx.end().await?;
        return Ok(false);
    };
    tx.commit(Audit::organisation(Side::System, "organisation.email", org, String::new())).await?;
    Ok(true)
}

/// Adds vårdenheter, or changes one of them: one event for all of them.
pub async fn change_units(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    (revision, at): (i32, OffsetDateTime),
    units: &[Unit],
) -> Result<Audit, Refused> {
    let row = |unit: &Unit| {
        serde_json::json!({
            "id": unit.id, "name": unit.name, "hsa_id": unit.hsa_id, "parent": unit.parent, "closed": unit.closed_on.is_some(),
        })
    };
    let rows: Vec<serde_json::Value> = units.iter().map(row).collect();
    let wanted = serde_json::Map::from_iter([("units".to_owned(), rows.into())]);
    let new = NewEvent { wanted, ..event("units", (actor, &permit, org), (revision, at)) };
    store::insert_event(tx, &new).await?;
    let ids: Vec<&str> = units.iter().take(20).map(|unit| unit.hsa_id.as_str()).collect();
    let detail = format!("{} units; {}", units.len(), ids.join(", "));
    Ok(Audit::organisation(permit.side, "organisation.units", org, detail))
}

/// A decided change: what is wanted, key by key, with the confirmation it rests on.
#[derive(Debug)]
pub struct Decided {
    /// `identity`, `standing`, `four_eyes`, `access_reviewed` or `ceased`.
    pub kind: &'static str,
    /// What is wanted.
    pub wanted: serde_json::Map<String, serde_json::Value>,
    /// The proof.
    pub proof: Confirmed,
}

/// Changes what decides what may be ordered, and by whom.
pub async fn decide(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    (revision, at): (i32, OffsetDateTime),
    decided: Decided,
) -> Result<Audit, Refused> {
    let action = match decided.kind {
        "identity" => "organisation.identity",
        "standing" => "organisation.standing",
        "access_reviewed" => "organisation.access_review",
        "ceased" => "organisation.ceased",
        _ => "organisation.four_eyes",
    };
    let detail = decided.wanted.keys().cloned().collect::<Vec<_>>().join(", ");
    let new = NewEvent {
        wanted: decided.wanted,
        confirmation: Some(decided.proof.id()),
        ..event(decided.kind, (actor, &permit, org), (revision, at))
    };
    store::insert_event(tx, &new).await?;
    Ok(Audit::organisation(permit.side, action, org, detail))
}
