//! The frame around every page: menu, organisation, notices, the message after an action.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::assets::{ADDRESSES, Addresses};
use crate::{
    app::App,
    calendar,
    identity::{Actor, Role, Side, policy::may_read_invoicing, token::Token},
};

/// What was just done, told on the next page. It travels as `?klart=…`, so that no page writes when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flash {
    /// Invoice details were changed.
    InvoicingChanged,
    /// Somebody has read them and found them right.
    InvoicingChecked,
    /// Contact data was changed.
    ContactDataChanged,
    /// A new common address waits for its link to be opened.
    AddressAsked,
    /// An organisation's identity, standing or four eyes was changed.
    DataChanged,
    /// A form was sent without a choice.
    NothingChosen,
    /// A draft was saved.
    Saved,
    /// The agent's handler approved.
    Reviewed,
    /// The agent's attestant attested.
    AttestedByAgent,
    /// The customer's attestant attested.
    AttestedByCustomer,
    /// An order went back for completion.
    SentBack,
    /// An order was refused.
    Rejected,
    /// Inera has told that the work can begin.
    Started,
    /// The work has begun.
    Begun,
    /// The service is delivered.
    Delivered,
    /// A reminder was sent.
    Reminded,
    /// One was sent today already.
    AlreadyReminded,
    /// A message was sent.
    Written,
    /// A file was added.
    Attached,
    /// A file was removed.
    Detached,
    /// The order was taken back.
    Withdrawn,
    /// Notices were marked as read.
    NoticesRead,
    /// Another session was ended.
    SessionEnded,
    /// A forgotten password was replaced.
    PasswordReset,
    /// The password was changed.
    PasswordChanged,
    /// An e-legitimation was connected.
    EidConnected,
    /// An e-legitimation was disconnected.
    EidDisconnected,
    /// A second step was added.
    StepAdded,
    /// The form that adds one was sent again.
    StepAlready,
    /// A second step was removed.
    StepRemoved,
    /// Somebody signed in with a recovery code.
    CodeUsed,
    /// The sign-in took too long.
    SignInAnew,
    /// Kundservice has cleared somebody's second steps.
    StepsCleared,
    /// A mail will be tried again.
    Requeued,
    /// The order had been sent by an earlier click.
    AlreadySent,
    /// An agreement was sent for signature.
    AgreementSent,
    /// An agreement was recalled.
    AgreementRecalled,
    /// Somebody's roles were changed.
    RolesChanged,
    /// A contact was removed.
    ContactRemoved,
    /// Kundservice has restored a contact.
    ContactRestored,
    /// Somebody stands in for somebody.
    SubstituteNamed,
    /// A substitution was ended.
    SubstituteEnded,
    /// A role was asked for.
    RoleAsked,
    /// A request got a no.
    RequestDeclined,
    /// An invitation was sent.
    Invited,
    /// It was sent again.
    InvitedAgain,
    /// It was sent a moment ago.
    InvitedTooSoon,
    /// It was taken back.
    InvitationRevoked,
    /// Somebody has said yes to an invitation.
    Joined,
}

impl Flash {
    const ALL: [(Self, &'static str, &'static str); 49] = [
        (
            Self::EidConnected,
            "eid-kopplad",
            "E-legitimationen är kopplad. Nästa gång kan du logga in med den",
        ),
        (Self::EidDisconnected, "eid-borttagen", "E-legitimationen är inte längre kopplad till ditt konto"),
        (Self::StepAdded, "steg", "Kodappen eller passnyckeln är tillagd"),
        (
            Self::StepAlready,
            "steg-redan",
            "Den är redan tillagd. Har du inte sparat reservkoderna? Skapa nya här",
        ),
        (Self::StepRemoved, "steg-borta", "Kodappen eller passnyckeln är borttagen"),
        (
            Self::CodeUsed,
            "reservkod",
            "Du är inloggad med en reservkod, som nu är förbrukad. Har du förlorat telefonen eller säkerhetsnyckeln? Lägg först till en ny och ta sedan bort den gamla",
        ),
        (Self::SignInAnew, "borja-om", "Det gick för lång tid, eller så har något ändrats. Logga in igen"),
        (
            Self::StepsCleared,
            "steg-rensade",
            "Tvåstegsverifieringen är borttagen och personen är utloggad överallt. Personen får mejl",
        ),
        (Self::PasswordReset, "nytt-losenord", "Lösenordet är bytt. Logga in med det nya"),
        (Self::PasswordChanged, "losenord-bytt", "Lösenordet är bytt, och du är utloggad överallt utom här"),
        (Self::InvoicingChanged, "faktura", "Fakturauppgifterna är ändrade. Administratörerna får mejl"),
        (Self::InvoicingChecked, "faktura-ok", "Tack. Det är noterat att uppgifterna stämmer"),
        (Self::ContactDataChanged, "kontaktuppgifter", "Kontaktuppgifterna är ändrade"),
        (
            Self::AddressAsked,
            "ny-adress",
            "Uppgifterna är sparade. Den nya e-postadressen gäller när länken som skickades dit har öppnats",
        ),
        (Self::DataChanged, "uppgifter", "Uppgifterna är ändrade"),
        (Self::NothingChosen, "inget-valt", "Välj minst en rad först"),
        (Self::Saved, "sparat", "Utkastet är sparat"),
        (Self::Reviewed, "granskad", "Du har godkänt beställningen. Nu väntar er attestant"),
        (Self::AttestedByAgent, "agent-attest", "Du har attesterat. Nu väntar kundens attestant"),
        (Self::AttestedByCustomer, "attest", "Du har attesterat. Nu har Inera beställningen"),
        (Self::SentBack, "sand-tillbaka", "Beställningen är tillbakasänd. Mottagaren får din motivering"),
        (Self::Rejected, "avslagen", "Beställningen är avslagen. De som berörs får din motivering"),
        (Self::Started, "startad", "Beställningen kan börja levereras. De som berörs får mejl"),
        (Self::Begun, "paborjad", "Det är noterat att arbetet har börjat"),
        (Self::Delivered, "levererad", "Beställningen är levererad. De som berörs får mejl"),
        (Self::Reminded, "paminnelse", "Påminnelsen är skickad"),
        (
            Self::AlreadyReminded,
            "redan-paminnelse",
            "En påminnelse är redan skickad. Nästa kan skickas nästa arbetsdag",
        ),
        (Self::Written, "meddelande", "Meddelandet är skickat"),
        (Self::Attached, "fil", "Filen är bifogad"),
        (Self::Detached, "fil-borta", "Filen är borttagen"),
        (Self::Withdrawn, "aterkallad", "Beställningen är avslutad"),
        (Self::NoticesRead, "lasta", "Aviseringarna är markerade som lästa"),
        (Self::SessionEnded, "session", "Inloggningen är avslutad"),
        (Self::Requeued, "mejl", "Mejlet skickas på nytt"),
        (Self::AgreementSent, "avtal", "Avtalet är skickat. Firmatecknarna får var sin länk i mejl"),
        (Self::AgreementRecalled, "avtal-aterkallat", "Avtalet är återkallat"),
        (Self::RolesChanged, "roller", "Rollerna är ändrade och gäller nu. Personen får mejl"),
        (Self::ContactRemoved, "borttagen", "Kontakten är borttagen"),
        (Self::ContactRestored, "aterstalld", "Kontakten är återställd, utan roller"),
        (Self::SubstituteNamed, "ersattare", "Ersättaren är utsedd. Båda får mejl"),
        (Self::SubstituteEnded, "ersattare-slut", "Ersättningen är avslutad"),
        (Self::RoleAsked, "begaran", "Begäran är skickad till administratörerna"),
        (Self::RequestDeclined, "begaran-nej", "Svaret är skickat"),
        (Self::Invited, "inbjudan", "Inbjudan är skickad"),
        (
            Self::InvitedAgain,
            "inbjudan-igen",
            "Inbjudan är skickad igen med en ny länk. Den gamla går inte att använda",
        ),
        (
            Self::InvitedTooSoon,
            "inbjudan-nyss",
            "Inbjudan skickades nyss. Vänta fem minuter innan du skickar den igen",
        ),
        (Self::InvitationRevoked, "inbjudan-aterkallad", "Inbjudan är återkallad"),
        (Self::Joined, "valkommen", "Välkommen! Du är nu kontakt hos organisationen"),
        (Self::AlreadySent, "redan-skickad", "Beställningen är redan skickad"),
    ];

    /// The value of `klart`.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(flash, ..)| *flash == self).map_or("", |(_, code, _)| code)
    }

    /// What is said.
    pub fn text(self) -> &'static str {
        Self::ALL.iter().find(|(flash, ..)| *flash == self).map_or("", |(.., text)| text)
    }

    pub(super) fn from_query(query: &str) -> Option<Self> {
        query.split('&').find_map(|pair| pair.strip_prefix("klart=")).and_then(Self::of)
    }

    /// The message with this code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == code).map(|(flash, ..)| *flash)
    }

    /// `path` with this message.
    pub fn on(self, path: &str) -> Response {
        let mark = if path.contains('?') { '&' } else { '?' };
        see_other(&format!("{path}{mark}klart={}", self.code()))
    }
}

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
    /// Dense tables for those who sit here all day.
    pub compact: bool,
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
    /// Printed at the top of paper copies.
    pub printed: String,
    /// Addresses of the static files.
    pub assets: &'static Addresses,
}

impl Chrome {
    /// For pages that need no sign-in.
    pub fn public(app: &App, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            role: "",
            compact: false,
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
        let base = actor.base();
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
        let org = actor.org_name().to_owned();
        let now = calendar::long_time(app.clock().now());
        Self {
            title: title.to_owned(),
            role,
            compact: matches!(actor.side(), Some(Side::Agent | Side::Inera)),
            focused: actor.side().is_none(),
            signed_in: true,
            guest: false,
            printed: format!("Kundportalen · {org} · utskrivet {now} av {}", actor.name()),
            org,
            role_label,
            user: actor.name().to_owned(),
            nav: menu(actor, &base, path),
            orgs: hats(actor),
            own: match actor.side() {
                Some(Side::Customer | Side::Agent) => format!("{base}/kontakter/{}", actor.membership()),
                _ => String::new(),
            },
            base,
            unread: actor.unread(),
            form_token: token.form_token(),
            flash,
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
            if actor.roles().has_any(&[Role::Support, Role::Sysadmin]) {
                first.push(link("Mejl som inte gått fram", "/mejl", "chat"));
            }
            vec![NavGroup { heading: "", links: first }, help]
        }
        Some(Side::System) | None => Vec::new(),
    }
}
