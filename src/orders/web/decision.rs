//! What a decision is: the ways to decide, the form, and what is read from it and said of it.

use serde::{Deserialize, Serialize};

use super::shown::said;
use crate::{
    http::{Errors, Flash, form::Motive},
    identity::{
        confirmation::EidProof,
        web::confirm::{ALTERED, Identified, NOT_YOURS},
    },
    orders::domain::State,
};

/// A decision being made. The password never comes back, and is never kept.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct DecisionForm {
    #[serde(default)]
    pub(super) revision: i32,
    #[serde(default)]
    pub(super) visat: String,
    #[serde(default)]
    pub(super) beslut: String,
    #[serde(default)]
    pub(super) motivering: String,
    #[serde(default)]
    pub(super) attestant: String,
    #[serde(default)]
    pub(super) fakturareferens: String,
    #[serde(default)]
    pub(super) intygar: String,
    #[serde(default, skip_serializing)]
    pub(super) losenord: String,
    /// The provider to go to before deciding.
    #[serde(default, skip_serializing)]
    pub(super) legitimera: String,
    /// The identification that has been made.
    #[serde(skip)]
    pub(super) proof: Option<EidProof>,
}

pub(super) const CHANGED: &str =
    "Beställningen har ändrats medan du bekräftade att det är du. Läs den igen och välj vad du vill göra";

impl DecisionForm {
    /// What is no answer to any question of the page is not kept.
    pub(super) fn tidy(&mut self) {
        if self.intygar != "ja" {
            self.intygar.clear();
        }
        if self.attestant.len() > 36 {
            self.attestant.clear();
        }
    }

    /// How it is confirmed: by a password, or else by the identification.
    pub(super) fn take(&mut self, identified: Identified, nothing: &str, errors: &mut Errors) {
        match identified {
            _ if !self.losenord.is_empty() || !self.legitimera.is_empty() => {}
            Identified::Own(proof) => self.proof = Some(*proof),
            Identified::Another => errors.add("losenord", NOT_YOURS),
            Identified::Altered => errors.add("losenord", ALTERED),
            Identified::Not | Identified::Outdated => errors.add("losenord", nothing),
        }
    }
}

/// No attestant in particular.
pub(super) const ANYBODY: &str = "Någon av era attestanter";

/// What the handler certifies by approving.
pub(super) const PROMISE: &str = "Jag intygar att beställningen är kontrollerad och att vi har rätt att ansluta kunden enligt vårt agentuppdrag";

/// Which of the three decisions a page is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Review,
    AgentAttest,
    CustomerAttest,
}

impl Kind {
    pub(super) fn state(self) -> State {
        match self {
            Self::Review => State::AwaitingAgentReview,
            Self::AgentAttest => State::AwaitingAgentAttest,
            Self::CustomerAttest => State::AwaitingCustomerAttest,
        }
    }
}

/// One way to decide.
pub(super) struct Way {
    /// Of its field on the page.
    pub(super) id: String,
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) text: &'static str,
    pub(super) chosen: bool,
}

pub(super) fn ways(kind: Kind, chosen: &str) -> Vec<Way> {
    let way = |value: &'static str, label, text| {
        let id = format!("beslut-{value}");
        Way { id, value, label, text, chosen: chosen == value }
    };
    match kind {
        Kind::Review => vec![
            way(
                "godkann",
                "Godkänn och skicka till attest",
                "Beställningen går till attestanten du väljer nedan.",
            ),
            way(
                "atersand",
                "Sänd tillbaka till kunden",
                "Kunden får din motivering och kan skicka beställningen igen.",
            ),
            way("avsla", "Avslå", "Beställningen avslutas. Kunden får din motivering."),
        ],
        Kind::AgentAttest => vec![
            way("attestera", "Attestera", "Beställningen går vidare till kundens attestant."),
            way(
                "atersand",
                "Sänd tillbaka till handläggaren",
                "Handläggaren får din motivering och granskar igen.",
            ),
            way("avsla", "Avslå", "Beställningen avslutas. Kunden får din motivering."),
        ],
        Kind::CustomerAttest => vec![
            way("attestera", "Attestera", "Beställningen går till Inera, som levererar tjänsten."),
            way(
                "atersand",
                "Sänd tillbaka för ändring",
                "Beställaren får din motivering och kan skicka beställningen igen.",
            ),
            way("avsla", "Avslå", "Beställningen avslutas. Beställaren får din motivering."),
        ],
    }
}

/// The first of the ways to decide, where a fault of the choice is shown.
pub(super) fn first(kind: Kind) -> &'static str {
    if kind == Kind::Review { "beslut-godkann" } else { "beslut-attestera" }
}

/// Where a decision is made.
pub(super) fn action(kind: Kind, base: &str, number: &str) -> String {
    match kind {
        Kind::Review => format!("{base}/godkannanden/{number}"),
        Kind::AgentAttest => format!("{base}/attester/{number}"),
        Kind::CustomerAttest => format!("{base}/bestallningar/{number}/attestera"),
    }
}

/// What was decided, read from the form.
pub(super) enum Decided {
    Yes,
    Back(Motive),
    No(Motive),
}

pub(super) fn parse(kind: Kind, form: &DecisionForm, errors: &mut Errors) -> Option<Decided> {
    let yes = if kind == Kind::Review { "godkann" } else { "attestera" };
    let motive = |errors: &mut Errors| errors.take("motivering", Motive::parse(&form.motivering));
    match form.beslut.as_str() {
        // It may say why, and is then held to the same.
        value if value == yes && form.motivering.trim().is_empty() => Some(Decided::Yes),
        value if value == yes => motive(errors).map(|_| Decided::Yes),
        "atersand" => motive(errors).map(Decided::Back),
        "avsla" => motive(errors).map(Decided::No),
        _ => {
            errors.add(first(kind), "Välj vad du vill göra");
            None
        }
    }
}

/// The decision in words, as the evidence has it.
pub(super) fn said_of(kind: Kind, form: &DecisionForm, (attestant, reference): (&str, &str)) -> String {
    let label = ways(kind, &form.beslut).into_iter().find(|way| way.chosen).map_or("", |way| way.label);
    let rows = [
        ("Motivering", form.motivering.trim()),
        ("Attestant", attestant),
        ("Agentens fakturareferens", reference),
        ("Intygande", if form.intygar.is_empty() { "" } else { PROMISE }),
    ];
    said(label, &rows)
}

/// What is said when the decision is made: whose turn it is now.
pub(super) fn receipt(decided: &Decided, kind: Kind) -> Flash {
    match (decided, kind) {
        (Decided::Yes, Kind::Review) => Flash::Reviewed,
        (Decided::Yes, Kind::AgentAttest) => Flash::AttestedByAgent,
        (Decided::Yes, Kind::CustomerAttest) => Flash::AttestedByCustomer,
        (Decided::Back(_), _) => Flash::SentBack,
        (Decided::No(_), _) => Flash::Rejected,
    }
}
