//! The one table of routes: method, path, who may pass, how much may be sent, handler.

use axum::{
    Router,
    http::Method,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, get, on},
};
use tower_http::{compression::CompressionLayer, csrf::CsrfLayer};

use super::{AppError, assets, context, layers, layers::Pass, pages};
use crate::{
    account::web as account,
    agreements::web as agreements,
    app::App,
    contacts::web as contacts,
    identity::{Side, web as identity},
    notices::web as notices,
    orders::web::{self as orders, decide, draft, services, talk},
    organisation::web as organisation,
    outbox::web as outbox,
};

/// Who may pass to a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Anyone, in the demo only.
    Demo,
    /// The holder of a signing link, which the handler opens.
    Link,
    /// A signed-in person.
    Person,
    /// A member of the customer in the address.
    Customer,
    /// A member of the agent in the address.
    Agent,
    /// Inera's staff.
    Staff,
}

impl Access {
    /// `None` = no session is looked up; `Some(None)` = a session without an organisation.
    #[expect(clippy::option_option, reason = "the three cases are these")]
    pub(super) fn side(self) -> Option<Option<Side>> {
        match self {
            Self::Public | Self::Demo | Self::Link => None,
            Self::Person => Some(None),
            Self::Customer => Some(Some(Side::Customer)),
            Self::Agent => Some(Some(Side::Agent)),
            Self::Staff => Some(Some(Side::Inera)),
        }
    }
}

/// Room for any form of ours.
const FORM: usize = 64 * 1024;
/// Room for a pasted list: a letter may take six bytes on the way.
const LIST: usize = 512 * 1024;
/// Room for a file of 10 MiB and the form around it.
const FILE: usize = 10 * 1024 * 1024 + FORM;

/// One row of the table.
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path pattern.
    pub path: &'static str,
    /// Who.
    pub access: Access,
    /// Largest body.
    pub body: usize,
    handler: MethodRouter<App>,
}

fn row<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Route
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    let filter = if method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
    Route { method, path, access, body: FORM, handler: on(filter, handler) }
}

fn show<H: axum::handler::Handler<T, App>, T: 'static>(
    path: &'static str,
    access: Access,
    handler: H,
) -> Route {
    row(Method::GET, path, access, handler)
}

fn send<H: axum::handler::Handler<T, App>, T: 'static>(
    path: &'static str,
    access: Access,
    handler: H,
) -> Route {
    row(Method::POST, path, access, handler)
}

impl Route {
    fn with_file(mut self) -> Self {
        self.body = FILE;
        self
    }

    fn with_list(mut self) -> Self {
        self.body = LIST;
        self
    }
}

/// Every page and action of the portal.
pub fn table() -> Vec<Route> {
    let mut rows = public();
    rows.extend(customer());
    rows.extend(agent());
    rows.extend(staff());
    rows.extend(staff_contacts());
    rows.extend(inera_contacts());
    rows.extend(organisations());
    rows
}

fn public() -> Vec<Route> {
    use Access::{Demo, Link, Person, Public};
    vec![
        show("/", Public, pages::home),
        show("/hjalp", Public, pages::help),
        show("/tillganglighet", Public, pages::accessibility),
        show("/personuppgifter", Public, pages::privacy),
        show("/kakor", Public, pages::cookies),
        show("/tjanster", Public, services::public_index),
        show("/tjanster/{tjanst}", Public, services::public_show),
        show("/logga-in", Public, identity::login::new),
        send("/logga-in", Public, identity::login::create),
        show("/logga-in/tvasteg", Public, identity::second_sign_in::new),
        send("/logga-in/tvasteg", Public, identity::second_sign_in::create),
        show("/utloggad", Public, identity::signed_out::show),
        show("/utloggad/{leverantor}", Public, identity::signed_out::of_provider),
        show("/legitimera/svar", Public, identity::eid::answer),
        show("/legitimera/test", Demo, identity::eid::test),
        send("/legitimera/test", Demo, identity::eid::test_answer),
        show("/legitimera/{leverantor}", Public, identity::eid::begin),
        show("/losenord/glomt", Public, identity::reset::new),
        send("/losenord/glomt", Public, identity::reset::create),
        show("/losenord/{lank}", Link, identity::reset::choose),
        send("/losenord/{lank}", Link, identity::reset::set),
        show("/konto/losenord", Person, identity::password::edit),
        send("/konto/losenord", Person, identity::password::update),
        show("/formular", Person, identity::kept::show),
        send("/formular", Person, identity::kept::discard),
        show("/konto/utseende", Person, account::look),
        send("/konto/utseende", Person, account::change_look),
        show("/konto/aktivitet", Person, account::log),
        show("/konto/mina-uppgifter", Person, account::show),
        show("/konto/mina-uppgifter.json", Person, account::file),
        show("/konto/tvasteg", Person, identity::second::show),
        show("/konto/tvasteg/kodapp", Person, identity::second::app_new),
        send("/konto/tvasteg/kodapp", Person, identity::second::app_create),
        show("/konto/tvasteg/passnyckel", Person, identity::second::passkey_new),
        send("/konto/tvasteg/passnyckel", Person, identity::second::passkey_create),
        show("/konto/tvasteg/reservkoder", Person, identity::second::codes_new),
        send("/konto/tvasteg/reservkoder", Person, identity::second::codes_create),
        show("/konto/tvasteg/{id}/ta-bort", Person, identity::second::remove_new),
        send("/konto/tvasteg/{id}/ta-bort", Person, identity::second::remove_create),
        show("/konto/e-legitimation", Person, identity::eid_account::connect_new),
        send("/konto/e-legitimation", Person, identity::eid_account::connect),
        send("/konto/e-legitimation/{id}/ta-bort", Person, identity::eid_account::disconnect),
        send("/logga-ut", Person, identity::login::destroy),
        show("/valj-organisation", Person, identity::account::choose),
        show("/konto", Person, identity::account::show),
        send("/konto/inloggningar/{id}/avsluta", Person, identity::account::end_session),
        show("/arende/{referens}", Person, identity::account::case),
        show("/signera/{lank}", Link, agreements::sign::show),
        send("/signera/{lank}", Link, agreements::sign::create),
        show("/inbjudan/{lank}", Link, contacts::accept::show),
        send("/inbjudan/{lank}", Link, contacts::accept::create),
        show("/e-postadress/{lank}", Link, organisation::email::show),
        send("/e-postadress/{lank}", Link, organisation::email::confirm),
        show("/demo/mejl", Demo, outbox::demo),
    ]
}

fn customer() -> Vec<Route> {
    use context::Customer as C;
    let access = Access::Customer;
    vec![
        show("/kund/{kundnr}", access, orders::customer::start),
        show("/kund/{kundnr}/tjanster", access, services::index),
        show("/kund/{kundnr}/tjanster/{tjanst}", access, services::show),
        send("/kund/{kundnr}/bestall", access, draft::start::create::<C>),
        show("/kund/{kundnr}/bestall/{nummer}", access, draft::start::resume::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::edit::<C>),
        send("/kund/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::update::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/forutsattningar", access, draft::connection::conditions::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::edit::<C>),
        send("/kund/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::update::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/granska", access, draft::review::show::<C>),
        send("/kund/{kundnr}/bestall/{nummer}/granska", access, draft::review::submit::<C>),
        show("/kund/{kundnr}/bestallningar", access, orders::customer_list::index),
        show("/kund/{kundnr}/bestallningar/{nummer}", access, orders::show::show::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/skickad", access, draft::review::sent::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/attestera", access, decide::customer_attest_new),
        send("/kund/{kundnr}/bestallningar/{nummer}/attestera", access, decide::customer_attest_create),
        show("/kund/{kundnr}/bestallningar/{nummer}/ta-tillbaka", access, orders::end::withdraw_new),
        send("/kund/{kundnr}/bestallningar/{nummer}/ta-tillbaka", access, orders::end::withdraw_create),
        send("/kund/{kundnr}/bestallningar/{nummer}/kopiera", access, draft::start::copy),
        send("/kund/{kundnr}/bestallningar/{nummer}/paminnelse", access, talk::remind::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/meddelanden", access, talk::back::<C>),
        send("/kund/{kundnr}/bestallningar/{nummer}/meddelanden", access, talk::write::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/bilagor", access, talk::back::<C>),
        send("/kund/{kundnr}/bestallningar/{nummer}/bilagor", access, talk::attach::<C>).with_file(),
        show("/kund/{kundnr}/bestallningar/{nummer}/bilagor/{fil}", access, talk::file::<C>),
        send("/kund/{kundnr}/bestallningar/{nummer}/bilagor/{fil}/ta-bort", access, talk::detach::<C>),
        show("/kund/{kundnr}/attester", access, orders::customer::attests),
        show("/kund/{kundnr}/avtal", access, agreements::own::index::<C>),
        show("/kund/{kundnr}/avtal/{nummer}", access, agreements::own::show::<C>),
        show("/kund/{kundnr}/behorighet", access, contacts::ask::new::<C>),
        send("/kund/{kundnr}/behorighet", access, contacts::ask::create::<C>),
        show("/kund/{kundnr}/kontakter", access, contacts::list::index::<C>),
        show("/kund/{kundnr}/kontakter/bjud-in", access, contacts::invite::new::<C>),
        send("/kund/{kundnr}/kontakter/bjud-in", access, contacts::invite::create::<C>),
        send(
            "/kund/{kundnr}/kontakter/inbjudningar/{inbjudan}/skicka-igen",
            access,
            contacts::invite::resend::<C>,
        ),
        send(
            "/kund/{kundnr}/kontakter/inbjudningar/{inbjudan}/aterkalla",
            access,
            contacts::invite::revoke::<C>,
        ),
        show("/kund/{kundnr}/kontakter/begaran/{begaran}", access, contacts::ask::decline_new::<C>),
        send("/kund/{kundnr}/kontakter/begaran/{begaran}", access, contacts::ask::decline::<C>),
        show("/kund/{kundnr}/kontakter/{id}", access, contacts::member::show::<C>),
        show("/kund/{kundnr}/kontakter/{id}/roller", access, contacts::roles::edit::<C>),
        send("/kund/{kundnr}/kontakter/{id}/roller", access, contacts::roles::update::<C>),
        show("/kund/{kundnr}/kontakter/{id}/ta-bort", access, contacts::remove::new::<C>),
        send("/kund/{kundnr}/kontakter/{id}/ta-bort", access, contacts::remove::create::<C>),
        show("/kund/{kundnr}/kontakter/{id}/ersattare", access, contacts::substitute::new::<C>),
        send("/kund/{kundnr}/kontakter/{id}/ersattare", access, contacts::substitute::create::<C>),
        send(
            "/kund/{kundnr}/kontakter/{id}/ersattare/{ersattning}/avsluta",
            access,
            contacts::substitute::end::<C>,
        ),
        show("/kund/{kundnr}/aviseringar", access, notices::index::<C>),
        send("/kund/{kundnr}/aviseringar", access, notices::mark_read::<C>),
    ]
}

fn agent() -> Vec<Route> {
    use context::Agent as A;
    let access = Access::Agent;
    vec![
        show("/agent/{agentnr}", access, orders::agent::start),
        show("/agent/{agentnr}/godkannanden", access, orders::agent::inbox),
        show("/agent/{agentnr}/godkannanden/{nummer}", access, decide::review_new),
        send("/agent/{agentnr}/godkannanden/{nummer}", access, decide::review_create),
        show("/agent/{agentnr}/attester", access, orders::agent::attests),
        show("/agent/{agentnr}/attester/{nummer}", access, decide::agent_attest_new),
        send("/agent/{agentnr}/attester/{nummer}", access, decide::agent_attest_create),
        show("/agent/{agentnr}/bestallningar/{nummer}", access, orders::show::show::<A>),
        send("/agent/{agentnr}/bestallningar/{nummer}/paborjad", access, orders::agent::begin),
        send("/agent/{agentnr}/bestallningar/{nummer}/paminnelse", access, talk::remind::<A>),
        show("/agent/{agentnr}/bestallningar/{nummer}/meddelanden", access, talk::back::<A>),
        send("/agent/{agentnr}/bestallningar/{nummer}/meddelanden", access, talk::write::<A>),
        show("/agent/{agentnr}/bestallningar/{nummer}/bilagor", access, talk::back::<A>),
        send("/agent/{agentnr}/bestallningar/{nummer}/bilagor", access, talk::attach::<A>).with_file(),
        show("/agent/{agentnr}/bestallningar/{nummer}/bilagor/{fil}", access, talk::file::<A>),
        show("/agent/{agentnr}/avtal", access, agreements::own::index::<A>),
        show("/agent/{agentnr}/avtal/{nummer}", access, agreements::own::show::<A>),
        show("/agent/{agentnr}/behorighet", access, contacts::ask::new::<A>),
        send("/agent/{agentnr}/behorighet", access, contacts::ask::create::<A>),
        show("/agent/{agentnr}/kontakter", access, contacts::list::index::<A>),
        show("/agent/{agentnr}/kontakter/bjud-in", access, contacts::invite::new::<A>),
        send("/agent/{agentnr}/kontakter/bjud-in", access, contacts::invite::create::<A>),
        send(
            "/agent/{agentnr}/kontakter/inbjudningar/{inbjudan}/skicka-igen",
            access,
            contacts::invite::resend::<A>,
        ),
        send(
            "/agent/{agentnr}/kontakter/inbjudningar/{inbjudan}/aterkalla",
            access,
            contacts::invite::revoke::<A>,
        ),
        show("/agent/{agentnr}/kontakter/begaran/{begaran}", access, contacts::ask::decline_new::<A>),
        send("/agent/{agentnr}/kontakter/begaran/{begaran}", access, contacts::ask::decline::<A>),
        show("/agent/{agentnr}/kontakter/{id}", access, contacts::member::show::<A>),
        show("/agent/{agentnr}/kontakter/{id}/roller", access, contacts::roles::edit::<A>),
        send("/agent/{agentnr}/kontakter/{id}/roller", access, contacts::roles::update::<A>),
        show("/agent/{agentnr}/kontakter/{id}/ta-bort", access, contacts::remove::new::<A>),
        send("/agent/{agentnr}/kontakter/{id}/ta-bort", access, contacts::remove::create::<A>),
        show("/agent/{agentnr}/kontakter/{id}/ersattare", access, contacts::substitute::new::<A>),
        send("/agent/{agentnr}/kontakter/{id}/ersattare", access, contacts::substitute::create::<A>),
        send(
            "/agent/{agentnr}/kontakter/{id}/ersattare/{ersattning}/avsluta",
            access,
            contacts::substitute::end::<A>,
        ),
        show("/agent/{agentnr}/aviseringar", access, notices::index::<A>),
        send("/agent/{agentnr}/aviseringar", access, notices::mark_read::<A>),
    ]
}

/// What Kundservice does for a customer's or an agent's contacts.
fn staff_contacts() -> Vec<Route> {
    let access = Access::Staff;
    vec![
        show("/inera/agenter", access, contacts::staff::agents),
        show("/inera/agenter/{agentnr}", access, contacts::staff::agent),
        show("/inera/agenter/{agentnr}/kontakter/{id}/aterstall", access, contacts::staff::restore_new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/aterstall", access, contacts::staff::restore_create),
        show("/inera/agenter/{agentnr}/kontakter/{id}/administrator", access, contacts::staff::appoint_new),
        send(
            "/inera/agenter/{agentnr}/kontakter/{id}/administrator",
            access,
            contacts::staff::appoint_create,
        ),
        show("/inera/kunder/{kundnr}/kontakter/{id}/aterstall", access, contacts::staff::restore_new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/aterstall", access, contacts::staff::restore_create),
        show("/inera/kunder/{kundnr}/kontakter/{id}/administrator", access, contacts::staff::appoint_new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/administrator", access, contacts::staff::appoint_create),
        show("/inera/kunder/{kundnr}/kontakter/{id}/se-som", access, contacts::insight::new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/se-som", access, contacts::insight::create),
        show("/inera/agenter/{agentnr}/kontakter/{id}/se-som", access, contacts::insight::new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/se-som", access, contacts::insight::create),
        send("/inera/insyn/avsluta", access, contacts::insight::end),
        show("/inera/agenter/{agentnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_create),
        show("/inera/kunder/{kundnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_create),
    ]
}

/// What a systemadministratör does for Inera's own people.
fn inera_contacts() -> Vec<Route> {
    use context::Staff as S;
    let access = Access::Staff;
    vec![
        show("/inera/kontakter", access, contacts::list::index::<S>),
        show("/inera/kontakter/bjud-in", access, contacts::invite::new::<S>),
        send("/inera/kontakter/bjud-in", access, contacts::invite::create::<S>),
        send("/inera/kontakter/inbjudningar/{inbjudan}/skicka-igen", access, contacts::invite::resend::<S>),
        send("/inera/kontakter/inbjudningar/{inbjudan}/aterkalla", access, contacts::invite::revoke::<S>),
        show("/inera/kontakter/genomgang", access, organisation::review::new::<S>),
        send("/inera/kontakter/genomgang", access, organisation::review::create::<S>),
        show("/inera/kontakter/{id}", access, contacts::member::show::<S>),
        show("/inera/kontakter/{id}/roller", access, contacts::roles::edit::<S>),
        send("/inera/kontakter/{id}/roller", access, contacts::roles::update::<S>),
        show("/inera/kontakter/{id}/ta-bort", access, contacts::remove::new::<S>),
        send("/inera/kontakter/{id}/ta-bort", access, contacts::remove::create::<S>),
        show("/inera/kontakter/{id}/aterstall", access, contacts::staff::restore_new),
        send("/inera/kontakter/{id}/aterstall", access, contacts::staff::restore_create),
        show("/inera/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_new),
        send("/inera/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_create),
    ]
}

/// What organisations' own people and Inera's see of the same data.
fn organisations() -> Vec<Route> {
    use Access::{Agent, Customer, Staff};
    use context::{Agent as A, Customer as C};
    use organisation::{contact, decide, ends, invoicing, invoicing_edit, review, show as data, units};
    vec![
        show("/kund/{kundnr}/rattigheter", Customer, contacts::rights::show::<C>),
        show("/agent/{agentnr}/rattigheter", Agent, contacts::rights::show::<A>),
        show("/inera/rattigheter", Staff, contacts::rights::show::<context::Staff>),
        show("/kund/{kundnr}/kontakter/genomgang", Customer, review::new::<C>),
        send("/kund/{kundnr}/kontakter/genomgang", Customer, review::create::<C>),
        show("/agent/{agentnr}/kontakter/genomgang", Agent, review::new::<A>),
        send("/agent/{agentnr}/kontakter/genomgang", Agent, review::create::<A>),
        show("/kund/{kundnr}/uppgifter", Customer, data::show::<C>),
        show("/kund/{kundnr}/uppgifter/andra", Customer, contact::edit::<C>),
        send("/kund/{kundnr}/uppgifter/andra", Customer, contact::update::<C>),
        show("/kund/{kundnr}/uppgifter/fyra-ogon", Customer, decide::four_eyes_new::<C>),
        send("/kund/{kundnr}/uppgifter/fyra-ogon", Customer, decide::four_eyes_create::<C>),
        show("/agent/{agentnr}/uppgifter", Agent, data::show::<A>),
        show("/agent/{agentnr}/uppgifter/andra", Agent, contact::edit::<A>),
        send("/agent/{agentnr}/uppgifter/andra", Agent, contact::update::<A>),
        show("/agent/{agentnr}/uppgifter/fyra-ogon", Agent, decide::four_eyes_new::<A>),
        send("/agent/{agentnr}/uppgifter/fyra-ogon", Agent, decide::four_eyes_create::<A>),
        show("/inera/kunder/{kundnr}/uppgifter", Staff, data::show_named),
        show("/inera/kunder/{kundnr}/uppgifter/andra", Staff, contact::edit_named),
        send("/inera/kunder/{kundnr}/uppgifter/andra", Staff, contact::update_named),
        show("/inera/kunder/{kundnr}/uppgifter/identitet", Staff, decide::identity_new),
        send("/inera/kunder/{kundnr}/uppgifter/identitet", Staff, decide::identity_create),
        show("/inera/kunder/{kundnr}/uppgifter/kategori", Staff, decide::standing_new),
        send("/inera/kunder/{kundnr}/uppgifter/kategori", Staff, decide::standing_create),
        show("/inera/agenter/{agentnr}/uppgifter", Staff, data::show_named),
        show("/inera/agenter/{agentnr}/uppgifter/andra", Staff, contact::edit_named),
        send("/inera/agenter/{agentnr}/uppgifter/andra", Staff, contact::update_named),
        show("/inera/agenter/{agentnr}/uppgifter/identitet", Staff, decide::identity_new),
        send("/inera/agenter/{agentnr}/uppgifter/identitet", Staff, decide::identity_create),
        send("/kund/{kundnr}/uppgifter/ny-adress/dra-tillbaka", Customer, contact::withdraw_own::<C>),
        show("/kund/{kundnr}/enheter", Customer, units::show),
        show("/kund/{kundnr}/enheter/nya", Customer, units::new_own),
        send("/kund/{kundnr}/enheter/nya", Customer, units::create_own).with_list(),
        show("/kund/{kundnr}/enheter/{enhet}", Customer, units::edit_own),
        send("/kund/{kundnr}/enheter/{enhet}", Customer, units::update_own),
        show("/inera/kunder/{kundnr}/enheter", Staff, units::show_named),
        show("/inera/kunder/{kundnr}/enheter/nya", Staff, units::new_named),
        send("/inera/kunder/{kundnr}/enheter/nya", Staff, units::create_named).with_list(),
        show("/inera/kunder/{kundnr}/enheter/{enhet}", Staff, units::edit_named),
        send("/inera/kunder/{kundnr}/enheter/{enhet}", Staff, units::update_named),
        show("/inera/kunder/{kundnr}/uppgifter/upphor", Staff, ends::new),
        send("/inera/kunder/{kundnr}/uppgifter/upphor", Staff, ends::create),
        show("/inera/agenter/{agentnr}/uppgifter/upphor", Staff, ends::new),
        send("/inera/agenter/{agentnr}/uppgifter/upphor", Staff, ends::create),
        show("/kund/{kundnr}/faktura", Customer, invoicing::show::<C>),
        send("/kund/{kundnr}/faktura/kontrollerade", Customer, invoicing::check::<C>),
        show("/kund/{kundnr}/faktura/andra", Customer, invoicing_edit::edit::<C>),
        send("/kund/{kundnr}/faktura/andra", Customer, invoicing_edit::update::<C>),
        send("/agent/{agentnr}/uppgifter/ny-adress/dra-tillbaka", Agent, contact::withdraw_own::<A>),
        show("/agent/{agentnr}/faktura", Agent, invoicing::show::<A>),
        send("/agent/{agentnr}/faktura/kontrollerade", Agent, invoicing::check::<A>),
        show("/agent/{agentnr}/faktura/andra", Agent, invoicing_edit::edit::<A>),
        send("/agent/{agentnr}/faktura/andra", Agent, invoicing_edit::update::<A>),
        send("/inera/kunder/{kundnr}/uppgifter/ny-adress/dra-tillbaka", Staff, contact::withdraw_named),
        show("/inera/kunder/{kundnr}/faktura", Staff, invoicing::show_named),
        show("/inera/kunder/{kundnr}/faktura/andra", Staff, invoicing_edit::edit_named),
        send("/inera/kunder/{kundnr}/faktura/andra", Staff, invoicing_edit::update_named),
        send("/inera/agenter/{agentnr}/uppgifter/ny-adress/dra-tillbaka", Staff, contact::withdraw_named),
        show("/inera/agenter/{agentnr}/faktura", Staff, invoicing::show_named),
        show("/inera/agenter/{agentnr}/faktura/andra", Staff, invoicing_edit::edit_named),
        send("/inera/agenter/{agentnr}/faktura/andra", Staff, invoicing_edit::update_named),
    ]
}

fn staff() -> Vec<Route> {
    use context::Staff as S;
    let access = Access::Staff;
    vec![
        show("/inera", access, orders::staff::start),
        show("/inera/bestallningar", access, orders::staff::index),
        show("/inera/bestallningar/{nummer}", access, orders::show::show::<S>),
        show("/inera/bestallningar/{nummer}/skickad", access, draft::review::sent::<S>),
        send("/inera/bestallningar/{nummer}/leverans", access, orders::staff::deliver),
        show("/inera/bestallningar/{nummer}/avsluta", access, orders::end::intervene_new),
        send("/inera/bestallningar/{nummer}/avsluta", access, orders::end::intervene_create),
        send("/inera/bestallningar/{nummer}/paminnelse", access, talk::remind::<S>),
        show("/inera/bestallningar/{nummer}/meddelanden", access, talk::back::<S>),
        send("/inera/bestallningar/{nummer}/meddelanden", access, talk::write::<S>),
        show("/inera/bestallningar/{nummer}/bilagor", access, talk::back::<S>),
        send("/inera/bestallningar/{nummer}/bilagor", access, talk::attach::<S>).with_file(),
        show("/inera/bestallningar/{nummer}/bilagor/{fil}", access, talk::file::<S>),
        send("/inera/bestallningar/{nummer}/bilagor/{fil}/ta-bort", access, talk::detach::<S>),
        show("/inera/kunder", access, orders::staff::customers),
        show("/inera/kunder/{kundnr}", access, orders::staff::customer),
        send("/inera/kunder/{kundnr}/bestall", access, draft::start::create::<S>),
        show("/inera/kunder/{kundnr}/bestall/{nummer}", access, draft::start::resume::<S>),
        show("/inera/kunder/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::edit::<S>),
        send("/inera/kunder/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::update::<S>),
        show(
            "/inera/kunder/{kundnr}/bestall/{nummer}/forutsattningar",
            access,
            draft::connection::conditions::<S>,
        ),
        show("/inera/kunder/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::edit::<S>),
        send("/inera/kunder/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::update::<S>),
        show("/inera/kunder/{kundnr}/bestall/{nummer}/granska", access, draft::review::show::<S>),
        send("/inera/kunder/{kundnr}/bestall/{nummer}/granska", access, draft::review::submit::<S>),
        show("/inera/avtal", access, agreements::staff::index),
        show("/inera/avtal/nytt", access, agreements::staff::new),
        send("/inera/avtal/nytt", access, agreements::staff::create),
        show("/inera/avtal/{nummer}", access, agreements::own::show::<S>),
        show("/inera/avtal/{nummer}/aterkalla", access, agreements::staff::recall_new),
        send("/inera/avtal/{nummer}/aterkalla", access, agreements::staff::recall_create),
        show("/inera/mejl", access, outbox::index),
        send("/inera/mejl/{id}/skicka-igen", access, outbox::revive),
        show("/inera/aviseringar", access, notices::index::<S>),
        send("/inera/aviseringar", access, notices::mark_read::<S>),
    ]
}

/// The whole service.
pub fn router(app: &App) -> Router {
    let mut router = Router::new()
        .route("/static/{hash}/{name}", get(assets::show))
        .route("/halsa", get(pages::live))
        .route("/redo", get(pages::ready));
    for route in table() {
        let pass = Pass { access: route.access, body: route.body };
        let guarded = route.handler.layer(from_fn_with_state((app.clone(), pass), layers::guard));
        router = router.route(route.path, guarded);
    }
    router
        .fallback(|| async { AppError::NotFound })
        .layer(CsrfLayer::new())
        .layer(from_fn_with_state(app.clone(), layers::front))
        .layer(CompressionLayer::new().quality(tower_http::CompressionLevel::Fastest))
        .with_state(app.clone())
}
