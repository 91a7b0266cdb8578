//! `{side}/kontakter`: who there is, what is missing, who asks for something.

use askama::Template;
use axum::response::Response;

use super::view;
use crate::{
    calendar::{local, long_date},
    contacts::{
        actions::{list_denied, may_list, permit},
        care::{Care, care},
        domain::{labels, the_roles},
        invitations::{self, InvitationRow},
        joining,
        queries::{self, Contact, RequestRow},
    },
    http::{AppError, Chrome, Cx, context::For},
};

/// A contact as a row.
struct Row {
    href: String,
    name: String,
    title: String,
    email: String,
    blocked: bool,
    roles: String,
    /// Agentuppdrag the contact handles.
    mandates: String,
    substitute: String,
}

/// An agentuppdrag and who handles it.
struct Handled {
    name: String,
    by: String,
}

/// Somebody asks for a role.
struct Ask {
    id: String,
    name: String,
    roles: String,
    reason: String,
    when: String,
    href: String,
}

/// Somebody who wants to become a contact.
struct Joining {
    id: String,
    name: String,
    email: String,
    title: String,
    reason: String,
    when: String,
}

/// Somebody who has not answered.
struct Invited {
    id: String,
    name: String,
    email: String,
    roles: String,
    when: String,
    late: bool,
}

#[derive(Template)]
#[template(path = "contacts/list.html")]
struct ListPage {
    chrome: Chrome,
    base: String,
    may_change: bool,
    rows: Vec<Row>,
    /// The agent's, with whoever may work with each ("Hantera behörigheter", portal.md 1.3).
    handled: Vec<Handled>,
    gone: Vec<Row>,
    care: Vec<Care>,
    asks: Vec<Ask>,
    joining: Vec<Joining>,
    invitations: Vec<Invited>,
}

fn ask(row: RequestRow, base: &str) -> Ask {
    let roles = the_roles(&row.roles);
    Ask {
        href: format!("{base}/kontakter/{}/roller?begaran={}", row.member, row.id),
        id: row.id.to_string(),
        name: row.name,
        roles,
        reason: row.reason,
        when: long_date(local(row.made_at).date),
    }
}

fn invited(row: InvitationRow, now: time::OffsetDateTime) -> Invited {
    let roles = labels(&row.roles);
    let last = long_date(invitations::last_day(row.expires_at));
    let late = row.expires_at <= now;
    Invited {
        id: row.id.to_string(),
        name: row.name,
        email: row.email,
        roles: if roles.is_empty() { "Ingen roll".to_owned() } else { roles },
        when: if late {
            format!("Gick ut {last}")
        } else {
            format!("Skickad {}, gäller till och med {last}", long_date(local(row.sent_at).date))
        },
        late,
    }
}

/// `GET {side}/kontakter`
pub async fn index<S: For>(mut cx: Cx<S>) -> Result<Response, AppError> {
    if !may_list(&cx.actor) {
        return Err(AppError::Forbidden(list_denied(cx.actor.side()).0));
    }
    let today = cx.app.clock().today();
    let org = cx.actor.org();
    let base = cx.actor.base();
    let may_change = permit(&cx.actor).is_ok();
    let contacts = queries::contacts(&mut cx.tx, org, None, today).await?;
    let substitutions = queries::substitutions(&mut cx.tx, org, today).await?;
    let kinds = queries::kinds(&mut cx.tx, org).await?;
    let mandates = if kinds.agent { queries::mandates(&mut cx.tx, org).await? } else { Vec::new() };
    let catalogue = cx.app.catalogue().await?;
    let requests = if may_change { queries::requests(&mut cx.tx, org, None).await? } else { Vec::new() };
    let joining = if may_change { joining::waiting(&mut cx.tx, org).await? } else { Vec::new() };
    let now = cx.app.clock().now();
    let invitations = invitations::open(&mut cx.tx, org).await?;
    let row = |contact: &Contact| Row {
        href: format!("{base}/kontakter/{}", contact.id),
        name: contact.name.clone(),
        title: contact.title.clone(),
        email: contact.email.clone(),
        blocked: contact.blocked,
        roles: view::roles(contact),
        mandates: contact
            .mandates
            .iter()
            // A handler reads of their own alone.
            .filter(|id| mandates.iter().any(|mandate| mandate.id == **id))
            .map(|id| view::mandate_name(&catalogue, &mandates, *id))
            .collect::<Vec<_>>()
            .join("; "),
        substitute: substitutions
            .iter()
            .filter(|row| row.absent == contact.id)
            .map(view::stands_in)
            .collect::<Vec<_>>()
            .join(". "),
    };
    let (present, gone): (Vec<Contact>, Vec<Contact>) =
        contacts.into_iter().partition(|contact| contact.ended_at.is_none());
    let page = ListPage {
        chrome: cx.chrome(if kinds.inera { "Ineras kontakter" } else { "Kontakter" }),
        care: care(&present, kinds),
        rows: present.iter().map(row).collect(),
        handled: mandates
            .iter()
            .map(|mandate| Handled {
                name: view::mandate_name(&catalogue, &mandates, mandate.id),
                by: present
                    .iter()
                    .filter(|contact| contact.mandates.contains(&mandate.id))
                    .map(|contact| contact.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
            .collect(),
        gone: gone.iter().map(row).collect(),
        invitations: invitations.into_iter().map(|row| invited(row, now)).collect(),
        asks: requests.into_iter().map(|request| ask(request, &base)).collect(),
        joining: joining
            .into_iter()
            .map(|row| Joining {
                id: row.id.to_string(),
                name: row.name,
                email: row.email,
                title: row.title,
                reason: row.reason,
                when: long_date(local(row.made_at).date),
            })
            .collect(),
        may_change,
        base,
    };
    cx.show(page).await
}
