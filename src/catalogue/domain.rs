//! The catalogue as it stands: small, read often, changed only by `seed`; so it is held in memory for a minute.

use std::collections::HashMap;

use time::Date;

use crate::ids::TermsId;

/// The way a customer is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(type_name = "channel", rename_all = "snake_case")]
pub enum Channel {
    /// Own connection.
    Direct,
    /// Through a system supplier.
    ViaAgent,
    /// Through an HSA- or SITHS-ombud.
    ViaOmbud,
    /// Through the region's connection.
    ViaRegion,
}

impl Channel {
    /// As shown: "Via agent".
    pub fn label(self) -> &'static str {
        match self {
            Self::Direct => "Direktanslutning",
            Self::ViaAgent => "Via agent (systemleverantör)",
            Self::ViaOmbud => "Via ombud",
            Self::ViaRegion => "Via er region",
        }
    }
}

/// What the lines of an order are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "scope_kind", rename_all = "snake_case")]
pub enum Scope {
    /// No lines.
    None,
    /// Vårdenheter with HSA-id.
    CareUnits,
    /// Tjänstekontrakt of a producer.
    Contracts,
    /// SITHS cards.
    Cards,
}

/// One service with everything known about it.
#[derive(Clone, Debug)]
pub struct Service {
    /// Code in the reference data.
    pub code: String,
    /// In addresses.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Earlier names, for search.
    pub former_names: String,
    /// Grouping.
    pub area: String,
    /// One or two sentences.
    pub description: String,
    /// Part of Kundavtal 2 since; `None` = unknown.
    pub ka2_from: Option<Date>,
    /// `active`, `closed_to_new`, `transferring`, `unknown`.
    pub lifecycle: String,
    /// Does it process personal data? `None` = unknown.
    pub personal_data: Option<bool>,
    /// About the price model.
    pub price_note: String,
    /// About how it is ordered when not simply here.
    pub ordering_note: String,
    /// Ways to use and connect.
    pub offers: Vec<Offer>,
    /// Who may order.
    pub rules: Vec<Rule>,
    /// What must be there too.
    pub dependencies: Vec<Dependency>,
    /// Price rows.
    pub prices: Vec<PriceRow>,
    /// Tjänstekontrakt a producer can connect.
    pub contracts: Vec<Contract>,
    /// Terms, newest first.
    pub terms: Vec<Terms>,
    /// What an agent accepts when it mediates the service, newest first.
    pub mediation_terms: Vec<Terms>,
}

/// One way to use a service.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Code.
    pub code: String,
    /// Service.
    pub service_code: String,
    /// "Producent, via agent".
    pub name: String,
    /// Connection.
    pub channel: Channel,
    /// `producer`, `consumer` or empty.
    pub role: String,
    /// Is the agent invoiced?
    pub billed_to_agent: bool,
    /// What the lines are.
    pub scope: Scope,
    /// Does a later add-on order carry a new start fee?
    pub start_fee: bool,
    /// Only for vårdgivare.
    pub care_provider_only: bool,
    /// Only for enskild firma.
    pub sole_trader_only: bool,
    /// Can it be ordered here?
    pub orderable: bool,
    /// End customers that Inera must have approved before an agent may mediate it (portal.md 1.5 rule 11).
    pub min_end_customers: i32,
    /// First day.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_to: Option<Date>,
}

/// Who may order a service.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Customer category.
    pub category: String,
    /// `allow`, `conditional`, `deny`, `not_listed`, `not_yet`.
    pub rule: String,
    /// In words.
    pub condition: String,
    /// Connections allowed; empty = any.
    pub channels: Vec<Channel>,
    /// Facts demanded.
    pub requires: Vec<String>,
    /// First day.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_to: Option<Date>,
}

/// A service that another one needs.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// Only for this role; empty = always.
    pub role: String,
    /// The service needed.
    pub requires: String,
    /// Must it be in place before use?
    pub hard: bool,
    /// Why.
    pub reason: String,
    /// First day.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_to: Option<Date>,
}

/// A dated price.
#[derive(Clone, Debug)]
pub struct PriceRow {
    /// Code.
    pub code: String,
    /// Only for this role; empty = any.
    pub role: String,
    /// "Producentanslutning".
    pub item: String,
    /// `list_price`, `connection_fee`, `setup_fee`, `subscription`, …
    pub kind: String,
    /// Öre without VAT; `None` = according to the price list.
    pub amount_ore: Option<i64>,
    /// `kontrakt`, `kort_ar`, `bestallning`, `ar`, `enhet` or empty.
    pub per: String,
    /// Category codes it is for; empty = all.
    pub applies_to: String,
    /// In words.
    pub note: String,
    /// First day.
    pub valid_from: Option<Date>,
    /// Last day.
    pub valid_to: Option<Date>,
}

/// A tjänstekontrakt.
#[derive(Clone, Debug)]
pub struct Contract {
    /// `GetDiagnosis`.
    pub contract: String,
    /// Major version.
    pub major: i32,
    /// "Diagnos".
    pub name: String,
}

/// A version of a service's terms.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Id.
    pub id: TermsId,
    /// "1.0".
    pub version: String,
    /// Title.
    pub title: String,
    /// Text.
    pub body: String,
    /// First day.
    pub valid_from: Date,
}

/// Everything, with look-up by code and by address.
#[derive(Debug, Default)]
pub struct Catalogue {
    services: Vec<Service>,
    by_code: HashMap<String, usize>,
    by_slug: HashMap<String, usize>,
    by_offer: HashMap<String, (usize, usize)>,
    categories: HashMap<String, String>,
}

impl Catalogue {
    /// From rows in their order.
    pub fn new(services: Vec<Service>, categories: HashMap<String, String>) -> Self {
        let by_code = services.iter().enumerate().map(|(at, service)| (service.code.clone(), at)).collect();
        let by_slug = services.iter().enumerate().map(|(at, service)| (service.slug.clone(), at)).collect();
        let by_offer = services
            .iter()
            .enumerate()
            .flat_map(|(at, service)| {
                service.offers.iter().enumerate().map(move |(place, offer)| (offer.code.clone(), (at, place)))
            })
            .collect();
        Self { services, by_code, by_slug, by_offer, categories }
    }

    /// All services in the order of the reference data.
    pub fn services(&self) -> &[Service] {
        &self.services
    }

    /// By code.
    pub fn service(&self, code: &str) -> Option<&Service> {
        self.services.get(*self.by_code.get(code)?)
    }

    /// By address.
    pub fn by_slug(&self, slug: &str) -> Option<&Service> {
        self.services.get(*self.by_slug.get(slug)?)
    }

    /// An offer with its service.
    pub fn offer(&self, code: &str) -> Option<(&Service, &Offer)> {
        let (at, place) = self.by_offer.get(code)?;
        let service = self.services.get(*at)?;
        Some((service, service.offers.get(*place)?))
    }

    /// A service's name; its code when unknown.
    pub fn name<'a>(&'a self, code: &'a str) -> &'a str {
        self.service(code).map_or(code, |service| service.name.as_str())
    }

    /// A category's name; its code when unknown.
    pub fn category<'a>(&'a self, code: &'a str) -> &'a str {
        self.categories.get(code).map_or(code, String::as_str)
    }
}

impl Service {
    /// The agents' terms that apply on `day`.
    pub fn mediation_terms_on(&self, day: Date) -> Option<&Terms> {
        self.mediation_terms.iter().find(|terms| terms.valid_from <= day)
    }

    /// The terms that apply on `day`.
    pub fn terms_on(&self, day: Date) -> Option<&Terms> {
        self.terms.iter().find(|terms| terms.valid_from <= day)
    }
}

/// Is `day` within the dates? Open ends are unlimited; the last day is included.
pub fn within(day: Date, from: Option<Date>, to: Option<Date>) -> bool {
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day <= to)
}

/// The heading under which services are grouped.
pub fn area_label(area: &str) -> &'static str {
    match area {
        "journal" => "Journal och patientinformation",
        "intyg" => "Intyg",
        "identitet" | "katalog" | "sakerhet" => "Identitet, katalog och säkerhet",
        "infrastruktur" | "kommunikation" => "Infrastruktur och kommunikation",
        "mote" => "Möten på distans",
        "lakemedel" => "Läkemedel",
        "1177" => "1177 för invånare",
        "statistik" | "kvalitet" | "kunskap" => "Kvalitet, statistik och kunskap",
        _ => "Vård och hjälpmedel",
    }
}
