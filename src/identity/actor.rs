//! The acting person in one organisation. Made only from a live session; its fields can't be set elsewhere.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Role, Roles, Side};
use crate::ids::{MandateId, MembershipId, OrgId, PersonId};

/// What the database said of a session, before it is known to fit the page asked for.
#[derive(Debug)]
pub struct Entered {
    pub(crate) session_id: Uuid,
    pub(crate) stale: bool,
    pub(crate) person_id: PersonId,
    pub(crate) person_name: String,
    pub(crate) org_id: Option<OrgId>,
    pub(crate) org_name: String,
    pub(crate) org_no: i64,
    pub(crate) membership_id: Option<MembershipId>,
    pub(crate) roles: Vec<String>,
    pub(crate) mandates: Vec<MandateId>,
    pub(crate) unread: i64,
    pub(crate) email: String,
    pub(crate) orgs: Vec<OrgLink>,
    pub(crate) stands_in_for: Vec<MembershipId>,
    /// Did the session begin with more than a password?
    pub(crate) strong: bool,
    /// Has the person a second step?
    pub(crate) has_factor: bool,
    pub(crate) insight: Option<Insight>,
}

/// Somebody of Kundservice who sees what the person sees, and changes nothing.
#[derive(Clone, Debug)]
pub struct Insight {
    /// Who looks.
    pub staff: PersonId,
    /// Name.
    pub staff_name: String,
    /// Until when.
    pub until: OffsetDateTime,
}

/// An organisation the person belongs to, for the switcher.
#[derive(Clone, Debug, serde::Deserialize)]
pub struct OrgLink {
    /// Its name.
    pub name: String,
    /// Its number as a customer.
    pub customer_no: Option<i64>,
    /// Its number as an agent.
    pub agent_no: Option<i64>,
    /// Is it Inera?
    pub inera: bool,
}

/// A person with a live session, in an organisation when the page belongs to one.
#[derive(Clone, Debug)]
pub struct Actor {
    side: Option<Side>,
    session_id: Uuid,
    person: PersonId,
    name: String,
    email: String,
    org: Option<(OrgId, MembershipId)>,
    org_name: String,
    org_no: i64,
    roles: Roles,
    mandates: Vec<MandateId>,
    unread: i64,
    orgs: Vec<OrgLink>,
    stands_in_for: Vec<MembershipId>,
    strong: bool,
    has_factor: bool,
    insight: Option<Insight>,
}

impl Actor {
    /// `None` when the person has no place in the organisation asked for: to them it does not exist.
    pub(crate) fn new(entered: Entered, side: Option<Side>) -> Option<Self> {
        let org = match (side, entered.org_id, entered.membership_id) {
            (None, ..) => None,
            (Some(_), Some(org), Some(membership)) => Some((org, membership)),
            (Some(_), ..) => return None,
        };
        Some(Self {
            side,
            session_id: entered.session_id,
            person: entered.person_id,
            name: entered.person_name,
            email: entered.email,
            org,
            org_name: entered.org_name,
            org_no: entered.org_no,
            roles: Roles::from_codes(entered.roles.iter().map(String::as_str)),
            mandates: entered.mandates,
            unread: entered.unread,
            orgs: entered.orgs,
            stands_in_for: entered.stands_in_for,
            strong: entered.strong,
            has_factor: entered.has_factor,
            insight: entered.insight,
        })
    }

    /// The side of the page; `None` on pages of the person alone.
    pub fn side(&self) -> Option<Side> {
        self.side
    }

    /// The session, for evidence.
    pub fn session_id(&self) -> Uuid {
        self.session_id
    }

    /// Who looks through this person's eyes; such a request only reads.
    pub fn insight(&self) -> Option<&Insight> {
        self.insight.as_ref()
    }

    /// The person.
    pub fn person(&self) -> PersonId {
        self.person
    }

    /// The person's name as this organisation knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The person's address in this organisation.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The organisation; the nil id on pages of the person alone, which matches no row.
    pub fn org(&self) -> OrgId {
        self.org.map_or(OrgId(Uuid::nil()), |(org, _)| org)
    }

    /// The person's place in it.
    pub fn membership(&self) -> MembershipId {
        self.org.map_or(MembershipId(Uuid::nil()), |(_, membership)| membership)
    }

    /// The organisation's name.
    pub fn org_name(&self) -> &str {
        &self.org_name
    }

    /// The number in the address.
    pub fn org_no(&self) -> i64 {
        self.org_no
    }

    /// The person's roles in the organisation.
    pub fn roles(&self) -> Roles {
        self.roles
    }

    /// Short for `roles().has(role)`.
    pub fn has(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// Whose decisions the person may make today: the person's own, and those of colleagues who are away.
    pub fn desks(&self) -> Vec<MembershipId> {
        let mut desks = vec![self.membership()];
        desks.extend(&self.stands_in_for);
        desks
    }

    /// Does what waits for this one, or for anybody, wait for the person?
    pub fn sits_at(&self, named: Option<MembershipId>) -> bool {
        named.is_none_or(|named| named == self.membership() || self.stands_in_for.contains(&named))
    }

    /// Did the session begin with more than a password?
    pub fn is_strong(&self) -> bool {
        self.strong
    }

    /// Has the person a passkey or a code app to confirm with?
    pub fn has_second_step(&self) -> bool {
        self.has_factor
    }

    /// Mandates the person may handle as the agent's handler.
    pub fn mandates(&self) -> &[MandateId] {
        &self.mandates
    }

    /// Unread notices, at most 100.
    pub fn unread(&self) -> i64 {
        self.unread
    }

    /// All organisations of the person.
    pub fn orgs(&self) -> &[OrgLink] {
        &self.orgs
    }

    /// Where the organisation's pages start: `/kund/10482`, `/agent/2041`, `/inera`.
    pub fn base(&self) -> String {
        match self.side {
            Some(Side::Customer) => format!("/kund/{}", self.org_no),
            Some(Side::Agent) => format!("/agent/{}", self.org_no),
            Some(Side::Inera) => "/inera".to_owned(),
            Some(Side::System) | None => String::new(),
        }
    }
}
