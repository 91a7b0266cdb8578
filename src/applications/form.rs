//! How what was typed in an application is read (portal.md 3.0 and 3.1).

use serde::Deserialize;

use super::domain::{Application, Content, Named};
use crate::{
    agreements::actions::MOST_SIGNATORIES,
    http::{
        Errors,
        form::{impersonal, line, paragraph, person_name, phone},
    },
    identity::{Email, HsaId, OrgNr, PersonalNumber},
};

/// The form as typed. Lists run in parallel, one place for each signatory.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Typed {
    /// How many times it had been saved when the page was made.
    #[serde(default)]
    pub sparad: i32,
    /// Put away, not to be sent yet.
    #[serde(default)]
    pub spara: String,
    #[serde(default)]
    pub orgnr: String,
    #[serde(default)]
    pub namn: String,
    #[serde(default)]
    pub kategori: String,
    #[serde(default)]
    pub vard: String,
    #[serde(default)]
    pub finansierad: String,
    #[serde(default)]
    pub finansierad_av: String,
    #[serde(default)]
    pub epost: String,
    #[serde(default)]
    pub telefon: String,
    #[serde(default)]
    pub adress: String,
    #[serde(default)]
    pub hsa: String,
    #[serde(default)]
    pub adm_namn: String,
    #[serde(default)]
    pub adm_epost: String,
    #[serde(default)]
    pub adm_telefon: String,
    #[serde(default)]
    pub kontakt_namn: String,
    #[serde(default)]
    pub kontakt_epost: String,
    #[serde(default)]
    pub kontakt_telefon: String,
    #[serde(default)]
    pub regel: String,
    #[serde(default)]
    pub firm_namn: Vec<String>,
    #[serde(default)]
    pub firm_personnummer: Vec<String>,
    #[serde(default)]
    pub firm_epost: Vec<String>,
    #[serde(default)]
    pub meddelande: String,
}

impl Typed {
    /// The form as it was saved. Personal numbers never come back.
    pub fn of(application: &Application) -> Self {
        let content = &application.content;
        let signatory = |read: fn(&Named) -> &String| content.signatories.iter().map(read).cloned().collect();
        Self {
            sparad: application.saves,
            spara: String::new(),
            orgnr: if application.sole_trader { String::new() } else { application.shown_nr() },
            namn: content.name.clone(),
            kategori: content.category.clone(),
            vard: content.care.clone(),
            finansierad: content.financed.clone(),
            finansierad_av: content.financed_by.clone(),
            epost: content.email.clone(),
            telefon: content.phone.clone(),
            adress: content.address.clone(),
            hsa: content.hsa.clone(),
            adm_namn: content.administrator.name.clone(),
            adm_epost: content.administrator.email.clone(),
            adm_telefon: content.administrator.phone.clone(),
            kontakt_namn: content.contact.name.clone(),
            kontakt_epost: content.contact.email.clone(),
            kontakt_telefon: content.contact.phone.clone(),
            regel: if content.needed == 0 { String::new() } else { content.needed.to_string() },
            firm_namn: signatory(|named| &named.name),
            firm_personnummer: Vec::new(),
            firm_epost: signatory(|named| &named.email),
            meddelande: content.message.clone(),
        }
    }
}

/// What was read of a form.
#[derive(Debug, Default)]
pub struct Read {
    /// Ten digits, or nothing yet.
    pub org_nr: String,
    /// Is it a personal number?
    pub sole_trader: bool,
    /// The rest.
    pub content: Content,
    /// A personal number for each signatory; empty where there is none yet.
    pub numbers: Vec<String>,
}

/// What has been saved before, and goes on where nothing new was typed.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// The organisation number.
    pub org_nr: &'a str,
    /// Is it a personal number?
    pub sole_trader: bool,
    /// May it be another? Not once the application has been sent.
    pub is_draft: bool,
    /// The signatories.
    pub signatories: &'a [Named],
    /// Their numbers.
    pub numbers: &'a [String],
    /// The newest answer to Inera.
    pub answer: &'a str,
    /// Categories there are.
    pub categories: &'a [(String, String)],
}

/// A line that must be filled in.
fn needed(errors: &mut Errors, field: &str, read: Result<String, String>, wanted: &str) -> String {
    let text = errors.take(field, read).unwrap_or_default();
    if text.is_empty() && errors.of(field).is_none() {
        errors.lack(field, wanted);
    }
    text
}

fn email(errors: &mut Errors, field: &str, typed: &str, wanted: &str) -> String {
    if typed.trim().is_empty() {
        errors.lack(field, wanted);
        return String::new();
    }
    let email =
        Email::parse_lower(typed).map(|email| email.as_str().to_owned()).map_err(|bad| bad.0.to_owned());
    errors.take(field, impersonal(email)).unwrap_or_default()
}

/// What is said of a personal number without its century.
const TEN_OF_TWELVE: &str = "Det ser ut som ett personnummer. För enskild firma skriver du det med tolv siffror, till exempel 19681103-1233";

fn organisation_number(typed: &Typed, before: Before<'_>, errors: &mut Errors) -> (String, bool) {
    let kept = (before.org_nr.to_owned(), before.sole_trader);
    let text = typed.orgnr.trim();
    if !before.is_draft || (text.is_empty() && before.sole_trader) {
        return kept;
    }
    if text.is_empty() {
        errors.lack("orgnr", "Skriv organisationsnumret");
        return (String::new(), false);
    }
    match OrgNr::parse(text) {
        Ok(nr) => (nr.digits().to_owned(), false),
        // portal.md 3.0: a sole trader's number is the owner's personal number.
        Err(wrong) => {
            if let Ok(number) = PersonalNumber::parse(text) {
                return (number.digits().get(2..).unwrap_or_default().to_owned(), true);
            }
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            // Ten digits of which the third is 0 or 1 are somebody's birthday.
            let is_personal =
                digits.len() == 10 && digits.as_bytes().get(2).is_some_and(|digit| *digit < b'2');
            errors.add("orgnr", if is_personal { TEN_OF_TWELVE } else { wrong.0 });
            (String::new(), false)
        }
    }
}

fn person(errors: &mut Errors, fields: [&str; 3], typed: [&str; 3], who: &str) -> Named {
    let [name_field, email_field, phone_field] = fields;
    let [name, address, number] = typed;
    let name = if name.trim().is_empty() {
        errors.lack(name_field, format!("Skriv namnet på {who}"));
        String::new()
    } else {
        errors.take(name_field, person_name(name)).unwrap_or_default()
    };
    Named {
        name,
        email: email(errors, email_field, address, &format!("Skriv e-postadressen till {who}")),
        phone: errors.take(phone_field, phone(number)).unwrap_or_default(),
    }
}

fn signatories(typed: &Typed, before: Before<'_>, errors: &mut Errors) -> (Vec<Named>, Vec<String>) {
    let (mut named, mut numbers) = (Vec::new(), Vec::new());
    for place in 0..MOST_SIGNATORIES {
        let at = |list: &[String]| list.get(place).map(|text| text.trim().to_owned()).unwrap_or_default();
        let (name, number, address) =
            (at(&typed.firm_namn), at(&typed.firm_personnummer), at(&typed.firm_epost));
        if place > 0 && name.is_empty() && number.is_empty() && address.is_empty() {
            continue;
        }
        let [name_field, number_field, email_field] =
            ["namn", "personnummer", "epost"].map(|field| format!("firm-{field}-{}", place + 1));
        let who = person(
            errors,
            [&name_field, &email_field, ""],
            [&name, &address, ""],
            &format!("firmatecknare {}", place + 1),
        );
        // The number is the person's: another name needs another number.
        let is_same = before.signatories.get(place).is_some_and(|known| known.name == who.name);
        let kept = before.numbers.get(place).filter(|_| is_same).cloned().unwrap_or_default();
        let number = match number.as_str() {
            "" if kept.is_empty() => {
                errors.lack(&number_field, format!("Skriv personnumret för firmatecknare {}", place + 1));
                String::new()
            }
            "" => kept,
            typed => errors
                .take(&number_field, PersonalNumber::parse(typed).map_err(|bad| bad.0))
                .map(|number| number.digits().to_owned())
                .unwrap_or_default(),
        };
        if !number.is_empty() && numbers.contains(&number) {
            errors.add(&number_field, "Två firmatecknare har samma personnummer");
        }
        named.push(who);
        numbers.push(number);
    }
    (named, numbers)
}

/// Is the only signatory of a sole trader's firm its owner?
pub fn is_own_firm(org_nr: &str, numbers: &[String]) -> bool {
    matches!(numbers, [only] if only.get(2..) == Some(org_nr))
}

/// Who the organisation is.
fn organisation(typed: &Typed, before: Before<'_>, errors: &mut Errors) -> Content {
    let name = needed(errors, "namn", impersonal(line(&typed.namn, 200)), "Skriv organisationens namn");
    if !name.is_empty() && name.chars().count() < 2 {
        errors.add("namn", "Skriv hela namnet");
    }
    // It stands in mails.
    if name.contains("://") || name.to_lowercase().contains("www.") {
        errors.add("namn", "Skriv organisationens namn, ingen webbadress");
    }
    let category = typed.kategori.clone();
    if category.is_empty() {
        errors.lack("kategori", "Välj vad för slags organisation ni är");
    } else if !before.categories.iter().any(|(code, _)| *code == category) {
        errors.add("kategori", "Välj ett av alternativen");
    }
    let address = impersonal(paragraph(&typed.adress, 400));
    Content {
        name,
        category,
        address: needed(errors, "adress", address, "Skriv organisationens postadress"),
        email: email(errors, "epost", &typed.epost, "Skriv en e-postadress till organisationen"),
        phone: needed(errors, "telefon", phone(&typed.telefon), "Skriv organisationens telefonnummer"),
        ..Content::default()
    }
}

/// What it does, and with whose money.
fn operation(typed: &Typed, errors: &mut Errors, content: Content) -> Content {
    let care = needed(
        errors,
        "vard",
        impersonal(paragraph(&typed.vard, 1_000)),
        "Skriv vilken vård eller omsorg ni bedriver. Bara vårdgivare kan bli kunder",
    );
    let financed = typed.finansierad.as_str();
    let is_known = ["ja", "nej"].contains(&financed);
    if !is_known {
        errors.lack("finansierad-ja", "Välj om verksamheten är offentligt finansierad");
    }
    let by = errors.take("finansierad_av", impersonal(line(&typed.finansierad_av, 200)));
    let financed_by = by.unwrap_or_default();
    if financed == "ja" && financed_by.is_empty() && errors.of("finansierad_av").is_none() {
        errors.lack("finansierad_av", "Skriv vilken region eller kommun som finansierar");
    }
    let hsa = typed.hsa.trim();
    let hsa_id =
        |text: &str| HsaId::parse(text).map(|id| id.as_str().to_owned()).map_err(|bad| bad.0.to_owned());
    let hsa = if hsa.is_empty() { None } else { errors.take("hsa", impersonal(hsa_id(hsa))) };
    Content {
        care,
        financed: if is_known { financed.to_owned() } else { String::new() },
        financed_by,
        hsa: hsa.unwrap_or_default(),
        ..content
    }
}

/// Reads the form; everything that is wrong or lacking is among the errors, in the order of the page.
pub fn read(typed: &Typed, before: Before<'_>, errors: &mut Errors) -> Read {
    let (org_nr, sole_trader) = organisation_number(typed, before, errors);
    let content = organisation(typed, before, errors);
    let content = operation(typed, errors, content);
    let administrator = person(
        errors,
        ["adm_namn", "adm_epost", "adm_telefon"],
        [&typed.adm_namn, &typed.adm_epost, &typed.adm_telefon],
        "administratören",
    );
    let contact = person(
        errors,
        ["kontakt_namn", "kontakt_epost", "kontakt_telefon"],
        [&typed.kontakt_namn, &typed.kontakt_epost, &typed.kontakt_telefon],
        "kontaktpersonen",
    );
    let must = typed.regel.parse::<i32>().ok().filter(|needed| (1..=4).contains(needed)).unwrap_or(0);
    if must == 0 {
        errors.lack("regel", "Välj hur firman tecknas");
    }
    let (signatories, numbers) = signatories(typed, before, errors);
    if usize::try_from(must).is_ok_and(|must| signatories.len() < must) {
        errors.lack(
            "regel",
            "Fyll i minst så många firmatecknare som måste signera, i ordning från den första",
        );
    }
    let is_given = numbers.iter().any(|number| !number.is_empty());
    if sole_trader && is_given && !is_own_firm(&org_nr, &numbers) {
        errors.add(
            "firm-personnummer-1",
            "En enskild firma tecknas av innehavaren ensam. Skriv samma personnummer som för firman",
        );
    }
    let message = errors.take("meddelande", impersonal(paragraph(&typed.meddelande, 1_000)));
    let content = Content {
        administrator,
        contact,
        needed: must,
        signatories,
        message: message.unwrap_or_default(),
        answer: before.answer.to_owned(),
        ..content
    };
    Read { org_nr, sole_trader, content, numbers }
}

impl Read {
    /// What could not be read keeps what was saved before.
    #[must_use]
    pub fn or_before(mut self, application: &Application, numbers: &[String], errors: &Errors) -> Self {
        let old = &application.content;
        if errors.of("orgnr").is_some() {
            application.org_nr.clone_into(&mut self.org_nr);
            self.sole_trader = application.sole_trader;
        }
        let new = &mut self.content;
        let fields = [
            ("namn", &mut new.name, &old.name),
            ("kategori", &mut new.category, &old.category),
            ("adress", &mut new.address, &old.address),
            ("epost", &mut new.email, &old.email),
            ("telefon", &mut new.phone, &old.phone),
            ("vard", &mut new.care, &old.care),
            ("finansierad_av", &mut new.financed_by, &old.financed_by),
            ("hsa", &mut new.hsa, &old.hsa),
            ("adm_namn", &mut new.administrator.name, &old.administrator.name),
            ("adm_epost", &mut new.administrator.email, &old.administrator.email),
            ("adm_telefon", &mut new.administrator.phone, &old.administrator.phone),
            ("kontakt_namn", &mut new.contact.name, &old.contact.name),
            ("kontakt_epost", &mut new.contact.email, &old.contact.email),
            ("kontakt_telefon", &mut new.contact.phone, &old.contact.phone),
            ("meddelande", &mut new.message, &old.message),
        ];
        for (field, new, old) in fields {
            if errors.of(field).is_some() {
                old.clone_into(new);
            }
        }
        for (place, number) in self.numbers.iter_mut().enumerate() {
            let field = |name: &str| format!("firm-{name}-{}", place + 1);
            if let (Some(new), Some(old)) = (new.signatories.get_mut(place), old.signatories.get(place)) {
                if errors.of(&field("namn")).is_some() {
                    old.name.clone_into(&mut new.name);
                }
                if errors.of(&field("epost")).is_some() {
                    old.email.clone_into(&mut new.email);
                }
            }
            if errors.of(&field("personnummer")).is_some() && number.is_empty() {
                *number = numbers.get(place).cloned().unwrap_or_default();
            }
        }
        self
    }
}
