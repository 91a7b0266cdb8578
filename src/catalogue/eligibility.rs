//! May this customer order this service today, and if not, why and what to do? A pure function of dated facts.
//!
//! It is asked for the service card, for the order's first step and again at submit (portal.md appendix A,
//! contracts.md §3 and rules 1–4, 18–20, 45–52).

use std::collections::HashSet;

use time::Date;

use super::domain::{Catalogue, Channel, Offer, Rule, Service, within};
use crate::calendar::long_date;

/// How a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Met.
    Ok,
    /// Needs doing, but does not stop the order.
    Todo,
    /// Stops the order.
    Stop,
}

/// A condition, how it stands, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// How it stands.
    pub verdict: Verdict,
    /// Short: "Kundavtal 2 gäller".
    pub title: String,
    /// What it means and what to do.
    pub text: String,
    /// Where to do it: link text and address.
    pub way_out: Option<(&'static str, String)>,
    /// Can be put right while a draft waits, so it is no reason not to begin.
    pub passing: bool,
}

impl Reason {
    fn new(verdict: Verdict, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { verdict, title: title.into(), text: text.into(), way_out: None, passing: false }
    }

    fn with(mut self, label: &'static str, href: impl Into<String>) -> Self {
        self.way_out = Some((label, href.into()));
        self
    }
}

/// An agreement as eligibility needs it.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct HeldAgreement {
    /// `customer_1`, `customer_2` …
    pub kind: String,
    /// For a customer agreement of the older model.
    pub service_code: Option<String>,
    /// First day.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_to: Option<Date>,
    /// The agent of a data-processing agreement.
    pub counterpart: Option<uuid::Uuid>,
}

/// Everything about the customer that the rules ask for.
#[derive(Clone, Debug)]
pub struct CustomerFacts {
    /// The day it is judged for.
    pub today: Date,
    /// Where the customer's pages start, for ways out.
    pub base: String,
    /// Category codes that apply today.
    pub categories: Vec<String>,
    /// Facts that hold today.
    pub facts: HashSet<String>,
    /// Agreements signed and not ended.
    pub agreements: Vec<HeldAgreement>,
    /// Services in use.
    pub in_use: HashSet<String>,
    /// Services on order.
    pub on_order: HashSet<String>,
    /// Is there an attestant?
    pub has_attestant: bool,
    /// The organisation's last day.
    pub ceased_on: Option<Date>,
}

impl CustomerFacts {
    fn has(&self, fact: &str) -> bool {
        self.facts.contains(fact)
    }

    /// The category itself and, for private providers, the finer term of the service pages.
    fn effective_categories(&self) -> Vec<&str> {
        let mut codes = Vec::new();
        for code in &self.categories {
            if code == "privat_vardgivare" {
                codes.push(if self.has("publicly_financed") {
                    "privat_vardgivare_offentligt_finansierad"
                } else {
                    "privat_vardgivare_ej_offentligt_finansierad"
                });
            }
            codes.push(code.as_str());
        }
        codes
    }

    fn covering(&self, service: &Service) -> Option<&HeldAgreement> {
        let in_ka2 = service.ka2_from.is_none_or(|from| from <= self.today);
        self.agreements.iter().find(|agreement| {
            within(self.today, agreement.valid_from, agreement.valid_to)
                && match agreement.kind.as_str() {
                    "customer_2" => in_ka2,
                    "customer_1" => agreement.service_code.as_deref() == Some(service.code.as_str()),
                    _ => false,
                }
        })
    }
}

/// The conditions of a service whatever way it is used; ordering is possible when none of them stops.
pub fn assess_service(catalogue: &Catalogue, service: &Service, customer: &CustomerFacts) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = ceased(customer).into_iter().collect();
    reasons.push(agreement(service, customer));
    reasons.extend(lifecycle(service));
    let rule = rule_for(service, customer);
    reasons.push(category(catalogue, service, customer, rule));
    let ways = service.offers.iter().filter(|offer| channel_stop(offer, customer, rule).is_none()).count();
    if ways == 0 {
        reasons.push(no_way(service));
    }
    reasons.push(attestant(customer));
    reasons
}

/// All conditions of one way of using the service.
pub fn assess_offer(
    catalogue: &Catalogue,
    service: &Service,
    offer: &Offer,
    customer: &CustomerFacts,
) -> Vec<Reason> {
    let rule = rule_for(service, customer);
    let mut reasons: Vec<Reason> = ceased(customer).into_iter().collect();
    reasons.push(agreement(service, customer));
    reasons.extend(lifecycle(service));
    reasons.push(category(catalogue, service, customer, rule));
    reasons.extend(channel_stop(offer, customer, rule));
    if offer.care_provider_only && customer.has("care_provider") {
        reasons.push(Reason::new(Verdict::Ok, "Ni är vårdgivare", "Bara vårdgivare kan ansluta via agent."));
    }
    reasons.push(attestant(customer));
    reasons.extend(dependencies(catalogue, service, offer, customer));
    reasons
}

/// The first thing that stops the customer from even beginning an order.
pub fn lasting_stop(reasons: &[Reason]) -> Option<&Reason> {
    reasons.iter().find(|reason| reason.verdict == Verdict::Stop && !reason.passing)
}

/// Does anything stop the order?
pub fn stops(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| reason.verdict == Verdict::Stop)
}

/// An organisation that ends, or has ended (issue 3, "ceased organisation"; the database: `0027`).
fn ceased(customer: &CustomerFacts) -> Option<Reason> {
    let last = customer.ceased_on?;
    Some(if last < customer.today {
        Reason::new(
            Verdict::Stop,
            "Organisationen har upphört",
            format!("Sista dagen var {}. Inga fler beställningar kan göras.", long_date(last)),
        )
        .with("Visa uppgifterna", format!("{}/uppgifter", customer.base))
    } else {
        Reason::new(
            Verdict::Todo,
            format!("Organisationen upphör {}", long_date(last)),
            "Beställningar som inte är levererade då går inte vidare.",
        )
        .with("Visa uppgifterna", format!("{}/uppgifter", customer.base))
    })
}

fn agreement(service: &Service, customer: &CustomerFacts) -> Reason {
    if let Some(held) = customer.covering(service) {
        let title = if held.kind == "customer_2" {
            "Kundavtal 2 gäller"
        } else {
            "Kundavtal 1 gäller för tjänsten"
        };
        return match held.valid_to {
            None => Reason::new(Verdict::Ok, title, "Tjänsten ingår i ert avtal med Inera."),
            Some(end) => Reason::new(
                Verdict::Todo,
                format!("{title} till och med {}", long_date(end)),
                "Avtalet är uppsagt. Tjänsten måste börja användas innan avtalet upphör.",
            ),
        };
    }
    if customer
        .agreements
        .iter()
        .any(|held| held.kind == "customer_2" && within(customer.today, held.valid_from, held.valid_to))
    {
        return Reason::new(
            Verdict::Stop,
            "Tjänsten ingår inte i Kundavtal 2",
            "Den kräver ett eget avtal (Kundavtal 1). Kundservice hjälper er att teckna det.",
        )
        .with("Kontakta Kundservice", "/hjalp");
    }
    Reason::new(
        Verdict::Stop,
        "Ni saknar gällande Kundavtal",
        "Er organisation behöver ett Kundavtal med Inera innan ni kan beställa.",
    )
    .with("Kontakta Kundservice", "/hjalp")
}

fn lifecycle(service: &Service) -> Option<Reason> {
    match service.lifecycle.as_str() {
        "closed_to_new" => Some(Reason::new(
            Verdict::Stop,
            "Tjänsten är stängd för nya användare",
            "Den kan inte längre beställas.",
        )),
        "transferring" => Some(Reason::new(
            Verdict::Todo,
            "Tjänsten håller på att flyttas till en annan ägare",
            "Villkoren kan komma att ändras.",
        )),
        _ => None,
    }
}

/// The rule of the finest category that has one today.
fn rule_for<'a>(service: &'a Service, customer: &CustomerFacts) -> Option<&'a Rule> {
    customer.effective_categories().into_iter().find_map(|category| {
        service
            .rules
            .iter()
            .find(|rule| rule.category == category && within(customer.today, rule.valid_from, rule.valid_to))
    })
}

fn category(
    catalogue: &Catalogue,
    service: &Service,
    customer: &CustomerFacts,
    rule: Option<&Rule>,
) -> Reason {
    let own = customer
        .effective_categories()
        .first()
        .map_or_else(|| "ingen kundkategori".to_owned(), |code| catalogue.category(code).to_lowercase());
    let Some(rule) = rule else {
        let text = if service.ordering_note.is_empty() {
            format!("Er kategori är {own}. Kontakta Kundservice om ni tror att kategorin är fel.")
        } else {
            format!("Er kategori är {own}. {}", service.ordering_note)
        };
        return Reason::new(Verdict::Stop, "Tjänsten erbjuds inte er kundkategori", text)
            .with("Kontakta Kundservice", "/hjalp");
    };
    let condition =
        if rule.condition.is_empty() { format!("Er kategori är {own}.") } else { rule.condition.clone() };
    match rule.rule.as_str() {
        "allow" => Reason::new(Verdict::Ok, "Er kundkategori får beställa tjänsten", condition),
        "conditional" => conditional(rule, customer, condition),
        "not_yet" => Reason::new(Verdict::Stop, "Tjänsten erbjuds inte er kundkategori ännu", condition),
        _ => Reason::new(Verdict::Stop, "Tjänsten erbjuds inte er kundkategori", condition)
            .with("Kontakta Kundservice", "/hjalp"),
    }
}

/// A conditional rule: facts we know decide; what only people can judge is said and left to Inera.
fn conditional(rule: &Rule, customer: &CustomerFacts, condition: String) -> Reason {
    const JUDGED_BY_PEOPLE: [&str; 2] = ["case_by_case", "region_agreement"];
    let missing =
        rule.requires.iter().any(|fact| !JUDGED_BY_PEOPLE.contains(&fact.as_str()) && !customer.has(fact));
    if missing {
        return Reason::new(Verdict::Stop, "Ett villkor för er kundkategori är inte uppfyllt", condition)
            .with("Kontakta Kundservice", "/hjalp");
    }
    if rule.requires.iter().any(|fact| fact == "case_by_case") {
        return Reason::new(Verdict::Todo, "Inera prövar beställningen i varje enskilt fall", condition);
    }
    Reason::new(Verdict::Todo, "Er kundkategori får beställa på ett villkor", condition)
}

/// Why this way of using the service is closed to the customer.
fn channel_stop(offer: &Offer, customer: &CustomerFacts, rule: Option<&Rule>) -> Option<Reason> {
    let stop = |title: &str, text: String| Some(Reason::new(Verdict::Stop, title, text));
    if !within(customer.today, offer.valid_from, offer.valid_to) {
        return stop("Erbjudandet gäller inte i dag", "Välj ett annat sätt att använda tjänsten.".to_owned());
    }
    if !offer.orderable {
        return stop(
            "Det här sättet beställs inte i Kundportalen",
            match offer.channel {
                Channel::ViaOmbud => {
                    "Ni ansluter genom ett ombud, som ni tecknar avtal med själva.".to_owned()
                }
                Channel::ViaRegion => "Ni ansluter genom er region. Kontakta regionen.".to_owned(),
                _ => "Kontakta Kundservice för att få veta hur ni går till väga.".to_owned(),
            },
        );
    }
    if offer.care_provider_only && !customer.has("care_provider") {
        return stop(
            "Ni är inte registrerade som vårdgivare",
            "Bara vårdgivare i vård och omsorg kan ansluta via agent.".to_owned(),
        );
    }
    if offer.sole_trader_only && !customer.has("sole_trader") {
        return stop(
            "Erbjudandet är bara för enskild firma",
            "Andra organisationer loggar in med SITHS-kort. Välj ett annat erbjudande.".to_owned(),
        );
    }
    let rule = rule?;
    if !rule.channels.is_empty() && !rule.channels.contains(&offer.channel) {
        let ways: Vec<String> = rule.channels.iter().map(|channel| channel.label().to_lowercase()).collect();
        return stop(
            "Er kundkategori ansluter på ett annat sätt",
            format!("För er finns: {}.", crate::text::and_list(&ways)),
        );
    }
    None
}

fn no_way(service: &Service) -> Reason {
    let text = if service.ordering_note.is_empty() {
        "Kontakta Kundservice för att få veta hur ni får tillgång till tjänsten.".to_owned()
    } else {
        service.ordering_note.clone()
    };
    Reason::new(Verdict::Stop, "Tjänsten kan inte beställas av er i Kundportalen", text)
        .with("Kontakta Kundservice", "/hjalp")
}

fn attestant(customer: &CustomerFacts) -> Reason {
    if customer.has_attestant {
        return Reason::new(
            Verdict::Ok,
            "Ni har minst en attestant",
            "Alla beställningar attesteras innan Inera levererar.",
        );
    }
    let missing = Reason::new(
        Verdict::Stop,
        "Ni saknar attestant",
        "Minst en person måste ha rollen Attestant innan ni kan skicka en beställning. Er administratör ger rollen under Kontakter.",
    )
    .with("Se vem som är administratör", format!("{}/uppgifter", customer.base));
    Reason { passing: true, ..missing }
}

/// Services that must or should be there too. They are said, never a reason to stop: a customer may have them
/// through an ombud or a region without the portal knowing (portal.md 2.7 row 1, "present or warned").
fn dependencies(
    catalogue: &Catalogue,
    service: &Service,
    offer: &Offer,
    customer: &CustomerFacts,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for dependency in &service.dependencies {
        let concerns = dependency.role.is_empty() || dependency.role == offer.role;
        if !concerns || !within(customer.today, dependency.valid_from, dependency.valid_to) {
            continue;
        }
        // The offer for the NPÖ consumer is itself the order of TGP.
        if dependency.requires == "TGP" && offer.code == "NPO_CONSUMER_TGP" {
            continue;
        }
        let name = catalogue.name(&dependency.requires);
        if customer.in_use.contains(&dependency.requires) {
            reasons.push(Reason::new(Verdict::Ok, format!("{name} är i drift"), dependency.reason.clone()));
        } else if customer.on_order.contains(&dependency.requires) {
            reasons.push(Reason::new(Verdict::Ok, format!("{name} är beställd"), dependency.reason.clone()));
        } else if dependency.hard {
            let slug = catalogue.service(&dependency.requires).map_or("", |needed| needed.slug.as_str());
            reasons.push(
                Reason::new(
                    Verdict::Todo,
                    format!("{name} saknas i Kundportalen"),
                    format!(
                        "{} Det måste vara på plats före driftsättning men hindrar inte beställningen. Har ni den redan genom ett ombud eller en region behöver ni inte göra något.",
                        dependency.reason
                    ),
                )
                .with("Visa tjänsten", format!("{}/tjanster/{slug}", customer.base)),
            );
        }
    }
    reasons
}
