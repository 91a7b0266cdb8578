//! The people of the demo, listed on its sign-in page and in the terminal. All are made up.

/// Everyone's password in the demo, and nowhere else.
pub const PASSWORD: &str = "sommarregn i Kiruna";

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
        person("Karin Ålund", "karin@lindangen.example", "beställare hos Lindängens Vårdcentral"),
        person("Johan Brandt", "johan@nordjournal.example", "handläggare hos agenten Nordjournal"),
        person("Helena Wik", "helena@nordjournal.example", "attestant hos agenten Nordjournal"),
        person("Mats Öberg", "mats@lindangen.example", "attestant hos Lindängens Vårdcentral"),
        person("Petra Sjögren", "petra@kundservice.example", "Kundservice hos Inera"),
        person("Samira Haddad", "samira@lindangen.example", "administratör i tre organisationer"),
        person("Elsa Norling", "elsa@norling.example", "enskild firma: beställer och attesterar själv"),
    ]
}
