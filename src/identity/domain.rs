//! Sides, roles and the identifiers people type: organisation number, HSA-id, e-mail (portal.md 1.3 and 3.0).

use crate::text::{is_single_line, luhn_holds};

/// The side somebody acts from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, sqlx::Type, serde::Serialize, serde::Deserialize,
)]
#[sqlx(type_name = "side", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// A care provider (vårdgivare).
    Customer,
    /// A system supplier that connects customers (agent).
    Agent,
    /// Inera's staff.
    Inera,
    /// The clock: reminders and lapses.
    System,
}

impl Side {
    /// All sides.
    pub const ALL: [Self; 4] = [Self::Customer, Self::Agent, Self::Inera, Self::System];

    /// The name in the database and in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Agent => "agent",
            Self::Inera => "inera",
            Self::System => "system",
        }
    }
}

macro_rules! roles {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $label:literal, $bit:literal;)*) => {
        /// What a person is trusted with in one organisation (portal.md 1.3).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Role { $($(#[$doc])* $variant,)* }

        impl Role {
            /// All roles.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the database.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The name people see.
            pub fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// The role with this name in the database.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }

            const fn bit(self) -> u32 {
                match self { $(Self::$variant => 1 << $bit,)* }
            }
        }
    };
}

roles! {
    /// Runs the organisation's users, roles and invoice data.
    Administrator = "administrator", "Administratör", 0;
    /// Orders services.
    Orderer = "orderer", "Beställare", 1;
    /// Applies for mandates (agents).
    MandateOrderer = "mandate_orderer", "Beställare agentuppdrag", 2;
    /// Decides about the money.
    Attestant = "attestant", "Attestant", 3;
    /// Reviews customers' orders (agents).
    AgentHandler = "agent_handler", "Handläggare agent", 4;
    /// Is told about changed terms; reads.
    ContractContact = "contract_contact", "Kontaktperson", 5;
    /// May bind the organisation; signs.
    Signatory = "signatory", "Firmatecknare", 6;
    /// Inera: cases, orders, delivery.
    Support = "support", "Kundservice", 7;
    /// Inera: agreements.
    AgreementsOfficer = "agreements_officer", "Avtalshandläggare", 8;
    /// Inera: agents and their mandates.
    AgentOfficer = "agent_officer", "Agentansvarig", 9;
    /// Inera: a service's catalogue texts and deliveries.
    ServiceManager = "service_manager", "Tjänsteförvaltare", 10;
    /// Inera: invoices and prices.
    Finance = "finance", "Ekonomi", 11;
    /// Inera: accounts and settings; approves nothing.
    Sysadmin = "sysadmin", "Systemadministratör", 12;
    /// Inera: reads everything.
    Auditor = "auditor", "Granskare", 13;
}

/// The roles of one membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(u32);

impl Roles {
    /// Roles by their names in the database; unknown ones are left out.
    pub fn from_codes<'a>(codes: impl IntoIterator<Item = &'a str>) -> Self {
        Self(codes.into_iter().filter_map(Role::from_code).fold(0, |bits, role| bits | role.bit()))
    }

    /// Is the role among them?
    pub fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Is any of the roles among them?
    pub fn has_any(self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }

    /// In the order they are shown.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.iter().copied().filter(move |role| self.has(*role))
    }
}

/// Why a typed identifier was not understood, in words for the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub &'static str);

/// A Swedish organisation number: ten digits whose check digit holds (portal.md 3.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgNr(String);

impl OrgNr {
    /// Reads `NNNNNN-NNNN`, `NNNNNNNNNN` or `16NNNNNNNNNN`, spaces allowed.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        const WANTED: BadInput =
            BadInput("Skriv organisationsnumret med 10 siffror, till exempel 556559-4230");
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(WANTED);
        }
        let ten = match digits.len() {
            10 => digits.as_str(),
            12 if digits.starts_with("16") => digits.get(2..).unwrap_or(""),
            12 if digits.ends_with("01")
                && !["18", "19", "20"].iter().any(|century| digits.starts_with(century)) =>
            {
                return Err(BadInput("Det ser ut som ett momsnummer. Ange de tio siffrorna före 01"));
            }
            _ => return Err(WANTED),
        };
        if ten.as_bytes().get(2).is_none_or(|digit| *digit < b'2') {
            return Err(WANTED);
        }
        if !luhn_holds(ten) {
            return Err(BadInput("Kontrollera organisationsnumret. Sista siffran stämmer inte med de andra"));
        }
        Ok(Self(ten.to_owned()))
    }

    /// Ten digits.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// `NNNNNN-NNNN`.
    pub fn shown(&self) -> String {
        format!("{}-{}", self.0.get(..6).unwrap_or(""), self.0.get(6..).unwrap_or(""))
    }
}

/// A Swedish personal number or coordination number, twelve digits. Never printed whole and never in an address.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonalNumber(String);

impl PersonalNumber {
    /// Reads `ÅÅÅÅMMDD-NNNN` or twelve digits; month, day and check digit must hold.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        const WANTED: BadInput = BadInput("Skriv personnumret med tolv siffror, till exempel 19121212-1212");
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let of_this_age = ["18", "19", "20"].iter().any(|century| digits.starts_with(century));
        if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_digit()) || !of_this_age {
            return Err(WANTED);
        }
        let part = |from: usize, to: usize| digits.get(from..to).and_then(|text| text.parse::<u32>().ok());
        let (year, month, day) = (part(0, 4), part(4, 6), part(6, 8).map(|day| day % 60));
        let is_date = match (year, month, day) {
            (Some(year), Some(month), Some(day)) => {
                crate::calendar::parse_date(&format!("{year:04}-{month:02}-{day:02}")).is_some()
            }
            _ => false,
        };
        if !is_date || !luhn_holds(digits.get(2..).unwrap_or("")) {
            return Err(BadInput("Kontrollera personnumret. Siffrorna stämmer inte med varandra"));
        }
        Ok(Self(digits))
    }

    /// Twelve digits, for sealing and marking only.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// `19121212-XXXX`.
    pub fn masked(&self) -> String {
        format!("{}-XXXX", self.0.get(..8).unwrap_or(""))
    }
}

impl std::fmt::Debug for PersonalNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(personal number)")
    }
}

/// An HSA-id: `SE`, an organisation number, a dash and up to 18 characters (portal.md 3.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HsaId(String);

impl HsaId {
    /// Keeps the text as written; the organisation number inside must have a valid check digit.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        const WANTED: BadInput = BadInput("Skriv HSA-id:t som i HSA, till exempel SE5565594230-0001");
        let text = text.trim();
        let (Some(prefix), Some(number), Some(rest)) = (text.get(..2), text.get(2..12), text.get(12..))
        else {
            return Err(WANTED);
        };
        let Some(tail) = rest.strip_prefix('-') else { return Err(WANTED) };
        let well_formed = prefix.eq_ignore_ascii_case("SE")
            && number.bytes().all(|b| b.is_ascii_digit())
            && (1..=18).contains(&tail.len())
            && tail.bytes().all(|b| b.is_ascii_alphanumeric());
        if !well_formed {
            return Err(WANTED);
        }
        if !luhn_holds(number) {
            return Err(BadInput(
                "Kontrollera HSA-id:t. Organisationsnumret i det stämmer inte, till exempel SE5565594230-0001",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address, its domain in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// One address of at most 254 characters.
    pub fn parse(text: &str) -> Result<Self, BadInput> {
        const WANTED: BadInput = BadInput("Skriv en e-postadress, till exempel namn@exempel.se");
        let text = text.trim();
        let Some((local, domain)) = text.rsplit_once('@') else { return Err(WANTED) };
        if text.len() > 254 || !is_single_line(text) || local.is_empty() || !domain.contains('.') {
            return Err(WANTED);
        }
        // Legal by the letter, and nobody's address: quoted parts, and servers by number.
        if local.contains(['"', '@']) || local.contains(char::is_whitespace) || domain.contains('[') {
            return Err(WANTED);
        }
        let address = format!("{local}@{}", domain.to_lowercase());
        address.parse::<lettre::Address>().map_err(|_| WANTED)?;
        Ok(Self(address))
    }

    /// The same in lower case, as accounts and invitations are found by it. Only ASCII: lower case of other letters may be
    /// another mailbox.
    pub fn parse_lower(text: &str) -> Result<Self, BadInput> {
        let email = Self::parse(text)?;
        if !email.0.is_ascii() {
            return Err(BadInput("Skriv en e-postadress med bokstäverna a–z, till exempel namn@exempel.se"));
        }
        Ok(Self(email.0.to_ascii_lowercase()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisation_numbers_are_read_as_people_write_them() {
        for written in ["556559-4230", "5565594230", "165565594230", " 556559 4230 "] {
            assert_eq!(OrgNr::parse(written).map(|nr| nr.shown()), Ok("556559-4230".to_owned()), "{written}");
        }
        for real in ["232100-0016", "212000-0142"] {
            assert!(OrgNr::parse(real).is_ok());
        }
    }

    #[test]
    fn a_vat_number_gets_a_helpful_answer() {
        let answer = OrgNr::parse("556702693401").map_err(|error| error.0);
        assert!(answer.is_err_and(|text| text.contains("momsnummer")));
    }

    #[test]
    fn wrong_organisation_numbers_are_refused() {
        for wrong in ["", "556559-4231", "55655942", "551559-4230", "abc", "19121212-1212"] {
            assert!(OrgNr::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn personal_numbers_have_twelve_digits_a_date_and_a_check_digit_and_are_not_printed() {
        for written in ["19121212-1212", "191212121212", " 1912 1212 1212 ", "191212721219"] {
            let number = PersonalNumber::parse(written);
            assert!(number.as_ref().is_ok_and(|number| number.masked().ends_with("-XXXX")), "{written}");
            assert!(!format!("{number:?}").contains("1212"));
        }
        for wrong in ["", "121212-1212", "19121212-1213", "19121312-1211", "551212121212", "1912121212ab"] {
            assert!(PersonalNumber::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hsa_ids_need_a_real_organisation_number() {
        assert!(HsaId::parse("SE5565594230-0001").is_ok());
        assert!(HsaId::parse("se5565594230-AB12").is_ok());
        for wrong in [
            "",
            "5565594230",
            "SE5565594231-1",
            "SE5565594230-",
            "SE5565594230-åäö",
            "SE5565594230-1234567890123456789",
        ] {
            assert!(HsaId::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_with_line_breaks_or_no_domain_are_refused() {
        assert!(Email::parse("karin@exempel.SE").is_ok_and(|email| email.as_str() == "karin@exempel.se"));
        for wrong in ["", "karin", "karin@", "@exempel.se", "a@b", "a@b.se\nBcc: x@y.se", "a b@c.se"] {
            assert!(Email::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in ".{0,60}") {
            let _ = (OrgNr::parse(&text).is_ok(), HsaId::parse(&text).is_ok(), Email::parse(&text).is_ok());
            let _ = PersonalNumber::parse(&text).is_ok();
        }
    }
}
