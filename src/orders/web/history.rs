//! What has happened to an order and what comes next: the chain of steps, the log, the last reason, what was changed.

use time::{Date, OffsetDateTime};

use super::{
    super::{
        domain::{Order, Route, State},
        order_queries::{Detail, EventRow},
    },
    view::holder,
};
use crate::{
    calendar::{local, long_date, long_time, machine_time},
    identity::Side,
};

/// A step of the chain.
pub struct Step {
    /// `done`, `now`, `wait`, `stop`.
    pub state: &'static str,
    /// Number.
    pub number: usize,
    /// Title.
    pub title: String,
    /// Who and when.
    pub meta: String,
    /// What was written.
    pub quote: String,
}

/// A row of the log.
pub struct LogRow {
    /// For machines.
    pub datetime: String,
    /// For people.
    pub when: String,
    /// What happened.
    pub what: String,
    /// More.
    pub more: String,
    at: OffsetDateTime,
}

/// The steps an order passes, and the state that is each step's turn.
fn plan(order: &Order, reader: Side) -> Vec<(State, String)> {
    let at_customer = if reader == Side::Customer { "Attest hos er" } else { "Attest hos kunden" };
    let delivery = "Inera levererar".to_owned();
    match order.route {
        Route::Direct => vec![
            (State::Draft, "Beställningen skickas".to_owned()),
            (State::AwaitingCustomerAttest, at_customer.to_owned()),
            (State::Attested, delivery),
        ],
        Route::ViaAgent => vec![
            (State::Draft, "Beställningen skickas".to_owned()),
            (State::AwaitingAgentReview, "Granskning hos agenten".to_owned()),
            (State::AwaitingAgentAttest, "Attest hos agenten".to_owned()),
            (State::AwaitingCustomerAttest, at_customer.to_owned()),
            (State::Attested, "Inera öppnar för anslutning och levererar".to_owned()),
        ],
    }
}

/// Which step a state belongs to.
fn step_of(state: State) -> State {
    match state {
        State::Returned => State::Draft,
        State::ReadyToConnect | State::InDelivery | State::Activated => State::Attested,
        other => other,
    }
}

pub(super) fn steps(order: &Order, detail: &Detail, reader: Side) -> Vec<Step> {
    let plan = plan(order, reader);
    let stopped = order.state.is_closed() && order.state != State::Activated;
    let last_event = detail.events.last();
    let here = if stopped {
        last_event.map_or(State::Draft, |event| step_of(event.from_state))
    } else {
        step_of(order.state)
    };
    let place = plan.iter().position(|(state, _)| *state == here).unwrap_or(0);
    plan.into_iter()
        .enumerate()
        .map(|(index, (state, title))| {
            let event = detail.events.iter().rev().find(|event| step_of(event.from_state) == state);
            let finished = order.state == State::Activated || index < place;
            let step_state = match (finished, index == place, stopped) {
                (true, ..) => "done",
                (false, true, true) => "stop",
                (false, true, false) => "now",
                _ => "wait",
            };
            let told = event.filter(|_| matches!(step_state, "done" | "stop"));
            Step {
                state: step_state,
                number: index + 1,
                title: if step_state == "done" && index == 0 {
                    "Beställningen skickad".to_owned()
                } else {
                    title
                },
                meta: match (told, step_state) {
                    (Some(event), _) => who_when(event),
                    (None, "now") => holder(order, detail, reader, local(detail.state_since).date)
                        .map(|now| now.who)
                        .unwrap_or_default(),
                    _ => String::new(),
                },
                quote: told.map(|event| event.note.clone()).unwrap_or_default(),
            }
        })
        .collect()
}

fn who_when(event: &EventRow) -> String {
    let who = if event.actor_name.is_empty() { "Kundportalen".to_owned() } else { name_of(event) };
    format!("{who} · {}", long_time(event.at))
}

/// Who did it, and for whom they stood in.
fn name_of(event: &EventRow) -> String {
    if event.in_place_of.is_empty() {
        event.actor_name.clone()
    } else {
        format!("{} (ersättare för {})", event.actor_name, event.in_place_of)
    }
}

/// What an event was, in a sentence without a subject.
pub fn event_words(event: &EventRow) -> &'static str {
    match (event.from_state, event.to_state) {
        (State::Draft, State::Withdrawn) => "tog bort utkastet",
        (State::Draft, _) => "skickade beställningen",
        (State::Returned, State::AwaitingAgentReview | State::AwaitingCustomerAttest) => {
            "kompletterade och skickade igen"
        }
        (State::AwaitingAgentReview, State::AwaitingAgentAttest) => {
            "granskade och skickade till attest hos agenten"
        }
        (State::AwaitingAgentAttest, State::AwaitingCustomerAttest) => "attesterade för agenten",
        (State::AwaitingAgentAttest, State::AwaitingAgentReview) => {
            "sände tillbaka till agentens handläggare"
        }
        (State::AwaitingCustomerAttest, State::Attested) => "attesterade för kunden",
        (_, State::Returned) => "bad om komplettering",
        (_, State::ReadyToConnect) => "meddelade agenten att anslutningen kan börja",
        (State::ReadyToConnect, State::InDelivery) => "påbörjade anslutningen",
        (_, State::InDelivery) => "påbörjade leveransen",
        (_, State::Activated) => "levererade tjänsten",
        (
            _,
            State::RejectedByAgent
            | State::RejectedByAgentAttestant
            | State::RejectedByCustomer
            | State::RejectedByInera,
        ) => "avslog beställningen",
        (_, State::Withdrawn) => "avslutade beställningen",
        (_, State::Lapsed) => "lät beställningen förfalla eftersom ingen hade beslutat i tid",
        _ => "ändrade beställningen",
    }
}

pub(super) fn log(detail: &Detail, order: &Order) -> Vec<LogRow> {
    let side_name = |side: Side| match side {
        Side::Customer => order.customer_name.as_str(),
        Side::Agent => order.agent_name.as_str(),
        Side::Inera => "Inera",
        Side::System => "Kundportalen",
    };
    let mut rows: Vec<LogRow> = detail
        .events
        .iter()
        .map(|event| {
            let who = if event.actor_name.is_empty() {
                "Kundportalen".to_owned()
            } else {
                format!("{}, {},", name_of(event), side_name(event.side))
            };
            let mut more = Vec::new();
            if !event.note.is_empty() {
                more.push(format!("”{}”", event.note));
            }
            match event.method.as_deref() {
                None => {}
                Some("password") => more.push("Bekräftat med lösenord.".to_owned()),
                Some("passkey") => more.push("Bekräftat med passnyckel.".to_owned()),
                Some("totp") => more.push("Bekräftat med kodapp.".to_owned()),
                Some(_) => more.push("Bekräftat med e-legitimation.".to_owned()),
            }
            if event.self_attested {
                more.push("Samma person beställde och attesterade.".to_owned());
            }
            LogRow {
                datetime: machine_time(event.at),
                when: long_time(event.at),
                what: format!("{who} {}", event_words(event)),
                more: more.join(" "),
                at: event.at,
            }
        })
        .chain(detail.messages.iter().map(|message| LogRow {
            datetime: machine_time(message.at),
            when: long_time(message.at),
            what: format!("{}, {}, skrev:", message.author_name, side_name(message.side)),
            more: message.body.clone(),
            at: message.at,
        }))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.at));
    rows
}

pub(super) fn reason(detail: &Detail, state: State) -> Option<(String, String)> {
    let last = detail.events.last()?;
    let said = matches!(
        state,
        State::Returned
            | State::RejectedByAgent
            | State::RejectedByAgentAttestant
            | State::RejectedByCustomer
            | State::RejectedByInera
            | State::Withdrawn
    ) || (last.from_state == State::AwaitingAgentAttest
        && last.to_state == State::AwaitingAgentReview);
    (said && !last.note.is_empty())
        .then(|| (format!("{} {}", name_of(last), event_words(last)), last.note.clone()))
}

/// What the newest sending changed, field by field (portal.md 3.7).
pub(super) fn changes(detail: &Detail) -> Vec<String> {
    let mut sent = detail.events.iter().rev().filter_map(|event| event.content.as_ref());
    let (Some(new), Some(old)) = (sent.next(), sent.next()) else { return Vec::new() };
    let date = |day: Option<Date>| day.map(long_date).unwrap_or_default();
    let pairs = [
        ("Agent", old.agent.clone(), new.agent.clone()),
        ("Erbjudande", old.offer.clone(), new.offer.clone()),
        ("Vårdgivarens HSA-id", old.hsa_id.clone(), new.hsa_id.clone()),
        ("Önskat startdatum", date(old.wanted_on), date(new.wanted_on)),
        ("Kontaktperson", old.contact_name.clone(), new.contact_name.clone()),
        ("Kontaktpersonens e-post", old.contact_email.clone(), new.contact_email.clone()),
        ("Kontaktpersonens telefon", old.contact_phone.clone(), new.contact_phone.clone()),
    ];
    let mut changes: Vec<String> = pairs
        .into_iter()
        .filter(|(_, old, new)| old != new)
        .map(|(what, old, new)| {
            format!(
                "{what}: {} → {}",
                if old.is_empty() { "–" } else { &old },
                if new.is_empty() { "–" } else { &new }
            )
        })
        .collect();
    for line in old.lines.iter().filter(|line| !new.lines.contains(line)) {
        changes.push(format!("Borttagen rad: {} × {}", line.name, line.quantity));
    }
    for line in new.lines.iter().filter(|line| !old.lines.contains(line)) {
        changes.push(format!("Ny rad: {} × {}", line.name, line.quantity));
    }
    changes
}
