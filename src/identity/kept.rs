//! A form that was sent when the session had ended: kept, sealed, until the same person is back in the same browser.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Side, confirmation::KeepError, store, token::Token};
use crate::{
    audit::Audit,
    db::{Db, DbError},
    ids,
    keys::Keys,
};

/// Fields that are never kept: passwords and codes, and what belongs to the session that has ended.
const NEVER: [&str; 10] =
    ["losenord", "nytt", "igen", "kod", "reservkod", "svar", "fraga", "hemlig", "legitimera", "csrf"];

/// The form.
#[derive(Debug, Deserialize, Serialize)]
pub struct Kept {
    /// Where it was sent.
    pub path: String,
    /// Names and values, in their order.
    pub fields: Vec<(String, String)>,
}

impl Kept {
    /// Of the body of a form; `None` when nothing of it may be kept.
    pub fn of(path: &str, body: &str) -> Option<Self> {
        let all: Vec<(String, String)> = serde_html_form::from_str(body).ok()?;
        let fields: Vec<_> = all.into_iter().filter(|(name, _)| !NEVER.contains(&name.as_str())).collect();
        (!fields.is_empty()).then(|| Self { path: path.to_owned(), fields })
    }

    /// What was typed in words, to be recognised by.
    pub fn words(&self) -> Vec<&str> {
        let typed = self.fields.iter().map(|(_, value)| value.trim());
        typed
            .filter(|value| value.chars().count() > 2 && value.contains(char::is_whitespace))
            .take(3)
            .collect()
    }
}

fn place(id: Uuid) -> String {
    format!("kept after the session:{id}")
}

fn page_of(path: &str) -> String {
    format!("efter:{path}").chars().take(200).collect()
}

/// It has been sent to this path, or with `None` its owner does not want it any more; false when it is still there.
pub async fn forget(db: &Db, token: &Token, id: Uuid, path: Option<&str>) -> Result<bool, DbError> {
    let mut tx = db.gate().await?;
    let page = path.map(page_of);
    let Some(who) = store::form_forget(&mut tx, &token.hash(), (id, page.as_deref())).await? else {
        tx.end().await?;
        return Ok(false);
    };
    tx.commit(Audit::own(Side::System, "form.forget", format!("person:{who}"), format!("form {id}"))).await?;
    Ok(true)
}

/// Keeps it for the person whose session the token was; answers its id, `None` when it was nobody's or many wait already.
pub async fn keep(db: &Db, keys: &Keys, token: &Token, form: &Kept) -> Result<Option<Uuid>, KeepError> {
    let id = ids::fresh();
    let sealed = keys.seal(&place(id), &serde_json::to_string(form)?)?;
    let mut tx = db.gate().await?;
    let Some(who) = store::keep_for(&mut tx, &token.hash(), (id, &page_of(&form.path)), &sealed).await?
    else {
        tx.end().await?;
        return Ok(None);
    };
    tx.commit(Audit::own(Side::System, "form.keep", format!("person:{who}"), format!("form {id}"))).await?;
    Ok(Some(id))
}

/// What was kept, for the person signed in now; `None` when it is another's or can't be read any more.
pub async fn back(db: &Db, keys: &Keys, token: &Token, id: Uuid) -> Result<Option<Kept>, DbError> {
    let mut tx = db.gate().await?;
    let sealed = store::form_back(&mut tx, &token.hash(), id).await?;
    tx.end().await?;
    Ok(sealed.and_then(|sealed| serde_json::from_str(&keys.open(&place(id), &sealed).ok()?).ok()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests say what they expect")]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_codes_are_never_kept_and_the_rest_keeps_its_order() {
        let body = "csrf=x&roll=orderer&roll=attestant&losenord=hemligt&motivering=F%C3%B6r+semester";
        let kept = Kept::of("/kund/1/x", body).unwrap();
        let names: Vec<_> = kept.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(names, ["roll=orderer", "roll=attestant", "motivering=För semester"]);
        assert_eq!(kept.words(), ["För semester"]);
        assert!(Kept::of("/konto/losenord", "losenord=a&nytt=b&igen=c&csrf=d").is_none());
        assert!(Kept::of("/x", "").is_none());
    }
}
