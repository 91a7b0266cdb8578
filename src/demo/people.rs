//! The people of the demo, listed on its sign-in page and in the terminal. All are made up.

/// Everyone's password in the demo, and nowhere else.
pub const PASSWORD: &str = "sommarregn i Kiruna";

/// Those who are to sign Solbacken's agreement, with the numbers their made-up e-legitimation gives.
pub const SIGNATORIES: [(&str, &str); 2] =
    [("Birgitta Sol", "19560412-2381"), ("Anders Ek", "19681103-1233")];

/// One of them.
pub struct Shown {
    /// Name.
    pub name: &'static str,
    /// Address to sign in with.
    pub email: &'static str,
    /// What to try as this person.
    pub what: &'static str,
}

/// In the order of the via-agent chain.
pub fn shown() -> Vec<Shown> {
    let person = |name, email, what| Shown { name, email, what };
    vec![
        person("Karin Ålund", "karin@lindangen.example", "Beställare, Lindängens Vårdcentral"),
        person("Johan Brandt", "johan@nordjournal.example", "Handläggare, agenten Nordjournal"),
        person("Helena Wik", "helena@nordjournal.example", "Attestant, agenten Nordjournal"),
        person("Mats Öberg", "mats@lindangen.example", "Attestant, Lindängens Vårdcentral"),
        person("Petra Sjögren", "petra@kundservice.example", "Kundservice, Inera"),
        person(
            "Astrid Moberg",
            "astrid@kundservice.example",
            "Avtalshandläggare, Inera: skickar avtal för signering",
        ),
        person("Samira Haddad", "samira@lindangen.example", "Administratör i tre organisationer"),
        person(
            "Rakel Sand",
            "rakel@solbacken.example",
            "Administratör, Solbackens Vård: väntar på sitt kundavtal",
        ),
        person("Elsa Norling", "elsa@norling.example", "Enskild firma: beställer och attesterar själv"),
    ]
}
