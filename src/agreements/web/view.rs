//! What the pages about one agreement show.

use time::OffsetDateTime;

use crate::{
    agreements::{
        domain::{By, SigningState, rule_words},
        queries::{AgreementRow, EventRow, SignatoryRow},
    },
    calendar::{local, long_date, long_time, machine_time},
    catalogue::Catalogue,
    text::hex,
};

/// A tag: kind and words.
pub(crate) struct Tag {
    pub kind: &'static str,
    pub text: &'static str,
}

impl From<(&'static str, &'static str)> for Tag {
    fn from((kind, text): (&'static str, &'static str)) -> Self {
        Self { kind, text }
    }
}

/// Where one signatory stands; `open` while the round waits for signatures.
pub(super) fn signatory_tag(signed_at: Option<OffsetDateTime>, open: bool) -> Tag {
    match (signed_at, open) {
        (Some(_), _) => ("ok", "Har signerat"),
        (None, true) => ("warn", "Väntar på signatur"),
        (None, false) => ("neutral", "Har inte signerat"),
    }
    .into()
}

/// A key and a value.
pub(super) struct Fact {
    pub key: &'static str,
    pub value: String,
}

/// A paragraph of the agreement's text: its heading, if it has one, and its lines.
pub(super) struct Clause {
    pub heading: String,
    pub lines: Vec<String>,
    pub items: Vec<String>,
}

/// The text as headings, paragraphs and lists, word for word: a blank line ends a clause, a dash makes a list.
pub(super) fn clauses(body: &str) -> Vec<Clause> {
    let clause = |block: &str| {
        let mut rest = block.lines();
        let heading = rest.next().unwrap_or_default().to_owned();
        let (items, lines): (Vec<&str>, Vec<&str>) = rest.partition(|line| line.starts_with("- "));
        Clause {
            heading,
            lines: lines.into_iter().map(str::to_owned).collect(),
            items: items.into_iter().map(|item| item.trim_start_matches("- ").to_owned()).collect(),
        }
    };
    body.split("\n\n").map(clause).collect()
}

/// Somebody named to sign.
pub(super) struct SignatoryView {
    pub name: String,
    /// Address and, for the agreements officer, the masked number.
    pub sub: String,
    pub tag: Tag,
    pub method: String,
    pub reference: String,
    pub when: String,
    pub datetime: String,
    pub statement: String,
}

impl SignatoryView {
    pub(super) fn new(row: SignatoryRow, open: bool, number: Option<String>) -> Self {
        let sub = match number {
            Some(number) => format!("{number}, {}", row.email),
            None => row.email,
        };
        Self {
            sub,
            tag: signatory_tag(row.signed_at, open),
            method: match row.method.as_deref() {
                Some("test_eid") => {
                    format!("Test-e-legitimation för {}", row.provider_name.unwrap_or_default())
                }
                Some(_) => format!("E-legitimation för {}", row.provider_name.unwrap_or_default()),
                None => String::new(),
            },
            reference: row.reference.unwrap_or_default(),
            when: row.signed_at.map(long_time).unwrap_or_default(),
            datetime: row.signed_at.map(machine_time).unwrap_or_default(),
            statement: row.statement.unwrap_or_default(),
            name: row.name,
        }
    }
}

/// A line of the log.
pub(super) struct LogView {
    pub when: String,
    pub datetime: String,
    pub what: String,
    pub note: String,
}

impl LogView {
    pub(super) fn new(row: EventRow) -> Self {
        let what = match (row.to, row.by) {
            (SigningState::Signed, _) => format!("{} signerade. Avtalet gäller", row.actor_name),
            (SigningState::PartlySigned, _) => format!("{} signerade", row.actor_name),
            (SigningState::Rejected, _) => format!("{} avslog avtalet", row.actor_name),
            (SigningState::Recalled, _) => format!("{} på Inera återkallade avtalet", row.actor_name),
            (SigningState::Expired | SigningState::Awaiting, By::System | By::Inera | By::Signatory) => {
                "Tiden för att signera gick ut".to_owned()
            }
        };
        Self { when: long_time(row.at), datetime: machine_time(row.at), what, note: row.note }
    }

    pub(super) fn sent(by: &str, at: OffsetDateTime) -> Self {
        Self {
            when: long_time(at),
            datetime: machine_time(at),
            what: format!("{by} på Inera skickade avtalet för signering"),
            note: String::new(),
        }
    }
}

/// "Kundavtal 2", or "Kundavtal 1, Journalen" for the older model.
pub(crate) fn name(kind: crate::agreements::Kind, service: Option<&str>, catalogue: &Catalogue) -> String {
    match service {
        Some(code) => format!("{}, {}", kind.label(), catalogue.name(code)),
        None => kind.label().to_owned(),
    }
}

/// Where it stands: the signing's own words while it is what matters, else the agreement's.
pub(crate) fn tag(status: crate::agreements::Status, signing: Option<SigningState>) -> Tag {
    use crate::agreements::Status;
    match (status, signing) {
        (Status::AwaitingSignature | Status::PartlySigned, Some(state)) => state.tag().into(),
        _ => status.tag().into(),
    }
}

/// The facts at the top of the page.
pub(super) fn facts(row: &AgreementRow, named: usize) -> Vec<Fact> {
    let day = |at: Option<OffsetDateTime>| at.map(|at| long_date(local(at).date)).unwrap_or_default();
    let mut facts = vec![
        Fact { key: "Avtalsnummer", value: row.number.clone() },
        Fact { key: "Gäller från", value: row.valid_from.map(long_date).unwrap_or_default() },
        Fact { key: "Gäller till och med", value: row.valid_to.map(long_date).unwrap_or_default() },
        Fact {
            key: "Avtalstext",
            value: row
                .template
                .rsplit_once(' ')
                .map(|(_, version)| format!("version {version}"))
                .unwrap_or_default(),
        },
        Fact { key: "Skickat för signering", value: day(row.sent_at) },
    ];
    if row.signing_state.is_some_and(SigningState::is_open) {
        facts.push(Fact { key: "Signeras senast", value: day(row.expires_at) });
    }
    if named > 0 {
        facts.push(Fact { key: "Firmateckning", value: rule_words(row.needed, named) });
    }
    if !row.body.is_empty() {
        facts.push(Fact { key: "Textens kontrollsumma (SHA-256)", value: hex(&row.body_sha256) });
    }
    facts
}
