//! An order as a page shows it to one reader: ready words, so that the templates decide nothing.

use time::{Date, OffsetDateTime};

use super::super::{
    domain::{Content, Order, Route, State},
    queries::{Detail, EventRow},
};
use crate::{
    calendar::{days_between, local, long_date, long_time, machine_time},
    catalogue::Catalogue,
    identity::Side,
    text::{days, kronor},
};

/// A tag: kind and text.
pub struct Tag {
    /// `info`, `ok`, `warn`, `late`, `danger`, `neutral`.
    pub kind: &'static str,
    /// Words.
    pub text: &'static str,
}

/// Late is shown before anything else to those whose turn it is.
pub fn tag(state: State, due_on: Option<Date>, today: Date, reader: Side) -> Tag {
    if (state.is_waiting() || state == State::Returned) && due_on.is_some_and(|due| due < today) {
        return Tag { kind: "late", text: "Försenad" };
    }
    let (kind, text) = state.tag(reader);
    Tag { kind, text }
}

/// A key and a value.
pub struct Fact {
    /// Key.
    pub key: &'static str,
    /// Value; empty ones are not shown.
    pub value: String,
}

/// A line of the order.
pub struct LineView {
    /// Name.
    pub name: String,
    /// HSA-id or contract.
    pub code: String,
    /// How many.
    pub quantity: String,
    /// Wanted date.
    pub wanted: String,
}

/// Whose turn it is.
pub struct Now {
    /// "Helena Wik, attestant hos Nordjournal Systems AB".
    pub who: String,
    /// "Sedan 18 november 2026, 2 dagar."
    pub since: String,
    /// "Svara senast 27 november 2026."
    pub due: String,
}

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

/// A file.
pub struct FileView {
    /// Address.
    pub href: String,
    /// Name.
    pub name: String,
    /// "pdf, 84 kB".
    pub size: String,
    /// "Karin Ålund".
    pub by: String,
    /// Address for taking it away, when that may be done.
    pub remove: String,
}

/// The whole.
pub struct OrderView {
    /// BES-2026-004183.
    pub number: String,
    /// "1177 journal via Nordjournal Systems AB".
    pub title: String,
    /// State.
    pub tag: Tag,
    /// "skickad 12 november 2026".
    pub sent: String,
    /// Whose turn.
    pub now: Option<Now>,
    /// Chain.
    pub steps: Vec<Step>,
    /// Facts.
    pub facts: Vec<Fact>,
    /// Lines.
    pub lines: Vec<LineView>,
    /// Lines' heading.
    pub lines_heading: &'static str,
    /// Events and messages, newest first.
    pub log: Vec<LogRow>,
    /// Files.
    pub files: Vec<FileView>,
    /// The newest reason somebody wrote when saying no or sending it back.
    pub reason: Option<(String, String)>,
    /// What has changed since it was sent the time before.
    pub changes: Vec<String>,
    /// Hash of what was sent.
    pub hash: String,
    /// "50 000 kr" or "Enligt prislistan".
    pub price: String,
}

impl OrderView {
    /// For `reader`, with `base` before addresses.
    pub fn new(
        catalogue: &Catalogue,
        order: &Order,
        detail: &Detail,
        reader: Side,
        base: &str,
        now: OffsetDateTime,
    ) -> Self {
        let today = local(now).date;
        let service = catalogue.name(&order.service_code);
        let title = match order.route {
            Route::Direct => service.to_owned(),
            Route::ViaAgent if order.agent_name.is_empty() => format!("{service} via agent"),
            Route::ViaAgent => format!("{service} via {}", order.agent_name),
        };
        Self {
            number: order.number.clone(),
            tag: tag(order.state, detail.due_on, today, reader),
            sent: match order.submitted_at {
                Some(at) => format!("skickad {}", long_date(local(at).date)),
                None => "inte skickad ännu".to_owned(),
            },
            now: holder(order, detail, reader, today),
            steps: steps(order, detail, reader),
            facts: facts(catalogue, order, detail, reader),
            lines: lines(&order.content),
            lines_heading: lines_heading(&order.content),
            log: log(detail, order),
            files: files(order, detail, base, reader),
            reason: reason(detail, order.state),
            changes: changes(detail),
            hash: detail.content_sha256.as_deref().map(crate::text::hex).unwrap_or_default(),
            price: price_text(detail.price_once_ore, detail.price_yearly_ore),
            title,
        }
    }
}

/// "50 000 kr en gång och 850 kr per år, exklusive moms".
pub fn price_text(once: Option<i64>, yearly: Option<i64>) -> String {
    match (once.filter(|ore| *ore > 0), yearly.filter(|ore| *ore > 0)) {
        (Some(once), Some(yearly)) => {
            format!("{} en gång och {} per år, exklusive moms", kronor(once), kronor(yearly))
        }
        (Some(once), None) => format!("{} exklusive moms, engångsavgift", kronor(once)),
        (None, Some(yearly)) => format!("{} per år, exklusive moms", kronor(yearly)),
        (None, None) => "Pris enligt prislista".to_owned(),
    }
}

/// Lines as shown.
pub fn lines(content: &Content) -> Vec<LineView> {
    content
        .lines
        .iter()
        .map(|line| LineView {
            name: line.name.clone(),
            code: if line.hsa_id.is_empty() { line.contract.clone() } else { line.hsa_id.clone() },
            quantity: crate::text::grouped(i64::from(line.quantity)),
            wanted: line.wanted_on.map(long_date).unwrap_or_default(),
        })
        .collect()
}

/// What the lines are.
pub fn lines_heading(content: &Content) -> &'static str {
    use super::super::domain::LineKind;
    match content.lines.first().map(|line| line.kind) {
        Some(LineKind::CareUnit) => "Vårdenheter",
        Some(LineKind::Contract) => "Tjänstekontrakt",
        Some(LineKind::Cards) => "Kort",
        None => "",
    }
}

/// Facts of the order, in the order a decision needs them.
fn facts(catalogue: &Catalogue, order: &Order, detail: &Detail, reader: Side) -> Vec<Fact> {
    let content = &order.content;
    let offer = catalogue.offer(&order.offer_code).map_or("", |(_, offer)| offer.name.as_str());
    let by = if order.placed_by_staff {
        format!("{}, Kundservice, för kundens räkning", order.created_by_name)
    } else {
        order.created_by_name.clone()
    };
    let mut facts = vec![
        Fact { key: "Kund", value: format!("{}, {}", order.customer_name, detail.customer_org_nr) },
        Fact { key: "Tjänst", value: catalogue.name(&order.service_code).to_owned() },
        Fact { key: "Erbjudande", value: offer.to_owned() },
        Fact { key: "Agent", value: order.agent_name.clone() },
        Fact { key: "Vårdgivarens HSA-id", value: content.hsa_id.clone() },
        Fact { key: "Önskat startdatum", value: content.wanted_on.map(long_date).unwrap_or_default() },
        Fact { key: "Pris", value: price_text(detail.price_once_ore, detail.price_yearly_ore) },
        Fact { key: "Beställare", value: by },
        Fact {
            key: "Kontaktperson",
            value: joined(&[&content.contact_name, &content.contact_email, &content.contact_phone]),
        },
    ];
    // The agent never sees the customer's invoice data or internal note (portal.md 1.5 rule 10).
    if reader != Side::Agent {
        facts.push(Fact { key: "Fakturaadress", value: content.invoice_address.replace('\n', ", ") });
        facts.push(Fact { key: "Fakturareferens", value: content.invoice_reference.clone() });
        facts.push(Fact { key: "Egen referens", value: content.own_reference.clone() });
    }
    if reader == Side::Agent {
        facts.push(Fact { key: "Er fakturareferens", value: detail.agent_invoice_reference.clone() });
    }
    if let (Side::Customer | Side::Inera, Some(from)) = (reader, &detail.copied_from) {
        facts.push(Fact { key: "Kopierad från", value: from.clone() });
    }
    facts
}

fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

fn named_or_any(name: &str, role: &str, org: &str) -> String {
    if name.is_empty() {
        format!("Någon av attestanterna hos {org}")
    } else {
        format!("{name}, {role} hos {org}")
    }
}

fn holder(order: &Order, detail: &Detail, reader: Side, today: Date) -> Option<Now> {
    let own = |name: &str| if reader == Side::Customer { "er".to_owned() } else { name.to_owned() };
    let customer = own(&order.customer_name);
    let who = match order.state {
        State::AwaitingAgentReview => format!("Handläggare hos {}", order.agent_name),
        State::AwaitingAgentAttest => {
            named_or_any(&detail.agent_attestant_name, "attestant", &order.agent_name)
        }
        State::AwaitingCustomerAttest => {
            named_or_any(&detail.customer_attestant_name, "attestant", &customer)
        }
        State::Returned | State::Draft => format!("{}, beställare hos {customer}", order.created_by_name),
        State::Attested | State::InDelivery => "Kundservice hos Inera".to_owned(),
        State::ReadyToConnect => format!("Handläggare hos {}", order.agent_name),
        _ => return None,
    };
    let since = local(detail.state_since).date;
    let waited = days_between(since, today);
    let since = if waited == 0 {
        "Sedan i dag.".to_owned()
    } else {
        format!("Sedan {}, {}.", long_date(since), days(waited))
    };
    let due = detail.due_on.map_or_else(String::new, |due| {
        let word = if due < today { "Skulle ha svarat" } else { "Svar" };
        format!("{word} senast {}.", long_date(due))
    });
    Some(Now { who, since, due })
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

fn steps(order: &Order, detail: &Detail, reader: Side) -> Vec<Step> {
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
    let who = if event.actor_name.is_empty() { "Kundportalen" } else { &event.actor_name };
    format!("{who} · {}", long_time(event.at))
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

fn log(detail: &Detail, order: &Order) -> Vec<LogRow> {
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
                format!("{}, {},", event.actor_name, side_name(event.side))
            };
            let mut more = Vec::new();
            if !event.note.is_empty() {
                more.push(format!("”{}”", event.note));
            }
            if event.method.is_some() {
                more.push("Bekräftat med lösenord.".to_owned());
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

fn files(order: &Order, detail: &Detail, base: &str, reader: Side) -> Vec<FileView> {
    detail
        .attachments
        .iter()
        .map(|file| {
            let ending = file.file_name.rsplit_once('.').map_or("fil", |(_, ending)| ending).to_lowercase();
            let size = if file.size < 1_000_000 {
                format!("{}\u{a0}kB", (file.size + 999) / 1000)
            } else {
                format!("{},{}\u{a0}MB", file.size / 1_000_000, file.size % 1_000_000 / 100_000)
            };
            let href = format!("{base}/bestallningar/{}/bilagor/{}", order.number, file.id);
            let removable = order.state.is_editable() && file.side == reader;
            FileView {
                remove: if removable { format!("{href}/ta-bort") } else { String::new() },
                href,
                name: file.file_name.clone(),
                size: format!("{ending}, {size}"),
                by: file.added_by_name.clone(),
            }
        })
        .collect()
}

fn reason(detail: &Detail, state: State) -> Option<(String, String)> {
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
        .then(|| (format!("{} {}", last.actor_name, event_words(last)), last.note.clone()))
}

/// What the newest sending changed, field by field (portal.md 3.7).
fn changes(detail: &Detail) -> Vec<String> {
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
