//! What the owner of an account is told: N-09, a link to a new password; N-37, the password was changed; N-38 and N-39, an
//! e-legitimation was connected or removed; N-170 to N-175, the second step;
//! N-176 to N-178, the address one signs in with: the link to the new one, and what the old one is told, N-185, that the change was undone; N-179, the account is closed;
//! N-180 to N-182, two accounts become one;
//! N-183, the link that the first second step rests on; N-07 and N-04, the account is blocked and opened again, N-186, it soon is.
//! The numbers are ours: the catalogue of portal.md 2.99 lacks them.

/// A mail's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What the mail is called.
    pub subject: String,
    /// The first line.
    pub says: String,
    /// What to do.
    pub next: &'static str,
    /// On the button.
    pub button: &'static str,
}

/// The mails of an event of an account.
pub fn codes_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "reset" => &["N-09"],
        "password" => &["N-37"],
        "eid_connected" => &["N-38"],
        "step_added" => &["N-170"],
        "step_removed" => &["N-171"],
        "step_cleared" => &["N-172"],
        "codes_made" => &["N-173"],
        "code_used" => &["N-174"],
        "step_tries" => &["N-175"],
        "email_asked" => &["N-176", "N-177"],
        "email_changed" => &["N-178"],
        "email_undone" => &["N-185"],
        "closed" => &["N-179"],
        "merge_asked" => &["N-180"],
        "merge_told" => &["N-181"],
        "merged" => &["N-182"],
        "step_asked" => &["N-183"],
        "blocked" => &["N-07"],
        "unblocked" => &["N-04"],
        "unused_warned" => &["N-186"],
        "eid_removed" => &["N-39"],
        // Of a newer program: nobody is told something else.
        _ => &[],
    }
}

fn made(subject: &str, says: &str, next: &'static str, button: &'static str) -> Words {
    Words { subject: subject.to_owned(), says: says.to_owned(), next, button }
}

/// The words of the mail.
pub fn words(code: &str) -> Words {
    match code {
        "N-09" => made(
            "Välj ett nytt lösenord till Kundportalen",
            "Någon har bett om ett nytt lösenord till ditt konto i Kundportalen.",
            "Var det du? Öppna länken inom 30 minuter och välj ett nytt lösenord. Länken går att använda en gång.",
            "Välj nytt lösenord",
        ),
        "N-37" => made(
            "Ditt lösenord till Kundportalen är bytt",
            "Lösenordet till ditt konto i Kundportalen är bytt, och du är utloggad på andra ställen. Passnycklar och e-legitimationer fungerar som förut.",
            "Var det inte du? Välj genast ett nytt lösenord, ta bort passnycklar du inte känner igen på Mitt konto och kontakta Kundservice.",
            "Välj nytt lösenord",
        ),
        "N-38" => made(
            "En e-legitimation är kopplad till ditt konto i Kundportalen",
            "En e-legitimation har kopplats till ditt konto i Kundportalen. Den som har den kan logga in som du.",
            "Var det inte du? Ta bort den på Mitt konto, byt lösenord och kontakta Kundservice.",
            "Till Mitt konto",
        ),
        "N-170" | "N-171" | "N-172" | "N-173" | "N-174" | "N-175" | "N-183" => step_words(code),
        "N-176" | "N-177" | "N-178" | "N-185" => email_words(code),
        "N-04" | "N-07" | "N-186" => block_words(code),
        "N-180" | "N-181" | "N-182" => merge_words(code),
        "N-179" => made(
            "Ditt konto i Kundportalen är avslutat",
            "Ditt konto i Kundportalen är avslutat. Lösenord, e-legitimationer och kontaktuppgifter är borttagna. Beslut du har fattat och avtal du har signerat finns kvar som bevis.",
            "Var det inte du? Kontakta Kundservice genast.",
            "Kontakta Kundservice",
        ),
        _ => made(
            "En e-legitimation är borttagen från ditt konto i Kundportalen",
            "En e-legitimation är inte längre kopplad till ditt konto i Kundportalen.",
            "Var det inte du? Byt lösenord och kontakta Kundservice.",
            "Till Mitt konto",
        ),
    }
}

/// The words about the second step.
fn step_words(code: &str) -> Words {
    match code {
        "N-170" => made(
            "Tvåstegsverifiering är tillagd på ditt konto i Kundportalen",
            "En kodapp eller passnyckel har lagts till på ditt konto i Kundportalen. Med en passnyckel går det att logga in utan lösenord.",
            "Var det inte du? Byt lösenord, ta bort den på Mitt konto och kontakta Kundservice.",
            "Till Mitt konto",
        ),
        "N-171" => made(
            "Tvåstegsverifiering är borttagen från ditt konto i Kundportalen",
            "En kodapp eller passnyckel har tagits bort från ditt konto i Kundportalen, och du är utloggad på andra ställen.",
            "Var det inte du? Byt lösenord och kontakta Kundservice.",
            "Till Mitt konto",
        ),
        "N-172" => made(
            "Din tvåstegsverifiering i Kundportalen är borttagen",
            "Inera har tagit bort tvåstegsverifieringen från ditt konto, och du är utloggad överallt.",
            "Har du bett om det? Logga in med ditt lösenord och lägg till en ny. Har du inget lösenord väljer du ett med Glömt lösenordet. Har du inte bett om det? Byt lösenord och ring Kundservice genast.",
            "Logga in",
        ),
        "N-173" => made(
            "Du har nya reservkoder till Kundportalen",
            "Nya reservkoder har skapats för ditt konto i Kundportalen. De gamla fungerar inte längre.",
            "Var det inte du? Byt lösenord och kontakta Kundservice.",
            "Till Mitt konto",
        ),
        "N-183" => made(
            "Lägg till tvåstegsverifiering i Kundportalen",
            "Någon som kan ditt lösenord vill lägga till en kodapp eller passnyckel på ditt konto i Kundportalen.",
            "Var det du? Öppna länken inom 30 minuter i webbläsaren där du är inloggad. Annars byter du lösenord genast.",
            "Fortsätt lägga till",
        ),
        "N-174" => made(
            "En reservkod har använts för att logga in i Kundportalen",
            "Någon har loggat in på ditt konto i Kundportalen med ditt lösenord och en reservkod.",
            "Var det inte du? Byt lösenord, skapa nya reservkoder och kontakta Kundservice.",
            "Till Mitt konto",
        ),
        _ => made(
            "Någon skriver fel koder på ditt konto i Kundportalen",
            "Någon har skrivit flera fel koder, efter ditt lösenord eller där du är inloggad. Ingen av dem har godtagits.",
            "Var det inte du? Byt lösenord genast, så loggas alla andra ut.",
            "Byt lösenord",
        ),
    }
}

/// The words about the address one signs in with.
fn email_words(code: &str) -> Words {
    match code {
        "N-176" => made(
            "Bekräfta din nya inloggningsadress till Kundportalen",
            "Den här adressen har angetts som ny inloggningsadress till ett konto i Kundportalen.",
            "Var det du? Öppna länken inom tre dygn och bekräfta. Annars gör du ingenting.",
            "Bekräfta adressen",
        ),
        "N-177" => made(
            "Din inloggningsadress till Kundportalen ska bytas",
            "En ny adress har angetts för att logga in på ditt konto i Kundportalen. Den här adressen gäller tills den nya är bekräftad.",
            "Var det inte du? Byt lösenord genast, så går länken till den nya adressen inte att använda, och kontakta Kundservice.",
            "Byt lösenord",
        ),
        "N-185" => made(
            "Bytet av inloggningsadress till Kundportalen är taget tillbaka",
            "Den som hade den tidigare adressen har tagit tillbaka den. Den här adressen går inte längre att logga in med, och det som lades till efter bytet är borttaget.",
            "Är det ditt konto? Kontakta Kundservice.",
            "Kontakta Kundservice",
        ),
        _ => made(
            "Din inloggningsadress till Kundportalen är bytt",
            "Ditt konto i Kundportalen har en ny inloggningsadress. Du kan inte längre logga in med den här.",
            "Var det inte du? Öppna länken inom en vecka och ta tillbaka adressen, och kontakta Kundservice genast.",
            "Ta tillbaka adressen",
        ),
    }
}

/// The words about two accounts of one person: N-180 to the one that goes, N-181 and N-182 to the one that stays.
fn merge_words(code: &str) -> Words {
    match code {
        "N-180" => made(
            "Ska dina konton i Kundportalen slås ihop?",
            "Kundservice har fått veta att du har två konton i Kundportalen. Kontot med den här adressen kan slås ihop med det andra.",
            "Öppna länken inom tre dygn, logga in med det här kontot och läs vad som händer. Har du bara ett konto gör du ingenting och kontaktar Kundservice.",
            "Läs och svara",
        ),
        "N-181" => made(
            "Dina konton i Kundportalen ska slås ihop",
            "Kundservice har frågat om ett annat konto ska slås ihop med det här. Frågan är skickad till det andra kontots adress.",
            "Öppna länken i det mejlet och svara. Känner du inte till det kontaktar du Kundservice.",
            "Till Mitt konto",
        ),
        _ => made(
            "Dina konton i Kundportalen är hopslagna",
            "Ett annat konto är hopslaget med det här. Dess organisationer och roller finns nu på det här kontot, och står under Mitt konto.",
            "Känner du inte till det kontaktar du Kundservice genast.",
            "Till dina organisationer",
        ),
    }
}

/// The words about an account that is blocked: N-186 before the clock does it, N-07 when it is, N-04 when it is opened again.
fn block_words(code: &str) -> Words {
    match code {
        "N-186" => made(
            "Logga in i Kundportalen, annars spärras ditt konto",
            "Du har inte loggat in i Kundportalen på elva månader. Om en månad spärras kontot, så att ingen annan kan använda det.",
            "Logga in så behåller du kontot. Behöver du det inte längre gör du ingenting.",
            "Logga in",
        ),
        "N-07" => made(
            "Ditt konto i Kundportalen är spärrat",
            "Ditt konto i Kundportalen är spärrat, och det går inte att logga in med. Det händer när ingen har loggat in på ett år, eller när Inera behöver skydda kontot.",
            "Behöver du kontot? Kontakta Kundservice, så öppnar de det igen.",
            "Kontakta Kundservice",
        ),
        _ => made(
            "Ditt konto i Kundportalen är öppet igen",
            "Inera har öppnat ditt konto i Kundportalen igen. Du loggar in som förut och har dina roller kvar.",
            "Har du inte bett om det? Byt lösenord och kontakta Kundservice genast.",
            "Logga in",
        ),
    }
}

/// Where the button of a mail without a link of its own leads.
pub fn page_of(code: &str) -> &'static str {
    match code {
        "N-37" => "/losenord/glomt",
        "N-175" | "N-177" => "/konto/losenord",
        "N-07" | "N-179" | "N-185" => "/hjalp",
        "N-182" => "/valj-organisation",
        "N-04" | "N-172" | "N-186" => "/logga-in",
        "N-170" | "N-171" | "N-173" | "N-174" => "/konto/tvasteg",
        _ => "/konto",
    }
}

/// Why somebody got a mail, in its last line.
pub fn because(code: &str) -> &'static str {
    match code {
        "N-09" => {
            "Du får mejlet för att någon har skrivit din adress. Var det inte du kan du bortse från mejlet: lösenordet är inte ändrat."
        }
        "N-176" => "Du får mejlet för att någon har skrivit din adress.",
        "N-179" => "Du får mejlet för att du hade ett konto i Kundportalen.",
        "N-178" | "N-185" => "Du får mejlet för att adressen har använts för att logga in i Kundportalen.",
        _ => "Du får mejlet för att du har ett konto i Kundportalen.",
    }
}
