//! Causes about applications: who is told, and what their mails are made of.

use uuid::Uuid;

use super::{
    application_store,
    expand_contacts::MadeOf,
    mail_store::DueMail,
    store::{self, Due, Recipient, Told},
};
use crate::{
    applications::{
        actions::link_of,
        domain::State,
        mails::{self, To},
    },
    db::{DbError, Tx},
    keys::Keys,
};

/// An application is begun (0), or something has happened to it.
pub(super) async fn applied(tx: &mut Tx, due: &Due, id: Uuid) -> Result<Vec<Told>, DbError> {
    let (Some(applied), Some(inera)) =
        (application_store::application(tx, id, due.seq).await?, store::inera(tx).await?)
    else {
        return Ok(Vec::new());
    };
    if applied.erased {
        return Ok(Vec::new());
    }
    let mut told = Vec::new();
    let notices =
        if due.cause == "reminder" { vec![("N-191", To::Applicant)] } else { mails::notices(applied.event) };
    for (code, group) in notices {
        let recipients = match (group, applied.taken_by) {
            (To::Applicant, _) => {
                vec![Recipient { org: inera, membership: None, person: None, signatory: None }]
            }
            (To::Officers | To::Officer, taken_by) => {
                let all = store::with_role(tx, inera, "agreements_officer", None).await?;
                let is_own = |who: &&Recipient| group == To::Officer && who.person == taken_by;
                let own: Vec<_> = all.iter().filter(is_own).cloned().collect();
                // Whoever took it may be away for good.
                if own.is_empty() { all } else { own }
            }
        };
        told.extend(recipients.into_iter().map(|to| Told::by_mail(code, to)));
    }
    Ok(told)
}

/// What a mail is made of, or why it is not to be sent any more.
pub(super) async fn made_of(
    tx: &mut Tx,
    (keys, due): (&Keys, &DueMail),
    id: Uuid,
) -> Result<Result<MadeOf, &'static str>, DbError> {
    let Some(applied) = application_store::application(tx, id, due.seq).await?.filter(|it| !it.erased) else {
        return Ok(Err("the application is gone"));
    };
    // What asks Inera's officers to do something, and has been seen to since.
    let waits = match due.code.as_str() {
        "N-190" => applied.state == Some(State::Submitted) && applied.taken_by.is_none(),
        "N-12" => applied.state == Some(State::UnderReview),
        _ => true,
    };
    if !waits {
        return Ok(Err("it has been seen to"));
    }
    let number = applied.number.unwrap_or_default();
    let path = if due.membership.is_some() {
        format!("/inera/ansokningar/{number}")
    } else {
        format!("/bli-kund/{}", keys.link(&link_of(id)).expose())
    };
    Ok(Ok(MadeOf {
        words: mails::words(&due.code, &number, &applied.org),
        path,
        because: mails::because(&due.code, due.membership.is_some()).to_owned(),
    }))
}
