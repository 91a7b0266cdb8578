//! Causes about applications for agentuppdrag: who is told, and what their mails are made of.

use uuid::Uuid;

use super::{
    expand_contacts::MadeOf,
    mail_store::DueMail,
    mandate_store::{self, Asked},
    store::{self, Due, NoticeAbout, Recipient, Told},
};
use crate::{
    catalogue::Catalogue,
    db::{DbError, Tx},
    identity::mails::Words,
    mandates::{
        domain::named,
        mails::{self, To},
    },
};

fn words(catalogue: &Catalogue, code: &str, asked: &Asked) -> Words {
    let service = named(catalogue.name(&asked.service_code), &asked.role);
    mails::words(code, (asked.from.is_some(), asked.to), (&asked.number, &asked.agent_name, &service))
}

async fn recipients(tx: &mut Tx, asked: &Asked, group: To) -> Result<Vec<Recipient>, DbError> {
    match group {
        To::Applicant => {
            // Gone, or blocked: a colleague who can go on with it, or somebody who can give one the role.
            let mut told = store::member(tx, asked.agent, asked.applied_by).await?;
            if told.is_empty() {
                told = store::with_role(tx, asked.agent, "mandate_orderer", None).await?;
            }
            if told.is_empty() { store::administrators(tx, asked.agent).await } else { Ok(told) }
        }
        To::Attestants => store::with_role(tx, asked.agent, "attestant", asked.attestant).await,
        To::Administrators => store::administrators(tx, asked.agent).await,
        To::Officers => {
            let Some(inera) = store::inera(tx).await? else { return Ok(Vec::new()) };
            let mut all = store::with_role(tx, inera, "agent_officer", None).await?;
            for manager in store::with_role(tx, inera, "service_manager", None).await? {
                if all.iter().all(|known| known.membership != manager.membership) {
                    all.push(manager);
                }
            }
            // Nobody has the role: Kundservice sees to it that somebody gets it.
            if all.is_empty() { store::with_role(tx, inera, "support", None).await } else { Ok(all) }
        }
    }
}

/// Something has happened to an application.
pub(super) async fn asked(
    tx: &mut Tx,
    (catalogue, due): (&Catalogue, &Due),
    id: Uuid,
) -> Result<Vec<Told>, DbError> {
    let Some(asked) = mandate_store::asked(tx, id, due.seq).await? else { return Ok(Vec::new()) };
    // A reminder is of what the application waits for; when it has moved on there is none.
    let told = match due.cause.as_str() {
        "reminder" if asked.revision != due.seq => Vec::new(),
        "reminder" => mails::reminded(asked.to).map(|group| ("N-160", group)).into_iter().collect(),
        _ => mails::notices(asked.from, asked.to),
    };
    let mut all = Vec::new();
    for (code, group) in told {
        let says = words(catalogue, code, &asked).says;
        let to = recipients(tx, &asked, group).await?;
        all.extend(to.into_iter().map(|to| Told {
            about: NoticeAbout::Mandate,
            code,
            to,
            says: says.clone(),
        }));
    }
    Ok(all)
}

/// What a mail is made of, or why it is not to be sent any more.
pub(super) async fn made_of(
    tx: &mut Tx,
    (catalogue, due): (&Catalogue, &DueMail),
    id: Uuid,
) -> Result<Result<MadeOf, &'static str>, DbError> {
    let Some(asked) = mandate_store::asked(tx, id, due.seq).await? else {
        return Ok(Err("the application is gone"));
    };
    // What asks somebody to do something, and has been done since.
    if mails::ASKS.contains(&due.code.as_str()) && asked.revision != due.seq {
        return Ok(Err("the application has moved on"));
    }
    let of_inera = due.org != asked.agent;
    let base = if of_inera { "/inera".to_owned() } else { format!("/agent/{}", asked.agent_no) };
    Ok(Ok(MadeOf {
        words: words(catalogue, &due.code, &asked),
        path: format!("{base}/uppdrag/{}", asked.number),
        because: mails::because(&due.code, of_inera, &asked.agent_name),
    }))
}
