//! `{side}/uppgifter`: what is known of the organisation, what to see to, who is administrator, what has changed.

use askama::Template;
use axum::response::Response;
use time::{Date, OffsetDateTime};

use super::{StaffPath, Whose, named, own, words};
use crate::{
    calendar::{long_date, long_time, machine_time},
    catalogue::Catalogue,
    contacts::{self, queries::Contact},
    http::{AppError, Chrome, Cx, Path, Staff, context::For},
    identity::{Role, Side, policy::may_read_invoicing},
    organisation::{
        actions::{may_read_siths, permit_contact, permit_four_eyes, permit_identity},
        data_queries::{self, Data, EventRow, Period},
        health::{self, Finding},
        queries, unit_queries,
    },
};

/// A key and a value.
struct Fact {
    key: &'static str,
    value: String,
}

/// A category or a fact with its days.
struct Standing {
    name: String,
    days: String,
}

/// A change as told.
struct Change {
    datetime: String,
    when: String,
    what: &'static str,
    by: String,
    lines: Vec<String>,
}

#[derive(Template)]
#[template(path = "organisation/show.html")]
struct OrganisationPage {
    chrome: Chrome,
    base: String,
    crumb: Option<String>,
    name: String,
    /// Somebody without a role sees who can give one.
    may_read: bool,
    identity: Vec<Fact>,
    contact: Vec<Fact>,
    standing: Vec<Standing>,
    earlier: Vec<Standing>,
    four_eyes: bool,
    /// A new address that waits to be confirmed.
    pending: Option<String>,
    may_contact: bool,
    may_identity: bool,
    may_standing: bool,
    may_four_eyes: bool,
    own: bool,
    sees_health: bool,
    health: Vec<Finding>,
    administrators: Vec<String>,
    changes: Vec<Change>,
    insights: Vec<Seen>,
    /// How many open vårdenheter and where they are; `None` where there are none to see.
    units: Option<(i64, String)>,
    /// "Upphör, sista dag 31 december 2026."
    ends: String,
    /// "Har tagit över från Ekbacken, vars sista dag var 31 december 2025."
    took_over: Vec<String>,
}

/// Somebody of Inera has seen the pages as a contact does.
struct Seen {
    datetime: String,
    when: String,
    who: String,
    reason: String,
}

fn days(period: &Period, today: Date) -> String {
    match period.to {
        Some(to) if period.from > today => {
            format!("från {} till och med {}", long_date(period.from), long_date(to))
        }
        None if period.from > today => format!("från {}", long_date(period.from)),
        Some(to) => format!("{} till och med {}", long_date(period.from), long_date(to)),
        None => format!("sedan {}", long_date(period.from)),
    }
}

/// Those that hold or will, and those that have been.
fn standing(data: &Data, catalogue: &Catalogue, today: Date) -> (Vec<Standing>, Vec<Standing>) {
    let category = |period: &Period| (catalogue.category(&period.code).to_owned(), period.clone());
    let fact = |period: &Period| (words::fact(&period.code).to_owned(), period.clone());
    let all: Vec<(String, Period)> =
        data.categories.iter().map(category).chain(data.facts.iter().map(fact)).collect();
    let (past, present): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, period)| period.to.is_some_and(|to| to < today));
    let shown = |rows: Vec<(String, Period)>| {
        rows.into_iter().map(|(name, period)| Standing { name, days: days(&period, today) }).collect()
    };
    (shown(present), shown(past))
}

fn change(row: EventRow, catalogue: &Catalogue) -> Change {
    Change {
        datetime: machine_time(row.at),
        when: long_time(row.at),
        what: words::event(&row.kind),
        by: match (row.by.is_empty(), row.by_inera) {
            (true, _) => "Kundportalen".to_owned(),
            (false, true) => format!("{}, Inera", row.by),
            (false, false) => row.by,
        },
        lines: words::differences(&row.kind, (&row.wanted, &row.was), catalogue),
    }
}

fn identity(data: &Data) -> Vec<Fact> {
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    vec![
        Fact { key: "Namn", value: data.name.clone() },
        Fact {
            key: "Organisationsnummer",
            value: if data.sole_trader {
                format!("{} (enskild firma)", data.org_nr)
            } else {
                data.org_nr.clone()
            },
        },
        Fact { key: "Kundnummer", value: number(data.customer_no) },
        Fact { key: "Agentnummer", value: number(data.agent_no) },
    ]
}

fn contact(data: &Data) -> Vec<Fact> {
    let said = |text: &str| if text.is_empty() { "Saknas".to_owned() } else { text.replace('\n', ", ") };
    vec![
        Fact { key: "E-postadress", value: said(&data.email) },
        Fact { key: "Telefon", value: said(&data.phone) },
        Fact { key: "Besöksadress", value: said(&data.visiting_address) },
        Fact { key: "Postadress", value: said(&data.postal_address) },
        Fact { key: "Vårdgivarens HSA-id", value: said(&data.hsa_id) },
    ]
}

/// What there is to see to, of what the reader may know.
async fn findings<S: For>(
    cx: &mut Cx<S>,
    whose: &Whose,
    (data, present): (&Data, &[Contact]),
    now: OffsetDateTime,
) -> Result<Vec<Finding>, AppError> {
    let today = cx.app.clock().today();
    let frail = data_queries::frail(&mut cx.tx, whose.org, now).await?;
    let invoicing = if may_read_invoicing(&cx.actor) {
        let billed = queries::billed(&mut cx.tx, whose.org, today).await?.ok_or(AppError::NotFound)?;
        Some((queries::history(&mut cx.tx, whose.org, today).await?, billed))
    } else {
        None
    };
    let (_, review) = data_queries::last_review(&mut cx.tx, whose.org).await?;
    Ok(health::findings(&health::Facts {
        data,
        present,
        frail: &frail,
        invoicing: invoicing.as_ref().map(|(history, billed)| (history, billed)),
        sees_siths: may_read_siths(&cx.actor),
        reviewed_at: review.map(|(at, _)| at),
        now,
    }))
}

async fn page<S: For>(mut cx: Cx<S>, whose: Whose) -> Result<Response, AppError> {
    let now = cx.app.clock().now();
    let today = cx.app.clock().today();
    let catalogue = cx.app.catalogue().await?;
    let data = data_queries::data(&mut cx.tx, whose.org).await?.ok_or(AppError::NotFound)?;
    let people = contacts::queries::contacts(&mut cx.tx, whose.org, None, today).await?;
    let present: Vec<Contact> = people.into_iter().filter(|contact| contact.ended_at.is_none()).collect();
    let may_read = cx.actor.roles().iter().any(|role| role != Role::Signatory);
    let own = whose.seen_from.is_none();
    let sees_health = if own { cx.actor.has(Role::Administrator) } else { may_read };
    let health =
        if sees_health { findings(&mut cx, &whose, (&data, &present), now).await? } else { Vec::new() };
    let events = if may_read { data_queries::events(&mut cx.tx, whose.org).await? } else { Vec::new() };
    let insights =
        if sees_health { contacts::insight::of(&mut cx.tx, whose.org, None).await? } else { Vec::new() };
    let ends = unit_queries::ends(&mut cx.tx, whose.org).await?;
    let units_at = match (cx.actor.side(), data.customer_no) {
        (Some(Side::Customer), Some(_)) if may_read => Some(format!("{}/enheter", whose.base)),
        (Some(Side::Inera), Some(no)) if may_read => Some(format!("/inera/kunder/{no}/enheter")),
        _ => None,
    };
    let units = match units_at {
        Some(href) => Some((unit_queries::open_units(&mut cx.tx, whose.org).await?, href)),
        None => None,
    };
    let (standing, earlier) = standing(&data, &catalogue, today);
    let may_identity = permit_identity(&cx.actor).is_ok();
    let page = OrganisationPage {
        chrome: cx.chrome("Uppgifter"),
        base: whose.base,
        crumb: whose.seen_from,
        may_read,
        identity: identity(&data),
        contact: contact(&data),
        standing,
        earlier,
        four_eyes: data.four_eyes,
        pending: data.pending.as_ref().filter(|(_, until)| *until > now).map(|(email, _)| email.clone()),
        may_contact: permit_contact(&cx.actor).is_ok(),
        may_identity,
        may_standing: may_identity && data.customer_no.is_some(),
        may_four_eyes: permit_four_eyes(&cx.actor).is_ok(),
        own,
        sees_health,
        health,
        administrators: present
            .iter()
            .filter(|contact| contact.acts_as(Role::Administrator))
            .map(|contact| format!("{}, {}", contact.name, contact.email))
            .collect(),
        units,
        ends: super::ends::said(&ends),
        took_over: ends
            .predecessors
            .iter()
            .map(|(before, last)| format!("Tar över från {}, sista dag {}.", before.name, long_date(*last)))
            .collect(),
        insights: insights
            .into_iter()
            .map(|row| Seen {
                datetime: machine_time(row.started_at),
                when: long_time(row.started_at),
                who: format!("{}, Inera, såg sidorna som {}", row.staff_name, row.seen_as),
                reason: row.reason,
            })
            .collect(),
        changes: events.into_iter().map(|row| change(row, &catalogue)).collect(),
        name: data.name,
    };
    cx.show(page).await
}

/// `GET {side}/uppgifter`
pub async fn show<S: For>(cx: Cx<S>) -> Result<Response, AppError> {
    let whose = own(&cx);
    page(cx, whose).await
}

/// `GET /inera/{kunder,agenter}/{nr}/uppgifter`
pub async fn show_named(mut cx: Cx<Staff>, Path(path): Path<StaffPath>) -> Result<Response, AppError> {
    let whose = named(&mut cx, &path).await?;
    page(cx, whose).await
}
