//! Changing contacts: roles, removal, restoring, substitutes, requests. Each returns the audit entry it must be committed with.

use time::{Date, OffsetDateTime};
use uuid::Uuid;

use super::{
    domain::{Difference, Heir, Wanted},
    queries::{Contact, SubstitutionRow},
    store::{self, NewEvent},
};
use crate::{
    audit::Audit,
    db::{DbError, Tx},
    identity::{Actor, Confirmed, Role, Side, policy::Denied},
    ids::{self, MembershipId, OrgId, PersonId},
};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The role does not allow it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Somebody changed the same contact meanwhile.
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
            DbError::Constraint(name) if name == "member_event_pkey" => Self::Stale,
            DbError::Rule(key) => Self::Rule(key),
            other => Self::Db(other),
        }
    }
}

/// What is said of a rule that was not met.
pub fn rule_text(key: &str) -> &'static str {
    match key {
        "last_administrator" => {
            "Organisationen måste ha minst en administratör utan slutdatum. Gör någon annan till administratör först."
        }
        "last_sysadmin" => {
            "Inera måste ha minst en systemadministratör utan slutdatum. Ge någon annan rollen först."
        }
        "own_roles" => "Du kan inte ändra dina egna roller. En annan systemadministratör gör det.",
        "sysadmin_alone" => {
            "En systemadministratör godkänner ingenting. Rollen kan bara förenas med Granskare."
        }
        "last_contact" => {
            "Organisationen måste ha minst en kontaktperson utan slutdatum så länge ett avtal gäller. Gör någon annan till kontaktperson först."
        }
        "last_attestant" => {
            "Något väntar på attest och ingen annan får attestera det. Gör någon annan till attestant först."
        }
        "heir_ordered" => {
            "Den du valde har själv gjort eller granskat något av det som väntar och får inte attestera det. Välj en annan."
        }
        "heir" => "Den du valde att ta över är inte attestant. Välj en annan.",
        "role" => "Rollen kan inte ges i den här organisationen.",
        "mandate" => "Agentuppdraget finns inte längre.",
        "past_day" => "Slutdatumet har redan passerat.",
        "substitute" => "Den du valde är inte kontakt i organisationen.",
        "substitute_twice" => "Personen är redan ersättare de dagarna.",
        "nothing_to_decide" => "Bara attestanter och handläggare kan ha en ersättare.",
        "not_this_person" => "Bara en administratör kan göra detta.",
        "confirmation" => "Bekräftelsen gäller inte längre. Bekräfta igen.",
        "email_known" => "Adressen tillhör redan en kontakt i organisationen.",
        "email_removed" => "Personen är borttagen. Bara Kundservice kan återställa den.",
        "too_many_address" => "Adressen har fått flera inbjudningar på kort tid. Vänta till i morgon.",
        "too_many" => "Organisationen har för många öppna inbjudningar. Återkalla några först.",
        "account_closed" => {
            "Personens konto är avslutat och går inte att återställa. Bjud in personen på nytt."
        }
        "account_blocked" => "Kontot är spärrat. Kundservice öppnar det först.",
        "name_known" => {
            "En annan kontakt har samma namn. Lägg till något som skiljer dem åt, så att det syns vem som har beslutat."
        }
        "both_members" => {
            "Båda kontona har, eller har haft, en plats i samma organisation. Ta bort den ena, eller återställ den som ska behållas, först."
        }
        "own_name" => "Bara den som sköter kontakterna kan ändra namnet.",
        "nothing_changed" => "Inget är ändrat. Ändra något, eller gå tillbaka.",
        "too_many_changes" => "För många ändringar på ett dygn. Vänta till i morgon.",
        "too_many_email" => "För många nya adresser på ett dygn. Vänta till i morgon.",
        "has_administrator" => "Organisationen har en administratör, som bjuder in sina kontakter själv.",
        "other_officer" => {
            "Du har spärrat organisationens administratör. Någon annan på Kundservice bjuder in en ny."
        }
        "works_at_inera" => "Den som arbetar hos Inera kan inte bli administratör hos en kund.",
        "org_ceased" => "Organisationen har upphört. Ingen kan bjudas in.",
        "reason" => "Skriv hur du vet att uppgiften stämmer.",
        "invited_already" => {
            "Det finns redan en inbjudan till adressen. Skicka den igen, eller återkalla den först."
        }
        _ => "Ändringen går inte att göra.",
    }
}

/// "Tove Rask ber om en roll", for an administrator, who can answer: of those who ask for a role, and those who want to become
/// contacts.
pub fn asking(actor: &Actor, names: &[String], joining: &[String]) -> Option<String> {
    permit(actor).map(drop).ok()?;
    match (names, joining) {
        ([], []) => None,
        ([one], []) => Some(format!("{one} ber om en roll")),
        ([], [one]) => Some(format!("{one} vill bli kontakt")),
        (more, []) => Some(format!("{} personer ber om en roll", more.len())),
        ([], more) => Some(format!("{} personer vill bli kontakter", more.len())),
        (asking, more) => {
            Some(format!("{} personer ber om en roll eller om att bli kontakt", asking.len() + more.len()))
        }
    }
}

/// Proof that somebody may change contacts.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    side: Side,
}

impl Permit {
    pub(super) fn side(&self) -> Side {
        self.side
    }
}

/// An administrator of the organisation; at Inera a systemadministratör.
pub fn permit(actor: &Actor) -> Result<Permit, Denied> {
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.has(Role::Administrator) => Ok(Permit { side }),
        Some(Side::Inera) if actor.has(Role::Sysadmin) => Ok(Permit { side: Side::Inera }),
        Some(Side::Inera) => {
            Err(Denied("Bara en systemadministratör kan ändra Ineras kontakter och deras roller."))
        }
        _ => Err(Denied("Bara en administratör kan ändra kontakter och roller.")),
    }
}

/// The same, to change this one: at Inera nobody gives themselves rights.
pub fn permit_for(actor: &Actor, member: MembershipId) -> Result<Permit, Denied> {
    match permit(actor)? {
        Permit { side: Side::Inera } if actor.membership() == member => {
            Err(Denied("Du kan inte ändra dina egna roller. En annan systemadministratör gör det."))
        }
        permit => Ok(permit),
    }
}

/// The same, to remove this one; whoever leaves a customer or an agent does it themselves.
pub fn permit_remove(actor: &Actor, member: MembershipId) -> Result<Permit, Denied> {
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.membership() == member => Ok(Permit { side }),
        _ => permit_for(actor, member),
    }
}

/// An administrator, or the one who is away.
pub fn permit_substitute(actor: &Actor, absent: MembershipId) -> Result<Permit, Denied> {
    match actor.side() {
        Some(side @ (Side::Customer | Side::Agent)) if actor.membership() == absent => Ok(Permit { side }),
        _ => permit(actor)
            .map_err(|_| Denied("Bara personen själv eller en administratör kan utse ersättare.")),
    }
}

/// Kundservice, which restores and appoints the first administrator (portal.md 2.6).
pub fn permit_staff(actor: &Actor) -> Result<Permit, Denied> {
    if actor.side() == Some(Side::Inera) && actor.has(Role::Support) {
        return Ok(Permit { side: Side::Inera });
    }
    Err(Denied("Bara Kundservice kan göra detta."))
}

/// Why somebody may not read the list of contacts.
pub fn list_denied(side: Option<Side>) -> Denied {
    Denied(match side {
        Some(Side::Inera) => "Bara systemadministratörer och granskare ser Ineras kontakter.",
        _ => "Bara administratörer, handläggare och kontaktpersoner ser organisationens kontakter.",
    })
}

/// May the person read the list of contacts (portal.md 1.4, `user.list`)?
pub fn may_list(actor: &Actor) -> bool {
    let readers = match actor.side() {
        Some(Side::Inera) => [Role::Sysadmin, Role::Auditor].as_slice(),
        _ => &[Role::Administrator, Role::AgentHandler, Role::ContractContact],
    };
    actor.roles().has_any(readers)
}

fn event<'a>(
    (actor, side): (Option<PersonId>, Side),
    contact: &Contact,
    org: OrgId,
    at: OffsetDateTime,
) -> NewEvent<'a> {
    NewEvent {
        member: contact.id,
        revision: contact.revision,
        org,
        kind: "roles",
        side,
        actor,
        at,
        roles: Vec::new(),
        until: Vec::new(),
        mandates: &[],
        heir: None,
        substitution: None,
        substitute: None,
        days: None,
        confirmation: None,
    }
}

fn audit(permit: &Permit, org: OrgId, action: &'static str, member: MembershipId, detail: String) -> Audit {
    Audit::member(permit.side, action, member, org, detail)
}

fn codes(wanted: &Wanted) -> (Vec<String>, Vec<Option<Date>>) {
    wanted.held.iter().map(|held| (held.role.code().to_owned(), held.until)).unzip()
}

/// Gives and takes roles and mandates. A request that is met by it is answered by the database.
pub async fn change_roles(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    contact: &Contact,
    (wanted, heir): (&Wanted, Heir),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let (roles, until) = codes(wanted);
    let new = NewEvent {
        roles,
        until,
        mandates: &wanted.mandates,
        heir: heir.id(),
        confirmation: Some(proof.id()),
        ..event((Some(actor.person()), permit.side), contact, org, at)
    };
    store::insert_event(tx, &new).await?;
    let mut detail = Difference::between(&contact.standing(), wanted).lines(|id| id.to_string()).join("; ");
    if let Some(heir) = heir.id() {
        detail = format!("{detail}; attests to {heir}");
    }
    Ok(audit(&permit, org, "member.roles", contact.id, detail))
}

/// Removes somebody. Only Kundservice can undo it.
pub async fn remove(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    contact: &Contact,
    heir: Heir,
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let new = NewEvent {
        kind: "removed",
        heir: heir.id(),
        confirmation: Some(proof.id()),
        ..event((Some(actor.person()), permit.side), contact, org, at)
    };
    store::insert_event(tx, &new).await?;
    let roles: Vec<&str> = contact.grants.iter().map(|grant| grant.held.role.code()).collect();
    let heir = heir.id().map_or_else(|| "anybody".to_owned(), |id| id.to_string());
    let detail = format!("had {}; attests to {heir}", roles.join(", "));
    Ok(audit(&permit, org, "member.remove", contact.id, detail))
}

/// Brings somebody back who was removed, without roles.
pub async fn restore(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    contact: &Contact,
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let new = NewEvent {
        kind: "restored",
        confirmation: Some(proof.id()),
        ..event((Some(actor.person()), permit.side), contact, org, at)
    };
    store::insert_event(tx, &new).await?;
    Ok(audit(&permit, org, "member.restore", contact.id, String::new()))
}

/// Lets somebody decide in another's place between two days, both included.
pub async fn substitute(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    contact: &Contact,
    (who, days): (MembershipId, (Date, Date)),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let new = NewEvent {
        kind: "substitute",
        substitute: Some(who),
        days: Some(days),
        confirmation: Some(proof.id()),
        ..event((Some(actor.person()), permit.side), contact, org, at)
    };
    store::insert_event(tx, &new).await?;
    let detail = format!("{who} from {} to {}", days.0, days.1);
    Ok(audit(&permit, org, "member.substitute", contact.id, detail))
}

/// Ends a substitution before its last day.
pub async fn end_substitution(
    tx: &mut Tx,
    (actor, permit, org): (&Actor, Permit, OrgId),
    contact: &Contact,
    substitution: &SubstitutionRow,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let new = NewEvent {
        kind: "substitute_ended",
        substitution: Some(substitution.id),
        ..event((Some(actor.person()), permit.side), contact, org, at)
    };
    store::insert_event(tx, &new).await?;
    Ok(audit(&permit, org, "member.substitute.end", contact.id, substitution.id.to_string()))
}

/// What the clock does when a role's last day has passed: it goes, with everything that goes with it.
pub async fn expire(
    tx: &mut Tx,
    org: OrgId,
    contact: &Contact,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let wanted = contact.standing();
    let (roles, until) = codes(&wanted);
    let by = (None, Side::System);
    let new = NewEvent { roles, until, mandates: &wanted.mandates, ..event(by, contact, org, at) };
    store::insert_event(tx, &new).await?;
    Ok(Audit::member(Side::System, "member.roles.expire", contact.id, org, String::new()))
}

/// Asks the administrators for roles; `None` when a request is open already.
pub async fn ask(
    tx: &mut Tx,
    actor: &Actor,
    roles: &[Role],
    reason: &str,
    at: OffsetDateTime,
) -> Result<Option<Audit>, Refused> {
    let id = ids::fresh();
    if !store::insert_request(tx, (id, actor.org(), actor.membership()), roles, reason, at).await? {
        return Ok(None);
    }
    let side = actor.side().unwrap_or(Side::System);
    let names: Vec<&str> = roles.iter().map(|role| role.code()).collect();
    Ok(Some(Audit::member(side, "role.ask", actor.membership(), actor.org(), names.join(", "))))
}

/// Says no to a request, with a reason; `None` when it has been answered.
pub async fn decline(
    tx: &mut Tx,
    actor: &Actor,
    (permit, request, member): (Permit, Uuid, MembershipId),
    answer: &str,
    at: OffsetDateTime,
) -> Result<Option<Audit>, Refused> {
    if !store::close_request(tx, request, ("declined", answer), at).await? {
        return Ok(None);
    }
    Ok(Some(audit(&permit, actor.org(), "role.decline", member, request.to_string())))
}
