//! Causes about an organisation's data: who is told, and what their mails are made of.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    expand_contacts::MadeOf,
    mail_store::DueMail,
    organisation_store,
    store::{self, NoticeAbout, Recipient, Told},
};
use crate::{
    db::{DbError, Tx},
    keys::Keys,
    organisation::{
        actions::link_of,
        mails::{self, To},
    },
};

/// Something happened to an organisation's data.
pub(super) async fn changed(tx: &mut Tx, id: Uuid) -> Result<Vec<Told>, DbError> {
    let Some(event) = organisation_store::org_event(tx, id).await? else { return Ok(Vec::new()) };
    let mut told = Vec::new();
    for (code, group) in mails::notices(&event.kind, event.claim.is_some()) {
        let words = mails::words(code, &event.kind, &event.by, &event.org_name);
        let common = Recipient { org: event.org, membership: None, person: None, signatory: None };
        let recipients = match group {
            To::Administrators => store::administrators(tx, event.org).await?,
            To::Finance => match store::inera(tx).await? {
                Some(inera) => store::with_role(tx, inera, "finance", None).await?,
                None => Vec::new(),
            },
            To::OldAddress if !event.has_email => Vec::new(),
            To::NewAddress | To::OldAddress => vec![common],
        };
        let about = NoticeAbout::Organisation;
        told.extend(recipients.into_iter().map(|to| Told { about, code, to, says: words.says.clone() }));
    }
    Ok(told)
}

/// What a mail is made of, or why it is not to be sent any more.
pub(super) async fn made_of(
    tx: &mut Tx,
    (keys, due): (&Keys, &DueMail),
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Result<MadeOf, &'static str>, DbError> {
    let Some(event) = organisation_store::org_event(tx, id).await? else {
        return Ok(Err("the event is gone"));
    };
    let is_over = event.claim.as_ref().is_none_or(|claim| claim.over || claim.expires_at <= now);
    let to = match due.code.as_str() {
        "N-122" if is_over => return Ok(Err("the address is confirmed, replaced or too old")),
        "N-122" => To::NewAddress,
        "N-123" => To::OldAddress,
        _ if due.org == event.org => To::Administrators,
        _ => To::Finance,
    };
    let path = match to {
        To::NewAddress => format!("/e-postadress/{}", keys.link(&link_of(id)).expose()),
        To::OldAddress => "/".to_owned(),
        To::Administrators => format!("{}/{}", event.base, mails::page_of(&due.code)),
        To::Finance => format!("{}/{}", event.staff_base, mails::page_of(&due.code)),
    };
    Ok(Ok(MadeOf {
        words: mails::words(&due.code, &event.kind, &event.by, &event.org_name),
        path,
        because: mails::because(to, &event.org_name),
    }))
}
