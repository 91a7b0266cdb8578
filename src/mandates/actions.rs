//! What agents and Inera do with applications for agentuppdrag. Each answers the audit entry that its commit demands.

use time::OffsetDateTime;

use super::{
    domain::{Content, State},
    queries::Application,
    store::{self, Approval, NewEvent},
};
use crate::{
    audit::Audit,
    db::{DbError, Tx},
    http::form::Motive,
    identity::{Actor, Confirmed, Role, Side, confirmation::Subject, policy::Denied},
    ids::{self, MembershipId, TermsId},
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
    /// The database failed.
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Stale => Self::Stale,
            DbError::Rule(key) => Self::Rule(key),
            DbError::Constraint(name) if name == "mandate_application_one_open" => {
                Self::Rule("application_open".to_owned())
            }
            other => Self::Db(other),
        }
    }
}

/// A rule's key as a sentence with its way out.
pub fn rule_text(key: &str) -> &'static str {
    match key {
        "not_mediable" => "Tjänsten går inte att förmedla som agent just nu. Kontakta Kundservice.",
        "agent_agreement" => "Agentavtalet gäller inte. Kontakta Kundservice om avtalet.",
        "has_mandate" => "Agenten har redan ett agentuppdrag för tjänsten och rollen.",
        "application_open" => "Det finns redan en ansökan för tjänsten som inte är avgjord.",
        "agent_ceased" => "Organisationen har upphört eller upphör. Kontakta Kundservice.",
        "terms" => "Villkoren har ändrats sedan ni öppnade sidan. Läs dem, kryssa i och skicka igen.",
        "own_customer" => {
            "En slutkund är en annan organisation än agenten själv och Inera. Ändra organisationsnumret."
        }
        "four_eyes_attestant" => {
            "Ingen kan attestera: agenten kräver fyra ögon, och den som har ansökt är den enda attestanten. Be agenten välja en annan eller ge någon rollen Attestant."
        }
        "attestant" => "Den ni har valt är inte attestant längre. Välj en annan.",
        "no_attestant" => {
            "Agenten har ingen attestant. Be agentens administratör ge någon rollen Attestant först."
        }
        "min_end_customers" => {
            "För få slutkunder är godkända för tjänsten. Godkänn fler, begär komplettering eller skriv varför färre räcker."
        }
        "not_named" => "En av slutkunderna står inte längre i ansökan. Läs sidan igen.",
        "four_eyes" => {
            "Organisationen kräver fyra ögon, så den som har ansökt kan inte attestera. Be en annan attestant."
        }
        "confirmation" => "Bekräftelsen gäller inte längre. Bekräfta igen.",
        "too_many" => {
            "Ni har skickat många ansökningar i dag. Vänta till i morgon eller kontakta Kundservice."
        }
        "not_this_person" => "Du får inte göra detta längre.",
        _ => "Något i ansökan stämmer inte. Kontrollera varje del.",
    }
}

/// Who applies (portal.md 1.4 `agentuppdrag.apply`).
pub fn may_apply(actor: &Actor) -> Result<(), Denied> {
    if actor.side() == Some(Side::Agent) && actor.has(Role::MandateOrderer) {
        Ok(())
    } else {
        Err(Denied(
            "Bara den som är Beställare agentuppdrag kan ansöka. Be er administratör om rollen Beställare agentuppdrag.",
        ))
    }
}

/// Who reviews and activates (portal.md 1.4 `agentuppdrag.review`).
pub fn may_review(actor: &Actor) -> Result<(), Denied> {
    if actor.side() == Some(Side::Inera) && actor.roles().has_any(&[Role::AgentOfficer, Role::ServiceManager])
    {
        Ok(())
    } else {
        Err(Denied("Bara agentansvariga och tjänsteförvaltare granskar agentuppdrag."))
    }
}

/// Who takes it back: whoever has sent it, or a colleague when that one is not there any more.
pub fn may_withdraw(actor: &Actor, application: &Application) -> Result<(), Denied> {
    may_apply(actor)?;
    if application.sent_by_reader || application.sender_left {
        Ok(())
    } else {
        Err(Denied("Bara den som har skickat ansökan kan återkalla den."))
    }
}

/// Who attests.
pub fn may_attest(actor: &Actor, application: &Application) -> Result<(), Denied> {
    if actor.side() == Some(Side::Agent) && actor.has(Role::Attestant) && actor.sits_at(application.attestant)
    {
        Ok(())
    } else {
        Err(Denied(
            "Bara den attestant som ansökan har gått till kan besluta. Står ingen namngiven kan alla attestanter hos agenten det.",
        ))
    }
}

fn audit(side: Side, action: &'static str, application: &Application, to: State) -> Audit {
    let detail = format!("{} {} -> {}", application.number, application.state.code(), to.code());
    Audit::organisation(side, action, application.agent, detail)
}

/// Sends a new application; answers its number.
pub async fn apply(
    tx: &mut Tx,
    actor: &Actor,
    (offer, content): (&str, &Content),
    (terms, attestant): (TermsId, Option<MembershipId>),
    at: OffsetDateTime,
) -> Result<(String, Audit), Refused> {
    may_apply(actor)?;
    let number = store::apply(tx, (ids::fresh(), offer), (content, terms, attestant), at).await?;
    let audit = Audit::organisation(Side::Agent, "mandate.apply", actor.org(), number.clone());
    Ok((number, audit))
}

/// Sends one again with the answer to what Inera has asked.
pub async fn complete(
    tx: &mut Tx,
    actor: &Actor,
    (application, seen): (&Application, i32),
    (content, terms, attestant): (&Content, TermsId, Option<MembershipId>),
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    may_apply(actor)?;
    store::complete(tx, (application.id, seen), (content, terms, attestant), at).await?;
    Ok(audit(Side::Agent, "mandate.complete", application, State::UnderReview))
}

/// What somebody decides about an application.
#[derive(Debug)]
pub enum Decision {
    /// Inera asks for more.
    Ask(Motive),
    /// Inera says no.
    Reject(Motive, Confirmed),
    /// Inera says yes: it goes to the agent's attestant.
    Forward {
        /// The numbers of the end customers that are approved.
        approved: Vec<String>,
        /// Why fewer than demanded will do.
        waiver: String,
        /// By whom.
        proof: Confirmed,
    },
    /// The connection is verified.
    Activate(Confirmed),
    /// The attestant says yes.
    Attest(Confirmed),
    /// The attestant says no.
    Refuse(Motive, Confirmed),
    /// The agent takes it back.
    Withdraw,
}

/// Decides.
pub async fn decide(
    tx: &mut Tx,
    actor: &Actor,
    application: &Application,
    decision: Decision,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let (side, to, action) = match &decision {
        Decision::Ask(_) => (Side::Inera, State::CompletionAsked, "mandate.ask"),
        Decision::Reject(..) => (Side::Inera, State::Rejected, "mandate.reject"),
        Decision::Forward { .. } => (Side::Inera, State::AwaitingAttest, "mandate.forward"),
        Decision::Activate(_) => (Side::Inera, State::Active, "mandate.activate"),
        Decision::Attest(_) => (Side::Agent, State::Granted, "mandate.attest"),
        Decision::Refuse(..) => (Side::Agent, State::AttestRefused, "mandate.refuse"),
        Decision::Withdraw => (Side::Agent, State::Withdrawn, "mandate.withdraw"),
    };
    match decision {
        Decision::Withdraw => may_withdraw(actor, application)?,
        Decision::Attest(_) | Decision::Refuse(..) => may_attest(actor, application)?,
        _ => may_review(actor)?,
    }
    let event = |note, proof: Option<&Confirmed>| NewEvent {
        application: application.id,
        agent: application.agent,
        revision: application.revision,
        from: application.state,
        to,
        side,
        actor: actor.person(),
        note,
        proof: proof.map(Confirmed::id),
        at,
    };
    match decision {
        Decision::Ask(question) => store::insert_event(tx, &event(&question.into_text(), None)).await?,
        Decision::Reject(reason, proof) | Decision::Refuse(reason, proof) => {
            store::insert_event(tx, &event(&reason.into_text(), Some(&proof))).await?;
        }
        Decision::Forward { approved, waiver, proof } => {
            let approval = Approval { approved: &approved, waiver: &waiver };
            store::insert_approval(tx, &event("", Some(&proof)), approval).await?;
        }
        Decision::Activate(proof) | Decision::Attest(proof) => {
            store::insert_event(tx, &event("", Some(&proof))).await?;
        }
        Decision::Withdraw => store::insert_event(tx, &event("", None)).await?,
    }
    Ok(audit(side, action, application, to))
}

/// What a confirmation of a decision is for.
pub fn subject_of(application: &Application, to: State) -> Subject {
    Subject::mandate(application.id, application.revision, to.code())
}
