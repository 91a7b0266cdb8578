//! Causes about an organisation's data: who is told, and what their mails are made of.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    expand_contacts::MadeOf,
    mail_store::DueMail,
    organisation_store,
    store::{self, Due, NoticeAbout},
};
use crate::{
    db::{DbError, Tx},
    organisation::mails::{self, To},
};

/// Something happened to an organisation's data.
pub(super) async fn changed(tx: &mut Tx, due: &Due, id: Uuid, now: OffsetDateTime) -> Result<(), DbError> {
    let Some(event) = organisation_store::org_event(tx, id).await? else { return Ok(()) };
    for (code, group) in mails::notices(&event.kind) {
        let words = mails::words(code, &event.by, &event.org_name);
        let recipients = match group {
            To::Administrators => store::with_role(tx, event.org, "administrator", None).await?,
            To::Finance => match store::inera(tx).await? {
                Some(inera) => store::with_role(tx, inera, "finance", None).await?,
                None => Vec::new(),
            },
        };
        for recipient in recipients {
            store::insert_told(tx, (due, NoticeAbout::Organisation), code, &recipient, &words.says, now)
                .await?;
        }
    }
    Ok(())
}

/// What a mail is made of.
pub(super) async fn made_of(
    tx: &mut Tx,
    due: &DueMail,
    id: Uuid,
) -> Result<Result<MadeOf, &'static str>, DbError> {
    let Some(event) = organisation_store::org_event(tx, id).await? else {
        return Ok(Err("the event is gone"));
    };
    let to = if due.org == event.org { To::Administrators } else { To::Finance };
    let base = if to == To::Administrators { event.base } else { event.staff_base };
    Ok(Ok(MadeOf {
        words: mails::words(&due.code, &event.by, &event.org_name),
        path: format!("{base}/{}", mails::page_of(&due.code)),
        because: mails::because(to, &event.org_name),
    }))
}
