//! What applicants, officers and the clock do with applications. Each answers the audit entry that its commit demands.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    domain::{Application, By, State},
    form::{Read, is_own_firm},
    queries::Found,
    store,
};
use crate::{
    agreements::{
        self, Kind,
        actions::{Named, Sending},
    },
    audit::Audit,
    contacts::invitations,
    db::{Db, DbError, Tx},
    http::form::Motive,
    identity::{
        Actor, Confirmed, Email, PersonalNumber, Side,
        policy::{AgreementsPermit, Denied},
        token::Token,
    },
    ids::{self, AgreementId},
    keys::{KeyError, Keys},
};

/// Why an action was not done. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not this person; the sentence says who.
    #[error("denied: {0}")]
    Denied(#[from] Denied),
    /// Somebody was first, or the page is old.
    #[error("stale")]
    Stale,
    /// A rule is not met: its key in the database.
    #[error("rule {0}")]
    Rule(String),
    /// The agreement could not be sent.
    #[error(transparent)]
    Agreement(#[from] agreements::actions::Refused),
    /// Sealing failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database failed.
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Stale => Self::Stale,
            DbError::Rule(key) => Self::Rule(key),
            DbError::Constraint(name) if name == "application_one_open" => {
                Self::Rule("application_open".to_owned())
            }
            other => Self::Db(other),
        }
    }
}

/// A rule's key as a sentence with its way out.
pub fn rule_text(key: &str) -> &'static str {
    match key {
        "customer_already" => {
            "Organisationen är redan kund hos Inera. Be er administratör om ett konto, eller kontakta Kundservice."
        }
        "application_open" => {
            "Det finns redan en ansökan för organisationen. Kontakta Kundservice om du inte vet vem som har skickat den."
        }
        "other_organisation" => {
            "Organisationsnumret finns i registret med andra uppgifter. Kontrollera numret, och om organisationen har upphört."
        }
        "recall_first" => {
            "Avtalet väntar på signatur, eller är signerat. Återkalla det först, så kan ansökan avslås."
        }
        "not_the_owner" => "En enskild firma tecknas av innehavaren ensam. Begär komplettering.",
        "email_removed" => {
            "Personen har varit kontakt där och är borttagen. Återställ kontakten på kundens sida i stället."
        }
        "too_many_address" => "Adressen har fått flera inbjudningar på kort tid. Vänta till i morgon.",
        "invited_already" => "Adressen är redan inbjuden. Skicka inbjudan igen, eller skriv en annan adress.",
        "confirmation" => "Bekräftelsen gäller inte längre. Bekräfta igen.",
        "not_this_person" => "Bara en avtalshandläggare kan göra detta.",
        _ => "Något saknas i ansökan. Kontrollera varje del.",
    }
}

/// What a link is made of.
pub fn link_of(id: Uuid) -> String {
    format!("application:{id}")
}

fn place(id: Uuid) -> String {
    format!("application:{id}")
}

/// The signatories' personal numbers of an application, as far as they have been given.
pub fn numbers(keys: &Keys, application: &Application) -> Result<Vec<String>, KeyError> {
    let Some(sealed) = &application.numbers_sealed else { return Ok(Vec::new()) };
    let text = keys.open(&place(application.id), sealed)?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

fn own(action: &'static str, id: Uuid) -> Audit {
    Audit::own(Side::System, action, format!("application:{id}"), String::new())
}

/// Begins one: the link goes to the address.
pub async fn start(db: &Db, keys: &Keys, who: (&str, &str), at: OffsetDateTime) -> Result<(), DbError> {
    let id = ids::fresh();
    let mut tx = db.gate().await?;
    store::start(&mut tx, (id, &keys.link(&link_of(id)).hash()), who, at).await?;
    tx.commit(own("application.start", id)).await
}

/// What a link leads to, and what has happened; `None` when it leads nowhere.
pub async fn opened(
    db: &Db,
    link: &Token,
    at: OffsetDateTime,
) -> Result<Option<(Application, Vec<super::queries::Event>)>, DbError> {
    let mut tx = db.gate().await?;
    let found = store::by_link(&mut tx, &link.hash(), at).await?;
    let events = match &found {
        Some(_) => super::queries::events_by_link(&mut tx, &link.hash()).await?,
        None => Vec::new(),
    };
    tx.end().await?;
    Ok(found.map(|found| (found, events)))
}

/// Saves the form; false when somebody else has saved it since the page was made.
pub async fn save(
    (db, keys): (&Db, &Keys),
    (link, seen): (&Token, i32),
    (application, read): (&Application, &Read),
    at: OffsetDateTime,
) -> Result<bool, Refused> {
    let text = serde_json::to_string(&read.numbers).unwrap_or_default();
    let sealed = if read.numbers.iter().any(|number| !number.is_empty()) {
        Some(keys.seal(&place(application.id), &text)?)
    } else {
        None
    };
    let mut tx = db.gate().await?;
    let what = (&read.content, sealed.as_deref());
    if !store::save(&mut tx, (&link.hash(), seen), (&read.org_nr, read.sole_trader), what, at).await? {
        tx.end().await?;
        return Ok(false);
    }
    tx.commit(own("application.save", application.id)).await?;
    Ok(true)
}

/// The applicant sends it, answers, or takes it back.
pub async fn act(
    db: &Db,
    (link, application): (&Token, &Application),
    (to, note, certified): (State, &str, &str),
    at: OffsetDateTime,
) -> Result<(), Refused> {
    let action = match to {
        State::Submitted => "application.submit",
        State::UnderReview => "application.complete",
        _ => "application.withdraw",
    };
    let mut tx = db.gate().await?;
    let seen = (application.revision, application.saves);
    let Some(id) = store::act(&mut tx, &link.hash(), seen, (to, note, certified), at).await? else {
        tx.end().await?;
        return Err(Refused::Stale);
    };
    Ok(tx.commit(own(action, id)).await?)
}

fn event(permit: AgreementsPermit, found: &Found, to: State, at: OffsetDateTime) -> store::NewEvent<'static> {
    store::NewEvent {
        application: found.application.id,
        revision: found.application.revision,
        from: found.application.state,
        to,
        by: By::Inera,
        actor: Some(permit.person()),
        note: "",
        proof: None,
        category: None,
        facts: &[],
        checks: &[],
        at,
    }
}

fn officers(action: &'static str, found: &Found) -> Audit {
    let number = found.application.number.clone().unwrap_or_default();
    Audit::own(Side::Inera, action, format!("application:{}", found.application.id), number)
}

/// An officer takes it.
pub async fn take(tx: &mut Tx, actor: &Actor, found: &Found, at: OffsetDateTime) -> Result<Audit, Refused> {
    let permit = actor.permit_agreements()?;
    store::insert_event(tx, &event(permit, found, State::UnderReview, at)).await?;
    Ok(officers("application.take", found))
}

/// An officer asks for something more.
pub async fn ask(
    tx: &mut Tx,
    actor: &Actor,
    (found, question): (&Found, Motive),
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let permit = actor.permit_agreements()?;
    let question = question.into_text();
    let new = store::NewEvent { note: &question, ..event(permit, found, State::CompletionAsked, at) };
    store::insert_event(tx, &new).await?;
    Ok(officers("application.ask", found))
}

/// An officer says no.
pub async fn reject(
    tx: &mut Tx,
    actor: &Actor,
    (found, reason): (&Found, Motive),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let permit = actor.permit_agreements()?;
    let reason = reason.into_text();
    let new = store::NewEvent {
        note: &reason,
        proof: Some(proof.id()),
        ..event(permit, found, State::Rejected, at)
    };
    store::insert_event(tx, &new).await?;
    Ok(officers("application.reject", found))
}

/// What an approval rests on.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The organisation's category.
    pub category: String,
    /// Facts that hold for it.
    pub facts: Vec<String>,
    /// What the officer has ticked.
    pub checks: Vec<String>,
}

/// An officer approves: the organisation gets its number and its agreement to sign.
pub async fn approve(
    tx: &mut Tx,
    (actor, keys): (&Actor, &Keys),
    (found, approval): (&Found, &Approval),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Audit, Refused> {
    let permit = actor.permit_agreements()?;
    let application = &found.application;
    let incomplete = || Refused::Rule("incomplete".to_owned());
    let numbers = numbers(keys, application)?;
    if application.sole_trader && !is_own_firm(&application.org_nr, &numbers) {
        return Err(Refused::Rule("not_the_owner".to_owned()));
    }
    let mut named = Vec::new();
    for (who, number) in application.content.signatories.iter().zip(numbers) {
        named.push(Named {
            name: who.name.clone(),
            email: Email::parse(&who.email).map_err(|_| incomplete())?,
            number: PersonalNumber::parse(&number).map_err(|_| incomplete())?,
        });
    }
    let new = store::NewEvent {
        proof: Some(proof.id()),
        category: Some(&approval.category),
        facts: &approval.facts,
        checks: &approval.checks,
        ..event(permit, found, State::Approved, at)
    };
    store::insert_event(tx, &new).await?;
    let party_no = store::customer_no(tx, application.id).await?.ok_or_else(incomplete)?;
    let party = agreements::store::party(tx, Kind::Customer2, party_no).await?.ok_or_else(incomplete)?;
    let sending = Sending {
        id: AgreementId::fresh(),
        kind: Kind::Customer2,
        party,
        party_no,
        needed: application.content.needed,
        named,
    };
    let (_, sent) = agreements::actions::send(tx, (actor, keys), &sending, at).await?;
    sent.append(tx).await?;
    Ok(officers("application.approve", found))
}

/// Inera sends one of the first invitations again; false when it has been answered.
pub async fn invite_again(
    tx: &mut Tx,
    keys: &Keys,
    (found, invitation, round): (&Found, Uuid, i32),
    at: OffsetDateTime,
) -> Result<Option<Audit>, Refused> {
    let link = keys.link(&invitations::link_of(invitation, round + 1)).hash();
    if !store::invite_again(tx, (found.application.id, invitation), &link, at).await? {
        return Ok(None);
    }
    Ok(Some(officers("application.invite", found)))
}

/// Kundservice invites somebody else in the place of one who can't be reached; `None` when it is too late.
pub async fn invite_other(
    tx: &mut Tx,
    keys: &Keys,
    (found, instead_of): (&Found, Uuid),
    (id, name, email): (Uuid, &str, &str),
    (proof, at): (Confirmed, OffsetDateTime),
) -> Result<Option<Audit>, Refused> {
    let link = keys.link(&invitations::link_of(id, 1)).hash();
    let which = (found.application.id, instead_of);
    if !store::invite_other(tx, which, (id, name, email, &link), (proof.id(), at)).await? {
        return Ok(None);
    }
    Ok(Some(officers("application.invite_other", found)))
}

/// The agreement is signed: the first people are invited. `None` when somebody was first.
pub async fn finish(
    tx: &mut Tx,
    keys: &Keys,
    application: Uuid,
    at: OffsetDateTime,
) -> Result<Option<Audit>, DbError> {
    let ids = [ids::fresh(), ids::fresh()];
    let links = ids.map(|id| keys.link(&invitations::link_of(id, 1)).hash());
    let org = store::signed(tx, application, (&ids, &links), at).await?;
    Ok(org.map(|org| {
        Audit::organisation(Side::System, "application.sign", org, format!("application:{application}"))
    }))
}

/// Nobody signed in time.
pub async fn lapse(
    tx: &mut Tx,
    (application, revision): (Uuid, i32),
    at: OffsetDateTime,
) -> Result<Audit, DbError> {
    let new = store::NewEvent {
        application,
        revision,
        from: State::Approved,
        to: State::Lapsed,
        by: By::System,
        actor: None,
        note: "",
        proof: None,
        category: None,
        facts: &[],
        checks: &[],
        at,
    };
    store::insert_event(tx, &new).await?;
    Ok(own("application.lapse", application))
}
