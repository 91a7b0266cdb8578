//! Who is told what about contacts (portal.md 2.99: N-01, N-04–N-08, N-30–N-33). N-34 and N-27, a substitute and the
//! end of it, N-35, somebody asks for a role, N-36, the no to it, and N-28, Kundservice has appointed an administrator, are ours:
//! the catalogue lacks them. N-126, the link to a contact's new address, goes with N-32 and is ours too, as are N-127,
//! somebody has left, N-192, Kundservice has invited a first administrator, N-184, somebody has another account, N-187 and N-188, somebody's account is blocked and opened again, and N-128 and N-129, somebody asks to become a contact and the no to it.

use super::domain::the_roles;
use crate::{calendar::long_date, identity::mails::Words, text::and_list};

/// A group of people around a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The contact.
    Contact,
    /// Who stands in.
    Substitute,
    /// The administrators, but not the contact.
    Administrators,
    /// Whoever reads the contact's new address.
    NewAddress,
    /// Whoever reads the one that holds until then.
    OldAddress,
}

/// A notification's number and whom it goes to.
pub type Notice = (&'static str, To);

/// What happened to somebody's place.
#[derive(Debug)]
pub struct Happened {
    /// `joined`, `roles` and so on.
    pub kind: String,
    /// Roles that came.
    pub given: Vec<String>,
    /// Roles that went.
    pub taken: Vec<String>,
    /// Did Kundservice do it?
    pub by_staff: bool,
    /// Did permissions in mandates change?
    pub mandates_changed: bool,
    /// First and last day of a substitution.
    pub days: Option<(time::Date, time::Date)>,
    /// The contact's name.
    pub name: String,
    /// Who stands in.
    pub substitute: String,
    /// The address an invitation was sent to.
    pub invited: String,
    /// Who did it.
    pub by: String,
    /// Was it the contact?
    pub own: bool,
    /// Which of the contact's data changed: `name`, `title`, `phone`, `email`.
    pub fields: Vec<String>,
}

/// Who is told of it.
pub fn notices(happened: &Happened) -> Vec<Notice> {
    match happened.kind.as_str() {
        "joined" | "restored" => vec![("N-04", To::Contact), ("N-05", To::Administrators)],
        "merged" => vec![("N-184", To::Administrators)],
        // The person is told as the owner of the account, once for all organisations.
        "blocked" => vec![("N-187", To::Administrators)],
        "unblocked" => vec![("N-188", To::Administrators)],
        "removed" if happened.own => vec![("N-08", To::Contact), ("N-127", To::Administrators)],
        "removed" => vec![("N-08", To::Contact)],
        "substitute" => vec![("N-34", To::Substitute), ("N-26", To::Contact)],
        "substitute_ended" => vec![("N-27", To::Substitute)],
        "details" if happened.fields.iter().any(|field| field == "email") => {
            vec![("N-126", To::NewAddress), ("N-32", To::OldAddress)]
        }
        // A telephone number is what Kundservice calls back to.
        "details" if happened.own && happened.fields.iter().all(|field| field == "title") => Vec::new(),
        "details" | "email_confirmed" => vec![("N-32", To::Contact)],
        "roles" => {
            let mut told = Vec::new();
            if !happened.given.is_empty() {
                told.push(("N-30", To::Contact));
            }
            if !happened.taken.is_empty() {
                told.push(("N-31", To::Contact));
            }
            if happened.mandates_changed && told.is_empty() {
                told.push(("N-33", To::Contact));
            }
            if happened.by_staff {
                told.push(("N-28", To::Administrators));
            }
            told
        }
        _ => Vec::new(),
    }
}

/// The words of a notification about a contact.
pub fn words(code: &str, happened: &Happened, org: &str) -> Words {
    let made = |subject: String, says: String, next, button| Words { subject, says, next, button };
    match code {
        "N-30" => made(
            format!("Du har fått en roll hos {org}"),
            format!("Du har fått {} hos {org}.", the_roles(&happened.given)),
            "Logga in för att se vad rollen låter dig göra.",
            "Visa dina roller",
        ),
        "N-31" => made(
            format!("Dina roller hos {org} har ändrats"),
            format!("Du har inte längre {} hos {org}.", the_roles(&happened.taken)),
            "Är det fel ber du om rollen igen.",
            "Visa dina roller",
        ),
        "N-27" => made(
            format!("Du är inte längre ersättare hos {org}"),
            format!("Du är inte längre ersättare för {} hos {org}.", happened.name),
            "Du behöver inte göra något.",
            "Visa dina roller",
        ),
        "N-28" => made(
            format!("Kundservice har gjort {} till administratör hos {org}", happened.name),
            format!("Kundservice har gjort {} till administratör hos {org}.", happened.name),
            "Känner du inte till det kontaktar du Kundservice genast.",
            "Visa kontakten",
        ),
        "N-33" => made(
            format!("Din behörighet i agentuppdrag hos {org} har ändrats"),
            format!("Din behörighet i agentuppdrag hos {org} har ändrats."),
            "Logga in för att se vilka uppdrag du arbetar med.",
            "Visa dina roller",
        ),
        "N-04" | "N-05" | "N-08" | "N-127" | "N-184" | "N-187" | "N-188" => place_words(code, happened, org),
        "N-126" | "N-32" => details_words(code, happened, org),
        "N-26" => made(
            format!("{} är din ersättare hos {org}", happened.substitute),
            format!("{} är din ersättare hos {org}{}.", happened.substitute, days_of(happened)),
            "Ersättaren ser och beslutar i ditt ställe de dagarna. Det syns på varje beslut, och du kan fortfarande besluta själv.",
            "Visa eller avsluta",
        ),
        _ => made(
            format!("Du är ersättare för {} hos {org}", happened.name),
            format!("Du är ersättare för {} hos {org}{}.", happened.name, days_of(happened)),
            "De dagarna ser och beslutar du i personens ställe. Det syns på varje beslut.",
            "Visa i Kundportalen",
        ),
    }
}

/// The words about a place that somebody has got or left, or has with another account: N-04, N-05, N-08, N-127, N-184,
/// or whose account is blocked or opened again: N-187, N-188.
fn place_words(code: &str, happened: &Happened, org: &str) -> Words {
    let made = |subject: String, says: String, next, button| Words { subject, says, next, button };
    match code {
        "N-184" => made(
            format!("{} har ett annat konto hos {org}", happened.name),
            format!(
                "{} hade två konton i Kundportalen, som nu är hopslagna. Kundservice har frågat, och den som hade kontot hos {org} har sagt ja. Rollerna är desamma.",
                happened.name
            ),
            "Känner du inte till det kontaktar du Kundservice.",
            "Visa kontakten",
        ),
        "N-187" => made(
            format!("{}s konto är spärrat", happened.name),
            format!(
                "{}s konto i Kundportalen är spärrat{}. Personen kan inte logga in, och rollerna hos {org} gäller inte under tiden. Det som väntade på personens attest väntar nu på vem som helst av era attestanter.",
                happened.name,
                if happened.by.is_empty() {
                    ", för att ingen har loggat in på ett år"
                } else {
                    " av Inera"
                }
            ),
            "Kontrollera genast att någon annan har de roller som behövs, till exempel Attestant. Behövs kontot kontaktar personen Kundservice.",
            "Visa kontakten",
        ),
        "N-188" => made(
            format!("{}s konto är öppet igen", happened.name),
            format!(
                "Inera har öppnat {}s konto i Kundportalen igen. Rollerna hos {org} gäller som förut.",
                happened.name
            ),
            "Behöver personen inte rollerna längre tar du bort dem.",
            "Visa kontakten",
        ),
        "N-04" => made(
            format!("Du är kontakt hos {org} i Kundportalen"),
            format!("Du är nu kontakt hos {org} i Kundportalen."),
            "Logga in för att se vad du kan göra.",
            "Gå till Kundportalen",
        ),
        "N-05" if happened.kind == "restored" => made(
            format!("{} är kontakt igen hos {org}", happened.name),
            format!("Inera har återställt {} som kontakt hos {org}, utan roller.", happened.name),
            "Ge personen de roller som behövs.",
            "Visa kontakten",
        ),
        "N-05" => made(
            format!("{} har tackat ja till en inbjudan från {org}", happened.name),
            format!(
                "{} har tackat ja till inbjudan som skickades till {} och är kontakt hos {org}.",
                happened.name, happened.invited
            ),
            "Kontrollera att personen har rätt roller. Känner du inte igen personen tar du bort kontakten.",
            "Visa kontakten",
        ),
        "N-08" if happened.own => made(
            format!("Du har lämnat {org}"),
            format!("Du har lämnat {org} i Kundportalen. Ditt konto finns kvar."),
            "Var det inte du? Byt lösenord och kontakta Kundservice genast.",
            "Gå till Kundportalen",
        ),
        "N-08" => made(
            format!("Du är inte längre kontakt hos {org}"),
            format!("Du är borttagen som kontakt hos {org} i Kundportalen."),
            "Du behöver inte göra något. Är det fel pratar du med någon som sköter kontakterna där.",
            "Gå till Kundportalen",
        ),
        _ => made(
            format!("{} har lämnat {org}", happened.by),
            format!("{} har lämnat {org} i Kundportalen.", happened.by),
            "Kontrollera att någon annan har de roller som behövs.",
            "Visa kontakten",
        ),
    }
}

/// The words about a contact's own data: N-126 to a new address, N-32 to the contact. What it is now stands in the portal only.
fn details_words(code: &str, happened: &Happened, org: &str) -> Words {
    let made = |subject: String, says: String, next, button| Words { subject, says, next, button };
    let asked = happened.fields.iter().any(|field| field == "email");
    let who = match happened {
        Happened { own: true, .. } => "Du",
        Happened { by_staff: true, .. } => "Kundservice",
        happened => happened.by.as_str(),
    };
    match code {
        "N-126" => made(
            "Bekräfta en e-postadress i Kundportalen".to_owned(),
            // The address may be a stranger's: nothing that somebody has written stands here but the organisation's name.
            format!("Den här adressen har angetts för en kontakt hos {org} i Kundportalen."),
            "Är adressen din? Öppna länken inom tre dygn och bekräfta. Annars gör du ingenting.",
            "Bekräfta adressen",
        ),
        _ if happened.kind == "email_confirmed" => made(
            format!("Din nya e-postadress hos {org} gäller"),
            format!(
                "Din nya e-postadress hos {org} är bekräftad. Mejl från Kundportalen om organisationen går nu dit."
            ),
            "Din inloggningsadress ändrar du på Mitt konto.",
            "Visa din sida",
        ),
        _ if asked => made(
            format!("En ny e-postadress är angiven för dig hos {org}"),
            format!(
                "{who} har angett en ny e-postadress för dig hos {org}. Den här adressen gäller tills den nya är bekräftad."
            ),
            if happened.by_staff {
                "Känner du inte till det? Dra tillbaka adressen på din sida, och kontakta Kundservice genast."
            } else {
                "Känner du inte till det? Dra tillbaka adressen på din sida, och prata med någon som sköter kontakterna där."
            },
            "Visa din sida",
        ),
        _ => made(
            format!("Dina kontaktuppgifter hos {org} är ändrade"),
            format!(
                "{who} har ändrat dina kontaktuppgifter hos {org}: {}.",
                and_list(&field_names(&happened.fields))
            ),
            if happened.by_staff {
                "Stämmer det inte? Kontakta Kundservice."
            } else {
                "Stämmer det inte? Prata med någon som sköter kontakterna där."
            },
            "Visa din sida",
        ),
    }
}

/// The names of a contact's data, as in "ändrade titel och telefon".
pub fn field_names(fields: &[String]) -> Vec<String> {
    [("name", "namn"), ("title", "titel"), ("phone", "telefon"), ("email", "e-postadress")]
        .into_iter()
        .filter(|(code, _)| fields.iter().any(|field| field == code))
        .map(|(_, name)| name.to_owned())
        .collect()
}

fn days_of(happened: &Happened) -> String {
    let days = happened.days;
    days.map(|(from, to)| format!(" från {} till och med {}", long_date(from), long_date(to)))
        .unwrap_or_default()
}

/// The words about somebody who asks for roles: N-35 to administrators, N-36 to the one who asked.
pub fn request_words(code: &str, name: &str, roles: &[String], org: &str) -> Words {
    let roles = the_roles(roles);
    if code == "N-35" {
        return Words {
            subject: format!("{name} ber om en roll hos {org}"),
            says: format!("{name} ber om {roles} hos {org}."),
            next: "Läs varför och svara i Kundportalen.",
            button: "Visa begäran",
        };
    }
    Words {
        subject: format!("Din begäran om en roll hos {org} har fått nej"),
        says: format!("Din begäran om {roles} hos {org} har fått nej."),
        next: "Administratörens svar finns i Kundportalen.",
        button: "Visa svaret",
    }
}

/// The words about somebody who asks to become a contact: N-03 to the one who asks, N-128 to administrators, N-129 the no.
pub fn joining_words(code: &str, name: &str, org: &str) -> Words {
    match code {
        "N-03" => Words {
            subject: "Bekräfta din e-postadress i Kundportalen".to_owned(),
            says: "Den här adressen har angetts i en begäran om att bli kontakt i Kundportalen.".to_owned(),
            next: "Var det du? Öppna länken inom tre dygn och skicka din begäran. Annars gör du ingenting.",
            button: "Fortsätt",
        },
        "N-128" => Words {
            subject: format!("{name} vill bli kontakt hos {org}"),
            says: format!(
                "{name} ber om att bli kontakt hos {org} i Kundportalen. Personen har bekräftat sin e-postadress."
            ),
            next: "Läs varför, och bjud in personen eller säg nej. Känner du inte igen personen säger du nej.",
            button: "Visa begäran",
        },
        _ => Words {
            subject: format!("Din begäran om att bli kontakt hos {org} har fått nej"),
            says: format!(
                "En administratör hos {org} har sagt nej till din begäran om att bli kontakt i Kundportalen."
            ),
            next: "Är det fel? Prata med organisationens administratör.",
            button: "Läs i hjälpen",
        },
    }
}

/// The words of an invitation: N-01 to the one invited, N-06 to whoever invited when it has run out.
pub fn invitation_words(
    code: &str,
    (name, by): (&str, &str),
    org: &str,
    (roles, last): (&[String], &str),
) -> Words {
    if code == "N-06" {
        return Words {
            subject: format!("Inbjudan till {name} har gått ut"),
            says: format!("{name} har inte svarat på inbjudan till {org} inom 14 dagar."),
            next: "Skicka inbjudan igen om personen fortfarande ska bli kontakt.",
            button: "Visa inbjudningarna",
        };
    }
    if code == "N-192" {
        return Words {
            subject: format!("Inera har bjudit in en administratör till {org}"),
            says: format!(
                "Kundservice hos Inera har bjudit in {name} som administratör för {org} i Kundportalen, eftersom organisationen inte har någon."
            ),
            next: "Känner du inte till det kontaktar du Kundservice genast.",
            button: "Kontakta Kundservice",
        };
    }
    let roles = if roles.is_empty() { String::new() } else { format!(" Du får {}.", the_roles(roles)) };
    Words {
        subject: format!("{org} bjuder in dig till Kundportalen"),
        says: format!(
            "{by} bjuder in dig som kontakt hos {org} i Kundportalen.{roles} Inbjudan gäller till och med {last}."
        ),
        next: "I Kundportalen beställer vårdgivare nationella e-hälsotjänster från Inera. Länken är personlig: öppna den och tacka ja.",
        button: "Öppna inbjudan",
    }
}

/// Why somebody got a mail, in its last line.
pub fn because(code: &str, org: &str) -> String {
    match code {
        "N-01" => format!(
            "Du får mejlet för att {org} har angett din adress. Känner du inte till det kan du bortse från mejlet."
        ),
        "N-05" | "N-06" | "N-28" | "N-35" | "N-127" | "N-128" | "N-184" | "N-187" | "N-188" => {
            format!("Du får mejlet för att du sköter kontakter och roller hos {org}.")
        }
        "N-126" => "Du får mejlet för att någon har skrivit din adress.".to_owned(),
        "N-03" => "Du får mejlet för att någon har skrivit din adress.".to_owned(),
        "N-129" => format!("Du får mejlet för att du har bett om att bli kontakt hos {org}."),
        "N-08" => format!("Du får mejlet för att du var kontakt hos {org}."),
        _ => format!("Du får mejlet för att du är kontakt hos {org}."),
    }
}
