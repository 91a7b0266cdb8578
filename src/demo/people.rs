//! The people of the demo, listed on its sign-in page and in the terminal. All are made up.

/// Everyone's password in the demo, and nowhere else.
pub const PASSWORD: &str = "sommarregn i Kiruna";

/// Those who are to sign Solbacken's agreement, with the numbers their made-up e-legitimation gives.
pub const SIGNATORIES: [(&str, &str); 2] =
    [("Birgitta Sol", "19560412-2381"), ("Anders Ek", "19681103-1233")];

/// Name and number of everybody the demo's e-legitimation knows.
pub fn numbers() -> impl Iterator<Item = (&'static str, &'static str)> {
    shown().into_iter().map(|person| (person.name, person.number)).chain(SIGNATORIES)
}

/// One of them.
pub struct Shown {
    /// Name.
    pub name: &'static str,
    /// Address to sign in with.
    pub email: &'static str,
    /// What the made-up e-legitimation gives.
    pub number: &'static str,
    /// What to try as this person.
    pub what: &'static str,
}

impl Shown {
    /// What stands before the sign in the address: a narrow screen breaks it there.
    pub fn mailbox(&self) -> &'static str {
        self.email.split_once('@').map_or(self.email, |(mailbox, _)| mailbox)
    }

    /// What stands after it.
    pub fn host(&self) -> &'static str {
        self.email.split_once('@').map_or("", |(_, host)| host)
    }
}

/// In the order of the via-agent chain.
pub fn shown() -> Vec<Shown> {
    let person = |name, email, number, what| Shown { name, email, number, what };
    vec![
        person(
            "Karin Ålund",
            "karin@lindangen.example",
            "19850314-2385",
            "Beställare, Lindängens Vårdcentral",
        ),
        person(
            "Johan Brandt",
            "johan@nordjournal.example",
            "19790622-1184",
            "Handläggare, agenten Nordjournal",
        ),
        person("Helena Wik", "helena@nordjournal.example", "19880105-2377", "Attestant, agenten Nordjournal"),
        person(
            "Britta Holm",
            "britta@nordjournal.example",
            "19690221-2387",
            "Administratör hos agenten Nordjournal: ansöker om agentuppdrag",
        ),
        person("Mats Öberg", "mats@lindangen.example", "19720930-1188", "Attestant, Lindängens Vårdcentral"),
        person("Petra Sjögren", "petra@kundservice.example", "19910217-2385", "Kundservice, Inera"),
        person(
            "Astrid Moberg",
            "astrid@kundservice.example",
            "19830811-2393",
            "Avtalshandläggare, Inera: skickar avtal för signering",
        ),
        person(
            "Torsten Berg",
            "torsten@kundservice.example",
            "19740903-2393",
            "Agentansvarig, Inera: granskar agentuppdrag",
        ),
        person(
            "Siv Palm",
            "siv@kundservice.example",
            "19700408-2389",
            "Ekonom, Inera: läser och rättar fakturauppgifter",
        ),
        person(
            "Sten Ros",
            "sten@kundservice.example",
            "19640512-1184",
            "Systemadministratör, Inera: sköter Ineras kontakter och roller",
        ),
        person(
            "Samira Haddad",
            "samira@lindangen.example",
            "19760519-2389",
            "Administratör i tre organisationer",
        ),
        person(
            "Rakel Sand",
            "rakel@solbacken.example",
            "19681124-2376",
            "Administratör, Solbackens Vård: väntar på sitt kundavtal",
        ),
        person(
            "Elsa Norling",
            "elsa@norling.example",
            "19590703-2386",
            "Enskild firma: beställer och attesterar själv",
        ),
    ]
}
