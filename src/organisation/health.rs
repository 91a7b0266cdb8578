//! The organisation's health: what is missing, fragile or forgotten, each with its repair (portal.md 5, issue 3).

use time::{Date, Duration, OffsetDateTime};

use super::{
    data_queries::{Data, Frail},
    invoicing::{History, SITHS},
    queries::Billed,
};
use crate::{
    calendar::{local, long_date},
    contacts::{care::care, domain::Kinds, queries::Contact},
    text::and_list,
};

/// Something to see to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `warn` stops something, `info` may come to.
    pub kind: &'static str,
    /// What is wrong.
    pub title: String,
    /// What it means and what to do.
    pub text: String,
    /// The page where it is mended, below the organisation's own pages.
    pub page: &'static str,
    /// The link's words.
    pub label: &'static str,
}

/// What the health is judged by.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The organisation.
    pub data: &'a Data,
    /// Who is there.
    pub present: &'a [Contact],
    /// Mail that does not arrive, accounts that are not used.
    pub frail: &'a [Frail],
    /// Invoice details and what is paid for, for those who may read them.
    pub invoicing: Option<(&'a History, &'a Billed)>,
    /// May the reader see those of SITHS?
    pub sees_siths: bool,
    /// When who may do what was last signed off.
    pub reviewed_at: Option<OffsetDateTime>,
    /// Now.
    pub now: OffsetDateTime,
}

/// A year: invoice details are checked that often.
const YEAR: Duration = Duration::days(365);

/// Everything to see to, the gravest first.
pub fn findings(facts: &Facts<'_>) -> Vec<Finding> {
    let today = local(facts.now).date;
    let data = facts.data;
    let kinds = Kinds { customer: data.customer_no.is_some(), agent: data.agent_no.is_some(), inera: false };
    let mut found: Vec<Finding> = care(facts.present, kinds)
        .into_iter()
        .map(|care| Finding {
            kind: care.kind,
            title: care.title.to_owned(),
            text: care.text.to_owned(),
            page: "kontakter",
            label: "Till kontakter",
        })
        .collect();
    found.extend(blocked(facts));
    found.extend(mail(facts));
    found.extend(of_invoicing(facts, today));
    found.extend(review(facts));
    found.extend(ending(facts, today));
    found.extend(of_contact_data(facts, today));
    found.sort_by_key(|finding| finding.kind != "warn");
    found
}

fn names(frail: &[Frail], kind: &str) -> Vec<String> {
    frail.iter().filter(|row| row.kind == kind).map(|row| row.name.clone()).collect()
}

/// Accounts that are blocked, whose roles do not hold.
fn blocked(facts: &Facts<'_>) -> Option<Finding> {
    let names: Vec<String> =
        facts.present.iter().filter(|contact| contact.blocked).map(|contact| contact.name.clone()).collect();
    (!names.is_empty()).then(|| Finding {
        kind: "warn",
        title: if names.len() == 1 { "Ett konto är spärrat" } else { "Konton är spärrade" }.to_owned(),
        text: format!(
            "{} kan inte logga in, och rollerna gäller inte. Behövs kontot kontaktar personen Kundservice. Annars ger ni rollerna till någon annan.",
            and_list(&names)
        ),
        page: "kontakter",
        label: "Till kontakter",
    })
}

fn mail(facts: &Facts<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let bounced = names(facts.frail, "bounced");
    if !bounced.is_empty() {
        found.push(Finding {
            kind: "warn",
            title: "Mejl kommer inte fram".to_owned(),
            text: format!(
                "Mejl till {} har inte gått fram på sistone. Kontrollera adressen, och ta bort den som har slutat.",
                and_list(&bounced)
            ),
            page: "kontakter",
            label: "Till kontakter",
        });
    }
    let unused = names(facts.frail, "unused");
    if !unused.is_empty() {
        found.push(Finding {
            kind: "info",
            title: "Konton som inte används".to_owned(),
            text: format!(
                "{} har roller men har inte loggat in på 90 dagar. Behövs rollerna?",
                and_list(&unused)
            ),
            page: "kontakter",
            label: "Till kontakter",
        });
    }
    found
}

fn of_invoicing(facts: &Facts<'_>, today: Date) -> Vec<Finding> {
    let Some((history, billed)) = facts.invoicing else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |kind, title: &str, text: String| {
        found.push(Finding {
            kind,
            title: title.to_owned(),
            text,
            page: "faktura",
            label: "Till fakturauppgifter",
        });
    };
    let paid_for = !billed.services.is_empty();
    if history.on(None, today).is_none() && history.coming(None, today).is_empty() {
        if paid_for {
            add("warn", "Fakturauppgifter saknas", "Fyll i vart Inera skickar fakturor.".to_owned());
        }
        return found;
    }
    match billed.checked.as_ref().map(|check| check.at) {
        _ if !paid_for => {}
        None => add(
            "info",
            "Fakturauppgifterna är inte kontrollerade",
            "Läs igenom dem och bekräfta att de stämmer.".to_owned(),
        ),
        Some(at) if at + YEAR < facts.now => add(
            "info",
            "Fakturauppgifterna är inte kontrollerade på ett år",
            format!("Senast kontrollerade {}. Läs igenom dem igen.", long_date(local(at).date)),
        ),
        Some(_) => {}
    }
    let own_siths = history.on(Some(SITHS), today).is_some();
    if facts.sees_siths
        && billed.services.iter().any(|code| code == SITHS)
        && !own_siths
        && billed.siths_checked.is_none()
    {
        add(
            "info",
            "Egna fakturauppgifter för SITHS saknas",
            "Standard används. Fyll i egna uppgifter, eller bekräfta att standard stämmer för SITHS."
                .to_owned(),
        );
    }
    found
}

/// Who may do what is gone through once a year.
fn review(facts: &Facts<'_>) -> Option<Finding> {
    let text = match facts.reviewed_at {
        Some(at) if at + YEAR >= facts.now => return None,
        Some(at) => {
            format!("Senast {}. Gå igenom vem som får göra vad en gång om året.", long_date(local(at).date))
        }
        None => "Gå igenom vem som får göra vad en gång om året.".to_owned(),
    };
    Some(Finding {
        kind: "info",
        title: "Behörigheterna behöver gås igenom".to_owned(),
        text,
        page: "kontakter/genomgang",
        label: "Gå igenom",
    })
}

/// Roles that run out within a month.
fn ending(facts: &Facts<'_>, today: Date) -> Vec<Finding> {
    let soon = today + Duration::days(30);
    let mut lines = Vec::new();
    for contact in facts.present {
        for grant in &contact.grants {
            if let Some(until) = grant.held.until.filter(|until| *until <= soon) {
                lines.push(format!(
                    "{} är {} till och med {}",
                    contact.name,
                    grant.held.role.label().to_lowercase(),
                    long_date(until)
                ));
            }
        }
    }
    if lines.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        kind: "info",
        title: "Roller som snart tar slut".to_owned(),
        text: format!("{}. Förläng, eller ge rollen till någon annan.", lines.join(". ")),
        page: "kontakter",
        label: "Till kontakter",
    }]
}

fn of_contact_data(facts: &Facts<'_>, today: Date) -> Vec<Finding> {
    let data = facts.data;
    let mut found = Vec::new();
    let mut add = |kind, title: &str, text: String| {
        found.push(Finding {
            kind,
            title: title.to_owned(),
            text,
            page: "uppgifter/andra",
            label: "Ändra kontaktuppgifter",
        });
    };
    // A fortnight is enough to be reminded of an address that nobody confirmed.
    let pending = data.pending.as_ref().filter(|(_, until)| *until + Duration::days(14) > facts.now);
    if let Some((email, until)) = pending {
        if *until > facts.now {
            add(
                "info",
                "Ny e-postadress väntar på bekräftelse",
                format!("Öppna länken som skickades till {email}. Till dess gäller den gamla adressen."),
            );
        } else {
            add(
                "info",
                "Ny e-postadress bekräftades aldrig",
                format!("Länken till {email} har gått ut. Ange adressen igen om den ska gälla."),
            );
        }
    } else if data.email.is_empty() {
        add("info", "E-postadress saknas", "Inera når bara enskilda kontakter.".to_owned());
    }
    let care_provider = data.facts.iter().any(|fact| fact.code == "care_provider" && fact.holds(today));
    if care_provider && data.hsa_id.is_empty() && !data.sole_trader {
        add("info", "Vårdgivarens HSA-id saknas", "Det behövs när ni ansluter via agent.".to_owned());
    }
    found
}
