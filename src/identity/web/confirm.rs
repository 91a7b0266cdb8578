//! Confirming a decision: by the account's password, or by a visit to an e-legitimation that is made first.

use axum::{http::HeaderMap, response::Response};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::eid;
use crate::{
    audit::Audit,
    http::{AppError, Cx, Errors, context::For, error::waiting, layers::encode, see_other},
    identity::{
        Confirmed, Side,
        confirmation::{self, EidProof, KeepError, Kept, NotConfirmed, Subject},
    },
    text::hex,
};

/// What was typed before a visit to an e-legitimation.
#[derive(Debug, Default, Deserialize)]
pub struct KeptQuery {
    #[serde(default)]
    kvar: String,
}

impl KeptQuery {
    /// Does the browser come back from a visit, or has the page been opened anew?
    pub(crate) fn is_return(&self) -> bool {
        !self.kvar.is_empty()
    }
}

/// What a page was made from: how many events the thing had had, and the hash of the text that was shown.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct Seen {
    pub revision: i32,
    pub visat: String,
}

/// What the form carries back: did the person read exactly this?
pub(crate) fn fingerprint(shown: &str) -> String {
    hex(&Sha256::digest(shown.as_bytes()))
}

/// What is said of an e-legitimation or a passkey that is somebody else's.
pub(crate) const NOT_YOURS: &str = "E-legitimationen eller passnyckeln du använde hör inte till ditt konto. Bekräfta med din egen, eller skriv ditt lösenord";
/// What is said when something else is sent than what was confirmed.
pub(crate) const ALTERED: &str =
    "Du har ändrat något sedan du bekräftade att det är du. Bekräfta igen, eller skriv ditt lösenord";

/// An identification that was made for a page.
pub(crate) enum Identified {
    /// None.
    Not,
    /// The acting person's own, for what the page shows.
    Own(Box<EidProof>),
    /// Of an e-legitimation that is not connected to the account.
    Another,
    /// For something that has changed since.
    Outdated,
    /// For another form than the one that is sent.
    Altered,
}

impl From<KeepError> for AppError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Db(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// What was typed on the page then, or an empty form.
pub(crate) async fn kept<S: For, T: Default + DeserializeOwned>(
    cx: &mut Cx<S>,
    page: &str,
    query: &KeptQuery,
) -> Result<T, AppError> {
    let Ok(id) = query.kvar.parse::<Uuid>() else { return Ok(T::default()) };
    let app = cx.app.clone();
    Ok(confirmation::kept_form::<T>(app.keys(), &mut cx.tx, (page, id))
        .await?
        .map(|kept| kept.form)
        .unwrap_or_default())
}

/// The identification the browser has with it, for the page as it is now; and the form that was kept before the visit.
async fn with_form<S: For>(
    cx: &mut Cx<S>,
    headers: &HeaderMap,
    (page, now): (&str, &Seen),
) -> Result<(Identified, Option<Value>), AppError> {
    let app = cx.app.clone();
    let Some(mut proof) = eid::proof(&app, headers, page) else { return Ok((Identified::Not, None)) };
    if !confirmation::is_own(&mut cx.tx, &cx.actor, &proof).await? {
        return Ok((Identified::Another, None));
    }
    let kept: Option<Kept<Value>> = match proof.kept {
        Some(id) => confirmation::kept_form(app.keys(), &mut cx.tx, (page, id)).await?,
        None => None,
    };
    let kept = kept.map(|kept| {
        proof.about = kept.what;
        kept.form
    });
    let then: Option<Seen> = kept.clone().and_then(|kept| serde_json::from_value(kept).ok());
    Ok(if then.is_some_and(|then| then == *now) {
        (Identified::Own(Box::new(proof)), kept)
    } else {
        (Identified::Outdated, None)
    })
}

/// The identification the browser has with it, for the page as it is now.
pub(crate) async fn identified<S: For>(
    cx: &mut Cx<S>,
    headers: &HeaderMap,
    at: (&str, &Seen),
) -> Result<Identified, AppError> {
    Ok(with_form(cx, headers, at).await?.0)
}

/// The same for a form that is sent: it is what was kept before the visit and nothing else, so that what is confirmed is what
/// the person had filled in.
pub(crate) async fn identified_for<S: For>(
    cx: &mut Cx<S>,
    headers: &HeaderMap,
    at: (&str, &Seen),
    form: &impl Serialize,
) -> Result<Identified, AppError> {
    let (found, kept) = with_form(cx, headers, at).await?;
    if !matches!(found, Identified::Own(_)) {
        return Ok(found);
    }
    let sent = serde_json::to_value(form).map_err(|error| AppError::Internal(error.to_string()))?;
    Ok(if kept.is_some_and(|kept| kept == sent) { found } else { Identified::Altered })
}

/// The account's own passkey or app, as a form names it.
const OWN: &str = "eget";

/// What the acting person can confirm with.
pub(crate) struct Ways {
    /// The account's password, when it has one.
    pub password: bool,
    /// Everything else: code and name.
    pub others: Vec<(String, String)>,
}

fn others<S: For>(cx: &Cx<S>) -> Vec<(String, String)> {
    let own = cx.actor.has_second_step().then(|| (OWN.to_owned(), "passnyckel eller kodapp".to_owned()));
    own.into_iter().chain(eid::offered(&cx.app)).collect()
}

/// What the acting person can confirm with.
pub(crate) async fn confirm_with<S: For>(cx: &mut Cx<S>) -> Result<Ways, AppError> {
    Ok(Ways { password: has_password(cx).await?, others: others(cx) })
}

/// Whoever has shown a password to sign in has one; whoever has not is asked about.
async fn has_password<S: For>(cx: &mut Cx<S>) -> Result<bool, AppError> {
    Ok(!cx.actor.is_strong() || confirmation::has_own_password(&mut cx.tx).await?)
}

/// What is said when nothing has been confirmed.
pub(crate) async fn nothing_shown<S: For>(cx: &mut Cx<S>) -> Result<&'static str, AppError> {
    Ok(if has_password(cx).await? {
        "Skriv ditt lösenord"
    } else {
        "Bekräfta att det är du med en av knapparna"
    })
}

/// Keeps what was typed, and what it is for in words, and shows the way to the provider.
pub(crate) async fn identify_first<S: For>(
    mut cx: Cx<S>,
    form: impl Serialize,
    (provider, back): (&str, &str),
    what: String,
) -> Result<Response, AppError> {
    let app = cx.app.clone();
    let known = others(&cx).into_iter().find(|(code, _)| code == provider);
    let (code, name) = known.ok_or(AppError::NotFound)?;
    let form = Kept { what, form };
    let kept = confirmation::keep_form(app.keys(), &mut cx.tx, &cx.actor, (back, &form)).await?;
    let chrome = cx.chrome("Legitimera dig").focused();
    cx.commit(Audit::own(S::SIDE.unwrap_or(Side::System), "form.keep", back.to_owned(), code.clone()))
        .await?;
    if code == OWN {
        let till = format!("{back}?kvar={kept}");
        return Ok(see_other(&format!("/bekrafta?till={}", encode(&till))));
    }
    eid::depart(chrome, (&code, name), (back, kept), &form.what)
}

/// Confirms with what there is: a password that was typed goes before an identification that was made.
pub(crate) async fn confirm<S: For>(
    cx: &mut Cx<S>,
    what: (Subject, &str),
    (typed, proof): (&str, Option<&EidProof>),
    errors: &mut Errors,
) -> Result<Option<Confirmed>, AppError> {
    let app = cx.app.clone();
    let confirmed = match proof {
        Some(proof) if typed.is_empty() => {
            confirmation::by_eid((app.db(), app.keys()), &mut cx.tx, &cx.actor, proof, what).await
        }
        _ => confirmation::by_password(app.db(), &mut cx.tx, &cx.actor, typed, what).await,
    };
    match confirmed {
        Ok(proof) => return Ok(Some(proof)),
        Err(NotConfirmed::Wrong) => errors.add("losenord", "Lösenordet stämmer inte. Försök igen"),
        Err(NotConfirmed::AnotherEid) => errors.add(
            "losenord",
            "Det du bekräftade med har redan använts till ett beslut. Skriv ditt lösenord eller bekräfta igen",
        ),
        Err(NotConfirmed::Wait(seconds)) => {
            errors.add("losenord", format!("För många försök. Vänta {} och försök igen", waiting(seconds)));
        }
        Err(NotConfirmed::Db(error)) => return Err(error.into()),
        Err(NotConfirmed::Hash(error)) => return Err(error.into()),
    }
    Ok(None)
}

const CHANGED: &str = "Något har ändrats medan du bekräftade att det är du. Läs sidan igen";

/// The identification the browser has brought to the page, or, when it comes straight from the visit, why it is of no use.
pub(crate) fn brought(identified: Identified, is_return: bool, errors: &mut Errors) -> Option<EidProof> {
    match identified {
        Identified::Own(proof) => return Some(*proof),
        _ if !is_return => {}
        Identified::Not => {}
        Identified::Another => errors.add("losenord", NOT_YOURS),
        Identified::Outdated | Identified::Altered => errors.add("losenord", CHANGED),
    }
    None
}

/// Confirms a change by the password that was typed, or else by the identification that has been made for the page. Without
/// either the faults say why, and an identification that is still good goes back to the page.
pub(crate) async fn confirmed<S: For>(
    cx: &mut Cx<S>,
    headers: &HeaderMap,
    at: (&str, &Seen),
    (form, password, provider): (&impl Serialize, &str, &str),
    what: (Subject, &str),
    errors: &mut Errors,
) -> Result<Result<Confirmed, Option<EidProof>>, AppError> {
    let eid = match identified_for(cx, headers, at, form).await? {
        _ if !password.is_empty() || !provider.is_empty() => None,
        Identified::Own(proof) => Some(*proof),
        Identified::Another => {
            errors.add("losenord", NOT_YOURS);
            None
        }
        Identified::Altered => {
            errors.add("losenord", ALTERED);
            None
        }
        Identified::Not | Identified::Outdated => {
            errors.add("losenord", nothing_shown(cx).await?);
            None
        }
    };
    if errors.is_empty()
        && let Some(proof) = confirm(cx, what, (password, eid.as_ref()), errors).await?
    {
        return Ok(Ok(proof));
    }
    Ok(Err(eid.filter(|_| errors.of("losenord").is_none())))
}

/// Who has been identified, for the page.
pub(crate) struct IdentifiedAs {
    /// "Samira Haddad, BankID".
    pub who: String,
    /// "Attestera BES-2026-000123".
    pub what: String,
}

/// Who has been identified, and for what.
pub(crate) fn identified_as(proof: Option<&EidProof>) -> Option<IdentifiedAs> {
    proof.map(|proof| IdentifiedAs {
        who: format!("{}, {}", proof.name, proof.provider),
        what: proof.about.clone(),
    })
}
