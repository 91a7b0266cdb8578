//! Invoice details with their days: what holds, what is coming, what has been (portal.md 2.14).

use std::collections::HashSet;

use time::Date;
use uuid::Uuid;

use super::domain::{Way, country};

/// The service whose invoice details are kept apart, for administrators alone (portal.md 1.4 `invoice.siths.update`).
pub const SITHS: &str = "SITHS";

/// Characters of an invoice address in an order.
const OF_AN_ORDER: usize = 400;

/// An address as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Id.
    pub id: Uuid,
    /// The organisation's own name for it.
    pub label: String,
    /// To whom.
    pub recipient: String,
    /// Street or box.
    pub line1: String,
    /// More of it.
    pub line2: String,
    /// Post code.
    pub postcode: String,
    /// Town.
    pub city: String,
    /// ISO 3166 code.
    pub country: String,
    /// How it is sent.
    pub way: Way,
    /// Peppol-id, GLN or e-mail address.
    pub electronic: String,
}

impl Address {
    /// As the lines of an envelope, without recipient.
    fn place(&self) -> Vec<String> {
        let town = format!("{} {}", self.postcode, self.city).trim().to_owned();
        let abroad = if self.country == "SE" { "" } else { country(&self.country) };
        let lines = [self.line1.replace('\n', ", "), self.line2.clone(), town, abroad.to_owned()];
        lines.into_iter().filter(|line| !line.is_empty()).collect()
    }

    /// "Lindängens Vårdcentral AB, Box 100, 123 45 Exempelstad".
    pub fn one_line(&self) -> String {
        format!("{}, {}", self.recipient, self.place().join(", "))
    }

    /// As it is written into an order: an envelope and, for an e-invoice, where it is sent.
    pub fn lines(&self) -> String {
        let mut lines = vec![self.recipient.clone()];
        lines.extend(self.place());
        if self.way != Way::Post {
            lines.push(self.sent());
        }
        // An order has room for 400 characters: the envelope goes first.
        if lines.join("\n").chars().count() > OF_AN_ORDER {
            lines.pop();
        }
        lines.join("\n").chars().take(OF_AN_ORDER).collect()
    }

    /// "E-faktura via Peppol: 0007:5565594230".
    pub fn sent(&self) -> String {
        match self.way {
            Way::Post => self.way.label().to_owned(),
            way => format!("{}: {}", way.label(), masked(&self.electronic)),
        }
    }
}

/// A sole trader's organisation number is a personal number, also inside a Peppol-id (ux.md decision 10): the third digit of
/// any other is at least 2.
fn masked(electronic: &str) -> String {
    match electronic.strip_prefix("0007:") {
        Some(number) if number.as_bytes().get(2).is_some_and(|digit| *digit < b'2') => {
            format!("0007:{}-XXXX", number.get(..6).unwrap_or(""))
        }
        _ => electronic.to_owned(),
    }
}

/// One version of the details for everything, or for a service.
#[derive(Clone, Debug)]
pub struct Version {
    /// Which change of the organisation.
    pub seq: i32,
    /// `None` = the standard.
    pub service: Option<String>,
    /// First day.
    pub from: Date,
    /// `None` = as the standard.
    pub address: Option<Address>,
    /// Empty = as the standard.
    pub reference: String,
    /// Who changed it; empty for the portal itself.
    pub by: String,
}

/// All versions of an organisation.
#[derive(Clone, Debug, Default)]
pub struct History(pub Vec<Version>);

/// What invoices get: the address and the reference, and which of them are the standard's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// Where to; `None` when nothing is known.
    pub address: Option<Address>,
    /// Reference; empty when nothing is known.
    pub reference: String,
    /// The address is the standard's.
    pub standard_address: bool,
    /// The reference is the standard's.
    pub standard_reference: bool,
}

impl History {
    fn of<'a>(&'a self, service: Option<&str>) -> impl Iterator<Item = &'a Version> {
        self.0.iter().filter(move |version| version.service.as_deref() == service)
    }

    /// The version that holds on a day: the latest first day not after it, then the latest change.
    pub fn on(&self, service: Option<&str>, day: Date) -> Option<&Version> {
        self.of(service)
            .filter(|version| version.from <= day)
            .max_by_key(|version| (version.from, version.seq))
    }

    /// What a service gets on a day, the standard's where it has nothing of its own.
    pub fn effective(&self, service: Option<&str>, day: Date) -> Effective {
        let standard = self.on(None, day);
        let own = service.and_then(|service| self.on(Some(service), day));
        let own_address = own.and_then(|version| version.address.clone());
        let own_reference = own.map(|version| version.reference.clone()).filter(|text| !text.is_empty());
        Effective {
            standard_address: own_address.is_none(),
            standard_reference: own_reference.is_none(),
            address: own_address.or_else(|| standard.and_then(|version| version.address.clone())),
            reference: own_reference
                .or_else(|| standard.map(|version| version.reference.clone()))
                .unwrap_or_default(),
        }
    }

    /// Versions that take over after a day, in order; of two for the same day the later change.
    pub fn coming(&self, service: Option<&str>, after: Date) -> Vec<&Version> {
        let mut coming: Vec<&Version> = self.of(service).filter(|version| version.from > after).collect();
        coming.sort_by_key(|version| (version.from, std::cmp::Reverse(version.seq)));
        coming.dedup_by_key(|version| version.from);
        coming
    }

    /// Versions that do not hold any more, or never came to: newest first.
    pub fn earlier(&self, today: Date, with_siths: bool) -> Vec<&Version> {
        let mut services: Vec<Option<&str>> =
            self.0.iter().map(|version| version.service.as_deref()).collect();
        services.sort_unstable();
        services.dedup();
        let mut alive: HashSet<(Option<&str>, i32)> = HashSet::new();
        for service in services {
            let now = self.on(service, today).into_iter();
            alive.extend(now.chain(self.coming(service, today)).map(|version| (service, version.seq)));
        }
        let mut earlier: Vec<&Version> = self
            .0
            .iter()
            .filter(|version| with_siths || version.service.as_deref() != Some(SITHS))
            .filter(|version| !alive.contains(&(version.service.as_deref(), version.seq)))
            .collect();
        earlier.sort_by_key(|version| std::cmp::Reverse((version.from, version.seq)));
        earlier
    }

    /// Addresses that have been used, each wording once, the latest first.
    pub fn addresses(&self) -> Vec<&Address> {
        let mut versions: Vec<&Version> = self.0.iter().collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.seq));
        let mut found: Vec<&Address> = Vec::new();
        for address in versions.into_iter().filter_map(|version| version.address.as_ref()) {
            if !found.iter().any(|other| other.id == address.id) {
                found.push(address);
            }
        }
        found
    }

    /// References that have been used, the latest first.
    pub fn references(&self) -> Vec<&str> {
        let mut versions: Vec<&Version> = self.0.iter().collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.seq));
        let mut found: Vec<&str> = Vec::new();
        for version in versions {
            if !version.reference.is_empty() && !found.contains(&version.reference.as_str()) {
                found.push(&version.reference);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn address(label: &str) -> Address {
        Address {
            id: Uuid::from_u128(label.len() as u128),
            label: label.to_owned(),
            recipient: "Vården AB".to_owned(),
            line1: "Box 1".to_owned(),
            line2: String::new(),
            postcode: "123 45".to_owned(),
            city: "Staden".to_owned(),
            country: "SE".to_owned(),
            way: Way::Peppol,
            electronic: "0007:5565594230".to_owned(),
        }
    }

    fn version(seq: i32, service: Option<&str>, from: Date, label: Option<&str>, reference: &str) -> Version {
        Version {
            seq,
            service: service.map(str::to_owned),
            from,
            address: label.map(address),
            reference: reference.to_owned(),
            by: String::new(),
        }
    }

    #[test]
    fn a_sole_traders_number_is_never_shown_whole() {
        let mut own = address("a");
        own.electronic = "0007:1212121212".to_owned();
        assert_eq!(own.sent(), "E-faktura via Peppol: 0007:121212-XXXX");
        assert!(!own.lines().contains("1212121212"));
        assert!(address("a").lines().ends_with("E-faktura via Peppol: 0007:5565594230"));
        let mut long = address("a");
        long.way = Way::Email;
        long.electronic = format!("{}@exempel.se", "x".repeat(240));
        long.recipient = "y".repeat(120);
        long.line2 = "z".repeat(80);
        assert!(!long.lines().contains("exempel.se") && long.lines().ends_with("123 45 Staden"));
        long.line1 = "q".repeat(400);
        assert_eq!(long.lines().chars().count(), 400);
    }

    #[test]
    fn a_service_follows_the_standard_where_it_has_nothing_of_its_own() {
        let day = date!(2026 - 12 - 01);
        let history = History(vec![
            version(1, None, date!(2026 - 01 - 01), Some("a"), "STD"),
            version(2, Some("NPO"), date!(2026 - 02 - 01), None, "NPO-1"),
            version(3, None, date!(2027 - 01 - 01), Some("bb"), "STD-2"),
        ]);
        let now = history.effective(Some("NPO"), day);
        assert_eq!(now.reference, "NPO-1");
        assert!(now.standard_address && !now.standard_reference);
        assert_eq!(now.address, Some(address("a")));
        let next = history.effective(Some("NPO"), date!(2027 - 01 - 01));
        assert_eq!(next.address, Some(address("bb")), "the standard's new address from its first day");
        assert_eq!(history.effective(Some("HSA"), date!(2025 - 01 - 01)).address, None, "before the first");
    }

    #[test]
    fn the_later_change_of_a_day_holds_and_what_was_replaced_is_earlier() {
        let today = date!(2026 - 11 - 22);
        let history = History(vec![
            version(1, None, date!(2026 - 01 - 01), Some("a"), "A"),
            version(2, None, date!(2027 - 01 - 01), Some("a"), "WRONG"),
            version(3, None, date!(2027 - 01 - 01), Some("a"), "RIGHT"),
            version(4, None, today, Some("bb"), "B"),
        ]);
        assert_eq!(history.on(None, today).map(|version| version.seq), Some(4));
        let coming: Vec<i32> = history.coming(None, today).iter().map(|version| version.seq).collect();
        assert_eq!(coming, [3], "a change that comes is not undone by one that holds before it");
        let earlier: Vec<i32> = history.earlier(today, true).iter().map(|version| version.seq).collect();
        assert_eq!(earlier, [2, 1]);
        assert_eq!(history.references(), ["B", "RIGHT", "WRONG", "A"]);
        assert_eq!(history.addresses().len(), 2);
    }
}
