//! Whom a cause is told to: as things stand when it is asked, so that a digest asks again.

use super::{
    expand_applications, expand_contacts, expand_joining, expand_mandates, expand_organisation,
    store::{self, Due, NoticeAbout, Told},
};
use crate::{
    agreements,
    app::App,
    db::{DbError, Tx},
    ids::{OrgId, SigningId},
    orders::mails::{self, Notice, To},
};

/// Everybody who is told, and what.
pub(super) async fn told(tx: &mut Tx, app: &App, due: &Due) -> Result<Vec<Told>, DbError> {
    if let Some(account) = due.account {
        return expand_contacts::account(tx, account).await;
    }
    if let Some(id) = due.mandate {
        let catalogue = app.catalogue().await?;
        return expand_mandates::asked(tx, (&catalogue, due), id).await;
    }
    if let Some(id) = due.application {
        return expand_applications::applied(tx, due, id).await;
    }
    if let Some(request) = due.joining {
        return expand_joining::asked(tx, due, request).await;
    }
    if let Some(event) = due.organisation {
        return expand_organisation::changed(tx, event).await;
    }
    match (due.signing, due.member, due.request, due.invitation) {
        (Some(signing), ..) => of_signing(tx, app, due, signing).await,
        (_, Some(member), ..) => expand_contacts::member(tx, due, member).await,
        (.., Some(request), _) => expand_contacts::request(tx, due, request).await,
        (.., Some(invitation)) => expand_contacts::invitation(tx, due, invitation).await,
        _ => of_order(tx, app, due).await,
    }
}

async fn of_signing(tx: &mut Tx, app: &App, due: &Due, id: SigningId) -> Result<Vec<Told>, DbError> {
    let Some(signing) = agreements::store::find_by_id(tx, id).await? else { return Ok(Vec::new()) };
    let notices = match due.cause.as_str() {
        "event" if due.seq == 0 => agreements::mails::notices(None),
        "event" => {
            let Some(to) = store::signing_event(tx, id, due.seq).await? else { return Ok(Vec::new()) };
            agreements::mails::notices(Some(to))
        }
        // It was signed or closed since: nobody is reminded.
        _ if signing.is_open_at(app.clock().now()) => vec![agreements::mails::REMINDED],
        _ => Vec::new(),
    };
    let mut told = Vec::new();
    for (code, group) in notices {
        let says = agreements::mails::words(code, signing.kind.label(), &signing.org_name, false).says;
        let about = NoticeAbout::Agreement(signing.agreement);
        let to = around_signing(tx, &signing, group).await?;
        told.extend(to.into_iter().map(|to| Told { about, code, to, says: says.clone() }));
    }
    Ok(told)
}

async fn of_order(tx: &mut Tx, app: &App, due: &Due) -> Result<Vec<Told>, DbError> {
    let Some(subject) = store::subject(tx, due).await? else { return Ok(Vec::new()) };
    let notices: Vec<Notice> = match (due.cause.as_str(), subject.from_state, subject.to_state, subject.side)
    {
        ("event", Some(from), Some(to), Some(side)) => mails::notices(subject.route, from, to, side),
        ("message", ..) => subject
            .message_side
            .map(|side| mails::told_of_message(subject.route, subject.state, side))
            .unwrap_or_default(),
        // The ball has moved since the reminder was asked for: nobody is reminded.
        ("reminder", ..) if subject.revision == due.seq => {
            mails::reminded(subject.state).into_iter().collect()
        }
        _ => Vec::new(),
    };
    let catalogue = app.catalogue().await?;
    let service = catalogue.name(&subject.service_code);
    let mut told = Vec::new();
    for (code, group) in notices {
        let says = mails::words(code, service, &subject.customer_name, &subject.agent_name).says;
        let to = recipients(tx, &subject, group).await?;
        told.extend(to.into_iter().map(|to| Told {
            about: NoticeAbout::Order,
            code,
            to,
            says: says.clone(),
        }));
    }
    Ok(told)
}

async fn around_signing(
    tx: &mut Tx,
    signing: &agreements::domain::Signing,
    group: agreements::mails::To,
) -> Result<Vec<store::Recipient>, DbError> {
    use agreements::mails::To;
    match group {
        To::Remaining => store::named(tx, signing.id, true).await,
        To::Signatories => store::named(tx, signing.id, false).await,
        To::Administrators => store::with_role(tx, signing.org, "administrator", None).await,
        To::ContractContacts => store::with_role(tx, signing.org, "contract_contact", None).await,
        To::Officers => match store::inera(tx).await? {
            Some(inera) => store::with_role(tx, inera, "agreements_officer", None).await,
            None => Ok(Vec::new()),
        },
    }
}

async fn recipients(
    tx: &mut Tx,
    subject: &store::Subject,
    group: To,
) -> Result<Vec<store::Recipient>, DbError> {
    let agent = subject.agent.unwrap_or(OrgId(uuid::Uuid::nil()));
    match group {
        // What Kundservice placed for the customer belongs to all its orderers.
        To::Orderer => match store::member(tx, subject.customer, subject.orderer).await? {
            own if own.is_empty() => store::with_role(tx, subject.customer, "orderer", None).await,
            own => Ok(own),
        },
        To::CustomerAttestants => {
            store::with_role(tx, subject.customer, "attestant", subject.customer_attestant).await
        }
        To::ContractContact => store::with_role(tx, subject.customer, "contract_contact", None).await,
        To::AgentAttestants => store::with_role(tx, agent, "attestant", subject.agent_attestant).await,
        To::Handlers => match subject.mandate {
            Some(mandate) => store::handlers(tx, agent, mandate).await,
            None => Ok(Vec::new()),
        },
        To::Support => store::support(tx).await,
    }
}
