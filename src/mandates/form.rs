//! The form of an application for an agentuppdrag (portal.md 3.10, F-UPPDRAG).

use serde::{Deserialize, Serialize};
use time::Date;

use super::domain::{Content, EndCustomer};
use crate::{
    calendar::{iso_date, parse_date},
    catalogue::{Offer, Scope, Service},
    contacts::queries::Colleague,
    http::{
        Errors,
        form::{impersonal, line, paragraph, person_name, phone},
    },
    identity::{Email, OrgNr},
    ids::{MembershipId, TermsId},
};

/// Most end customers that can be named.
pub(super) const MOST_CUSTOMERS: usize = 5;

/// The application as typed. The password is not asked for here: the attestant confirms.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct ApplyForm {
    #[serde(default)]
    pub(super) revision: i32,
    #[serde(default)]
    pub(super) system: String,
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) kallsystem: String,
    #[serde(default)]
    pub(super) kontrakt: Vec<String>,
    #[serde(default)]
    pub(super) start: String,
    #[serde(default)]
    pub(super) kundnamn: Vec<String>,
    #[serde(default)]
    pub(super) kundnr: Vec<String>,
    #[serde(default)]
    pub(super) teknik_namn: String,
    #[serde(default)]
    pub(super) teknik_epost: String,
    #[serde(default)]
    pub(super) teknik_telefon: String,
    #[serde(default)]
    pub(super) support: String,
    #[serde(default)]
    pub(super) attestant: String,
    #[serde(default)]
    pub(super) villkor: String,
    #[serde(default)]
    pub(super) villkor_id: String,
    #[serde(default)]
    pub(super) svar: String,
}

/// A contract's name in the form and in what is kept: "GetDiagnosis 2".
pub(super) fn contract_code(contract: &crate::catalogue::domain::Contract) -> String {
    format!("{} {}", contract.contract, contract.major)
}

/// Does the application say which tjänstekontrakt the agent produces?
pub(super) fn asks_contracts(service: &Service, offer: &Offer) -> bool {
    offer.scope == Scope::Contracts && !service.contracts.is_empty()
}

/// A sentence that goes on after a colon.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// What the form is read against.
pub(super) struct Against<'a> {
    pub service: &'a Service,
    pub offer: &'a Offer,
    pub attestants: &'a [Colleague],
    pub today: Date,
    /// Is it an answer to Inera's question?
    pub answers: bool,
}

impl Against<'_> {
    fn least(&self) -> usize {
        usize::try_from(self.offer.min_end_customers).unwrap_or_default()
    }
}

impl ApplyForm {
    /// The form as it was sent.
    pub(super) fn of(content: &Content, attestant: Option<MembershipId>, revision: i32) -> Self {
        Self {
            revision,
            system: content.system.clone(),
            version: content.version.clone(),
            kallsystem: content.sources.clone(),
            kontrakt: content.contracts.clone(),
            start: content.start.clone(),
            kundnamn: content.customers.iter().map(|customer| customer.name.clone()).collect(),
            kundnr: content.customers.iter().map(|customer| customer.org_nr.clone()).collect(),
            teknik_namn: content.tech_name.clone(),
            teknik_epost: content.tech_email.clone(),
            teknik_telefon: content.tech_phone.clone(),
            support: content.support.clone(),
            attestant: attestant.map(|id| id.to_string()).unwrap_or_default(),
            villkor: String::new(),
            villkor_id: String::new(),
            svar: String::new(),
        }
    }

    fn needed(errors: &mut Errors, field: &str, read: Result<String, String>, lacking: &str) -> String {
        let text = errors.take(field, read).unwrap_or_default();
        if text.is_empty() && errors.of(field).is_none() {
            errors.add(field, lacking);
        }
        text
    }

    fn customers(&self, against: &Against<'_>, errors: &mut Errors) -> Vec<EndCustomer> {
        let mut customers: Vec<EndCustomer> = Vec::new();
        for place in 0..MOST_CUSTOMERS {
            let typed =
                |list: &[String]| list.get(place).map(|text| text.trim().to_owned()).unwrap_or_default();
            let (number, name) = (typed(&self.kundnr), typed(&self.kundnamn));
            if number.is_empty() && name.is_empty() {
                continue;
            }
            let (at_name, at_number) = (format!("kundnamn-{place}"), format!("kundnr-{place}"));
            let name = Self::needed(
                errors,
                &at_name,
                impersonal(line(&name, 120)),
                &format!("Slutkund {}: skriv kundens namn", place + 1),
            );
            let read = OrgNr::parse(&number).map(|number| number.digits().to_owned());
            let said =
                |bad: crate::identity::BadInput| format!("Slutkund {}: {}", place + 1, lower_first(bad.0));
            let Some(org_nr) = errors.take(&at_number, read.map_err(said)) else { continue };
            if customers.iter().any(|known| known.org_nr == org_nr) {
                errors.add(&at_number, format!("Slutkund {}: kunden står redan i listan", place + 1));
            }
            customers.push(EndCustomer { org_nr, name });
        }
        if customers.len() < against.least() && !errors.has_prefix("kundn") {
            let place = customers.len();
            let least = if against.least() == 2 { "två".to_owned() } else { against.least().to_string() };
            errors.add(
                &format!("kundnamn-{place}"),
                format!(
                    "Tjänsten kräver minst {least} slutkunder. Skriv namn och organisationsnummer för dem"
                ),
            );
        }
        customers
    }

    /// Reads all of it; faults go to `errors` in the order of the fields.
    pub(super) fn read(
        &self,
        against: &Against<'_>,
        errors: &mut Errors,
    ) -> (Content, Option<TermsId>, Option<MembershipId>) {
        let mut content = Content::default();
        if against.answers {
            content.answer = Self::needed(
                errors,
                "svar",
                impersonal(paragraph(&self.svar, 2_000)),
                "Skriv ett svar på Ineras fråga",
            );
        }
        content.system = Self::needed(
            errors,
            "system",
            impersonal(line(&self.system, 120)),
            "Skriv vilket system som ansluts",
        );
        content.version =
            Self::needed(errors, "version", impersonal(line(&self.version, 40)), "Skriv systemets version");
        content.sources =
            errors.take("kallsystem", impersonal(paragraph(&self.kallsystem, 1_000))).unwrap_or_default();
        if asks_contracts(against.service, against.offer) {
            let known = against.service.contracts.iter().map(contract_code);
            content.contracts = known.filter(|code| self.kontrakt.contains(code)).collect();
            if content.contracts.is_empty() {
                errors.add("kontrakt", "Välj minst ett tjänstekontrakt");
            }
        }
        if !self.start.trim().is_empty() {
            match parse_date(self.start.trim()) {
                Some(day) if day >= against.today => content.start = iso_date(day),
                Some(_) => errors.add("start", "Skriv en dag från och med i dag"),
                None => errors.add("start", "Skriv dagen som ÅÅÅÅ-MM-DD, en dag som finns"),
            }
        }
        content.customers = self.customers(against, errors);
        content.tech_name = errors.take("teknik_namn", person_name(&self.teknik_namn)).unwrap_or_default();
        let email = Email::parse_lower(&self.teknik_epost).map(|email| email.as_str().to_owned());
        content.tech_email = errors.take("teknik_epost", email.map_err(|bad| bad.0)).unwrap_or_default();
        content.tech_phone = errors.take("teknik_telefon", phone(&self.teknik_telefon)).unwrap_or_default();
        content.support = Self::needed(
            errors,
            "support",
            impersonal(line(&self.support, 200)),
            "Skriv hur er support nås dygnet runt",
        );
        let attestant = against.attestants.iter().find(|who| who.id.to_string() == self.attestant);
        if attestant.is_none() && !self.attestant.is_empty() {
            errors.add("attestant", "Den ni har valt är inte attestant längre. Välj en annan");
        }
        // What is accepted is what was read: the terms' id comes back with the form.
        let terms = against.service.mediation_terms_on(against.today).map(|terms| terms.id);
        let read = terms.filter(|id| id.to_string() == self.villkor_id);
        if terms.is_none() {
            errors.add("villkor", "Tjänsten saknar villkor för agenter. Kontakta Kundservice");
        } else if read.is_none() {
            errors.add("villkor", "Villkoren har ändrats sedan ni öppnade sidan. Läs dem och kryssa i igen");
        } else if self.villkor.is_empty() {
            errors.add("villkor", "Läs villkoren och kryssa i att ni godkänner dem");
        }
        (content, read, attestant.map(|who| who.id))
    }
}
