//! What an order costs, from the dated price rows. An unknown price is said to be unknown, never shown as zero.

use time::Date;

use super::domain::{Offer, PriceRow, Service, within};

/// One line of the price summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceLine {
    /// "Producentanslutning".
    pub item: String,
    /// "2 tjänstekontrakt".
    pub quantity: String,
    /// Öre; `None` = according to the price list.
    pub amount_ore: Option<i64>,
    /// Every year, or once.
    pub yearly: bool,
    /// More words from the price row.
    pub note: String,
}

/// The whole summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceSummary {
    /// Lines.
    pub lines: Vec<PriceLine>,
    /// Öre once; `None` when a line's price is unknown.
    pub once_ore: Option<i64>,
    /// Öre a year; `None` when a line's price is unknown.
    pub yearly_ore: Option<i64>,
}

/// How much is ordered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quantities {
    /// Tjänstekontrakt.
    pub contracts: i64,
    /// Cards.
    pub cards: i64,
    /// Vårdenheter.
    pub units: i64,
}

/// Prices an order on `day`. Errors: none; an overflow counts as unknown.
pub fn summary(
    service: &Service,
    offer: &Offer,
    categories: &[String],
    quantities: Quantities,
    day: Date,
) -> PriceSummary {
    let mut lines = Vec::new();
    for row in &service.prices {
        if !applies(row, offer, categories, day) {
            continue;
        }
        let (count, quantity, yearly) = match row.per.as_str() {
            "kontrakt" => (
                quantities.contracts,
                plural(quantities.contracts, "tjänstekontrakt", "tjänstekontrakt"),
                false,
            ),
            "kort_ar" => (quantities.cards, plural(quantities.cards, "kort", "kort"), true),
            "ar" => (1, "per år".to_owned(), true),
            "enhet" => (quantities.units, plural(quantities.units, "vårdenhet", "vårdenheter"), false),
            _ => (1, "per beställning".to_owned(), row.kind == "subscription"),
        };
        lines.push(PriceLine {
            item: row.item.clone(),
            quantity,
            amount_ore: row.amount_ore.and_then(|amount| amount.checked_mul(count)),
            yearly,
            note: row.note.clone(),
        });
    }
    let total = |yearly: bool| {
        lines
            .iter()
            .filter(|line| line.yearly == yearly)
            .try_fold(0_i64, |sum, line| sum.checked_add(line.amount_ore?))
    };
    let (once_ore, yearly_ore) = if lines.is_empty() { (None, None) } else { (total(false), total(true)) };
    PriceSummary { lines, once_ore, yearly_ore }
}

/// Only rows that are a fee of this offer: adjustments and discounts are history of the list, not fees of an order.
fn applies(row: &PriceRow, offer: &Offer, categories: &[String], day: Date) -> bool {
    let is_fee = matches!(row.kind.as_str(), "list_price" | "connection_fee" | "setup_fee" | "subscription");
    let for_category = row.applies_to.is_empty()
        || row.applies_to.split('|').any(|code| categories.iter().any(|own| own == code));
    is_fee
        && for_category
        && (row.role.is_empty() || row.role == offer.role)
        && within(day, row.valid_from, row.valid_to)
}

fn plural(count: i64, one: &str, many: &str) -> String {
    format!("{}\u{a0}{}", crate::text::grouped(count), if count == 1 { one } else { many })
}
