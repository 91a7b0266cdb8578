//! The frame around every page: menu, organisation, notices.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Flash,
    assets::{ADDRESSES, Addresses},
    look::Look,
};
use crate::{
    app::App,
    calendar,
    identity::{Actor, Role, Side, policy::may_read_invoicing, token::Token},
};

/// 303 to a page of ours.
pub fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(value) = HeaderValue::from_str(path) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

/// One entry of the menu.
pub struct NavLink {
    /// Text.
    pub label: &'static str,
    /// Address.
    pub href: String,
    /// Icon.
    pub icon: &'static str,
    /// Is it the page shown?
    pub current: bool,
}

/// Entries under one heading; the first group has none.
pub struct NavGroup {
    /// Heading.
    pub heading: &'static str,
    /// Entries.
    pub links: Vec<NavLink>,
}

/// A place to switch to.
pub struct OrgChoice {
    /// Name.
    pub name: String,
    /// Which hat.
    pub label: &'static str,
    /// Address.
    pub href: String,
    /// The one in use.
    pub current: bool,
}

/// What the layout shows around a page's own content.
pub struct Chrome {
    /// Of the tab; "– Kundportalen" is added.
    pub title: String,
    /// `kund`, `agent`, `inera` or empty.
    pub role: &'static str,
    /// Dense tables for those who sit here all day, or who want them.
    pub compact: bool,
    /// `light` or `dark` when the reader has chosen one.
    pub theme: &'static str,
    /// Without the menu: one task at a time.
    pub focused: bool,
    /// Signed in?
    pub signed_in: bool,
    /// Here by a link of their own, without an account: nothing to sign in to.
    pub guest: bool,
    /// Organisation.
    pub org: String,
    /// "Vårdgivare, du är beställare".
    pub role_label: String,
    /// Person.
    pub user: String,
    /// Where the organisation's pages start.
    pub base: String,
    /// The person's own place in the organisation; empty when it has no page.
    pub own: String,
    /// Menu.
    pub nav: Vec<NavGroup>,
    /// All hats.
    pub orgs: Vec<OrgChoice>,
    /// Unread notices.
    pub unread: i64,
    /// Hidden in every form.
    pub form_token: String,
    /// Said at the top of the page.
    pub flash: Option<Flash>,
    /// The demo's banner.
    pub demo: bool,
    /// "Du ser det Samira Haddad ser, till kl. 15.02": Kundservice looks through somebody's eyes.
    pub insight: Option<String>,
    /// Printed at the top of paper copies.
    pub printed: String,
    /// Addresses of the static files.
    pub assets: &'static Addresses,
}

impl Chrome {
    /// For pages that need no sign-in.
    pub fn public(app: &App, title: &str) -> Self {
        let look = Look::current();
        Self {
            title: title.to_owned(),
            role: "",
            compact: look.is_dense(false),
            theme: look.scheme(),
            focused: true,
            signed_in: false,
            guest: false,
            org: String::new(),
            role_label: String::new(),
            user: String::new(),
            base: String::new(),
            own: String::new(),
            nav: Vec::new(),
            orgs: Vec::new(),
            unread: 0,
            form_token: String::new(),
            flash: None,
            insight: None,
            demo: app.is_demo(),
            printed: String::new(),
            assets: &ADDRESSES,
        }
    }

    pub(super) fn signed_in(
        app: &App,
        actor: &Actor,
        token: &Token,
        title: &str,
        path: &str,
        flash: Option<Flash>,
    ) -> Self {
        let (base, look) = (actor.base(), Look::current());
        let (role, hat) = match actor.side() {
            Some(Side::Customer) => ("kund", "Vårdgivare"),
            Some(Side::Agent) => ("agent", "Agent"),
            Some(Side::Inera) => ("inera", "Inera"),
            Some(Side::System) | None => ("", ""),
        };
        let roles: Vec<String> = actor
            .roles()
            .iter()
            .map(|role| match role {
                // "Agent, du är handläggare agent" says it twice.
                Role::AgentHandler => "handläggare".to_owned(),
                role => role.label().to_lowercase(),
            })
            .collect();
        let role_label = match roles.as_slice() {
            [] => hat.to_owned(),
            roles => format!("{hat}, du är {}", crate::text::and_list(roles)),
        };
        let reader = actor.insight().map_or(actor.name(), |insight| &insight.staff_name);
        let org = actor.org_name().to_owned();
        let now = calendar::long_time(app.clock().now());
        Self {
            title: title.to_owned(),
            role,
            compact: look.is_dense(matches!(actor.side(), Some(Side::Agent | Side::Inera))),
            theme: look.scheme(),
            focused: actor.side().is_none(),
            signed_in: true,
            guest: false,
            printed: format!("Kundportalen · {org} · utskrivet {now} av {reader}"),
            org,
            role_label,
            user: reader.to_owned(),
            nav: menu(actor, &base, path),
            orgs: hats(actor),
            own: match actor.side() {
                Some(_) => format!("{base}/kontakter/{}", actor.membership()),
                _ => String::new(),
            },
            base,
            unread: actor.unread(),
            form_token: token.form_token(),
            flash,
            insight: actor.insight().map(|insight| {
                format!(
                    "Du ser det som {} hos {} ser, till {}. Du kan bara läsa: knappar som skickar något fungerar inte.",
                    actor.name(),
                    actor.org_name(),
                    calendar::long_time(insight.until)
                )
            }),
            demo: app.is_demo(),
            assets: &ADDRESSES,
        }
    }

    /// For somebody who needs no account.
    #[must_use]
    pub fn for_guest(mut self) -> Self {
        self.guest = true;
        self
    }

    /// The same without the menu.
    #[must_use]
    pub fn focused(mut self) -> Self {
        self.focused = true;
        self
    }
}

/// The organisations to choose from, one entry for each hat.
fn hats(actor: &Actor) -> Vec<OrgChoice> {
    let base = actor.base();
    let mut hats = Vec::new();
    for org in actor.orgs() {
        let ways = [
            org.customer_no.map(|no| ("Vårdgivare", format!("/kund/{no}"))),
            org.agent_no.map(|no| ("Agent", format!("/agent/{no}"))),
            org.inera.then(|| ("Kundservice", "/inera".to_owned())),
        ];
        for (label, href) in ways.into_iter().flatten() {
            hats.push(OrgChoice { name: org.name.clone(), label, current: href == base, href });
        }
    }
    hats
}

fn menu(actor: &Actor, base: &str, path: &str) -> Vec<NavGroup> {
    let path = path.split('?').next().unwrap_or(path);
    let link = |label, tail: &str, icon| {
        let href = format!("{base}{tail}");
        let current = path == href || (!tail.is_empty() && path.starts_with(&format!("{href}/")));
        NavLink { label, href, icon, current }
    };
    let help = NavGroup {
        heading: "Hjälp",
        links: vec![NavLink {
            label: "Hjälp och kontakt",
            href: "/hjalp".to_owned(),
            icon: "chat",
            current: false,
        }],
    };
    let mut organisation = vec![link("Uppgifter", "/uppgifter", "building")];
    if actor.roles().iter().next().is_some() {
        organisation.push(link("Avtal", "/avtal", "shield"));
    }
    if actor.roles().has_any(&[Role::Administrator, Role::AgentHandler, Role::ContractContact]) {
        organisation.insert(1, link("Kontakter", "/kontakter", "people"));
    }
    if may_read_invoicing(actor) {
        organisation.push(link("Faktura", "/faktura", "doc"));
    }
    let own = NavGroup { heading: "Vår organisation", links: organisation };
    match actor.side() {
        Some(Side::Customer) => {
            let mut first = vec![
                link("Start", "", "home"),
                link("Tjänster", "/tjanster", "box"),
                link("Beställningar", "/bestallningar", "doc"),
            ];
            if actor.has(Role::Attestant) {
                first.push(link("Att attestera", "/attester", "sign"));
            }
            vec![NavGroup { heading: "", links: first }, own, help]
        }
        Some(Side::Agent) => {
            let mut first =
                vec![link("Start", "", "home"), link("Beställningar från kunder", "/godkannanden", "list")];
            if actor.has(Role::Attestant) {
                first.push(link("Att attestera", "/attester", "sign"));
            }
            if actor.roles().iter().next().is_some() {
                first.push(link("Agentuppdrag", "/uppdrag", "flow"));
            }
            vec![NavGroup { heading: "", links: first }, own, help]
        }
        Some(Side::Inera) => {
            let mut first = vec![
                link("Start", "", "home"),
                link("Beställningar", "/bestallningar", "doc"),
                link("Kunder", "/kunder", "building"),
                link("Agenter", "/agenter", "link"),
                link("Avtal", "/avtal", "shield"),
            ];
            if actor.roles().has_any(&[
                Role::AgentOfficer,
                Role::ServiceManager,
                Role::Support,
                Role::Auditor,
            ]) {
                first.insert(2, link("Agentuppdrag", "/uppdrag", "flow"));
            }
            if actor.roles().has_any(&[Role::AgreementsOfficer, Role::Support, Role::Auditor]) {
                first.insert(2, link("Kundansökningar", "/ansokningar", "list"));
            }
            if actor.roles().has_any(&[Role::Sysadmin, Role::Auditor]) {
                first.push(link("Ineras kontakter", "/kontakter", "people"));
            }
            if actor.roles().has_any(&[Role::Support, Role::Sysadmin]) {
                first.push(link("Mejl som inte gått fram", "/mejl", "chat"));
            }
            vec![NavGroup { heading: "", links: first }, help]
        }
        Some(Side::System) | None => Vec::new(),
    }
}
