//! What somebody has in an organisation, and in which words it is told.

use std::fmt::Write as _;

use time::Date;
use uuid::Uuid;

use crate::{
    calendar::long_date,
    identity::Role,
    ids::{MandateId, MembershipId},
    text::and_list,
};

/// A role and its last day; `None` is until further notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub role: Role,
    /// The last day it holds.
    pub until: Option<Date>,
}

impl Held {
    /// "Attestant", "Attestant till och med 31 januari 2027".
    pub fn words(&self) -> String {
        self.until.map_or_else(
            || self.role.label().to_owned(),
            |day| format!("{} till och med {}", self.role.label(), long_date(day)),
        )
    }
}

/// Everything somebody is to have from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Roles.
    pub held: Vec<Held>,
    /// Mandates that a handler may work with.
    pub mandates: Vec<MandateId>,
}

/// Who takes over what waits for an attestant by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heir {
    /// Any of the other attestants.
    #[default]
    Anybody,
    /// This one.
    Named(MembershipId),
}

impl Heir {
    /// Reads what a form chose; anything that is no id is anybody.
    pub fn parse(text: &str) -> Self {
        text.parse::<Uuid>().map_or(Self::Anybody, |id| Self::Named(MembershipId(id)))
    }

    pub(crate) fn id(self) -> Option<MembershipId> {
        match self {
            Self::Anybody => None,
            Self::Named(id) => Some(id),
        }
    }
}

/// What an organisation is; it may be both customer and agent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinds {
    /// A care provider.
    pub customer: bool,
    /// A system supplier.
    pub agent: bool,
    /// Inera.
    pub inera: bool,
}

/// The roles an organisation can give, in the order of the matrix. The database has the same rule in `role_fits()`.
pub fn offered(kinds: Kinds) -> Vec<Role> {
    if kinds.inera {
        return vec![
            Role::Support,
            Role::AgreementsOfficer,
            Role::AgentOfficer,
            Role::ServiceManager,
            Role::Finance,
            Role::Sysadmin,
            Role::Auditor,
        ];
    }
    let mut roles = vec![Role::Administrator];
    if kinds.customer {
        roles.push(Role::Orderer);
    }
    roles.push(Role::Attestant);
    if kinds.agent {
        roles.extend([Role::AgentHandler, Role::MandateOrderer]);
    }
    roles.extend([Role::ContractContact, Role::Signatory]);
    roles
}

/// What a role lets its holder do, for those who give it (portal.md 1.3).
pub fn means(role: Role) -> &'static str {
    match role {
        Role::Administrator => "Sköter kontakter, roller och organisationens uppgifter.",
        Role::Orderer => "Beställer tjänster. Varje beställning attesteras av en attestant.",
        Role::MandateOrderer => "Ansöker om agentuppdrag.",
        Role::Attestant => "Attesterar beställningar och kostnader för organisationen.",
        Role::AgentHandler => "Granskar kunders beställningar i sina agentuppdrag.",
        Role::ContractContact => "Får besked om ändrade villkor. Läser allt men ändrar inget.",
        Role::Signatory => "Signerar avtal genom en länk i mejl. Rollen ger ingen behörighet i Kundportalen.",
        Role::Support => {
            "Hjälper kunder och agenter, tar emot och levererar beställningar, återställer kontakter."
        }
        Role::AgreementsOfficer => {
            "Skickar avtal för signering. Ändrar organisationers namn, nummer och kategori."
        }
        Role::AgentOfficer => "Ansvarar för agenter och deras agentuppdrag.",
        Role::ServiceManager => "Levererar beställningar av sina tjänster.",
        Role::Finance => "Läser och rättar fakturauppgifter.",
        Role::Sysadmin => {
            "Sköter Ineras kontakter och roller. Godkänner ingenting, och kan därför bara förenas med Granskare."
        }
        Role::Auditor => "Läser allt, ändrar inget.",
    }
}

/// "Attestant och Beställare": the names of roles as the database calls them.
pub fn labels(codes: &[String]) -> String {
    let names: Vec<String> =
        codes.iter().filter_map(|code| Role::from_code(code)).map(|role| role.label().to_owned()).collect();
    and_list(&names)
}

/// "rollen Attestant", "rollerna Attestant och Beställare".
pub fn the_roles(codes: &[String]) -> String {
    let word = if codes.len() == 1 { "rollen" } else { "rollerna" };
    format!("{word} {}", labels(codes))
}

/// What is lost and won, in words: what the person confirms and the log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Roles that come.
    pub given: Vec<Held>,
    /// Roles that go.
    pub taken: Vec<Role>,
    /// Roles whose last day changes.
    pub moved: Vec<Held>,
    /// Mandates that come.
    pub permitted: Vec<MandateId>,
    /// Mandates that go.
    pub barred: Vec<MandateId>,
}

impl Difference {
    /// From what there is to what is wanted. Mandates go with the handler's role.
    pub fn between(now: &Wanted, wanted: &Wanted) -> Self {
        let had = |role: Role| now.held.iter().find(|held| held.role == role);
        let is_handler = wanted.held.iter().any(|held| held.role == Role::AgentHandler);
        let mandates: &[MandateId] = if is_handler { &wanted.mandates } else { &[] };
        Self {
            given: wanted.held.iter().filter(|held| had(held.role).is_none()).copied().collect(),
            taken: now
                .held
                .iter()
                .map(|held| held.role)
                .filter(|role| !wanted.held.iter().any(|held| held.role == *role))
                .collect(),
            moved: wanted
                .held
                .iter()
                .filter(|held| had(held.role).is_some_and(|had| had.until != held.until))
                .copied()
                .collect(),
            permitted: mandates.iter().filter(|id| !now.mandates.contains(id)).copied().collect(),
            barred: now.mandates.iter().filter(|id| !mandates.contains(id)).copied().collect(),
        }
    }

    /// Is nothing changed?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// One line for each change; `name_of` names a mandate.
    pub fn lines(&self, name_of: impl Fn(MandateId) -> String) -> Vec<String> {
        let mut lines: Vec<String> =
            self.given.iter().map(|held| format!("Får rollen {}", held.words())).collect();
        lines.extend(self.moved.iter().map(|held| {
            held.until.map_or_else(
                || format!("Rollen {} gäller tills vidare", held.role.label()),
                |day| format!("Rollen {} gäller till och med {}", held.role.label(), long_date(day)),
            )
        }));
        lines.extend(self.taken.iter().map(|role| format!("Förlorar rollen {}", role.label())));
        lines.extend(
            self.permitted.iter().map(|id| format!("Får behörighet i agentuppdraget {}", name_of(*id))),
        );
        lines.extend(
            self.barred.iter().map(|id| format!("Förlorar behörighet i agentuppdraget {}", name_of(*id))),
        );
        lines
    }
}

/// What somebody had when a page was made, as evidence: what the change was decided against.
pub fn standing(name: &str, org: &str, now: &Wanted, name_of: impl Fn(MandateId) -> String) -> String {
    let mut text = format!("{name} hos {org}\n");
    for held in &now.held {
        let _ = writeln!(text, "Roll: {}", held.words());
    }
    for id in &now.mandates {
        let _ = writeln!(text, "Agentuppdrag: {}", name_of(*id));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids;

    fn held(role: Role) -> Held {
        Held { role, until: None }
    }

    #[test]
    fn mandates_go_with_the_handlers_role_and_a_new_day_is_no_new_role() {
        let mandate = MandateId(ids::fresh());
        let now =
            Wanted { held: vec![held(Role::AgentHandler), held(Role::Attestant)], mandates: vec![mandate] };
        let day = time::macros::date!(2027 - 01 - 31);
        let wanted =
            Wanted { held: vec![Held { role: Role::Attestant, until: Some(day) }], mandates: vec![mandate] };
        let change = Difference::between(&now, &wanted);
        assert_eq!(change.taken, [Role::AgentHandler]);
        assert_eq!(change.barred, [mandate]);
        assert!(change.given.is_empty());
        assert_eq!(
            change.lines(|_| "Journalen".to_owned()),
            [
                "Rollen Attestant gäller till och med 31\u{a0}januari 2027",
                "Förlorar rollen Handläggare agent",
                "Förlorar behörighet i agentuppdraget Journalen",
            ]
        );
        assert!(Difference::between(&now, &now).is_none());
    }

    #[test]
    fn only_agents_give_the_agents_roles() {
        let (customer, agent) =
            (Kinds { customer: true, ..Kinds::default() }, Kinds { agent: true, ..Kinds::default() });
        assert!(!offered(customer).contains(&Role::AgentHandler));
        assert!(!offered(agent).contains(&Role::Orderer));
        let both = offered(Kinds { agent: true, ..customer });
        assert!(both.contains(&Role::Orderer) && both.contains(&Role::AgentHandler));
        assert!(offered(Kinds { inera: true, ..Kinds::default() }).iter().all(|role| !both.contains(role)));
    }
}
