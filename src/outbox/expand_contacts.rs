//! Causes about contacts: who is told, and what their mails are made of.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    contact_store, expand_applications, expand_joining, expand_organisation,
    mail_store::DueMail,
    store::{self, Due, NoticeAbout, Recipient, Told},
};
use crate::{
    calendar::long_date,
    contacts::{
        details, invitations,
        mails::{self, To},
        merging,
    },
    db::{DbError, Tx},
    identity::{self, first_step, login_email, mails::Words, reset},
    ids::MembershipId,
    keys::Keys,
};

/// Whose page tells more: a substitute may not see the absent one's, and everybody sees their own.
fn leads_to(code: &str, to: &Recipient, member: MembershipId) -> MembershipId {
    match code {
        "N-34" | "N-27" => to.membership.unwrap_or(member),
        _ => member,
    }
}

/// Something happened to somebody's place.
pub(super) async fn member(tx: &mut Tx, due: &Due, member: MembershipId) -> Result<Vec<Told>, DbError> {
    let Some(event) = contact_store::member_event(tx, member, due.seq).await? else { return Ok(Vec::new()) };
    let mut told = Vec::new();
    for (code, group) in mails::notices(&event.happened) {
        let words = mails::words(code, &event.happened, &event.org_name);
        let own = Recipient {
            org: event.org,
            membership: Some(member),
            person: Some(event.person),
            signatory: None,
        };
        let recipients = match group {
            To::Contact => vec![own],
            // By address alone: what becomes of the mail says nothing of the address that comes.
            To::NewAddress | To::OldAddress => vec![Recipient { membership: None, person: None, ..own }],
            To::Substitute => match event.substitute {
                Some(substitute) => store::by_id(tx, event.org, substitute).await?,
                None => Vec::new(),
            },
            To::Administrators => {
                let all = store::administrators(tx, event.org).await?;
                let others: Vec<_> = all.into_iter().filter(|who| who.membership != Some(member)).collect();
                // With nobody left to see to it, whoever reads the common address.
                if others.is_empty() && code == "N-187" {
                    vec![Recipient { membership: None, person: None, ..own }]
                } else {
                    others
                }
            }
        };
        told.extend(recipients.into_iter().map(|to| {
            let about = NoticeAbout::Member(member, leads_to(code, &to, member));
            Told { about, code, to, says: words.says.clone() }
        }));
    }
    Ok(told)
}

/// Somebody asks for roles, or has had a no.
pub(super) async fn request(tx: &mut Tx, due: &Due, id: Uuid) -> Result<Vec<Told>, DbError> {
    let Some(asked) = contact_store::request(tx, id).await? else { return Ok(Vec::new()) };
    let (code, recipients) = if due.seq == 0 {
        ("N-35", store::administrators(tx, asked.org).await?)
    } else {
        ("N-36", store::by_id(tx, asked.org, asked.member).await?)
    };
    let words = mails::request_words(code, &asked.name, &asked.roles, &asked.org_name);
    let about = NoticeAbout::Member(asked.member, asked.member);
    Ok(recipients.into_iter().map(|to| Told { about, code, to, says: words.says.clone() }).collect())
}

/// An invitation is sent, or has run out.
pub(super) async fn invitation(tx: &mut Tx, due: &Due, id: Uuid) -> Result<Vec<Told>, DbError> {
    let Some(invited) = contact_store::invitation(tx, id).await? else { return Ok(Vec::new()) };
    if due.seq != invited.round || !invited.open {
        return Ok(Vec::new());
    }
    if due.cause == "event" {
        let to = Recipient { org: invited.org, membership: None, person: None, signatory: None };
        let mut told = Vec::new();
        if invited.by_staff {
            // Whoever is there, and whoever reads the common address, hears of it before anybody is in.
            let contacts = store::with_role(tx, invited.org, "contract_contact", None).await?;
            told.extend(contacts.into_iter().chain([to.clone()]).map(|who| Told::by_mail("N-192", who)));
        }
        told.push(Told::by_mail("N-01", to));
        return Ok(told);
    }
    let told = match invited.application {
        Some(_) => match store::inera(tx).await? {
            Some(inera) => store::with_role(tx, inera, "agreements_officer", None).await?,
            None => Vec::new(),
        },
        None if invited.by_staff => match store::inera(tx).await? {
            Some(inera) => store::member(tx, inera, invited.by).await?,
            None => Vec::new(),
        },
        None => store::member(tx, invited.org, invited.by).await?,
    };
    Ok(told.into_iter().map(|who| Told::by_mail("N-06", who)).collect())
}

/// Something happened to an account, or its owner has asked for a link. It comes from Inera, which runs the portal.
pub(super) async fn account(tx: &mut Tx, id: Uuid) -> Result<Vec<Told>, DbError> {
    let Some(event) = contact_store::account_event(tx, id).await? else { return Ok(Vec::new()) };
    let (Some(inera), true) = (store::inera(tx).await?, event.has_owner) else { return Ok(Vec::new()) };
    let to = Recipient { org: inera, membership: None, person: None, signatory: None };
    // Whoever can't sign in and asks for a new password is told why.
    let kind = if event.blocked && event.kind == "reset" { "blocked" } else { &event.kind };
    let codes = identity::mails::codes_of(kind).iter();
    Ok(codes.map(|code| Told::by_mail(code, to.clone())).collect())
}

/// Inera's page of the organisation whose own pages begin here.
fn of_staff(base: &str) -> String {
    match (base.strip_prefix("/kund/"), base.strip_prefix("/agent/")) {
        (Some(no), _) => format!("/inera/kunder/{no}"),
        (None, Some(no)) => format!("/inera/agenter/{no}"),
        (None, None) => "/inera/kontakter".to_owned(),
    }
}

/// What a mail is made of.
pub(super) struct MadeOf {
    pub words: Words,
    pub path: String,
    pub because: String,
}

async fn account_mail(
    tx: &mut Tx,
    (keys, due): (&Keys, &DueMail),
    id: Uuid,
    now: OffsetDateTime,
) -> Result<Result<MadeOf, &'static str>, DbError> {
    let Some(event) = contact_store::account_event(tx, id).await? else {
        return Ok(Err("the event is gone"));
    };
    if due.email.is_none() {
        return Ok(Err("the account has no address"));
    }
    let path = match due.code.as_str() {
        "N-09" | "N-176" | "N-180" | "N-183" if event.used || event.expires_at.is_none_or(|at| at <= now) => {
            return Ok(Err("the link can't be used any more"));
        }
        "N-09" => format!("/losenord/{}", keys.link(&reset::link_of(id)).expose()),
        "N-176" => format!("/inloggningsadress/{}", keys.link(&login_email::link_of(id)).expose()),
        "N-183" => format!("/konto/tvasteg/lank/{}", keys.link(&first_step::link_of(id)).expose()),
        "N-180" => format!("/sammanslagning/{}", keys.link(&merging::link_of(id)).expose()),
        "N-178" => format!("/inloggningsadress/{}", keys.link(&login_email::undo_of(id)).expose()),
        code => identity::mails::page_of(code).to_owned(),
    };
    let because = identity::mails::because(&due.code).to_owned();
    Ok(Ok(MadeOf { words: identity::mails::words(&due.code), path, because }))
}

/// The words of a mail as things stand now and where it leads, or why it is not to be sent any more.
pub(super) async fn made_of(
    tx: &mut Tx,
    keys: &Keys,
    due: &DueMail,
    now: OffsetDateTime,
) -> Result<Result<MadeOf, &'static str>, DbError> {
    if let Some(id) = due.organisation {
        return expand_organisation::made_of(tx, (keys, due), id, now).await;
    }
    if let Some(id) = due.application {
        return expand_applications::made_of(tx, (keys, due), id).await;
    }
    if let Some(id) = due.joining {
        return expand_joining::made_of(tx, (keys, due), id, now).await;
    }
    if let Some(id) = due.account {
        return account_mail(tx, (keys, due), id, now).await;
    }
    let made = |words, path| {
        let because = mails::because(&due.code, &due.org_name);
        Ok(Ok(MadeOf { words, path, because }))
    };
    if let Some(id) = due.invitation {
        let Some(invited) = contact_store::invitation(tx, id).await? else {
            return Ok(Err("the invitation is gone"));
        };
        if !invited.open || invited.round != due.seq || (due.code == "N-01" && invited.expires_at <= now) {
            return Ok(Err("the invitation is not open any more"));
        }
        let last = long_date(invitations::last_day(invited.expires_at));
        let (who, what) =
            ((invited.name.as_str(), invited.by_name.as_str()), (invited.roles.as_slice(), last.as_str()));
        let words = mails::invitation_words(&due.code, who, &invited.org_name, what);
        let path = if due.code == "N-192" {
            "/hjalp".to_owned()
        } else if due.code == "N-01" {
            let link = keys.link(&invitations::link_of(id, invited.round));
            format!("/inbjudan/{}", link.expose())
        } else {
            match (invited.application, invited.by_staff) {
                (Some(number), _) => format!("/inera/ansokningar/{number}"),
                (None, true) => of_staff(&invited.base),
                (None, false) => format!("{}/kontakter", invited.base),
            }
        };
        let because = match due.code.as_str() {
            "N-01" if invited.by_staff => {
                "Du får mejlet för att Kundservice hos Inera har angett din adress. Känner du inte till det kan du bortse från mejlet."
            }
            "N-06" if invited.by_staff => "Du får mejlet för att du har bjudit in personen.",
            _ => return made(words, path),
        };
        return Ok(Ok(MadeOf { words, path, because: because.to_owned() }));
    }
    if let Some(id) = due.request {
        let Some(asked) = contact_store::request(tx, id).await? else {
            return Ok(Err("the request is gone"));
        };
        if due.code == "N-35" && !asked.open {
            return Ok(Err("the request has been answered"));
        }
        let words = mails::request_words(&due.code, &asked.name, &asked.roles, &asked.org_name);
        let page = if due.code == "N-35" { "kontakter" } else { "behorighet" };
        return made(words, format!("{}/{page}", asked.base));
    }
    let Some(member) = due.member else { return Ok(Err("it is about nothing")) };
    let Some(event) = contact_store::member_event(tx, member, due.seq).await? else {
        return Ok(Err("the event is gone"));
    };
    let words = mails::words(&due.code, &event.happened, &event.org_name);
    if due.code == "N-126" && !contact_store::claim_is_open(tx, (member, due.seq), now).await? {
        return Ok(Err("the address is confirmed, replaced or too old"));
    }
    let path = match due.code.as_str() {
        "N-126" => {
            let link = keys.link(&details::link_of(member, due.seq));
            format!("/kontaktadress/{}", link.expose())
        }
        "N-08" => "/valj-organisation".to_owned(),
        "N-34" | "N-27" => format!("{}/kontakter/{}", event.base, due.membership.unwrap_or(member)),
        _ => format!("{}/kontakter/{member}", event.base),
    };
    made(words, path)
}
