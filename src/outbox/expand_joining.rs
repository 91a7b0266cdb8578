//! Causes about people who ask to become contacts: the link to the one who asks, the request to the administrators, the no.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    expand_contacts::MadeOf,
    joining_store,
    mail_store::DueMail,
    store::{self, Due, Recipient, Told},
};
use crate::{
    contacts::{joining::link_of, mails},
    db::{DbError, Tx},
    keys::Keys,
};

/// Somebody asks (0), the address is confirmed (1), an administrator has said no (2).
pub(super) async fn asked(tx: &mut Tx, due: &Due, id: Uuid) -> Result<Vec<Told>, DbError> {
    let (Some(joining), Some(inera)) = (joining_store::joining(tx, id).await?, store::inera(tx).await?)
    else {
        return Ok(Vec::new());
    };
    let asker = |org| Recipient { org, membership: None, person: None, signatory: None };
    let (code, recipients) = match (due.seq, joining.org) {
        (0, _) => ("N-03", vec![asker(inera)]),
        (1, Some(org)) => ("N-128", store::administrators(tx, org).await?),
        (_, Some(org)) => ("N-129", vec![asker(org)]),
        (_, None) => return Ok(Vec::new()),
    };
    Ok(recipients.into_iter().map(|to| Told::by_mail(code, to)).collect())
}

/// What a mail is made of, or why it is not to be sent any more.
pub(super) async fn made_of(
    tx: &mut Tx,
    (keys, due): (&Keys, &DueMail),
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Result<MadeOf, &'static str>, DbError> {
    let Some(joining) = joining_store::joining(tx, id).await? else {
        return Ok(Err("the request is gone"));
    };
    let path = match due.code.as_str() {
        "N-03" if joining.confirmed || joining.expires_at <= now => {
            return Ok(Err("the link is used or too old"));
        }
        "N-03" => format!("/bli-kontakt/{}", keys.link(&link_of(id)).expose()),
        "N-128" if joining.closed => return Ok(Err("the request has been answered")),
        "N-128" => format!("{}/kontakter", joining.base),
        _ => "/hjalp".to_owned(),
    };
    Ok(Ok(MadeOf {
        words: mails::joining_words(&due.code, &joining.name, &joining.org_name),
        path,
        because: mails::because(&due.code, &joining.org_name),
    }))
}
