//! The text of an agreement, made from a versioned template in `data/agreements`. Once sent, the text is frozen in its row.

use super::domain::{Kind, rule_words};

/// A text to be signed.
pub(crate) struct Text {
    /// "customer_2 1.0".
    pub template: String,
    pub body: String,
}

/// The text for an organisation; `None` for kinds that are not sent from here.
pub(crate) fn text(
    kind: Kind,
    (organisation, org_nr): (&str, &str),
    number: &str,
    (needed, named): (i32, usize),
) -> Option<Text> {
    let source = match kind {
        Kind::Customer2 => include_str!("../../data/agreements/customer_2.txt"),
        Kind::Agent => include_str!("../../data/agreements/agent.txt"),
        Kind::Customer1 | Kind::DpaAgentCustomer => return None,
    };
    let (head, body) = source.split_once("\n\n")?;
    let version = head.strip_prefix("version ")?;
    let body = body
        .trim_end()
        .replace("{orgnr}", org_nr)
        .replace("{nummer}", number)
        .replace("{firmateckning}", &rule_words(needed, named))
        .replace("{organisation}", organisation);
    Some(Text { template: format!("{} {version}", kind.code()), body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_template_is_filled_in() {
        for kind in [Kind::Customer2, Kind::Agent] {
            let made = text(kind, ("Solbackens Vård AB", "559999-9066"), "KA2-11305", (2, 2));
            let made = made.map(|text| (text.body, text.template)).unwrap_or_default();
            assert!(made.0.contains("Solbackens Vård AB, organisationsnummer 559999-9066"), "{}", made.0);
            assert!(made.0.contains("två firmatecknare i förening") && !made.0.contains('{'), "{}", made.0);
            assert_eq!(made.1, format!("{} 1.0", kind.code()));
        }
        assert!(text(Kind::Customer1, ("", ""), "", (1, 1)).is_none());
    }
}
