//! Typed values of an organisation's data: the ways an invoice is sent, Peppol-id, GLN, post code (portal.md 3.0).

use crate::{
    identity::{BadInput, Email},
    text::luhn_holds,
};

/// How an invoice reaches the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "invoice_way", rename_all = "snake_case")]
pub enum Way {
    /// E-invoice in the Peppol network.
    Peppol,
    /// E-invoice to a GLN.
    Edi,
    /// PDF by e-mail.
    Email,
    /// On paper.
    Post,
}

impl Way {
    /// All, the preferred first.
    pub const ALL: [Self; 4] = [Self::Peppol, Self::Edi, Self::Email, Self::Post];

    /// In forms.
    pub fn code(self) -> &'static str {
        match self {
            Self::Peppol => "peppol",
            Self::Edi => "edi",
            Self::Email => "epost",
            Self::Post => "post",
        }
    }

    /// As shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Peppol => "E-faktura via Peppol",
            Self::Edi => "E-faktura till GLN",
            Self::Email => "PDF med e-post",
            Self::Post => "Papper med post",
        }
    }

    /// The way with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.code() == code)
    }

    /// Reads where invoices are sent this way: Peppol-id, GLN or e-mail address; for post there is nothing.
    pub fn parse_electronic(self, text: &str) -> Result<String, BadInput> {
        match self {
            Self::Peppol => PeppolId::parse(text).map(|id| id.0),
            Self::Edi => Gln::parse(text).map(|gln| gln.0),
            Self::Email => Email::parse_lower(text).map(|email| email.as_str().to_owned()),
            Self::Post if text.trim().is_empty() => Ok(String::new()),
            Self::Post => {
                Err(BadInput("Du valde papper med post. Töm fältet Peppol-id, GLN eller e-postadress"))
            }
        }
    }
}

/// Does the last digit fit the others, weighted 1, 3, 1, 3 … from the left (GS1)?
fn gs1_holds(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight)
        .sum();
    sum.is_multiple_of(10)
}

fn digits_of(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect()
}

/// A Global Location Number: thirteen digits with a check digit (portal.md 3.0 `gln`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gln(String);

impl Gln {
    /// Reads thirteen digits, spaces allowed.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        let digits = digits_of(text);
        if digits.len() != 13 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadInput("Skriv GLN med 13 siffror, till exempel 7365565594238"));
        }
        if !gs1_holds(&digits) {
            return Err(BadInput("Kontrollera GLN. Sista siffran stämmer inte med de andra"));
        }
        Ok(Self(digits))
    }
}

/// A Peppol participant: `0007:` and an organisation number, or `0088:` and a GLN (portal.md 3.0 `peppol_id`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeppolId(String);

impl PeppolId {
    /// Reads an id with its scheme.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        const WANTED: BadInput =
            BadInput("Skriv Peppol-id som 0007: och organisationsnumret, till exempel 0007:5565594230");
        let (scheme, number) = text.trim().split_once(':').ok_or(WANTED)?;
        let number = digits_of(number);
        match scheme.trim() {
            "0007" if number.len() == 10 && number.bytes().all(|b| b.is_ascii_digit()) => {
                if !luhn_holds(&number) {
                    return Err(BadInput("Kontrollera Peppol-id. Organisationsnumret i det stämmer inte"));
                }
            }
            "0088" => {
                Gln::parse(&number).map_err(|_| BadInput("Kontrollera Peppol-id. GLN i det stämmer inte"))?;
            }
            _ => return Err(WANTED),
        }
        Ok(Self(format!("{}:{number}", scheme.trim())))
    }
}

/// Countries an invoice can be sent to: code and name.
pub const COUNTRIES: [(&str, &str); 10] = [
    ("SE", "Sverige"),
    ("DK", "Danmark"),
    ("EE", "Estland"),
    ("FI", "Finland"),
    ("IS", "Island"),
    ("LV", "Lettland"),
    ("LT", "Litauen"),
    ("NO", "Norge"),
    ("PL", "Polen"),
    ("DE", "Tyskland"),
];

/// The country's name; a code we do not know is shown as it is.
pub fn country(code: &str) -> &str {
    COUNTRIES.iter().find(|(known, _)| *known == code).map_or(code, |(_, name)| name)
}

/// Reads a post code; a Swedish one becomes `NNN NN`.
pub fn parse_postcode(text: &str, country: &str) -> Result<String, BadInput> {
    if country != "SE" {
        let text = text.trim();
        let fits = (1..=12).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-');
        return if fits { Ok(text.to_owned()) } else { Err(BadInput("Skriv postnumret, högst 12 tecken")) };
    }
    let digits = digits_of(text);
    match (digits.get(..3), digits.get(3..)) {
        (Some(first), Some(rest))
            if digits.len() == 5
                && digits.bytes().all(|b| b.is_ascii_digit())
                && !digits.starts_with('0') =>
        {
            Ok(format!("{first} {rest}"))
        }
        _ => Err(BadInput("Skriv postnumret med 5 siffror, till exempel 123 45")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn electronic_addresses_are_read_by_the_way_they_are_sent() {
        let read = |way: Way, text: &str| way.parse_electronic(text).map_err(|bad| bad.0);
        assert_eq!(read(Way::Peppol, " 0007: 556559-4230 "), Ok("0007:5565594230".to_owned()));
        assert_eq!(read(Way::Peppol, "0088:7365565594238"), Ok("0088:7365565594238".to_owned()));
        for wrong in ["5565594230", "0007:5565594231", "0007:55655942", "0088:7365565594239", "9999:1", ""] {
            assert!(read(Way::Peppol, wrong).is_err(), "{wrong}");
        }
        assert_eq!(read(Way::Edi, "7365 5655 94238"), Ok("7365565594238".to_owned()));
        for wrong in ["7365565594237", "736556559423", "x365565594238"] {
            assert!(read(Way::Edi, wrong).is_err(), "{wrong}");
        }
        assert_eq!(read(Way::Email, "Faktura@Exempel.se"), Ok("faktura@exempel.se".to_owned()));
        assert!(read(Way::Email, "0007:5565594230").is_err());
        assert_eq!(read(Way::Post, " "), Ok(String::new()));
        assert!(read(Way::Post, "faktura@exempel.se").is_err());
    }

    #[test]
    fn post_codes_are_shown_in_one_way() {
        assert_eq!(parse_postcode("12345", "SE").map_err(|bad| bad.0), Ok("123 45".to_owned()));
        assert_eq!(parse_postcode("123 45 ", "SE").map_err(|bad| bad.0), Ok("123 45".to_owned()));
        for wrong in ["1234", "01234", "123456", "abcde", ""] {
            assert!(parse_postcode(wrong, "SE").is_err(), "{wrong}");
        }
        assert_eq!(parse_postcode("0150", "NO").map_err(|bad| bad.0), Ok("0150".to_owned()));
        assert!(parse_postcode("", "NO").is_err());
    }
}
