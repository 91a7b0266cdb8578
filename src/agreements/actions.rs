//! What people do with agreements: send, sign, reject, recall; and what the clock does. Each answers the audit entry
//! that its commit demands.

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::{
    domain::{Kind, Signatory, Signing},
    lifecycle::{Evidence, Transition},
    store, template,
};
use crate::{
    audit::Audit,
    db::{DbError, Tx},
    http::form::Motive,
    identity::{Actor, Email, PersonalNumber, confirmation::EidProof, policy::Denied},
    ids::{AgreementId, SignatoryId, SigningId},
    keys::{KeyError, Keys},
    text::hex,
};

/// How long a link can be used (portal.md 2.3 row 5).
pub const LINK_DAYS: i64 = 30;
/// Most people named in one agreement.
pub const MOST_SIGNATORIES: usize = 4;

/// Why an action was not done. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Not this person; the sentence says who.
    #[error("denied: {0}")]
    Denied(#[from] Denied),
    /// The e-legitimation is somebody else's.
    #[error("another person's e-legitimation")]
    WrongPerson,
    /// Somebody was first, or the page is old.
    #[error("wrong state")]
    WrongState,
    /// An earlier click has sent it, with this number.
    #[error("sent already as {0}")]
    AlreadySent(String),
    /// A rule is not met: its key in the database.
    #[error("rule {0}")]
    Rule(String),
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
            DbError::Stale => Self::WrongState,
            DbError::Rule(key) if key == "wrong_person" => Self::WrongPerson,
            DbError::Rule(key) if key == "not_this_person" => {
                Self::Denied(Denied("Din roll har ändrats. Be er administratör om hjälp."))
            }
            DbError::Rule(key) => Self::Rule(key),
            DbError::Constraint(name) if name == "signing_one_open" => Self::Rule("under_way".to_owned()),
            DbError::Constraint(name) if name == "agreement_number_key" => Self::WrongState,
            DbError::Constraint(name) if name == "signatory_person_key" => {
                Self::Rule("same_person".to_owned())
            }
            other => Self::Db(other),
        }
    }
}

/// A rule's key as a sentence with its way out.
pub fn rule_text(key: &str) -> &'static str {
    match key {
        "in_force" => "Organisationen har redan ett avtal av den sorten som gäller.",
        "under_way" => {
            "Ett avtal av den sorten väntar redan på signatur. Återkalla det först om något ska ändras."
        }
        "same_person" => "Två firmatecknare har samma personnummer. Varje person kan bara signera en gång.",
        "too_few_signatories" => "Ange minst så många firmatecknare som måste signera.",
        "identify_anew" => "Legitimeringen har redan använts. Legitimera dig igen.",
        "already_signed" => "Du har redan signerat avtalet.",
        "link_expired" => "Länken har gått ut. Kontakta Kundservice, så skickar vi en ny.",
        _ => "Avtalet uppfyller inte ett av villkoren. Kontakta Kundservice.",
    }
}

/// Somebody to be named.
#[derive(Clone, Debug)]
pub struct Named {
    /// Name.
    pub name: String,
    /// Where the link is sent.
    pub email: Email,
    /// Whose e-legitimation will be accepted.
    pub number: PersonalNumber,
}

/// An agreement to send.
#[derive(Debug)]
pub struct Sending {
    /// The agreement's id, from the form: a second click makes no second agreement.
    pub id: AgreementId,
    /// What.
    pub kind: Kind,
    /// Whom it is for.
    pub party: store::Party,
    /// The organisation's number in the portal.
    pub party_no: i64,
    /// How many must sign.
    pub needed: i32,
    /// Those named.
    pub named: Vec<Named>,
}

/// Sends an agreement for signature; answers its number.
pub async fn send(
    tx: &mut Tx,
    (actor, keys): (&Actor, &Keys),
    what: &Sending,
    at: OffsetDateTime,
) -> Result<(String, Audit), Refused> {
    let permit = actor.permit_agreements()?;
    if let Some(number) = store::number_of(tx, what.id).await? {
        return Err(Refused::AlreadySent(number));
    }
    let earlier = store::count(tx, what.party.id, what.kind).await?;
    let number = match earlier {
        0 => format!("{}-{}", what.kind.prefix(), what.party_no),
        earlier => format!("{}-{}-{}", what.kind.prefix(), what.party_no, earlier + 1),
    };
    let text = template::text(
        what.kind,
        (&what.party.name, &what.party.org_nr),
        &number,
        (what.needed, what.named.len()),
    )
    .ok_or_else(|| Refused::Rule("kind".to_owned()))?;
    let body_sha256 = Sha256::digest(text.body.as_bytes());
    let (agreement, signing) = (what.id, SigningId::fresh());
    let new = store::NewAgreement {
        id: agreement,
        org: what.party.id,
        kind: what.kind,
        number: &number,
        needed: what.needed,
        body: &text.body,
        body_sha256: &body_sha256,
        template: &text.template,
    };
    store::insert_agreement(tx, &new).await?;
    let round = store::NewSigning {
        id: signing,
        org: what.party.id,
        agreement,
        body_sha256: &body_sha256,
        sent_by: permit.person(),
        sent_at: at,
        expires_at: at + Duration::days(LINK_DAYS),
    };
    store::insert_signing(tx, &round).await?;
    let mut people = Sha256::new();
    for (place, named) in (1..).zip(&what.named) {
        let id = SignatoryId::fresh();
        let mark = keys.mark(named.number.digits());
        let sealed = keys.seal(&format!("signatory:{id}"), named.number.digits())?;
        let new = store::NewSignatory {
            id,
            place,
            name: &named.name,
            email: named.email.as_str(),
            sealed: &sealed,
            mark: &mark,
            link_sha256: &keys.link(&link_of(id)).hash(),
        };
        store::insert_signatory(tx, (signing, what.party.id), &new).await?;
        people.update(format!("{id} {} {}\n", named.name, hex(new.mark)));
    }
    let detail = format!(
        "{number} to {} signatories ({}), {} must sign, text {}",
        what.named.len(),
        hex(&people.finalize()),
        what.needed,
        hex(&body_sha256)
    );
    Ok((number, Audit::signing("inera", "agreement.send", signing, what.party.id, detail)))
}

/// What a signatory's link is made from.
pub fn link_of(signatory: SignatoryId) -> String {
    format!("signing:{signatory}")
}

/// What a signatory declares by signing. It is shown, and kept as evidence.
pub fn signs(signing: &Signing, name: &str) -> String {
    format!(
        "Jag, {name}, har läst avtalet, har rätt att teckna firman för {}, organisationsnummer {}, och signerar {}.",
        signing.org_name,
        signing.org_nr,
        named(signing)
    )
}

/// What a signatory declares by refusing. It is shown, and kept as evidence.
pub fn rejects(signing: &Signing, name: &str) -> String {
    format!("Jag, {name}, avslår {} för {}.", named(signing), signing.org_name)
}

fn named(signing: &Signing) -> String {
    let sum = hex(&signing.body_sha256);
    format!("{} med nummer {} (kontrollsumma SHA-256 {sum})", signing.kind.label(), signing.number)
}

async fn make(
    tx: &mut Tx,
    signing: &Signing,
    transition: Transition,
    action: &'static str,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    store::apply(tx, signing, &transition, at).await?;
    let who = transition.signatory.map(|id| format!(", signatory {id}")).unwrap_or_default();
    let evidence = transition.evidence.as_ref();
    let evidence = evidence.map(|evidence| format!(", evidence {}", evidence.digest())).unwrap_or_default();
    let (from, to) = (transition.from.code(), transition.to.code());
    let detail = format!("{} {from} → {to}{who}{evidence}", signing.number);
    Ok(Audit::signing(transition.by.code(), action, signing.id, signing.org, detail))
}

/// What a signatory answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Signs.
    Sign,
    /// Refuses, with a reason.
    Reject(Motive),
}

/// Is somebody who has legitimated the one the link is for? Whoever answers is judged again.
pub async fn is_signatory(tx: &mut Tx, identified: &EidProof) -> Result<bool, DbError> {
    match identified.number_mark() {
        Some(mark) => store::is_signatory(tx, &mark).await,
        None => Ok(false),
    }
}

/// A signatory signs or refuses. The database compares the e-legitimation with the person named.
pub async fn answer(
    tx: &mut Tx,
    keys: &Keys,
    signing: &Signing,
    (who, all): (&Signatory, &[Signatory]),
    (answer, identified): (Answer, &EidProof),
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    if who.signed_at.is_some() {
        return Err(Refused::Rule("already_signed".to_owned()));
    }
    let open = signing.open().ok_or(Refused::WrongState)?;
    // A signatory is named by number; one identified without a number is somebody else.
    let mark = identified.number_mark().ok_or(Refused::WrongPerson)?;
    if !identified.spend(tx, keys).await.map_err(Refused::from)? {
        return Err(Refused::Rule("identify_anew".to_owned()));
    }
    let (transition, action) = match answer {
        Answer::Sign => {
            let evidence = Evidence::new(identified, mark, signs(signing, &who.name), signing);
            let signed = all.iter().filter(|other| other.signed_at.is_some()).count();
            (open.sign(who, signed, evidence), "agreement.sign")
        }
        Answer::Reject(reason) => {
            let evidence = Evidence::new(identified, mark, rejects(signing, &who.name), signing);
            (open.reject(who, reason, evidence), "agreement.reject")
        }
    };
    make(tx, signing, transition, action, at).await
}

/// Inera takes it back.
pub async fn recall(
    tx: &mut Tx,
    actor: &Actor,
    signing: &Signing,
    reason: Motive,
    at: OffsetDateTime,
) -> Result<Audit, Refused> {
    let permit = actor.permit_agreements()?;
    let open = signing.open().ok_or(Refused::WrongState)?;
    make(tx, signing, open.recall(permit, reason), "agreement.recall", at).await
}

/// Nobody finished it in time.
pub async fn expire(tx: &mut Tx, signing: &Signing, at: OffsetDateTime) -> Result<Audit, Refused> {
    let open = signing.open().ok_or(Refused::WrongState)?;
    make(tx, signing, open.expire(), "agreement.expire", at).await
}

/// The entry for a try with somebody else's e-legitimation (scenario 14). No number of anybody is in it.
pub fn wrong_person(signing: &Signing, who: &Signatory) -> Audit {
    let detail = format!("{}, signatory {}: another person's e-legitimation", signing.number, who.id);
    Audit::signing("signatory", "agreement.sign.refused", signing.id, signing.org, detail)
}
