//! An order as a page shows it to one reader: ready words, so that the templates decide nothing.

use time::{Date, OffsetDateTime};

use super::{
    super::{
        domain::{Content, Order, Route, State},
        order_queries::Detail,
    },
    history::{LogRow, Step, changes, log, reason, steps},
};
use crate::{
    calendar::{days_between, local, long_date},
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

/// The two together.
pub fn fact(key: &'static str, value: &str) -> Fact {
    Fact { key, value: value.to_owned() }
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
    let cost = |ore: i64| if ore > 0 { Some(kronor(ore)) } else { None };
    match (once.map(cost), yearly.map(cost)) {
        (None, None) => "Pris enligt prislista".to_owned(),
        (Some(None), Some(None)) => kronor(0),
        (Some(Some(once)), Some(Some(yearly))) => {
            format!("{once} en gång och {yearly} per år, exklusive moms")
        }
        (Some(Some(once)), Some(None)) => format!("{once} exklusive moms, engångsavgift"),
        (Some(None), Some(Some(yearly))) => format!("{yearly} per år, exklusive moms"),
        (Some(Some(once)), None) => {
            format!("{once} en gång, exklusive moms. Pris per år enligt prislista")
        }
        (None, Some(Some(yearly))) => {
            format!("{yearly} per år, exklusive moms. Engångspris enligt prislista")
        }
        (Some(None), None) | (None, Some(None)) => "Pris enligt prislista".to_owned(),
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

/// Those that say something, with commas between.
pub fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ")
}

fn named_or_any(name: &str, role: &str, org: &str) -> String {
    if name.is_empty() {
        format!("Någon av attestanterna hos {org}")
    } else {
        format!("{name}, {role} hos {org}")
    }
}

pub(super) fn holder(order: &Order, detail: &Detail, reader: Side, today: Date) -> Option<Now> {
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
        State::Returned | State::Draft if order.placed_by_staff => format!("Beställare hos {customer}"),
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
            let removable = order.state == State::Draft && file.side == reader;
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
