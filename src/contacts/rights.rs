//! What each role opens, in words: the table behind "Vad du får göra" (portal.md 1.4). The rules themselves are kept by the
//! permits and by the database; `tests/it/rights.rs` compares this table with what the pages answer.

use crate::identity::{
    Role::{
        self, Administrator, AgentHandler, AgentOfficer, AgreementsOfficer, Attestant, Auditor,
        ContractContact, Finance, MandateOrderer, Orderer, ServiceManager, Support, Sysadmin,
    },
    Side,
};

/// Something people do in the portal.
#[derive(Debug)]
pub struct Right {
    /// What.
    pub what: &'static str,
    /// Any of these roles opens it.
    pub roles: &'static [Role],
    /// More than a role is asked for; empty when not.
    pub also: &'static str,
    /// A page of it, below where the side's pages start.
    pub page: &'static str,
}

const fn right(what: &'static str, roles: &'static [Role], also: &'static str, page: &'static str) -> Right {
    Right { what, roles, also, page }
}

const OF_PARTIES: [Right; 13] = [
    right(
        "Läsa organisationens avtal",
        &[Administrator, Orderer, MandateOrderer, Attestant, AgentHandler, ContractContact],
        "",
        "/avtal",
    ),
    right(
        "Läsa kontakter och deras roller",
        &[Administrator, AgentHandler, ContractContact],
        "",
        "/kontakter",
    ),
    right("Bjuda in kontakter, ge och ta roller", &[Administrator], "", "/kontakter/bjud-in"),
    right("Gå igenom och bekräfta allas behörigheter", &[Administrator], "", "/kontakter/genomgang"),
    right("Ändra organisationens kontaktuppgifter", &[Administrator], "", "/uppgifter/andra"),
    right("Slå på och stänga av fyra ögon", &[Administrator], "", "/uppgifter/fyra-ogon"),
    right(
        "Läsa fakturauppgifter",
        &[Administrator, Orderer, MandateOrderer, ContractContact],
        "",
        "/faktura",
    ),
    right("Ändra fakturauppgifter, också för SITHS", &[Administrator], "", "/faktura/andra"),
    right(
        "Ändra dina egna kontaktuppgifter",
        &[],
        "Namnet kan bara en administratör ändra, för det står under beslut.",
        "",
    ),
    right("Ändra andras kontaktuppgifter och namn", &[Administrator], "", ""),
    right(
        "Lämna organisationen",
        &[],
        "Den enda administratören gör någon annan till administratör först.",
        "",
    ),
    right("Be om en roll", &[], "", "/behorighet"),
    right("Se vem som är administratör", &[], "", "/uppgifter"),
];

const OF_CUSTOMERS: [Right; 4] = [
    right("Läsa tjänster och det du själv har beställt", &[], "", "/bestallningar"),
    right(
        "Läsa organisationens alla beställningar",
        &[ContractContact, Administrator, Orderer, Attestant],
        "",
        "",
    ),
    right(
        "Beställa tjänster och ändra utkast",
        &[Orderer],
        "Att ta tillbaka en beställning kan bara den som har gjort den.",
        "",
    ),
    right(
        "Attestera beställningar",
        &[Attestant],
        "Är en attestant utsedd kan bara den attestera. Med fyra ögon kan du inte attestera din egen.",
        "",
    ),
];

const OF_AGENTS: [Right; 4] = [
    right(
        "Ansöka om agentuppdrag och svara på Ineras frågor",
        &[MandateOrderer],
        "Att återkalla en ansökan kan bara den som har skickat den.",
        "/uppdrag/ansok",
    ),
    right(
        "Attestera agentuppdrag",
        &[Attestant],
        "Är en attestant vald kan bara den besluta. Med fyra ögon kan du inte attestera det du själv har ansökt om.",
        "",
    ),
    right(
        "Granska kunders beställningar",
        &[AgentHandler],
        "Du behöver också behörighet i agentuppdraget.",
        "",
    ),
    right(
        "Attestera beställningar från kunder",
        &[Attestant],
        "Handläggaren väljer vem av attestanterna.",
        "",
    ),
];

const OF_STAFF: [Right; 12] = [
    right("Granska och aktivera agentuppdrag", &[AgentOfficer, ServiceManager], "", ""),
    right("Läsa alla beställningar, kunder och agenter", &[], "", "/kunder"),
    right("Leverera och avsluta beställningar", &[Support, ServiceManager], "", ""),
    right("Beställa åt en kund", &[Support, ServiceManager], "Kundens attestant attesterar alltid.", ""),
    right("Återställa kontakter och utse en administratör", &[Support], "", ""),
    right("Läsa Ineras kontakter och deras roller", &[Sysadmin, Auditor], "", "/kontakter"),
    right(
        "Bjuda in kontakter till Inera, ge och ta roller",
        &[Sysadmin],
        "Dina egna roller ändrar en annan systemadministratör.",
        "/kontakter/bjud-in",
    ),
    right("Gå igenom och bekräfta behörigheterna hos Inera", &[Sysadmin], "", "/kontakter/genomgang"),
    right("Skicka om mejl som inte gått fram", &[Support, Sysadmin], "", "/mejl"),
    right(
        "Skicka avtal för signering, ändra namn, nummer, kategori och villkor",
        &[AgreementsOfficer],
        "",
        "",
    ),
    right("Läsa kunders fakturauppgifter", &[Finance, Auditor], "", ""),
    right("Ändra kunders fakturauppgifter", &[Finance], "", ""),
];

/// What there is to do on a side.
pub fn rights(side: Side) -> Vec<&'static Right> {
    match side {
        Side::Customer => OF_CUSTOMERS.iter().chain(&OF_PARTIES).collect(),
        Side::Agent => OF_AGENTS.iter().chain(&OF_PARTIES).collect(),
        Side::Inera => OF_STAFF.iter().collect(),
        Side::System => Vec::new(),
    }
}
