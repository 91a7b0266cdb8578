//! Confirming a decision: by the account's password, or by a visit to an e-legitimation that is made first.

use axum::response::Response;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::Party;
use crate::{
    audit::Audit,
    http::{AppError, Cx, Errors, error::waiting},
    identity::{
        Confirmed,
        confirmation::{self, EidProof, KeepError, NotConfirmed, Subject},
        web::eid,
    },
    orders::domain::Order,
};

/// What was typed before a visit to an e-legitimation.
#[derive(Debug, Default, Deserialize)]
pub struct KeptQuery {
    #[serde(default)]
    kvar: String,
}

impl From<KeepError> for AppError {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::Db(error) => error.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

/// What was typed then, or an empty form.
pub(super) async fn kept<S: Party, T: Default + DeserializeOwned>(
    cx: &mut Cx<S>,
    query: &KeptQuery,
) -> Result<T, AppError> {
    let Ok(id) = query.kvar.parse::<Uuid>() else { return Ok(T::default()) };
    let app = cx.app.clone();
    Ok(confirmation::kept_form(app.keys(), &mut cx.tx, id).await?.unwrap_or_default())
}

/// Keeps what was typed and shows the way to the provider.
pub(super) async fn identify_first<S: Party>(
    mut cx: Cx<S>,
    form: &impl Serialize,
    provider: &str,
    back: &str,
) -> Result<Response, AppError> {
    let app = cx.app.clone();
    let known = eid::offered(&app).into_iter().find(|(code, _)| code == provider);
    let (code, name) = known.ok_or(AppError::NotFound)?;
    let kept = confirmation::keep_form(app.keys(), &mut cx.tx, &cx.actor, form).await?;
    let chrome = cx.chrome("Legitimera dig").focused();
    cx.commit(Audit::own(S::READER, "form.keep", back.to_owned(), code.clone())).await?;
    eid::depart(chrome, (&code, name), back, kept)
}

/// Confirms with what there is: a password that was typed goes before an identification that was made.
pub(super) async fn confirm<S: Party>(
    cx: &mut Cx<S>,
    (order, shown): (&Order, &str),
    (typed, proof): (&str, Option<&EidProof>),
    errors: &mut Errors,
) -> Result<Option<Confirmed>, AppError> {
    let app = cx.app.clone();
    let what = (Subject::order(order.id, order.revision), shown);
    let confirmed = match proof {
        Some(proof) if typed.is_empty() => {
            confirmation::by_eid(app.keys(), &mut cx.tx, &cx.actor, proof, what).await
        }
        _ => confirmation::by_password(app.db(), &mut cx.tx, &cx.actor, typed, what).await,
    };
    match confirmed {
        Ok(proof) => return Ok(Some(proof)),
        Err(NotConfirmed::Wrong) => errors.add("losenord", "Lösenordet stämmer inte. Försök igen"),
        Err(NotConfirmed::AnotherEid) => errors.add(
            "losenord",
            "E-legitimationen är inte kopplad till ditt konto, eller så har den redan använts till ett beslut. Skriv ditt lösenord eller legitimera dig igen",
        ),
        Err(NotConfirmed::Wait(seconds)) => {
            errors.add("losenord", format!("För många försök. Vänta {} och försök igen", waiting(seconds)));
        }
        Err(NotConfirmed::Db(error)) => return Err(error.into()),
        Err(NotConfirmed::Hash(error)) => return Err(error.into()),
    }
    Ok(None)
}
