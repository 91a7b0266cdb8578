//! A person's own pages, and contacts: an organisation's, those of an organisation as Inera sees them, Inera's own.

use super::{Access, Route, send, show};
use crate::{
    account::{mails as account_mails, web as account},
    agreements::web as agreements,
    applications::web::{apply, follow},
    contacts::web as contacts,
    http::{context, pages},
    identity::web as identity,
    orders::web::services,
    organisation::web as organisation,
    outbox::web as outbox,
};

/// Pages that ask for no sign-in, or for a link instead.
pub(super) fn open() -> Vec<Route> {
    use Access::{Demo, Link, Public};
    vec![
        show("/", Public, pages::home),
        show("/hjalp", Public, pages::help),
        show("/tillganglighet", Public, pages::accessibility),
        show("/personuppgifter", Public, pages::privacy),
        show("/kakor", Public, pages::cookies),
        show("/tjanster", Public, services::public_index),
        show("/tjanster/{tjanst}", Public, services::public_show),
        show("/bli-kund", Public, apply::new),
        send("/bli-kund", Public, apply::create),
        show("/bli-kund/{lank}", Link, apply::show),
        send("/bli-kund/{lank}", Link, apply::update),
        show("/bli-kund/{lank}/granska", Link, apply::review),
        send("/bli-kund/{lank}/skicka", Link, apply::send),
        send("/bli-kund/{lank}/aterkalla", Link, follow::withdraw),
        show("/logga-in", Public, identity::login::new),
        send("/logga-in", Public, identity::login::create),
        show("/logga-in/passnyckel", Public, identity::passkey_sign_in::new),
        send("/logga-in/passnyckel", Public, identity::passkey_sign_in::create),
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
        show("/signera/{lank}", Link, agreements::sign::show),
        send("/signera/{lank}", Link, agreements::sign::create),
        show("/bli-kontakt", Public, contacts::joining::new),
        send("/bli-kontakt", Public, contacts::joining::create),
        show("/bli-kontakt/{lank}", Link, contacts::joining::show_link),
        send("/bli-kontakt/{lank}", Link, contacts::joining::confirm_link),
        show("/inbjudan/{lank}", Link, contacts::accept::show),
        send("/inbjudan/{lank}", Link, contacts::accept::create),
        show("/kontaktadress/{lank}", Link, contacts::details::show_link),
        send("/kontaktadress/{lank}", Link, contacts::details::confirm_link),
        show("/inloggningsadress/{lank}", Link, identity::login_email::show_link),
        send("/inloggningsadress/{lank}", Link, identity::login_email::confirm_link),
        show("/e-postadress/{lank}", Link, organisation::email::show),
        send("/e-postadress/{lank}", Link, organisation::email::confirm),
        show("/demo/mejl", Demo, outbox::demo),
    ]
}

/// Pages of a person, whichever organisation.
pub(super) fn account() -> Vec<Route> {
    use Access::Person;
    vec![
        show("/konto/losenord", Person, identity::password::edit),
        send("/konto/losenord", Person, identity::password::update),
        show("/sammanslagning/{lank}", Person, contacts::merging::show_link),
        send("/sammanslagning/{lank}", Person, contacts::merging::confirm_link),
        show("/bekrafta", Person, identity::own_step::new),
        send("/bekrafta", Person, identity::own_step::create),
        show("/konto/avsluta", Person, identity::close::new),
        send("/konto/avsluta", Person, identity::close::create),
        show("/konto/epost", Person, identity::login_email::edit),
        send("/konto/epost", Person, identity::login_email::update),
        show("/formular", Person, identity::kept::show),
        send("/formular", Person, identity::kept::discard),
        show("/konto/utseende", Person, account::look),
        send("/konto/utseende", Person, account::change_look),
        show("/konto/aviseringar", Person, account_mails::show),
        send("/konto/aviseringar", Person, account_mails::choose),
        show("/konto/aktivitet", Person, account::log),
        show("/konto/mina-uppgifter", Person, account::show),
        show("/konto/mina-uppgifter.json", Person, account::file),
        show("/konto/tvasteg", Person, identity::second::show),
        send("/konto/tvasteg/lank", Person, identity::first_step::ask),
        show("/konto/tvasteg/lank/{lank}", Person, identity::first_step::show),
        send("/konto/tvasteg/lank/{lank}", Person, identity::first_step::open),
        show("/konto/tvasteg/kodapp", Person, identity::second::app_new),
        send("/konto/tvasteg/kodapp", Person, identity::second::app_create),
        show("/konto/tvasteg/passnyckel", Person, identity::second::passkey_new),
        send("/konto/tvasteg/passnyckel", Person, identity::second::passkey_create),
        show("/konto/tvasteg/reservkoder", Person, identity::second_change::codes_new),
        send("/konto/tvasteg/reservkoder", Person, identity::second_change::codes_create),
        show("/konto/tvasteg/{id}/ta-bort", Person, identity::second_change::remove_new),
        send("/konto/tvasteg/{id}/ta-bort", Person, identity::second_change::remove_create),
        show("/konto/e-legitimation", Person, identity::eid_account::connect_new),
        send("/konto/e-legitimation", Person, identity::eid_account::connect),
        send("/konto/e-legitimation/{id}/ta-bort", Person, identity::eid_account::disconnect),
        send("/logga-ut", Person, identity::login::destroy),
        show("/valj-organisation", Person, identity::account::choose),
        show("/konto", Person, identity::account::show),
        send("/konto/inloggningar/{id}/avsluta", Person, identity::account::end_session),
        show("/arende/{referens}", Person, identity::account::case),
    ]
}

/// A customer's own contacts.
pub(super) fn customers_contacts() -> Vec<Route> {
    use Access::Customer;
    use context::Customer as C;
    vec![
        show("/kund/{kundnr}/rattigheter", Customer, contacts::rights::show::<C>),
        show("/kund/{kundnr}/behorighet", Customer, contacts::ask::new::<C>),
        send("/kund/{kundnr}/behorighet", Customer, contacts::ask::create::<C>),
        show("/kund/{kundnr}/kontakter", Customer, contacts::list::index::<C>),
        show("/kund/{kundnr}/kontakter/bjud-in", Customer, contacts::invite::new::<C>),
        send("/kund/{kundnr}/kontakter/bjud-in", Customer, contacts::invite::create::<C>),
        send("/kund/{kundnr}/kontakter/vill-bli/{begaran}/nej", Customer, contacts::joining::decline::<C>),
        send(
            "/kund/{kundnr}/kontakter/inbjudningar/{inbjudan}/skicka-igen",
            Customer,
            contacts::invite::resend::<C>,
        ),
        send(
            "/kund/{kundnr}/kontakter/inbjudningar/{inbjudan}/aterkalla",
            Customer,
            contacts::invite::revoke::<C>,
        ),
        show("/kund/{kundnr}/kontakter/begaran/{begaran}", Customer, contacts::ask::decline_new::<C>),
        send("/kund/{kundnr}/kontakter/begaran/{begaran}", Customer, contacts::ask::decline::<C>),
        show("/kund/{kundnr}/kontakter/{id}", Customer, contacts::member::show::<C>),
        show("/kund/{kundnr}/kontakter/{id}/roller", Customer, contacts::roles::edit::<C>),
        send("/kund/{kundnr}/kontakter/{id}/roller", Customer, contacts::roles::update::<C>),
        show("/kund/{kundnr}/kontakter/{id}/uppgifter", Customer, contacts::details::edit::<C>),
        send("/kund/{kundnr}/kontakter/{id}/uppgifter", Customer, contacts::details::update::<C>),
        send(
            "/kund/{kundnr}/kontakter/{id}/uppgifter/dra-tillbaka",
            Customer,
            contacts::details::withdraw::<C>,
        ),
        show("/kund/{kundnr}/kontakter/{id}/ta-bort", Customer, contacts::remove::new::<C>),
        send("/kund/{kundnr}/kontakter/{id}/ta-bort", Customer, contacts::remove::create::<C>),
        show("/kund/{kundnr}/kontakter/{id}/ersattare", Customer, contacts::substitute::new::<C>),
        send("/kund/{kundnr}/kontakter/{id}/ersattare", Customer, contacts::substitute::create::<C>),
        send(
            "/kund/{kundnr}/kontakter/{id}/ersattare/{ersattning}/avsluta",
            Customer,
            contacts::substitute::end::<C>,
        ),
    ]
}

/// An agent's own contacts.
pub(super) fn agents_contacts() -> Vec<Route> {
    use Access::Agent;
    use context::Agent as A;
    vec![
        show("/agent/{agentnr}/rattigheter", Agent, contacts::rights::show::<A>),
        show("/agent/{agentnr}/behorighet", Agent, contacts::ask::new::<A>),
        send("/agent/{agentnr}/behorighet", Agent, contacts::ask::create::<A>),
        show("/agent/{agentnr}/kontakter", Agent, contacts::list::index::<A>),
        show("/agent/{agentnr}/kontakter/bjud-in", Agent, contacts::invite::new::<A>),
        send("/agent/{agentnr}/kontakter/bjud-in", Agent, contacts::invite::create::<A>),
        send("/agent/{agentnr}/kontakter/vill-bli/{begaran}/nej", Agent, contacts::joining::decline::<A>),
        send(
            "/agent/{agentnr}/kontakter/inbjudningar/{inbjudan}/skicka-igen",
            Agent,
            contacts::invite::resend::<A>,
        ),
        send(
            "/agent/{agentnr}/kontakter/inbjudningar/{inbjudan}/aterkalla",
            Agent,
            contacts::invite::revoke::<A>,
        ),
        show("/agent/{agentnr}/kontakter/begaran/{begaran}", Agent, contacts::ask::decline_new::<A>),
        send("/agent/{agentnr}/kontakter/begaran/{begaran}", Agent, contacts::ask::decline::<A>),
        show("/agent/{agentnr}/kontakter/{id}", Agent, contacts::member::show::<A>),
        show("/agent/{agentnr}/kontakter/{id}/roller", Agent, contacts::roles::edit::<A>),
        send("/agent/{agentnr}/kontakter/{id}/roller", Agent, contacts::roles::update::<A>),
        show("/agent/{agentnr}/kontakter/{id}/uppgifter", Agent, contacts::details::edit::<A>),
        send("/agent/{agentnr}/kontakter/{id}/uppgifter", Agent, contacts::details::update::<A>),
        send(
            "/agent/{agentnr}/kontakter/{id}/uppgifter/dra-tillbaka",
            Agent,
            contacts::details::withdraw::<A>,
        ),
        show("/agent/{agentnr}/kontakter/{id}/ta-bort", Agent, contacts::remove::new::<A>),
        send("/agent/{agentnr}/kontakter/{id}/ta-bort", Agent, contacts::remove::create::<A>),
        show("/agent/{agentnr}/kontakter/{id}/ersattare", Agent, contacts::substitute::new::<A>),
        send("/agent/{agentnr}/kontakter/{id}/ersattare", Agent, contacts::substitute::create::<A>),
        send(
            "/agent/{agentnr}/kontakter/{id}/ersattare/{ersattning}/avsluta",
            Agent,
            contacts::substitute::end::<A>,
        ),
    ]
}

/// What Kundservice does for a customer's or an agent's contacts.
pub(super) fn staff_contacts() -> Vec<Route> {
    let access = Access::Staff;
    vec![
        show("/inera/agenter", access, contacts::agents::index),
        show("/inera/agenter/{agentnr}", access, contacts::agents::show),
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
        show("/inera/kunder/{kundnr}/kontakter/{id}/sla-ihop", access, contacts::merging::new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/sla-ihop", access, contacts::merging::create),
        show("/inera/kunder/{kundnr}/kontakter/{id}/se-som", access, contacts::insight::new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/se-som", access, contacts::insight::create),
        show("/inera/agenter/{agentnr}/kontakter/{id}/sla-ihop", access, contacts::merging::new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/sla-ihop", access, contacts::merging::create),
        show("/inera/agenter/{agentnr}/kontakter/{id}/se-som", access, contacts::insight::new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/se-som", access, contacts::insight::create),
        send("/inera/insyn/avsluta", access, contacts::insight::end),
        show("/inera/kunder/{kundnr}/kontakter/bjud-in", access, contacts::first::new),
        send("/inera/kunder/{kundnr}/kontakter/bjud-in", access, contacts::first::create),
        send("/inera/kunder/{kundnr}/inbjudningar/{inbjudan}/skicka-igen", access, contacts::first::resend),
        send("/inera/kunder/{kundnr}/inbjudningar/{inbjudan}/aterkalla", access, contacts::first::revoke),
        show("/inera/kunder/{kundnr}/kontakter/{id}/uppgifter", access, contacts::details::edit_named),
        send("/inera/kunder/{kundnr}/kontakter/{id}/uppgifter", access, contacts::details::update_named),
        send(
            "/inera/kunder/{kundnr}/kontakter/{id}/uppgifter/dra-tillbaka",
            access,
            contacts::details::withdraw_named,
        ),
        show("/inera/agenter/{agentnr}/kontakter/bjud-in", access, contacts::first::new),
        send("/inera/agenter/{agentnr}/kontakter/bjud-in", access, contacts::first::create),
        send("/inera/agenter/{agentnr}/inbjudningar/{inbjudan}/skicka-igen", access, contacts::first::resend),
        send("/inera/agenter/{agentnr}/inbjudningar/{inbjudan}/aterkalla", access, contacts::first::revoke),
        show("/inera/agenter/{agentnr}/kontakter/{id}/uppgifter", access, contacts::details::edit_named),
        send("/inera/agenter/{agentnr}/kontakter/{id}/uppgifter", access, contacts::details::update_named),
        send(
            "/inera/agenter/{agentnr}/kontakter/{id}/uppgifter/dra-tillbaka",
            access,
            contacts::details::withdraw_named,
        ),
        show("/inera/agenter/{agentnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_create),
        show("/inera/agenter/{agentnr}/kontakter/{id}/sparra", access, contacts::staff::block_new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/sparra", access, contacts::staff::block_create),
        show("/inera/agenter/{agentnr}/kontakter/{id}/oppna", access, contacts::staff::open_new),
        send("/inera/agenter/{agentnr}/kontakter/{id}/oppna", access, contacts::staff::open_create),
        show("/inera/kunder/{kundnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_create),
        show("/inera/kunder/{kundnr}/kontakter/{id}/sparra", access, contacts::staff::block_new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/sparra", access, contacts::staff::block_create),
        show("/inera/kunder/{kundnr}/kontakter/{id}/oppna", access, contacts::staff::open_new),
        send("/inera/kunder/{kundnr}/kontakter/{id}/oppna", access, contacts::staff::open_create),
    ]
}

/// What a systemadministratör does for Inera's own people.
pub(super) fn inera_contacts() -> Vec<Route> {
    use context::Staff as S;
    let access = Access::Staff;
    vec![
        show("/inera/rattigheter", access, contacts::rights::show::<context::Staff>),
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
        show("/inera/kontakter/{id}/uppgifter", access, contacts::details::edit::<S>),
        send("/inera/kontakter/{id}/uppgifter", access, contacts::details::update::<S>),
        send("/inera/kontakter/{id}/uppgifter/dra-tillbaka", access, contacts::details::withdraw::<S>),
        show("/inera/kontakter/{id}/ta-bort", access, contacts::remove::new::<S>),
        send("/inera/kontakter/{id}/ta-bort", access, contacts::remove::create::<S>),
        show("/inera/kontakter/{id}/aterstall", access, contacts::staff::restore_new),
        send("/inera/kontakter/{id}/aterstall", access, contacts::staff::restore_create),
        show("/inera/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_new),
        send("/inera/kontakter/{id}/tvasteg", access, contacts::staff::clear_steps_create),
        show("/inera/kontakter/{id}/sparra", access, contacts::staff::block_new),
        send("/inera/kontakter/{id}/sparra", access, contacts::staff::block_create),
        show("/inera/kontakter/{id}/oppna", access, contacts::staff::open_new),
        send("/inera/kontakter/{id}/oppna", access, contacts::staff::open_create),
    ]
}
