//! The text a decision is bound to: the order as it stood on the page, and what was said about it.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::view::price_text;
use crate::{
    catalogue::Catalogue,
    identity::Side,
    orders::{actions, domain::Order},
    text::hex,
};

/// The order as this side reads it, word for word: what the decision is bound to.
pub(super) fn shown(order: &Order, catalogue: &Catalogue, reader: Side) -> String {
    let offer = catalogue.offer(&order.offer_code).map_or("", |(_, offer)| offer.name.as_str());
    let price = price_text(order.price_once_ore, order.price_yearly_ore);
    let terms = catalogue
        .service(&order.service_code)
        .and_then(|service| service.terms.iter().find(|terms| Some(terms.id) == order.terms))
        .map(|terms| {
            format!(
                "{}, version {}, sha256 {}",
                terms.title,
                terms.version,
                hex(&Sha256::digest(terms.body.as_bytes()))
            )
        })
        .unwrap_or_default();
    let names =
        actions::Shown { service: catalogue.name(&order.service_code), offer, price: &price, terms: &terms };
    actions::shown_text(order, reader, &names)
}

/// The same for a draft about to be sent: its content and files, which another may have changed meanwhile.
pub(super) fn seen_in_draft(order: &Order) -> String {
    let mut seen = Sha256::new_with_prefix(order.content.hash());
    for file in &order.files {
        seen.update(file.name.as_bytes());
        seen.update([0]);
        seen.update(file.sha256.as_bytes());
    }
    hex(&seen.finalize())
}

/// What could begin a new line, and look as if the portal had written it.
fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// What the person said, as it is kept with the order they read.
pub(super) fn said(label: &str, rows: &[(&str, &str)]) -> String {
    let mut text = format!("Beslut: {label}\n");
    for (key, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "{key}: {}", value.replace(breaks, " "));
    }
    text
}
